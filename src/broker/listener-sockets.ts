/**
 * The listening sockets of a broker and the connections that came in on them: limits, idle closing,
 * frames to the dispatcher.
 */
import type { Clock, Listener, Logger, Socket, Transport } from '../base/ports.ts'
import { DEFAULT_LIMITS, ServerConnection } from '../network/server-connection.ts'
import { produce } from '../protocol/messages/produce.ts'
import type { Dispatcher } from './dispatch.ts'

export interface ListenAddress {
  /** Upper case, such as PLAINTEXT or INTERNAL. */
  readonly listener: string
  /** Empty for all interfaces. */
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
}

export interface SocketLimits {
  readonly maxRequestBytes: number
  /** -1: never. */
  readonly connectionsMaxIdleMs: number
  readonly maxConnections: number
  readonly maxConnectionsPerIp: number
}

/**
 * A connection that comes before the broker is registered waits this long for it: what a controller
 * sends to an earlier life of this broker must not be taken by this one.
 */
const HOLD_MS = 1_000
/** Idle connections are looked for this often at most. */
const IDLE_CHECK_MS = 10_000

export class ListenerSockets {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #limits: SocketLimits
  readonly #listeners: Listener[] = []
  readonly #connections = new Set<ServerConnection>()
  /** Those on which a Produce request came. */
  readonly #producers = new Set<ServerConnection>()
  readonly #countByIp = new Map<string, number>()
  readonly #held = new Map<Socket, string>()
  #dispatcher: Dispatcher | null = null
  #isClosed = false
  #cancelIdleCheck: () => void = () => {}

  constructor(transport: Transport, clock: Clock, logger: Logger, limits: SocketLimits) {
    this.#transport = transport
    this.#clock = clock
    this.#logger = logger
    this.#limits = limits
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  queueSizes(): { readonly requestsWaiting: number; readonly answersWaiting: number } {
    let [requestsWaiting, answersWaiting] = [0, 0]
    for (const connection of this.#connections) {
      requestsWaiting += connection.requestsWaiting
      answersWaiting += connection.answersWaiting
    }
    return { requestsWaiting, answersWaiting }
  }

  /** Binds; returns the address with the real port. Connections wait until `serve`. */
  async listen(address: ListenAddress): Promise<ListenAddress> {
    const { listener, host, port } = address
    const bound = await this.#transport.listen(host, port, (socket) =>
      this.#accept(socket, listener),
    )
    this.#listeners.push(bound)
    this.#logger.info(`Awaiting socket connections on ${host || '0.0.0.0'}:${bound.port}.`)
    return { listener, host, port: bound.port }
  }

  /** From now on requests are answered; until then connections wait, though not for long. */
  serve(dispatcher: Dispatcher): void {
    this.#dispatcher = dispatcher
    for (const [socket, listener] of this.#held) this.#accept(socket, listener)
    this.#held.clear()
    this.#scheduleIdleCheck()
  }

  /** What was answered leaves first. They may come back: listening goes on. */
  closeProducers(reason: string): void {
    for (const connection of [...this.#producers]) connection.end(reason)
  }

  async close(): Promise<void> {
    this.#cancelIdleCheck()
    this.#dispatcher = null
    this.#isClosed = true
    for (const socket of this.#held.keys()) refuse(socket)
    this.#held.clear()
    const closing = this.#listeners.map((listener) => listener.close())
    for (const connection of [...this.#connections]) connection.close('the broker shuts down')
    await Promise.all(closing)
  }

  #accept(socket: Socket, listener: string): void {
    const dispatcher = this.#dispatcher
    if (dispatcher === null) {
      this.#hold(socket, listener)
      return
    }
    const ip = socket.remoteAddress
    const fromIp = this.#countByIp.get(ip) ?? 0
    const { maxConnections, maxConnectionsPerIp } = this.#limits
    if (this.#connections.size >= maxConnections || fromIp >= maxConnectionsPerIp) {
      refuse(socket)
      this.#logger.info(`Rejected connection from ${ip}: too many`)
      return
    }
    this.#countByIp.set(ip, fromIp + 1)
    const info = { listener, remoteAddress: ip }
    const connection = new ServerConnection(
      socket,
      { ...DEFAULT_LIMITS, maxRequestBytes: this.#limits.maxRequestBytes },
      {
        onFrame: (frame, reply) => {
          if (apiKeyOf(frame) === produce.key) this.#producers.add(connection)
          dispatcher.dispatch(frame, info, reply)
        },
        onClose: (reason) => {
          this.#forget(connection, ip)
          if (this.#logger.isDebugEnabled()) this.#logger.debug(`Closed ${ip}: ${reason}`)
        },
      },
      () => this.#clock.monotonicMs(),
    )
    this.#connections.add(connection)
  }

  #hold(socket: Socket, listener: string): void {
    if (this.#isClosed) {
      refuse(socket)
      return
    }
    this.#held.set(socket, listener)
    this.#clock.after(HOLD_MS, () => {
      if (this.#held.delete(socket)) refuse(socket)
    })
  }

  #forget(connection: ServerConnection, ip: string): void {
    if (!this.#connections.delete(connection)) return
    this.#producers.delete(connection)
    const left = (this.#countByIp.get(ip) ?? 1) - 1
    if (left > 0) this.#countByIp.set(ip, left)
    else this.#countByIp.delete(ip)
  }

  #scheduleIdleCheck(): void {
    const { connectionsMaxIdleMs } = this.#limits
    if (connectionsMaxIdleMs < 0) return
    const everyMs = Math.min(IDLE_CHECK_MS, connectionsMaxIdleMs)
    this.#cancelIdleCheck = this.#clock.after(everyMs, () => {
      const before = this.#clock.monotonicMs() - connectionsMaxIdleMs
      for (const connection of [...this.#connections]) {
        if (connection.lastActiveMs <= before) connection.close('idle for too long')
      }
      this.#scheduleIdleCheck()
    })
  }
}

/** -1 when the frame has none. */
function apiKeyOf(frame: Buffer): number {
  return frame.length < 2 ? -1 : frame.readInt16BE(0)
}

function refuse(socket: Socket): void {
  socket.setHandlers({ onData() {}, onClose() {} })
  socket.destroy()
}
