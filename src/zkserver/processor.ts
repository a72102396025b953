/**
 * The whole behaviour of a ZooKeeper server without sockets, disk and clock: a request goes in; a
 * reply, the watch events that precede it and the change to log come out. Changes are applied at
 * once; whoever embeds this must not let an outcome leave before its change is durable.
 */

import { isAllowed } from './acl.ts'
import { DataTree } from './data-tree.ts'
import { Draft, decideChange, decideMulti, type Requester } from './decide.ts'
import { ErrorCode, RequestError } from './error-codes.ts'
import { type ReadClient, Reader } from './reader.ts'
import type {
  ConnectRequest,
  CreateKind,
  OpResult,
  ReadRequest,
  Reply,
  ReplyBody,
  Request,
  WriteOp,
  WriteRequest,
} from './requests.ts'
import { passwordOf, type Session, Sessions } from './sessions.ts'
import type { Change, NodeChange, Txn } from './txn.ts'
import { type EventType, WatchTable } from './watches.ts'
import { type Acl, type Identity, OPEN_ACL, Permission, type Stat } from './znode.ts'
import { parentOf } from './znode-path.ts'

/** One connection. The processor sets `sessionId` when it connects; watches belong to it. */
export interface Client extends ReadClient {
  sessionId: bigint
  readonly identities: Identity[]
}

export interface Instant {
  readonly wallMs: number
  readonly monotonicMs: number
}

export interface Notification<C extends Client = Client> {
  readonly client: C
  readonly type: EventType
  readonly path: string
}

export interface Outcome<C extends Client = Client> {
  readonly reply: Reply
  /** To be delivered before the reply. */
  readonly notifications: readonly Notification<C>[]
  /** To be logged before anything of this outcome leaves. Null: nothing changed. */
  readonly txn: Txn | null
  /** The connection to close after the reply. */
  readonly closes: boolean
}

export type ConnectOutcome<C extends Client = Client> =
  /** The client has seen more than we have: it must not go back in time here. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'connected'
      readonly sessionId: bigint
      readonly password: Buffer
      readonly timeoutMs: number
      readonly txn: Txn | null
      /** The connection that spoke for the session until now. */
      readonly replaced: C | null
    }

export interface Expiry<C extends Client = Client> {
  readonly sessionId: bigint
  readonly client: C | null
  readonly txn: Txn
  readonly notifications: readonly Notification<C>[]
}

export interface ProcessorState {
  readonly tree: DataTree
  readonly lastZxid: bigint
  readonly sessions: readonly { readonly id: bigint; readonly timeoutMs: number }[]
}

export class Processor<C extends Client = Client> {
  readonly tree: DataTree
  readonly sessions: Sessions<C>
  readonly dataWatches = new WatchTable<C>()
  readonly childWatches = new WatchTable<C>()
  readonly #reader: Reader<C>
  #lastZxid: bigint
  /** Filled while a change is applied. */
  #notifications: Notification<C>[] = []

  constructor(tickMs: number, now: Instant, state?: ProcessorState) {
    this.tree = state?.tree ?? DataTree.fresh()
    this.#lastZxid = state?.lastZxid ?? 0n
    this.sessions = new Sessions(tickMs, now.wallMs)
    for (const { id, timeoutMs } of state?.sessions ?? []) {
      this.sessions.add(id, timeoutMs, now.monotonicMs)
    }
    this.#reader = new Reader(this.tree, this.dataWatches, this.childWatches)
  }

  get lastZxid(): bigint {
    return this.#lastZxid
  }

  connect(client: C, request: ConnectRequest, now: Instant): ConnectOutcome<C> {
    if (request.lastZxidSeen > this.#lastZxid) return { kind: 'refused' }
    const timeoutMs = this.sessions.clampTimeout(request.timeoutMs)
    if (request.sessionId !== 0n) return this.#reattach(client, request, timeoutMs, now)
    const sessionId = this.sessions.takeId()
    const { txn } = this.#commit(sessionId, { kind: 'create-session', timeoutMs }, now)
    const session = this.sessions.get(sessionId) as Session<C>
    session.client = client
    client.sessionId = sessionId
    const password = passwordOf(sessionId)
    return { kind: 'connected', sessionId, password, timeoutMs, txn, replaced: null }
  }

  handle(client: C, request: Request, now: Instant): Outcome<C> {
    const session = this.sessions.get(client.sessionId)
    if (session === undefined || session.client !== client) {
      const reply = this.#reply(ErrorCode.SESSION_EXPIRED, { kind: 'none' })
      return { reply, notifications: [], txn: null, closes: true }
    }
    this.sessions.touch(session, now.monotonicMs)
    return isWrite(request) ? this.#write(client, request, now) : this.#read(client, request)
  }

  /** The connection is gone; its session lives on until it times out. */
  disconnect(client: C): void {
    this.dataWatches.removeClient(client)
    this.childWatches.removeClient(client)
    const session = this.sessions.get(client.sessionId)
    if (session?.client === client) session.client = null
  }

  /** Ends a session as if it had timed out. Null when there is none such. */
  expire(sessionId: bigint, now: Instant): Expiry<C> | null {
    const session = this.sessions.get(sessionId)
    if (session === undefined) return null
    const { client } = session
    const { txn } = this.#commit(sessionId, { kind: 'close-session' }, now)
    return { sessionId, client, txn, notifications: this.#takeNotifications() }
  }

  expireDue(now: Instant): Expiry<C>[] {
    const due = this.sessions.due(now.monotonicMs)
    return due.flatMap(({ id }) => this.expire(id, now) ?? [])
  }

  /** Deletes containers that have become empty. */
  reapContainers(now: Instant): Pick<Expiry<C>, 'txn' | 'notifications'>[] {
    return this.tree.emptyContainers().map((path) => {
      const { txn } = this.#commit(0n, { kind: 'delete', path }, now)
      return { txn, notifications: this.#takeNotifications() }
    })
  }

  /** Applies a change from the log. */
  replay(txn: Txn, now: Instant): void {
    this.#lastZxid = txn.zxid
    this.#apply(txn, now.monotonicMs)
    this.#takeNotifications()
  }

  #reattach(
    client: C,
    request: ConnectRequest,
    timeoutMs: number,
    now: Instant,
  ): ConnectOutcome<C> {
    const { sessionId } = request
    const session = this.sessions.get(sessionId)
    const password = passwordOf(sessionId)
    if (session === undefined || !password.equals(request.password)) return { kind: 'expired' }
    const replaced = session.client
    if (replaced !== null) this.disconnect(replaced)
    session.client = client
    session.timeoutMs = timeoutMs
    this.sessions.touch(session, now.monotonicMs)
    client.sessionId = sessionId
    return { kind: 'connected', sessionId, password, timeoutMs, txn: null, replaced }
  }

  #read(client: C, request: ReadRequest): Outcome<C> {
    try {
      const { body, notifications, closes } = this.#reader.read(client, request)
      const reply = { zxid: this.#zxidFor(request), code: ErrorCode.OK, body }
      return { reply, notifications, txn: null, closes }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const reply: Reply = {
        zxid: this.#zxidFor(request),
        code: error.code,
        body: { kind: 'none' },
      }
      const closes = request.kind === 'auth' || request.kind === 'unknown'
      return { reply, notifications: [], txn: null, closes }
    }
  }

  /** Two kinds of request never get as far as the tree, in the real server. */
  #zxidFor(request: ReadRequest): bigint {
    if (request.kind === 'auth') return 0n
    return request.kind === 'unknown' ? -1n : this.#lastZxid
  }

  #write(client: C, request: WriteRequest, now: Instant): Outcome<C> {
    const decided = this.#decide(client, request)
    const { txn, results } = this.#commit(client.sessionId, decided.change, now)
    const notifications = this.#takeNotifications()
    const reply = this.#reply(decided.code, decided.body ?? bodyOf(request, results))
    return { reply, notifications, txn, closes: request.kind === 'close-session' }
  }

  /** A body only where it does not come from applying the change. */
  #decide(
    by: Requester,
    request: WriteRequest,
  ): { change: Change; code: number; body?: ReplyBody } {
    if (request.kind === 'close-session') return { change: request, code: ErrorCode.OK }
    if (request.kind === 'refused-write') {
      const { code } = request
      return { change: { kind: 'error', code }, code, body: { kind: 'none' } }
    }
    if (request.kind === 'multi') {
      const decision = decideMulti(this.tree, request.ops, by)
      if (decision.kind === 'ok') {
        return { change: { kind: 'multi', changes: decision.changes }, code: ErrorCode.OK }
      }
      const results = decision.codes.map((code): OpResult => ({ kind: 'error', code }))
      const code = decision.codes.find((each) => each !== ErrorCode.OK) ?? ErrorCode.OK
      return {
        change: { kind: 'error', code },
        code: ErrorCode.OK,
        body: { kind: 'multi', results },
      }
    }
    try {
      return { change: decideChange(new Draft(this.tree), request, by), code: ErrorCode.OK }
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      const { code } = error
      return { change: { kind: 'error', code }, code, body: { kind: 'none' } }
    }
  }

  #commit(sessionId: bigint, change: Change, now: Instant): { txn: Txn; results: AppliedResult[] } {
    this.#lastZxid += 1n
    const txn: Txn = { zxid: this.#lastZxid, timeMs: now.wallMs, sessionId, change }
    return { txn, results: this.#apply(txn, now.monotonicMs) }
  }

  /** One result per operation of a multi, one for a change of one node, else none. */
  #apply({ zxid, timeMs, sessionId, change }: Txn, monotonicMs: number): AppliedResult[] {
    switch (change.kind) {
      case 'error':
        return []
      case 'create-session':
        this.sessions.add(sessionId, change.timeoutMs, monotonicMs)
        return []
      case 'close-session':
        for (const path of this.tree.ephemeralsOf(sessionId)) {
          this.#applyToNode({ kind: 'delete', path }, zxid, timeMs)
        }
        this.sessions.remove(sessionId)
        return []
      case 'multi':
        return change.changes.map((each) => this.#applyToNode(each, zxid, timeMs))
      default:
        return [this.#applyToNode(change, zxid, timeMs)]
    }
  }

  #applyToNode(change: NodeChange, zxid: bigint, timeMs: number): AppliedResult {
    const { path } = change
    switch (change.kind) {
      case 'create': {
        const stat = this.tree.create(change, zxid, timeMs)
        this.#notify(this.dataWatches.trigger(path, 'created'), 'created', path, change.acl)
        this.#notifyParent(path)
        return { path, stat }
      }
      case 'delete': {
        const acl = this.#aclOf(path)
        this.tree.delete(path, zxid)
        const told = this.dataWatches.trigger(path, 'deleted')
        this.#notify(told, 'deleted', path, acl)
        this.#notify(this.childWatches.trigger(path, 'deleted', told), 'deleted', path, acl)
        this.#notifyParent(path)
        return { path, stat: null }
      }
      case 'set-data': {
        const stat = this.tree.setData(path, change.data, zxid, timeMs)
        const told = this.dataWatches.trigger(path, 'changed')
        this.#notify(told, 'changed', path, this.#aclOf(path))
        return { path, stat }
      }
      case 'set-acl':
        return { path, stat: this.tree.setAcl(path, change.acl) }
      case 'check':
        return { path, stat: null }
    }
  }

  #notifyParent(path: string): void {
    const parent = parentOf(path)
    const told = this.childWatches.trigger(parent, 'children')
    this.#notify(told, 'children', parent, this.#aclOf(parent))
  }

  /** Who may not read the node does not hear of it, and has lost the watch all the same. */
  #notify(clients: Iterable<C>, type: EventType, path: string, acl: readonly Acl[]): void {
    for (const client of clients) {
      const mayRead = isAllowed(acl, Permission.READ, client.identities)
      if (mayRead) this.#notifications.push({ client, type, path })
    }
  }

  #aclOf(path: string): readonly Acl[] {
    return this.tree.get(path)?.acl ?? OPEN_ACL
  }

  #takeNotifications(): Notification<C>[] {
    const taken = this.#notifications
    this.#notifications = []
    return taken
  }

  #reply(code: number, body: ReplyBody): Reply {
    return { zxid: this.#lastZxid, code, body }
  }
}

interface AppliedResult {
  readonly path: string
  readonly stat: Stat | null
}

const WRITE_KINDS: ReadonlySet<Request['kind']> = new Set<WriteRequest['kind']>([
  'create',
  'create2',
  'create-container',
  'create-ttl',
  'delete',
  'delete-container',
  'set-data',
  'set-acl',
  'check',
  'multi',
  'close-session',
  'refused-write',
])

function isWrite(request: Request): request is WriteRequest {
  return WRITE_KINDS.has(request.kind)
}

function bodyOf(request: WriteRequest, results: readonly AppliedResult[]): ReplyBody {
  switch (request.kind) {
    case 'close-session':
    case 'refused-write':
    case 'delete-container':
      return { kind: 'none' }
    case 'multi':
      return {
        kind: 'multi',
        results: request.ops.map((op, index) => opResult(op.kind, results[index])),
      }
    case 'set-acl':
      return opResult('set-data', results[0])
    default:
      return opResult(request.kind, results[0])
  }
}

function opResult(kind: WriteOp['kind'], applied: AppliedResult | undefined): OpResult {
  if (kind === 'delete' || kind === 'check') return { kind }
  const { path, stat } = applied as AppliedResult & { stat: Stat }
  return kind === 'set-data' ? { kind, stat } : { kind: kind satisfies CreateKind, path, stat }
}
