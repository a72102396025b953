/**
 * ZooKeeper servers that do only what a test tells them, on a transport without sockets: they see
 * what the client sends and answer when, what and whether the test wants.
 */

import type { Listener, Socket, SocketHandlers, Transport } from '../../src/base/ports.ts'
import { FrameReader } from '../../src/network/framing.ts'
import { JuteReader } from '../../src/zkserver/jute.ts'
import { OpCode, Xid } from '../../src/zkserver/opcodes.ts'
import type { ReplyBody, Request } from '../../src/zkserver/requests.ts'
import type { EventType } from '../../src/zkserver/watches.ts'
import {
  encodeConnectReply,
  encodeReply,
  encodeWatchEvent,
} from '../../src/zkserver/wire-replies.ts'
import {
  decodeConnectRequest,
  decodeRequest,
  decodeRequestHeader,
  type WireConnectRequest,
} from '../../src/zkserver/wire-requests.ts'
import { settlePromises } from './fake-clock.ts'

export interface SeenRequest {
  readonly xid: number
  readonly opcode: number
  readonly bytes: number
  readonly request: Request
}

export const SESSION_ID = 0x100_0000_0000_0007n
const PASSWORD = Buffer.alloc(16, 7)

export class ScriptedZkServers implements Transport {
  /** What becomes of attempts to connect. */
  mode: 'accept' | 'refuse' | 'hang' = 'accept'
  /** `host:port` of every attempt. */
  readonly attempts: string[] = []
  readonly connections: ScriptedConnection[] = []

  get latest(): ScriptedConnection {
    return this.connections.at(-1)!
  }

  listen(): Promise<Listener> {
    throw new Error('servers here do not listen')
  }

  connect(host: string, port: number): Promise<Socket> {
    this.attempts.push(`${host}:${port}`)
    if (this.mode === 'refuse') return Promise.reject(new Error('refused'))
    if (this.mode === 'hang') return new Promise(() => {})
    const connection = new ScriptedConnection()
    this.connections.push(connection)
    return Promise.resolve(connection)
  }
}

export class ScriptedConnection implements Socket {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 2181
  readonly localAddress = '127.0.0.1'
  readonly localPort = 1
  handshake: WireConnectRequest | null = null
  readonly seen: SeenRequest[] = []
  isDestroyed = false
  #handlers: SocketHandlers | null = null
  readonly #frames = new FrameReader(1 << 30, (frame) => this.#onFrame(frame))

  setHandlers(handlers: SocketHandlers): void {
    this.#handlers = handlers
  }

  write(chunks: readonly Uint8Array[]): boolean {
    for (const chunk of chunks) this.#frames.push(Buffer.from(chunk))
    return true
  }

  queuedBytes(): number {
    return 0
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    this.destroy()
  }

  destroy(): void {
    this.isDestroyed = true
  }

  #onFrame(frame: Buffer): void {
    if (this.handshake === null) {
      this.handshake = decodeConnectRequest(frame)
      return
    }
    const reader = new JuteReader(frame)
    const { xid, opcode } = decodeRequestHeader(reader)
    this.seen.push({ xid, opcode, bytes: frame.length, request: decodeRequest(opcode, reader) })
  }

  // What the server does.

  sendRaw(...chunks: Buffer[]): Promise<void> {
    for (const chunk of chunks) if (!this.isDestroyed) this.#handlers?.onData(chunk)
    return settlePromises()
  }

  welcome(timeoutMs = 6_000, sessionId = SESSION_ID): Promise<void> {
    const password = PASSWORD
    return this.sendRaw(
      encodeConnectReply({ timeoutMs, sessionId, password, hasReadOnlyFlag: true }),
    )
  }

  tellExpired(): Promise<void> {
    return this.welcome(0, 0n)
  }

  reply(xid: number, body: ReplyBody, code = 0, zxid = 1n): Promise<void> {
    return this.sendRaw(encodeReply(xid, { zxid, code, body }))
  }

  notify(type: EventType, path: string, zxid = -1n): Promise<void> {
    return this.sendRaw(encodeWatchEvent(type, path, zxid))
  }

  answerPing(): Promise<void> {
    return this.reply(Xid.PING, { kind: 'none' })
  }

  /** The server ends the connection. */
  hangUp(): Promise<void> {
    this.isDestroyed = true
    this.#handlers?.onClose()
    return settlePromises()
  }

  /** Requests of the client proper: no pings. */
  get requests(): SeenRequest[] {
    return this.seen.filter(({ opcode }) => opcode !== OpCode.PING)
  }

  get pings(): number {
    return this.seen.length - this.requests.length
  }
}
