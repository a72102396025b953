/** An embedded ZooKeeper on memory sockets and a clock that moves when told, and peers of it. */

import type { Disk, Socket, Transport } from '../../src/base/ports.ts'
import { JuteReader, JuteWriter } from '../../src/zkserver/jute.ts'
import { startZkServer, type ZkServer, type ZkServerOptions } from '../../src/zkserver/server.ts'
import { FakeClock } from './fake-clock.ts'
import { MemorySocket } from './memory-socket.ts'
import { SilentLoggers } from './silent-loggers.ts'

export interface ZkBench {
  readonly server: ZkServer
  readonly clock: FakeClock
  readonly loggers: SilentLoggers
  dial(): ZkPeer
}

type BenchOptions = Partial<Omit<ZkServerOptions, 'transport' | 'loggers' | 'disk'>> & {
  readonly disk?: Disk
}

export async function startZkBench(options: BenchOptions = {}): Promise<ZkBench> {
  const clock = (options.clock as FakeClock | undefined) ?? new FakeClock()
  const loggers = new SilentLoggers()
  let accept: (socket: Socket) => void = () => {}
  const transport: Transport = {
    listen: async (_host, port, onSocket) => {
      accept = onSocket
      return { port, close: async () => {} }
    },
    connect: () => Promise.reject(new Error('not in this test')),
  }
  const server = await startZkServer({
    dataDir: null,
    host: '127.0.0.1',
    port: 2181,
    tickMs: 500,
    ...options,
    clock,
    loggers,
    transport,
  })
  return {
    server,
    clock,
    loggers,
    dial: () => {
      const socket = new MemorySocket()
      accept(socket)
      return new ZkPeer(socket)
    },
  }
}

export interface PeerReply {
  readonly xid: number
  readonly code: number
  readonly body: JuteReader
}

export class ZkPeer {
  readonly socket: MemorySocket
  sessionId = 0n
  password: Buffer = Buffer.alloc(16)
  timeoutMs = 0
  #nextXid = 1

  constructor(socket: MemorySocket) {
    this.socket = socket
  }

  get isClosed(): boolean {
    return this.socket.destroyed
  }

  connect(timeoutMs = 6000, resume?: ZkPeer): this {
    const writer = new JuteWriter().int(0).int(0).long(0n).int(timeoutMs)
    writer
      .long(resume?.sessionId ?? 0n)
      .buffer(resume?.password ?? Buffer.alloc(16))
      .bool(false)
    this.socket.receive(writer.finishFrame())
    const [frame] = this.frames()
    if (frame === undefined) return this
    const reader = new JuteReader(frame)
    reader.int()
    this.timeoutMs = reader.int()
    this.sessionId = reader.long()
    this.password = reader.buffer() ?? Buffer.alloc(0)
    return this
  }

  send(opcode: number, writeBody: (writer: JuteWriter) => void = () => {}, xid?: number): void {
    const writer = new JuteWriter()
      .int(0)
      .int(xid ?? this.#nextXid++)
      .int(opcode)
    writeBody(writer)
    this.socket.receive(writer.finishFrame())
  }

  ask(opcode: number, writeBody: (writer: JuteWriter) => void = () => {}): PeerReply[] {
    this.send(opcode, writeBody)
    return this.replies()
  }

  create(path: string, flags = 0, data = ''): PeerReply[] {
    return this.ask(1, (writer) => {
      writer.string(path).buffer(Buffer.from(data)).int(1).int(31)
      writer.string('world').string('anyone').int(flags)
    })
  }

  ping(): PeerReply[] {
    this.send(11, () => {}, -2)
    return this.replies()
  }

  exists(path: string): boolean {
    return this.ask(3, (writer) => writer.string(path).bool(false)).at(-1)?.code === 0
  }

  /** What has come since the last look. */
  replies(): PeerReply[] {
    return this.frames().map((frame) => {
      const body = new JuteReader(frame)
      const xid = body.int()
      body.long()
      return { xid, code: body.int(), body }
    })
  }

  text(): string {
    return Buffer.concat(this.socket.written.splice(0)).toString('latin1')
  }

  frames(): Buffer[] {
    const bytes = Buffer.concat(this.socket.written.splice(0))
    const frames: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readInt32BE(at)
      frames.push(bytes.subarray(at + 4, end))
      at = end
    }
    return frames
  }
}
