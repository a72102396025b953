/**
 * A ZooKeeper client over the native package `zookeeper` (the Apache C client): for observers, so
 * that what is shown and checked does not pass through the code that is being checked. The package
 * is optional and compiled for one major version of Node; where it does not load,
 * `loadNativeZooKeeper` says why in one line. It has no `multi`, writes neither null data nor
 * access control lists at creation (UNIMPLEMENTED), and an instance must never be touched again
 * after its close.
 */

import type { Clock } from '../base/ports.ts'
import { type WatchKind, WatchRegistry } from '../zk/watch-registry.ts'
import {
  type ZkAcl,
  type ZkClient,
  type ZkClientState,
  type ZkCreateMode,
  ZkError,
  type ZkErrorName,
  type ZkMultiResult,
  type ZkOp,
  type ZkStat,
  type ZkWatchEvent,
  type ZkWatcher,
} from '../zk/zk-client.ts'
import { CREATE_FLAGS, EVENT_TYPES, errorNameOf } from './zk-codes.ts'

export type NativeZooKeeper =
  | {
      readonly kind: 'available'
      readonly connect: (clock: Clock, connect: string, sessionTimeoutMs: number) => ZkNativeClient
    }
  | {
      readonly kind: 'unavailable'
      /** False: nobody wanted it here. */
      readonly isInstalled: boolean
      readonly reason: string
    }

/** Never rejects. */
export async function loadNativeZooKeeper(): Promise<NativeZooKeeper> {
  // A name in a variable: the compiler must not insist on an optional package.
  const name: string = 'zookeeper'
  try {
    const loaded = (await import(name)) as { default: NativeClass }
    const connect = (clock: Clock, text: string, sessionTimeoutMs: number) =>
      new ZkNativeClient(loaded.default, clock, text, sessionTimeoutMs)
    return { kind: 'available', connect }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
      const reason = 'the package zookeeper is not installed'
      return { kind: 'unavailable', isInstalled: false, reason }
    }
    const [line = ''] = (error as Error).message.split('\n')
    return {
      kind: 'unavailable',
      isInstalled: true,
      reason: `the package zookeeper does not load: ${line}`,
    }
  }
}

interface NativeStat {
  readonly czxid: number
  readonly mzxid: number
  readonly pzxid: number
  readonly ctime: Date
  readonly mtime: Date
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  /** Hexadecimal. */
  readonly ephemeralOwner: string
  readonly dataLength: number
  readonly numChildren: number
}

interface NativeAcl {
  readonly perms: number
  readonly scheme: string
  readonly auth: string
}

/**
 * The methods of the package that are used; each returns 0, or a code and then never calls back.
 */
interface NativeInstance {
  readonly client_id: string
  readonly client_password: string
  readonly timeout: number
  on(event: 'connect' | 'connecting', listener: () => void): void
  on(event: 'close', listener: (client: unknown, code: number) => void): void
  init(config: object): void
  close(): void
  a_create(path: string, data: Buffer, flags: number, done: Done<[string]>): number
  a_exists(path: string, watch: boolean, done: Done<[NativeStat]>): number
  aw_exists(path: string, watcher: NativeWatcher, done: Done<[NativeStat]>): number
  a_get(path: string, watch: boolean, done: Done<[NativeStat, Buffer | null]>): number
  aw_get(path: string, watcher: NativeWatcher, done: Done<[NativeStat, Buffer | null]>): number
  a_get_children2(path: string, watch: boolean, done: Done<[string[], NativeStat]>): number
  aw_get_children2(path: string, watcher: NativeWatcher, done: Done<[string[], NativeStat]>): number
  a_set(path: string, data: Buffer, version: number, done: Done<[NativeStat]>): number
  a_delete_(path: string, version: number, done: Done<[]>): number
  a_get_acl(path: string, done: Done<[NativeAcl[], NativeStat]>): number
  a_set_acl(path: string, version: number, acl: NativeAcl[], done: Done<[]>): number
  a_sync(path: string, done: Done<[string]>): number
  add_auth(scheme: string, auth: string, done: Done<[]>): number
}

type NativeClass = { new (): NativeInstance }
type Done<Values extends unknown[]> = (code: number, message: string, ...values: Values) => void
type NativeWatcher = (type: number, state: number, path: string) => void

const EXPIRED = -112
const AUTH_FAILED = -113
const CLOSING = -116
const NO_NODE = -101
/** The binding takes this many fruitless wake-ups for an expiry; an outage is none. */
const NEVER = 0x7fff_ffff
const PROOFS_PER_TIMEOUT = 4

export class ZkNativeClient implements ZkClient {
  readonly supportsMulti = false
  readonly #native: NativeInstance
  readonly #clock: Clock
  readonly #watches = new WatchRegistry()
  readonly #listeners = new Set<(state: ZkClientState) => void>()
  #state: ZkClientState = 'connecting'
  /** Kept for when the instance must not be asked any more. */
  #sessionId = 0n
  #sessionPassword: Buffer = Buffer.alloc(16)
  #sessionTimeoutMs: number
  #lastProofOfLifeMs: number | null = null
  #cancelProof: () => void = () => {}
  #closing: Promise<void> | null = null

  constructor(native: NativeClass, clock: Clock, connect: string, sessionTimeoutMs: number) {
    this.#clock = clock
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.#native = new native()
    this.#native.on('connect', () => this.#onConnected())
    this.#native.on('connecting', () => {
      if (this.#state === 'connected') this.#become('suspended')
    })
    this.#native.on('close', (_client, code) => this.#onClosed(code))
    this.#native.init({
      connect,
      timeout: sessionTimeoutMs,
      debug_level: 0,
      host_order_deterministic: false,
      data_as_buffer: true,
      response_counter_limit: NEVER,
    })
  }

  get state(): ZkClientState {
    return this.#state
  }

  get sessionId(): bigint {
    return this.#sessionId
  }

  get sessionPassword(): Buffer {
    return this.#sessionPassword
  }

  get sessionTimeoutMs(): number {
    return this.#sessionTimeoutMs
  }

  get lastProofOfLifeMs(): number | null {
    return this.#lastProofOfLifeMs
  }

  onState(listener: (state: ZkClientState) => void): () => void {
    const own = (state: ZkClientState) => listener(state)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  get #isDead(): boolean {
    return this.#state === 'expired' || this.#state === 'closed' || this.#state === 'auth-failed'
  }

  #onConnected(): void {
    if (this.#isDead) return
    this.#sessionId = BigInt.asIntN(64, BigInt(`0x${this.#native.client_id}`))
    this.#sessionPassword = Buffer.from(this.#native.client_password, 'hex')
    this.#sessionTimeoutMs = this.#native.timeout
    if (this.#state === 'connecting') this.#proveAlive()
    this.#become('connected')
  }

  /** The package pings but does not tell: so we ask something ourselves. */
  #proveAlive(): void {
    if (this.#isDead || this.#closing !== null) return
    this.#ask<[NativeStat], void>('/', (done) => this.#native.a_exists('/', false, done)).catch(
      () => {},
    )
    const intervalMs = Math.max(1, Math.floor(this.#sessionTimeoutMs / PROOFS_PER_TIMEOUT))
    this.#cancelProof = this.#clock.after(intervalMs, () => this.#proveAlive())
  }

  #onClosed(code: number): void {
    if (code === EXPIRED) this.#die('expired')
    else if (code === AUTH_FAILED) this.#die('auth-failed')
    else this.#die('closed')
  }

  #die(state: 'expired' | 'closed' | 'auth-failed'): void {
    if (this.#isDead) return
    this.#cancelProof()
    this.#watches.clear()
    this.#become(state)
  }

  #become(state: ZkClientState): void {
    if (this.#state === state) return
    this.#state = state
    for (const listener of [...this.#listeners]) listener(state)
  }

  /** `result` runs inside the callback, before any event can come in. */
  #ask<Values extends unknown[], T>(
    path: string,
    call: (done: Done<Values>) => number,
    result?: (...values: Values) => T,
    recover?: (code: number) => T | undefined,
  ): Promise<T> {
    if (this.#isDead || this.#closing !== null) {
      return Promise.reject(new ZkError(this.#deathName(), path))
    }
    const sentAtMs = this.#clock.monotonicMs()
    return new Promise<T>((resolve, reject) => {
      const done: Done<Values> = (code, _message, ...values) => {
        if (isServersAnswer(code)) this.#lastProofOfLifeMs = sentAtMs
        if (code === 0) {
          resolve(result?.(...values) as T)
          return
        }
        const recovered = recover?.(code)
        if (recovered === undefined) reject(new ZkError(this.#nameOf(code), path))
        else resolve(recovered)
      }
      const refused = call(done)
      if (refused !== 0) reject(new ZkError(this.#nameOf(refused), path))
    })
  }

  #nameOf(code: number): ZkErrorName {
    return code === CLOSING ? this.#deathName() : errorNameOf(code)
  }

  #deathName(): ZkErrorName {
    return this.#state === 'auth-failed' ? 'AUTH_FAILED' : 'SESSION_EXPIRED'
  }

  #watcher(): NativeWatcher {
    return (number, _state, path) => {
      const type = EVENT_TYPES.get(number)
      if (type !== undefined && !this.#isDead) this.#onEvent({ type, path })
    }
  }

  /** The first of several watchers that the package calls takes all. */
  #onEvent(event: ZkWatchEvent): void {
    for (const watcher of this.#watches.take(event)) watcher(event)
  }

  #arm(kind: WatchKind, path: string, watcher: ZkWatcher | undefined): void {
    if (watcher !== undefined) this.#watches.add(kind, path, watcher)
  }

  async create(
    path: string,
    data: Buffer | null,
    mode: ZkCreateMode,
    acl?: readonly ZkAcl[],
  ): Promise<string> {
    if (data === null || acl !== undefined) throw new ZkError('UNIMPLEMENTED', path)
    return this.#ask<[string], string>(
      path,
      (done) => this.#native.a_create(path, data, CREATE_FLAGS[mode], done),
      (created) => created,
    )
  }

  get(path: string, watcher?: ZkWatcher): Promise<{ data: Buffer | null; stat: ZkStat }> {
    return this.#ask<[NativeStat, Buffer | null], { data: Buffer | null; stat: ZkStat }>(
      path,
      (done) =>
        watcher === undefined
          ? this.#native.a_get(path, false, done)
          : this.#native.aw_get(path, this.#watcher(), done),
      (stat, data) => {
        this.#arm('data', path, watcher)
        return { data, stat: statOf(stat) }
      },
    )
  }

  exists(path: string, watcher?: ZkWatcher): Promise<ZkStat | null> {
    return this.#ask<[NativeStat], ZkStat | null>(
      path,
      (done) =>
        watcher === undefined
          ? this.#native.a_exists(path, false, done)
          : this.#native.aw_exists(path, this.#watcher(), done),
      (stat) => {
        this.#arm('data', path, watcher)
        return statOf(stat)
      },
      (code) => {
        if (code !== NO_NODE) return undefined
        this.#arm('exists', path, watcher)
        return null
      },
    )
  }

  children(path: string, watcher?: ZkWatcher): Promise<{ children: string[]; stat: ZkStat }> {
    return this.#ask<[string[], NativeStat], { children: string[]; stat: ZkStat }>(
      path,
      (done) =>
        watcher === undefined
          ? this.#native.a_get_children2(path, false, done)
          : this.#native.aw_get_children2(path, this.#watcher(), done),
      (children, stat) => {
        this.#arm('children', path, watcher)
        return { children, stat: statOf(stat) }
      },
    )
  }

  async set(path: string, data: Buffer | null, version: number): Promise<ZkStat> {
    if (data === null) throw new ZkError('UNIMPLEMENTED', path)
    return this.#ask(path, (done) => this.#native.a_set(path, data, version, done), statOf)
  }

  delete(path: string, version: number): Promise<void> {
    return this.#ask(path, (done) => this.#native.a_delete_(path, version, done))
  }

  async multi(ops: readonly ZkOp[]): Promise<ZkMultiResult> {
    throw new ZkError('UNIMPLEMENTED', ops[0]?.path ?? '/')
  }

  getAcl(path: string): Promise<{ acl: ZkAcl[]; stat: ZkStat }> {
    return this.#ask<[NativeAcl[], NativeStat], { acl: ZkAcl[]; stat: ZkStat }>(
      path,
      (done) => this.#native.a_get_acl(path, done),
      (list, stat) => ({
        acl: list.map(({ perms, scheme, auth }) => ({ permissions: perms, scheme, id: auth })),
        stat: statOf(stat),
      }),
    )
  }

  /** The package does not hand out the stat of the answer: it is read behind it. */
  async setAcl(path: string, acl: readonly ZkAcl[], version: number): Promise<ZkStat> {
    const list = acl.map(({ permissions, scheme, id }) => ({
      perms: permissions,
      scheme,
      auth: id,
    }))
    await this.#ask(path, (done) => this.#native.a_set_acl(path, version, list, done))
    return (await this.getAcl(path)).stat
  }

  sync(path: string): Promise<void> {
    return this.#ask<[string], void>(path, (done) => this.#native.a_sync(path, done))
  }

  addAuth(scheme: string, auth: Buffer): Promise<void> {
    const text = auth.toString('utf8')
    return this.#ask('/', (done) => this.#native.add_auth(scheme, text, done))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #close(): Promise<void> {
    this.#cancelProof()
    if (this.#isDead) return Promise.resolve()
    return new Promise((resolve) => {
      // Never from inside one of the package's callbacks.
      this.#clock.after(0, () => {
        if (!this.#isDead) this.#native.close()
        this.#die('closed')
        resolve()
      })
    })
  }
}

/** Codes that come from the client library itself prove nothing. */
function isServersAnswer(code: number): boolean {
  return code === 0 || (code <= -100 && code !== EXPIRED && code !== CLOSING)
}

function statOf(stat: NativeStat): ZkStat {
  return {
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    ctimeMs: stat.ctime.getTime(),
    mtimeMs: stat.mtime.getTime(),
    version: stat.version,
    cversion: stat.cversion,
    aversion: stat.aversion,
    ephemeralOwner: BigInt.asIntN(64, BigInt(`0x${stat.ephemeralOwner}`)),
    dataLength: stat.dataLength,
    numChildren: stat.numChildren,
  }
}
