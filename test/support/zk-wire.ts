/** A client that speaks ZooKeeper's wire protocol frame by frame and hides nothing. */

import type { Socket, Transport } from '../../src/base/ports.ts'
import { JuteReader, JuteWriter } from '../../src/zkserver/jute.ts'

export interface WireReply {
  readonly xid: number
  readonly zxid: bigint
  readonly code: number
  readonly body: JuteReader
}

export interface WireConnectReply {
  readonly timeoutMs: number
  readonly sessionId: bigint
  readonly password: Buffer
}

export interface WireConnectOptions {
  readonly timeoutMs?: number
  readonly sessionId?: bigint
  readonly password?: Buffer
  readonly lastZxidSeen?: bigint
}

export class WireClient {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #frames: Buffer[] = []
  #closed = false
  #wake: () => void = () => {}
  #nextXid = 1

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setHandlers({
      onData: (chunk) => this.#onData(chunk),
      onClose: () => {
        this.#closed = true
        this.#wake()
      },
    })
  }

  static async open(transport: Transport, host: string, port: number): Promise<WireClient> {
    return new WireClient(await transport.connect(host, port, 5000))
  }

  get isClosed(): boolean {
    return this.#closed
  }

  async connect(options: WireConnectOptions = {}): Promise<WireConnectReply | null> {
    const writer = new JuteWriter()
      .int(0)
      .int(0)
      .long(options.lastZxidSeen ?? 0n)
    writer.int(options.timeoutMs ?? 10_000).long(options.sessionId ?? 0n)
    writer.buffer(options.password ?? Buffer.alloc(16)).bool(false)
    this.write(writer.finishFrame())
    const frame = await this.nextFrame()
    if (frame === null) return null
    const reader = new JuteReader(frame)
    reader.int()
    const timeoutMs = reader.int()
    return { timeoutMs, sessionId: reader.long(), password: reader.buffer() ?? Buffer.alloc(0) }
  }

  /** Sends a request and returns its xid. */
  send(opcode: number, writeBody: (writer: JuteWriter) => void = () => {}, xid?: number): number {
    const used = xid ?? this.#nextXid++
    const writer = new JuteWriter().int(0).int(used).int(opcode)
    writeBody(writer)
    this.write(writer.finishFrame())
    return used
  }

  write(bytes: Buffer): void {
    this.#socket.write([bytes])
  }

  /** The next reply or watch event; null when the server has closed. */
  async nextReply(): Promise<WireReply | null> {
    const frame = await this.nextFrame()
    if (frame === null) return null
    const body = new JuteReader(frame)
    return { xid: body.int(), zxid: body.long(), code: body.int(), body }
  }

  async nextFrame(): Promise<Buffer | null> {
    while (this.#frames.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift() ?? null
  }

  /** All bytes until the server closes. */
  async readAll(): Promise<string> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#bytes.toString('latin1')
  }

  close(): void {
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 4) {
      const length = this.#bytes.readInt32BE(0)
      // Text, such as the answer to a four-letter word, is no frame: it stays for `readAll`.
      if (length > 0x0f_ff_ff_ff || this.#bytes.length < 4 + length) break
      this.#frames.push(this.#bytes.subarray(4, 4 + length))
      this.#bytes = this.#bytes.subarray(4 + length)
    }
    this.#wake()
  }
}
