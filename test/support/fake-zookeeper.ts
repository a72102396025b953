/**
 * A ZooKeeper without sockets: the pure processor of the embedded server, and clients whose
 * connections break, fall silent, lose replies and expire when told. Replies take a turn of the
 * promise queue, never real time.
 */

import type { Clock } from '../../src/base/ports.ts'
import { WatchRegistry } from '../../src/zk/watch-registry.ts'
import {
  OPEN_ACL,
  type ZkAcl,
  type ZkClient,
  type ZkClientState,
  type ZkCreateMode,
  ZkError,
  type ZkErrorName,
  type ZkMultiResult,
  type ZkOp,
  type ZkOpResult,
  type ZkStat,
  type ZkWatchEvent,
  type ZkWatcher,
} from '../../src/zk/zk-client.ts'
import { ErrorCode } from '../../src/zkserver/error-codes.ts'
import { type Client, type Notification, Processor } from '../../src/zkserver/processor.ts'
import type { OpResult, Reply, Request, WriteOp } from '../../src/zkserver/requests.ts'
import type { Identity } from '../../src/zkserver/znode.ts'

const MODES: readonly ZkCreateMode[] = [
  'persistent',
  'ephemeral',
  'persistent-sequential',
  'ephemeral-sequential',
]

export class FakeZooKeeper {
  readonly clock: Clock
  readonly processor: Processor<FakeConnection>
  readonly clients: FakeZkClient[] = []
  #isUp = true
  #stopped = false

  constructor(clock: Clock, tickMs = 1_000) {
    this.clock = clock
    this.processor = new Processor(tickMs, this.now())
    const tick = () => {
      if (this.#stopped) return
      // While down nobody is to blame for being silent.
      if (this.#isUp) this.#expireDue()
      clock.after(tickMs, tick)
    }
    clock.after(tickMs, tick)
  }

  now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.clock.wallMs(), monotonicMs: this.clock.monotonicMs() }
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Connects by itself, a turn later. */
  connect(sessionTimeoutMs = 6_000): FakeZkClient {
    const client = new FakeZkClient(this, sessionTimeoutMs)
    this.clients.push(client)
    return client
  }

  /** The whole ensemble goes: sessions live on, connections do not. */
  goDown(): void {
    this.#isUp = false
    for (const client of this.clients) client.breakConnection()
  }

  comeUp(): void {
    this.#isUp = true
    this.processor.sessions.restartTimeouts(this.clock.monotonicMs())
    for (const client of this.clients) client.reconnect()
  }

  /** Ends a session as if it had timed out; its client hears it at once. */
  expire(sessionId: bigint): void {
    const expiry = this.processor.expire(sessionId, this.now())
    if (expiry === null) return
    expiry.client?.owner.breakConnection()
    this.deliver(expiry.notifications)
    for (const client of this.clients) if (client.sessionId === sessionId) client.reconnect()
  }

  deliver(notifications: readonly Notification<FakeConnection>[]): void {
    for (const { client, type, path } of notifications) client.owner.onEvent(client, { type, path })
  }

  stop(): void {
    this.#stopped = true
  }

  #expireDue(): void {
    for (const { client, notifications } of this.processor.expireDue(this.now())) {
      client?.owner.breakConnection()
      this.deliver(notifications)
    }
  }
}

interface FakeConnection extends Client {
  readonly owner: FakeZkClient
}

type DeadState = 'expired' | 'closed' | 'auth-failed'

export class FakeZkClient implements ZkClient {
  readonly #server: FakeZooKeeper
  readonly #watches = new WatchRegistry()
  readonly #listeners = new Set<(state: ZkClientState) => void>()
  readonly supportsMulti = true
  #state: ZkClientState = 'connecting'
  #connection: FakeConnection | null = null
  #sessionId = 0n
  #password: Buffer = Buffer.alloc(16)
  #sessionTimeoutMs: number
  #lastProofOfLifeMs: number | null = null
  #lastZxid = 0n
  #silent = false
  #holdsOff = false
  #repliesToLose = 0
  readonly #untilDisconnected = new Set<() => void>()

  constructor(server: FakeZooKeeper, sessionTimeoutMs: number) {
    this.#server = server
    this.#sessionTimeoutMs = sessionTimeoutMs
    this.reconnect()
    this.#ping()
  }

  get state(): ZkClientState {
    return this.#state
  }

  get sessionId(): bigint {
    return this.#sessionId
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

  // What a test does to it.

  /** Requests in flight reject with CONNECTION_LOSS; stays apart until `reconnect`. */
  breakConnection(): void {
    if (this.#connection !== null) this.#server.processor.disconnect(this.#connection)
    this.#connection = null
    if (this.#state === 'connected') this.#become('suspended')
    for (const wake of [...this.#untilDisconnected]) wake()
  }

  /** Breaks the connection and stays apart, even when the server comes up, until `allowConnect`. */
  cutOff(): void {
    this.#holdsOff = true
    this.breakConnection()
  }

  allowConnect(): void {
    this.#holdsOff = false
    this.reconnect()
  }

  /** Still connected, but nothing is answered any more. */
  fallSilent(isSilent = true): void {
    this.#silent = isSilent
  }

  /** The next `count` requests are carried out, but their replies are lost with the connection. */
  loseReplies(count = 1): void {
    this.#repliesToLose = count
  }

  failAuthentication(): void {
    this.breakConnection()
    this.#die('auth-failed')
  }

  reconnect(): void {
    queueMicrotask(() => this.#connect())
  }

  #connect(): void {
    if (this.#isDead || this.#connection !== null || this.#holdsOff || !this.#server.isUp) return
    const connection: FakeConnection = {
      owner: this,
      sessionId: 0n,
      identities: [{ scheme: 'ip', id: '127.0.0.1' }] as Identity[],
    }
    const outcome = this.#server.processor.connect(
      connection,
      {
        lastZxidSeen: this.#lastZxid,
        timeoutMs: this.#sessionTimeoutMs,
        sessionId: this.#sessionId,
        password: this.#password,
      },
      this.#server.now(),
    )
    if (outcome.kind !== 'connected') {
      this.#die('expired')
      return
    }
    this.#sessionId = outcome.sessionId
    this.#password = outcome.password
    this.#sessionTimeoutMs = outcome.timeoutMs
    this.#connection = connection
    this.#lastProofOfLifeMs = this.#server.clock.monotonicMs()
    this.#resendWatches(connection)
    this.#become('connected')
  }

  #resendWatches(connection: FakeConnection): void {
    if (this.#watches.isEmpty) return
    const request: Request = {
      kind: 'set-watches',
      relativeZxid: this.#lastZxid,
      ...this.#watches.paths(),
      persistent: [],
      persistentRecursive: [],
    }
    const { notifications } = this.#server.processor.handle(connection, request, this.#server.now())
    queueMicrotask(() => this.#server.deliver(notifications))
  }

  #ping(): void {
    this.#server.clock.after(this.#sessionTimeoutMs / 4, () => {
      if (this.#isDead) return
      if (this.#connection !== null && !this.#silent) {
        this.#server.processor.handle(this.#connection, { kind: 'ping' }, this.#server.now())
        this.#lastProofOfLifeMs = this.#server.clock.monotonicMs()
      }
      this.#ping()
    })
  }

  onEvent(connection: FakeConnection, event: ZkWatchEvent): void {
    if (this.#isDead || connection !== this.#connection || this.#silent) return
    for (const watcher of this.#watches.take(event)) watcher(event)
  }

  get #isDead(): boolean {
    return ['expired', 'closed', 'auth-failed'].includes(this.#state)
  }

  #become(state: ZkClientState): void {
    this.#state = state
    for (const listener of [...this.#listeners]) listener(state)
  }

  #die(state: DeadState): void {
    if (this.#isDead) return
    this.#watches.clear()
    this.#become(state)
    for (const wake of [...this.#untilDisconnected]) wake()
  }

  #untilConnected(path: string): Promise<FakeConnection> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#connection !== null) resolve(this.#connection)
        else if (this.#isDead) reject(new ZkError(this.#deathName(), path))
        else return
        remove()
      }
      const remove = this.onState(look)
      look()
    })
  }

  #deathName(): ZkErrorName {
    return this.#state === 'auth-failed' ? 'AUTH_FAILED' : 'SESSION_EXPIRED'
  }

  /** `onReply` runs before anything else can happen: it arms watches. */
  async #request<T>(request: Request, path: string, onReply: (reply: Reply) => T): Promise<T> {
    const connection = await this.#untilConnected(path)
    const sentAtMs = this.#server.clock.monotonicMs()
    await Promise.resolve()
    if (this.#silent) await this.#disconnected()
    if (this.#connection !== connection) throw new ZkError(this.#lossName(), path)
    const outcome = this.#server.processor.handle(connection, request, this.#server.now())
    this.#server.deliver(outcome.notifications)
    if (this.#repliesToLose > 0) {
      this.#repliesToLose -= 1
      this.breakConnection()
      this.reconnect()
      throw new ZkError('CONNECTION_LOSS', path)
    }
    this.#lastProofOfLifeMs = Math.max(this.#lastProofOfLifeMs ?? 0, sentAtMs)
    if (outcome.reply.zxid > 0n) this.#lastZxid = outcome.reply.zxid
    return onReply(outcome.reply)
  }

  #lossName(): ZkErrorName {
    return this.#isDead ? this.#deathName() : 'CONNECTION_LOSS'
  }

  #disconnected(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#untilDisconnected.delete(wake)
        resolve()
      }
      this.#untilDisconnected.add(wake)
    })
  }

  async create(
    path: string,
    data: Buffer | null,
    mode: ZkCreateMode,
    acl: readonly ZkAcl[] = OPEN_ACL,
  ): Promise<string> {
    const flags = MODES.indexOf(mode)
    return this.#request({ kind: 'create', path, data, acl, flags }, path, (reply) => {
      const body = bodyOf(reply, path)
      return 'path' in body ? body.path : path
    })
  }

  async get(path: string, watcher?: ZkWatcher): Promise<{ data: Buffer | null; stat: ZkStat }> {
    const watch = watcher !== undefined
    return this.#request({ kind: 'get-data', path, watch }, path, (reply) => {
      const body = bodyOf(reply, path)
      if (body.kind !== 'get-data') throw new ZkError('SYSTEM_ERROR', path)
      if (watcher !== undefined) this.#watches.add('data', path, watcher)
      return { data: body.data, stat: body.stat }
    })
  }

  async exists(path: string, watcher?: ZkWatcher): Promise<ZkStat | null> {
    const watch = watcher !== undefined
    return this.#request({ kind: 'exists', path, watch }, path, (reply) => {
      const isMissing = reply.code === ErrorCode.NO_NODE
      const stat = isMissing ? null : statIn(bodyOf(reply, path), path)
      if (watcher !== undefined) this.#watches.add(isMissing ? 'exists' : 'data', path, watcher)
      return stat
    })
  }

  async children(path: string, watcher?: ZkWatcher): Promise<{ children: string[]; stat: ZkStat }> {
    const watch = watcher !== undefined
    return this.#request({ kind: 'get-children2', path, watch }, path, (reply) => {
      const body = bodyOf(reply, path)
      if (body.kind !== 'get-children2') throw new ZkError('SYSTEM_ERROR', path)
      if (watcher !== undefined) this.#watches.add('children', path, watcher)
      return { children: [...body.children], stat: body.stat }
    })
  }

  async set(path: string, data: Buffer | null, version: number): Promise<ZkStat> {
    return this.#request({ kind: 'set-data', path, data, version }, path, (reply) =>
      statIn(bodyOf(reply, path), path),
    )
  }

  async delete(path: string, version: number): Promise<void> {
    await this.#request({ kind: 'delete', path, version }, path, (reply) => bodyOf(reply, path))
  }

  async multi(ops: readonly ZkOp[]): Promise<ZkMultiResult> {
    const path = ops[0]?.path ?? '/'
    return this.#request({ kind: 'multi', ops: ops.map(writeOp) }, path, (reply) => {
      const body = bodyOf(reply, path)
      if (body.kind !== 'multi') throw new ZkError('SYSTEM_ERROR', path)
      if (!body.results.some((result) => result.kind === 'error')) {
        return { kind: 'ok', results: body.results.map(opResult) }
      }
      const errors = body.results.map((result) =>
        result.kind === 'error' && result.code !== ErrorCode.OK ? nameOf(result.code) : null,
      )
      return { kind: 'failed', errors }
    })
  }

  async getAcl(path: string): Promise<{ acl: ZkAcl[]; stat: ZkStat }> {
    return this.#request({ kind: 'get-acl', path }, path, (reply) => {
      const body = bodyOf(reply, path)
      if (body.kind !== 'get-acl') throw new ZkError('SYSTEM_ERROR', path)
      return { acl: [...body.acl], stat: body.stat }
    })
  }

  async setAcl(path: string, acl: readonly ZkAcl[], version: number): Promise<ZkStat> {
    return this.#request({ kind: 'set-acl', path, acl, version }, path, (reply) =>
      statIn(bodyOf(reply, path), path),
    )
  }

  async sync(path: string): Promise<void> {
    await this.#request({ kind: 'sync', path }, path, (reply) => bodyOf(reply, path))
  }

  async addAuth(scheme: string, auth: Buffer): Promise<void> {
    await this.#request({ kind: 'auth', scheme, auth }, '/', (reply) => {
      if (reply.code !== ErrorCode.OK) this.#die('auth-failed')
      bodyOf(reply, '/')
    })
  }

  async close(): Promise<void> {
    if (this.#isDead) return
    const { processor } = this.#server
    if (this.#connection !== null) {
      const connection = this.#connection
      const { notifications } = processor.handle(
        connection,
        { kind: 'close-session' },
        this.#server.now(),
      )
      processor.disconnect(connection)
      this.#connection = null
      this.#die('closed')
      this.#server.deliver(notifications)
    }
    this.#die('closed')
  }
}

function bodyOf(reply: Reply, path: string): Reply['body'] {
  if (reply.code !== ErrorCode.OK) throw new ZkError(nameOf(reply.code), path)
  return reply.body
}

function statIn(body: Reply['body'], path: string): ZkStat {
  if (!('stat' in body)) throw new ZkError('SYSTEM_ERROR', path)
  return body.stat
}

function nameOf(code: number): ZkErrorName {
  const entry = Object.entries(ErrorCode).find(([, value]) => value === code)
  return (entry?.[0] ?? 'SYSTEM_ERROR') as ZkErrorName
}

function writeOp(op: ZkOp): WriteOp {
  switch (op.kind) {
    case 'create': {
      const { path, data, acl = OPEN_ACL, mode } = op
      return { kind: 'create', path, data, acl, flags: MODES.indexOf(mode) }
    }
    case 'set':
      return { kind: 'set-data', path: op.path, data: op.data, version: op.version }
    default:
      return op
  }
}

function opResult(result: OpResult): ZkOpResult {
  switch (result.kind) {
    case 'set-data':
      return { kind: 'set', stat: result.stat }
    case 'create':
      return { kind: 'create', path: result.path }
    case 'delete':
    case 'check':
      return { kind: result.kind }
    default:
      throw new Error(`a ${result.kind} in a multi`)
  }
}
