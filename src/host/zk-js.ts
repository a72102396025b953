/**
 * The production ZooKeeper client: the wire format is that of `node-zookeeper-client`, the
 * connection is ours, because that package never times out a silent server and never tells queued
 * requests of an expiry (`zk-link.ts`, `zk-connection.ts`). Knows the chroot: callers see paths
 * below it.
 */

import type { Clock, Logger, Random, Transport } from '../base/ports.ts'
import { parseConnectString } from '../zk/connect-string.ts'
import { WatchRegistry } from '../zk/watch-registry.ts'
import {
  OPEN_ACL,
  type ZkAcl,
  type ZkClient,
  type ZkClientState,
  type ZkCreateMode,
  ZkError,
  type ZkMultiResult,
  type ZkOp,
  type ZkStat,
  type ZkWatchEvent,
  type ZkWatcher,
} from '../zk/zk-client.ts'
import { ZkConnection } from './zk-connection.ts'
import {
  createPayload,
  decodeAcl,
  decodeChildren,
  decodeCreated,
  decodeData,
  decodeMulti,
  decodeStat,
  deletePayload,
  multiPayload,
  OP_CODES,
  pathPayload,
  readPayload,
  type SessionCredentials,
  setAclPayload,
  setPayload,
} from './zk-wire.ts'

export interface ZkJsPorts {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface ZkJsOptions {
  /** `host:port,[::1]:port/chroot`. */
  readonly connect: string
  /** As asked for; the server may grant another. */
  readonly sessionTimeoutMs: number
  /** What the servers' `jute.maxbuffer` allows. */
  readonly maxRequestBytes?: number
  readonly maxAnswerBytes?: number
  readonly maxOutstanding?: number
  /** Takes over a session that exists, instead of asking for a new one. */
  readonly session?: SessionCredentials
}

/** ZooKeeper's default for `jute.maxbuffer`, with its allowance for what is not data. */
const MAX_REQUEST_BYTES = 0xfffff
/** Kafka takes 4 MiB; a list of very many topics is larger. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024
const MAX_OUTSTANDING = 10_000

export class ZkJsClient implements ZkClient {
  readonly supportsMulti = true
  readonly #connection: ZkConnection
  readonly #chroot: string
  readonly #logger: Logger
  readonly #watches = new WatchRegistry()
  readonly #listeners = new Set<(state: ZkClientState) => void>()

  /** Starts to connect at once. Throws when `connect` is malformed. */
  constructor(ports: ZkJsPorts, options: ZkJsOptions) {
    const { servers, chroot } = parseConnectString(options.connect)
    const { sessionTimeoutMs, session } = options
    this.#chroot = chroot
    this.#logger = ports.logger
    this.#connection = new ZkConnection(
      ports,
      {
        servers,
        sessionTimeoutMs,
        maxRequestBytes: options.maxRequestBytes ?? MAX_REQUEST_BYTES,
        maxAnswerBytes: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
        maxOutstanding: options.maxOutstanding ?? MAX_OUTSTANDING,
        ...(session === undefined ? {} : { session }),
      },
      {
        onState: (state) => this.#onState(state),
        onWatchEvent: (event) => this.#onWatchEvent(event),
        watchedPaths: () => this.#watches.paths(),
      },
    )
  }

  get state(): ZkClientState {
    return this.#connection.state
  }

  get sessionId(): bigint {
    return this.#connection.session.id
  }

  /** Together with the id it gives another connection the session. */
  get sessionPassword(): Buffer {
    return this.#connection.session.password
  }

  get sessionTimeoutMs(): number {
    return this.#connection.sessionTimeoutMs
  }

  get lastProofOfLifeMs(): number | null {
    return this.#connection.lastProofOfLifeMs
  }

  onState(listener: (state: ZkClientState) => void): () => void {
    const own = (state: ZkClientState) => listener(state)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  create(
    path: string,
    data: Buffer | null,
    mode: ZkCreateMode,
    acl: readonly ZkAcl[] = OPEN_ACL,
  ): Promise<string> {
    return this.#connection.request({
      opcode: OP_CODES.CREATE,
      payload: createPayload(this.#absolute(path), data, acl, mode),
      path,
      decode: (frame) => this.#relative(decodeCreated(frame)),
    })
  }

  get(path: string, watcher?: ZkWatcher): Promise<{ data: Buffer | null; stat: ZkStat }> {
    const at = this.#absolute(path)
    return this.#connection.request({
      opcode: OP_CODES.GET_DATA,
      payload: readPayload(at, watcher !== undefined),
      path,
      decode: (frame) => {
        const found = decodeData(frame)
        if (watcher !== undefined) this.#watches.add('data', at, watcher)
        return found
      },
    })
  }

  exists(path: string, watcher?: ZkWatcher): Promise<ZkStat | null> {
    const at = this.#absolute(path)
    return this.#connection.request<ZkStat | null>({
      opcode: OP_CODES.EXISTS,
      payload: readPayload(at, watcher !== undefined),
      path,
      decode: (frame) => {
        const stat = decodeStat(frame)
        if (watcher !== undefined) this.#watches.add('data', at, watcher)
        return stat
      },
      recover: (error) => {
        if (error !== 'NO_NODE') return undefined
        if (watcher !== undefined) this.#watches.add('exists', at, watcher)
        return null
      },
    })
  }

  children(path: string, watcher?: ZkWatcher): Promise<{ children: string[]; stat: ZkStat }> {
    const at = this.#absolute(path)
    return this.#connection.request({
      opcode: OP_CODES.GET_CHILDREN2,
      payload: readPayload(at, watcher !== undefined),
      path,
      decode: (frame) => {
        const found = decodeChildren(frame)
        if (watcher !== undefined) this.#watches.add('children', at, watcher)
        return found
      },
    })
  }

  set(path: string, data: Buffer | null, version: number): Promise<ZkStat> {
    return this.#connection.request({
      opcode: OP_CODES.SET_DATA,
      payload: setPayload(this.#absolute(path), data, version),
      path,
      decode: decodeStat,
    })
  }

  delete(path: string, version: number): Promise<void> {
    return this.#connection.request({
      opcode: OP_CODES.DELETE,
      payload: deletePayload(this.#absolute(path), version),
      path,
      decode: () => {},
    })
  }

  async multi(ops: readonly ZkOp[]): Promise<ZkMultiResult> {
    const result = await this.#connection.request({
      opcode: OP_CODES.MULTI,
      payload: multiPayload(ops.map((op) => ({ ...op, path: this.#absolute(op.path) }))),
      path: ops[0]?.path ?? '/',
      decode: decodeMulti,
    })
    if (result.kind === 'failed' || this.#chroot === '') return result
    const results = result.results.map((done) =>
      done.kind === 'create' ? { ...done, path: this.#relative(done.path) } : done,
    )
    return { kind: 'ok', results }
  }

  getAcl(path: string): Promise<{ acl: ZkAcl[]; stat: ZkStat }> {
    return this.#connection.request({
      opcode: OP_CODES.GET_ACL,
      payload: pathPayload(this.#absolute(path)),
      path,
      decode: decodeAcl,
    })
  }

  setAcl(path: string, acl: readonly ZkAcl[], version: number): Promise<ZkStat> {
    return this.#connection.request({
      opcode: OP_CODES.SET_ACL,
      payload: setAclPayload(this.#absolute(path), acl, version),
      path,
      decode: decodeStat,
    })
  }

  sync(path: string): Promise<void> {
    return this.#connection.request({
      opcode: OP_CODES.SYNC,
      payload: pathPayload(this.#absolute(path)),
      path,
      decode: () => {},
    })
  }

  addAuth(scheme: string, auth: Buffer): Promise<void> {
    return this.#connection.addAuth(scheme, auth)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #onState(state: ZkClientState): void {
    if (state === 'expired' || state === 'closed' || state === 'auth-failed') this.#watches.clear()
    for (const listener of [...this.#listeners]) {
      this.#guarded(`a listener of state ${state}`, () => listener(state))
    }
  }

  #onWatchEvent(event: ZkWatchEvent): void {
    const relative = { ...event, path: this.#relative(event.path) }
    for (const watcher of this.#watches.take(event)) {
      this.#guarded(`the watcher of ${relative.path}`, () => watcher(relative))
    }
  }

  /** What others do in their callbacks must not cost the connection. */
  #guarded(what: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#logger.error(`${what} failed.`, error)
    }
  }

  #absolute(path: string): string {
    if (this.#chroot === '') return path
    return path === '/' ? this.#chroot : this.#chroot + path
  }

  #relative(path: string): string {
    if (this.#chroot === '') return path
    if (path === this.#chroot) return '/'
    if (path.startsWith(`${this.#chroot}/`)) return path.slice(this.#chroot.length)
    throw new ZkError('SYSTEM_ERROR', path, new Error(`outside of ${this.#chroot}`))
  }
}
