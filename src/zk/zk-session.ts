/**
 * The one ZooKeeper session of a broker, across expiries: when a client dies with its session, all
 * `onSessionExpired` handlers are awaited, then a new client is made, then the `onNewSession`
 * handlers are told. The cycles run one after the other, however fast sessions expire; a handler
 * that throws does not stop the others (Kafka's `ZooKeeperClient`).
 *
 * Operations retry CONNECTION_LOSS without limit once the connection is back; everything else is
 * the caller's, SESSION_EXPIRED included: an operation never crosses from one session to the next.
 *
 * Fencing: without proof of life for the session timeout, by the monotonic clock, the session
 * counts as lost although the server may never have said so. The same session answering again lifts
 * it.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { HandlerList } from './handler-list.ts'
import { InFlightLimit } from './in-flight-limit.ts'
import { SessionFence } from './session-fence.ts'
import {
  isZkError,
  type ZkAcl,
  type ZkClient,
  type ZkClientState,
  type ZkCreateMode,
  ZkError,
  type ZkMultiResult,
  type ZkOp,
  type ZkOperations,
  type ZkStat,
  type ZkWatcher,
} from './zk-client.ts'

export interface ZkSessionPorts {
  /** Makes a client that starts to connect at once. */
  readonly connect: () => ZkClient
  readonly clock: Clock
  readonly logger: Logger
}

export interface ZkSessionOptions {
  /** `zookeeper.max.in.flight.requests`. */
  readonly maxInFlight?: number
  /** Every state of every client, for `SessionExpireListener` metrics. */
  readonly onState?: (state: ZkClientState) => void
  /** How long each request took on the wire, lost ones too, for `ZooKeeperRequestLatencyMs`. */
  readonly onRequest?: (latencyMs: number) => void
}

/** The session could not be established at the start. */
export class ZkStartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ZkStartError'
  }
}

type DeadState = 'expired' | 'closed' | 'auth-failed'

const DEFAULT_MAX_IN_FLIGHT = 10
/** After an authentication failure, and after a client that could not be made. */
const REINITIALIZE_DELAY_MS = 1_000
/** A request that loses the connection each time must not spin. */
const REPEATED_LOSS_DELAY_MS = 100

export class ZkSession implements ZkOperations {
  readonly #ports: ZkSessionPorts
  readonly #options: ZkSessionOptions
  readonly #inFlight: InFlightLimit
  readonly #fence: SessionFence
  readonly #expiredHandlers: HandlerList
  readonly #newSessionHandlers: HandlerList
  /** Null before the start, between two sessions, and after the close. */
  #client: ZkClient | null = null
  #started = false
  #closed = false
  readonly #closeListeners = new Set<() => void>()

  constructor(ports: ZkSessionPorts, options: ZkSessionOptions = {}) {
    this.#ports = ports
    this.#options = options
    this.#inFlight = new InFlightLimit(options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT)
    this.#fence = new SessionFence(ports.clock)
    this.#expiredHandlers = new HandlerList(ports.logger, 'session expiry')
    this.#newSessionHandlers = new HandlerList(ports.logger, 'new session')
  }

  /** Resolves with the first connection. Rejects with `ZkStartError` after `timeoutMs`. */
  async start(timeoutMs: number): Promise<void> {
    const { clock, logger } = this.#ports
    if (this.#started) throw new ZkStartError('the session was started already')
    this.#started = true
    let isLate = false
    const cancel = clock.after(timeoutMs, () => {
      isLate = true
      void this.close()
    })
    try {
      const client = await this.#establish('fail-fast')
      if (client === null) {
        throw new ZkStartError(
          isLate
            ? `Timed out waiting for connection to ZooKeeper after ${timeoutMs} ms`
            : 'closed while connecting',
        )
      }
      logger.info(`Connected to ZooKeeper, session 0x${client.sessionId.toString(16)}.`)
      void this.#live(client)
    } catch (error) {
      await this.close()
      throw error
    } finally {
      cancel()
    }
  }

  /** 0n while there is none. */
  get sessionId(): bigint {
    return this.#client?.sessionId ?? 0n
  }

  /** As negotiated. */
  get sessionTimeoutMs(): number {
    return this.#client?.sessionTimeoutMs ?? this.#fence.sessionTimeoutMs
  }

  /** False for a client without `multi`. */
  get supportsMulti(): boolean {
    return this.#client?.supportsMulti ?? true
  }

  get state(): ZkClientState {
    if (this.#closed) return 'closed'
    return this.#client?.state ?? (this.#started ? 'expired' : 'connecting')
  }

  /** Since the newest request that was answered had been sent; infinite without a live session. */
  silentForMs(): number {
    return this.#fence.silentForMs()
  }

  /** Exact at any moment, also right after the event loop stood still. */
  isFenced(): boolean {
    return this.#fence.isFenced()
  }

  /** Told of both edges. The returned function removes the listener. */
  onFenceChange(listener: (isFenced: boolean) => void): () => void {
    return this.#fence.onChange(listener)
  }

  /** All handlers are awaited, in order, before the next session is begun. */
  onSessionExpired(handler: () => Promise<void>): () => void {
    return this.#expiredHandlers.add(handler)
  }

  /** Not called for the first session. Watches of the old session are gone: read again. */
  onNewSession(handler: () => Promise<void>): () => void {
    return this.#newSessionHandlers.add(handler)
  }

  /** Ends the session. Operations that wait, and all later ones, reject with SESSION_EXPIRED. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const client = this.#client
    for (const listener of [...this.#closeListeners]) listener()
    this.#fence.stop()
    await client?.close()
  }

  async #live(first: ZkClient): Promise<void> {
    for (let client: ZkClient | null = first; client !== null; ) {
      const cause = await this.#untilDead(client)
      if (this.#closed) return
      await this.#bury(client, cause)
      if (this.#closed) return
      client = await this.#establish('retry')
      if (client === null) return
      this.#ports.logger.info(`New ZooKeeper session 0x${client.sessionId.toString(16)}.`)
      await this.#newSessionHandlers.runAll(() => this.#closed)
    }
  }

  async #bury(client: ZkClient, cause: DeadState): Promise<void> {
    const { logger } = this.#ports
    const name = `ZooKeeper session 0x${client.sessionId.toString(16)}`
    logger.warn(`${name} ${cause === 'expired' ? 'expired' : `ended: ${cause}`}.`)
    this.#client = null
    this.#fence.watch(null)
    if (cause === 'auth-failed') await this.#pause(REINITIALIZE_DELAY_MS)
    if (!this.#closed) await this.#expiredHandlers.runAll(() => this.#closed)
  }

  /** A connected client, or null when closed meanwhile. */
  async #establish(mode: 'fail-fast' | 'retry'): Promise<ZkClient | null> {
    while (!this.#closed) {
      const client = this.#makeClient(mode)
      if (client === null) {
        await this.#pause(REINITIALIZE_DELAY_MS)
        continue
      }
      this.#client = client
      this.#fence.watch(client)
      const { onState } = this.#options
      if (onState !== undefined) client.onState(onState)
      const cause = await this.#untilConnected(client)
      if (this.#closed) return null
      if (cause === null) return client
      this.#client = null
      this.#fence.watch(null)
      if (mode === 'fail-fast' && cause === 'auth-failed') {
        throw new ZkStartError('authentication with ZooKeeper failed')
      }
      this.#ports.logger.warn(`The new ZooKeeper session ended before it began: ${cause}.`)
      await this.#pause(REINITIALIZE_DELAY_MS)
    }
    return null
  }

  #makeClient(mode: 'fail-fast' | 'retry'): ZkClient | null {
    try {
      return this.#ports.connect()
    } catch (error) {
      if (mode === 'fail-fast') throw new ZkStartError('no ZooKeeper client', error)
      this.#ports.logger.warn('No ZooKeeper client could be made, trying again.', error)
      return null
    }
  }

  /** Null when connected, else why it never will be. */
  #untilConnected(client: ZkClient): Promise<DeadState | null> {
    return this.#until(client, (state) => {
      if (state === 'connected') return { value: null }
      return isDead(state) ? { value: state } : undefined
    })
  }

  #untilDead(client: ZkClient): Promise<DeadState> {
    return this.#until(client, (state) => (isDead(state) ? { value: state } : undefined))
  }

  /** Waits for a state that `pick` wants; our own close counts as the state `closed`. */
  #until<T>(
    client: ZkClient,
    pick: (state: ZkClientState) => { value: T } | undefined,
  ): Promise<T> {
    const now = pick(this.#closed ? 'closed' : client.state)
    if (now !== undefined) return Promise.resolve(now.value)
    return new Promise<T>((resolve) => {
      const look = (state: ZkClientState) => {
        const picked = pick(state)
        if (picked === undefined) return
        removeListener()
        this.#closeListeners.delete(onClose)
        resolve(picked.value)
      }
      const onClose = () => look('closed')
      const removeListener = client.onState(look)
      this.#closeListeners.add(onClose)
    })
  }

  #pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        this.#closeListeners.delete(done)
        resolve()
      }
      const cancel = this.#ports.clock.after(ms, done)
      this.#closeListeners.add(done)
    })
  }

  #retrying<T>(path: string, operation: (client: ZkClient) => Promise<T>): Promise<T> {
    const client = this.#client
    if (client === null || this.#closed) return Promise.reject(new ZkError('SESSION_EXPIRED', path))
    return this.#inFlight.run(() => this.#attempts(client, path, operation))
  }

  async #attempts<T>(
    client: ZkClient,
    path: string,
    operation: (client: ZkClient) => Promise<T>,
  ): Promise<T> {
    for (let losses = 0; ; losses++) {
      const cause = await this.#untilConnected(client)
      if (cause !== null) throw new ZkError(errorAfter(cause), path)
      const sentAtMs = this.#ports.clock.monotonicMs()
      try {
        return await operation(client)
      } catch (error) {
        if (!isZkError(error, 'CONNECTION_LOSS')) throw error
      } finally {
        this.#options.onRequest?.(this.#ports.clock.monotonicMs() - sentAtMs)
      }
      if (losses > 0) await this.#pause(REPEATED_LOSS_DELAY_MS)
    }
  }

  create(
    path: string,
    data: Buffer | null,
    mode: ZkCreateMode,
    acl?: readonly ZkAcl[],
  ): Promise<string> {
    return this.#retrying(path, (client) => client.create(path, data, mode, acl))
  }

  get(path: string, watcher?: ZkWatcher): Promise<{ data: Buffer | null; stat: ZkStat }> {
    return this.#retrying(path, (client) => client.get(path, watcher))
  }

  exists(path: string, watcher?: ZkWatcher): Promise<ZkStat | null> {
    return this.#retrying(path, (client) => client.exists(path, watcher))
  }

  children(path: string, watcher?: ZkWatcher): Promise<{ children: string[]; stat: ZkStat }> {
    return this.#retrying(path, (client) => client.children(path, watcher))
  }

  set(path: string, data: Buffer | null, version: number): Promise<ZkStat> {
    return this.#retrying(path, (client) => client.set(path, data, version))
  }

  delete(path: string, version: number): Promise<void> {
    return this.#retrying(path, (client) => client.delete(path, version))
  }

  multi(ops: readonly ZkOp[]): Promise<ZkMultiResult> {
    return this.#retrying(ops[0]?.path ?? '/', (client) => client.multi(ops))
  }

  getAcl(path: string): Promise<{ acl: ZkAcl[]; stat: ZkStat }> {
    return this.#retrying(path, (client) => client.getAcl(path))
  }

  setAcl(path: string, acl: readonly ZkAcl[], version: number): Promise<ZkStat> {
    return this.#retrying(path, (client) => client.setAcl(path, acl, version))
  }

  sync(path: string): Promise<void> {
    return this.#retrying(path, (client) => client.sync(path))
  }
}

function isDead(state: ZkClientState): state is DeadState {
  return state === 'expired' || state === 'closed' || state === 'auth-failed'
}

function errorAfter(cause: DeadState): 'SESSION_EXPIRED' | 'AUTH_FAILED' {
  return cause === 'auth-failed' ? 'AUTH_FAILED' : 'SESSION_EXPIRED'
}
