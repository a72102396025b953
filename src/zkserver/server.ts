/**
 * The embedded ZooKeeper: sockets, ticks and the durable log around the pure processor. One server,
 * no ensemble. Speaks the wire protocol of ZooKeeper 3.9, so `zkCli` and Kafka's tools work with it.
 */

import type { Clock, Disk, Listener, Logger, Loggers, Socket, Transport } from '../base/ports.ts'
import { Connection, type ConnectionHost, type Publication } from './connection.ts'
import { answerWord } from './four-letter-words.ts'
import { OutputGate } from './output-gate.ts'
import {
  type ConnectOutcome,
  type Expiry,
  type Instant,
  type Outcome,
  Processor,
} from './processor.ts'
import type { Request } from './requests.ts'
import { Store } from './store.ts'
import type { Txn } from './txn.ts'
import { encodeWatchEvent } from './wire-replies.ts'
import type { WireConnectRequest } from './wire-requests.ts'

export interface ZkServerOptions {
  readonly transport: Transport
  /** Needed when `dataDir` is given. */
  readonly disk?: Disk
  readonly clock: Clock
  readonly loggers: Loggers
  /** Null keeps everything in memory. */
  readonly dataDir: string | null
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Session timeouts are between 2 and 20 ticks. */
  readonly tickMs?: number
  readonly maxConnections?: number
  /** `jute.maxbuffer`. */
  readonly maxFrameBytes?: number
  /** Changes between two snapshots. */
  readonly snapshotCount?: number
  /**
   * Sees every change in the order of zxids as soon as it is durable and before anybody else, and
   * at the start those found in the log. For observers in tests.
   */
  readonly onTxn?: (txn: Txn) => void
  /** The log cannot be written: the server has stopped, nothing that it did not keep was answered. */
  readonly onFailure?: (error: Error) => void
}

export interface ZkSessionInfo {
  readonly id: bigint
  readonly timeoutMs: number
  /** Of the connection that speaks for it, null while there is none. */
  readonly address: string | null
  readonly ephemeralPaths: readonly string[]
}

export interface ZkServer {
  readonly port: number
  close(): Promise<void>
  /** Ends a session as if it had timed out; false when there is none such. */
  expireSession(sessionId: bigint): boolean
  sessions(): ZkSessionInfo[]
  readonly lastZxid: bigint
}

const DEFAULT_TICK_MS = 2000
const DEFAULT_MAX_FRAME_BYTES = 0xfffff
const DEFAULT_MAX_CONNECTIONS = 1000
/** A connection must open a session in this time. */
const HANDSHAKE_TIMEOUT_MS = 10_000
const CONTAINER_CHECK_MS = 60_000

export async function startZkServer(options: ZkServerOptions): Promise<ZkServer> {
  const server = new Server(options)
  try {
    await server.listen()
  } catch (error) {
    await server.close()
    throw error
  }
  return server
}

class Server implements ZkServer, ConnectionHost {
  readonly clock: Clock
  readonly maxFrameBytes: number
  readonly #options: ZkServerOptions
  readonly #logger: Logger
  readonly #processor: Processor<Connection>
  readonly #gate: OutputGate
  readonly #store: Store | null
  readonly #connections = new Set<Connection>()
  readonly #withOutput = new Set<Connection>()
  readonly #startedMs: number
  #listener: Listener | null = null
  #cancelTick: () => void = () => {}
  #nextContainerCheckMs: number
  #closing: Promise<void> | null = null
  #received = 0
  #sent = 0

  constructor(options: ZkServerOptions) {
    this.#options = options
    this.clock = options.clock
    this.maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES
    this.#logger = options.loggers.get('org.apache.zookeeper.server.ZooKeeperServer')
    this.#startedMs = this.clock.monotonicMs()
    this.#nextContainerCheckMs = this.#startedMs + CONTAINER_CHECK_MS
    const tickMs = options.tickMs ?? DEFAULT_TICK_MS
    this.#store = this.#openStore()
    this.#processor = new Processor(tickMs, this.#now(), this.#store?.initialState)
    this.#store?.recover(this.#processor, this.#now(), options.onTxn)
    this.#gate = new OutputGate(this.#processor.lastZxid)
  }

  get port(): number {
    return this.#listener?.port ?? 0
  }

  get lastZxid(): bigint {
    return this.#processor.lastZxid
  }

  async listen(): Promise<void> {
    const { transport, host, port } = this.#options
    this.#listener = await transport.listen(host, port, (socket) => this.#onSocket(socket))
    this.#scheduleTick()
    this.#logger.info(
      `binding to port ${host}:${this.port}, zxid 0x${this.lastZxid.toString(16)}, ` +
        `${this.#processor.tree.nodeCount} znodes, tick ${this.#processor.sessions.tickMs} ms`,
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutdown()
    return this.#closing
  }

  expireSession(sessionId: bigint): boolean {
    const expiry = this.#processor.expire(sessionId, this.#now())
    if (expiry !== null) this.#onExpired(expiry)
    this.endTurn()
    return expiry !== null
  }

  sessions(): ZkSessionInfo[] {
    return this.#processor.sessions.all().map(({ id, timeoutMs, client }) => ({
      id,
      timeoutMs,
      address: client?.address ?? null,
      ephemeralPaths: this.#processor.tree.ephemeralsOf(id),
    }))
  }

  connect(connection: Connection, request: WireConnectRequest): ConnectOutcome<Connection> {
    const outcome = this.#processor.connect(connection, request, this.#now())
    if (outcome.kind === 'connected') {
      const { sessionId, timeoutMs } = outcome
      const id = `0x${sessionId.toString(16)}`
      const verb = outcome.txn === null ? 'renewed' : 'established'
      this.#logger.debug(`session ${id} ${verb} for ${connection.address}, ${timeoutMs} ms`)
    }
    return outcome
  }

  handle(connection: Connection, request: Request): Outcome<Connection> {
    return this.#processor.handle(connection, request, this.#now())
  }

  publish({ txn, notifications }: Publication, deliver: () => void): void {
    if (txn !== null && this.#store !== null) {
      this.#store.append(txn)
      this.#gate.applied(txn.zxid)
    }
    this.#gate.submit(() => {
      if (txn !== null) this.#options.onTxn?.(txn)
      const zxid = txn?.zxid ?? -1n
      for (const { client, type, path } of notifications) {
        client.send(encodeWatchEvent(type, path, zxid))
      }
      deliver()
    })
  }

  answerWord(connection: Connection, word: string): string {
    const { tickMs, minTimeoutMs, maxTimeoutMs } = this.#processor.sessions
    return answerWord(word, {
      processor: this.#processor,
      connections: [...this.#connections],
      asking: connection,
      now: this.#now(),
      uptimeMs: this.clock.monotonicMs() - this.#startedMs,
      outstanding: this.#gate.heldCount,
      traffic: this.#traffic(),
      settings: [
        ['clientPort', String(this.port)],
        ['secureClientPort', '-1'],
        ['dataDir', this.#options.dataDir ?? ''],
        ['dataDirSize', '0'],
        ['dataLogDir', this.#options.dataDir ?? ''],
        ['dataLogSize', '0'],
        ['tickTime', String(tickMs)],
        ['maxClientCnxns', '0'],
        ['minSessionTimeout', String(minTimeoutMs)],
        ['maxSessionTimeout', String(maxTimeoutMs)],
        ['clientPortListenBacklog', '-1'],
        ['serverId', '0'],
      ],
    })
  }

  onOutput(connection: Connection): void {
    this.#withOutput.add(connection)
  }

  /** Ends every entry from outside: starts the disk, then hands the sockets what is free to go. */
  endTurn(): void {
    this.#store?.commit()
    for (const connection of this.#withOutput) connection.flush()
    this.#withOutput.clear()
  }

  onClose(connection: Connection): void {
    this.#received += connection.counters.received
    this.#sent += connection.counters.sent
    this.#connections.delete(connection)
    this.#processor.disconnect(connection)
  }

  log(message: string): void {
    this.#logger.warn(message)
  }

  #openStore(): Store | null {
    const { disk, dataDir, loggers, snapshotCount } = this.#options
    if (dataDir === null) return null
    if (disk === undefined) throw new Error(`a disk is needed for ${dataDir}`)
    return new Store({
      disk,
      directory: dataDir,
      logger: loggers.get('org.apache.zookeeper.server.persistence.FileTxnLog'),
      ...(snapshotCount === undefined ? {} : { snapshotCount }),
      onDurable: (zxid) => {
        this.#gate.durable(zxid)
        this.endTurn()
      },
      onFailure: (error) => this.#onDiskFailure(error),
    })
  }

  #onSocket(socket: Socket): void {
    if (this.#connections.size >= (this.#options.maxConnections ?? DEFAULT_MAX_CONNECTIONS)) {
      this.#logger.warn(`too many connections; ${socket.remoteAddress} refused`)
      socket.setHandlers({ onData: () => {}, onClose: () => {} })
      socket.destroy()
      return
    }
    this.#connections.add(new Connection(socket, this))
  }

  #scheduleTick(): void {
    const { tickMs } = this.#processor.sessions
    const nowMs = this.clock.monotonicMs()
    const dueMs = (Math.floor(nowMs / tickMs) + 1) * tickMs
    this.#cancelTick = this.clock.after(dueMs - nowMs, () => {
      const lateMs = this.clock.monotonicMs() - dueMs
      // After a stall the ping that saves a session may lie in its socket: read before you judge.
      this.#cancelTick = this.clock.after(0, () => {
        this.#onTick(lateMs)
        if (this.#closing === null) this.#scheduleTick()
      })
    })
  }

  #onTick(lateMs: number): void {
    const now = this.#now()
    const { sessions } = this.#processor
    if (lateMs > sessions.tickMs) {
      this.#logger.warn(`stood still for ${Math.round(lateMs)} ms; session timeouts start again`)
      sessions.restartTimeouts(now.monotonicMs)
    }
    for (const expiry of this.#processor.expireDue(now)) this.#onExpired(expiry)
    if (now.monotonicMs >= this.#nextContainerCheckMs) {
      this.#nextContainerCheckMs = now.monotonicMs + CONTAINER_CHECK_MS
      for (const outcome of this.#processor.reapContainers(now)) this.publish(outcome, () => {})
    }
    for (const connection of this.#connections) {
      const ageMs = now.monotonicMs - connection.openedMs
      if (!connection.hasSession && ageMs >= HANDSHAKE_TIMEOUT_MS) connection.destroy()
    }
    this.endTurn()
  }

  #onExpired(expiry: Expiry<Connection>): void {
    this.#logger.info(`expiring session 0x${expiry.sessionId.toString(16)}`)
    this.publish(expiry, () => expiry.client?.destroy())
  }

  #onDiskFailure(error: Error): void {
    this.#logger.error('the transaction log cannot be written; stopping', error)
    void this.close()
    this.#options.onFailure?.(error)
  }

  async #shutdown(): Promise<void> {
    this.#cancelTick()
    const stopped = this.#listener?.close()
    for (const connection of this.#connections) connection.destroy()
    await stopped
    await this.#store?.close()
  }

  #traffic(): { received: number; sent: number } {
    let received = this.#received
    let sent = this.#sent
    for (const { counters } of this.#connections) {
      received += counters.received
      sent += counters.sent
    }
    return { received, sent }
  }

  #now(): Instant {
    return { wallMs: this.clock.wallMs(), monotonicMs: this.clock.monotonicMs() }
  }
}
