/** Answers requests that change no node, and arms watches. */

import { checkAllowed, identityOf, isAllowed, maskDigests } from './acl.ts'
import type { DataTree } from './data-tree.ts'
import { ErrorCode, RequestError } from './error-codes.ts'
import type {
  OpResult,
  ReadOp,
  ReadRequest,
  ReplyBody,
  SetWatchesRequest,
  WatcherType,
} from './requests.ts'
import type { EventType, WatchMode, WatchTable } from './watches.ts'
import { type Identity, Permission, statOf, type Znode } from './znode.ts'

export interface ReadClient {
  readonly sessionId: bigint
  /** What the connection has proved; `ip` with its address comes first. */
  readonly identities: Identity[]
}

export interface ReadOutcome<C> {
  readonly body: ReplyBody
  readonly notifications: readonly {
    readonly client: C
    readonly type: EventType
    readonly path: string
  }[]
  readonly closes: boolean
}

/** What is meant by it; null: whatever there is. */
const WATCH_MODES: Record<WatcherType, WatchMode | null> = {
  children: 'one-shot',
  data: 'one-shot',
  any: null,
  persistent: 'persistent',
  'persistent-recursive': 'persistent-recursive',
}

type WatchesRequest = Extract<ReadRequest, { kind: 'check-watches' | 'remove-watches' }>

export class Reader<C extends ReadClient> {
  readonly #tree: DataTree
  readonly #dataWatches: WatchTable<C>
  readonly #childWatches: WatchTable<C>

  constructor(tree: DataTree, dataWatches: WatchTable<C>, childWatches: WatchTable<C>) {
    this.#tree = tree
    this.#dataWatches = dataWatches
    this.#childWatches = childWatches
  }

  /** Throws `RequestError`. */
  read(client: C, request: ReadRequest): ReadOutcome<C> {
    if (request.kind === 'set-watches') return this.#setWatches(client, request)
    return { body: this.#answer(client, request), notifications: [], closes: false }
  }

  #answer(client: C, request: Exclude<ReadRequest, SetWatchesRequest>): ReplyBody {
    switch (request.kind) {
      case 'ping':
        return { kind: 'none' }
      case 'exists':
        return this.#exists(client, request.path, request.watch)
      case 'get-data':
      case 'get-children':
        return this.#readOp(client, request)
      case 'get-children2': {
        const node = this.#readable(client, request.path)
        const children = this.#children(client, request.path, request.watch)
        return { kind: 'get-children2', children, stat: statOf(node) }
      }
      case 'get-acl':
        return this.#getAcl(client, request.path)
      case 'sync':
        return { kind: 'sync', path: request.path }
      case 'multi-read':
        return { kind: 'multi', results: request.ops.map((op) => this.#tryReadOp(client, op)) }
      case 'get-ephemerals': {
        const paths = this.#tree.ephemeralsOf(client.sessionId)
        const { prefix } = request
        return { kind: 'get-ephemerals', paths: paths.filter((path) => path.startsWith(prefix)) }
      }
      case 'get-all-children-number':
        this.#readable(client, request.path)
        return { kind: 'get-all-children-number', total: this.#tree.countBelow(request.path) }
      case 'who-am-i':
        return { kind: 'who-am-i', identities: [...client.identities] }
      case 'auth':
        return this.#authenticate(client, request.scheme, request.auth)
      case 'add-watch':
        this.#addPersistent(client, request.path, request.mode)
        return { kind: 'error', code: ErrorCode.OK }
      case 'check-watches':
      case 'remove-watches':
        return this.#checkOrRemoveWatches(client, request)
      case 'refused-read':
        throw new RequestError(request.code as ErrorCode, 'malformed request')
      case 'unknown':
        throw new RequestError(ErrorCode.UNIMPLEMENTED, 'unknown request')
    }
  }

  #exists(client: C, path: string, watch: boolean): ReplyBody {
    if (path.includes('\0')) throw new RequestError(ErrorCode.BAD_ARGUMENTS, 'NUL in path')
    const node = this.#tree.get(path)
    if (node !== undefined) checkAllowed(node.acl, Permission.READ, client.identities, path)
    if (watch) this.#dataWatches.add(path, client, 'one-shot')
    return { kind: 'set-data', stat: statOf(this.#mustGet(path)) }
  }

  #readOp(client: C, op: ReadOp): OpResult {
    const node = this.#readable(client, op.path)
    if (op.kind === 'get-children') {
      return { kind: 'get-children', children: this.#children(client, op.path, op.watch) }
    }
    if (op.watch) this.#dataWatches.add(op.path, client, 'one-shot')
    return { kind: 'get-data', data: node.data, stat: statOf(node) }
  }

  #tryReadOp(client: C, op: ReadOp): OpResult {
    try {
      return this.#readOp(client, op)
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      return { kind: 'error', code: error.code }
    }
  }

  #children(client: C, path: string, watch: boolean): string[] {
    if (watch) this.#childWatches.add(path, client, 'one-shot')
    return this.#tree.childNames(path === '' ? '/' : path)
  }

  #getAcl(client: C, path: string): ReplyBody {
    const node = this.#mustGet(path)
    checkAllowed(node.acl, Permission.READ | Permission.ADMIN, client.identities, path)
    const open = isAllowed(node.acl, Permission.ADMIN, client.identities)
    return { kind: 'get-acl', acl: open ? node.acl : maskDigests(node.acl), stat: statOf(node) }
  }

  #authenticate(client: C, scheme: string, auth: Buffer): ReplyBody {
    const address = client.identities.find((identity) => identity.scheme === 'ip')?.id ?? ''
    const identity = identityOf(scheme, auth, address)
    if (identity === null) throw new RequestError(ErrorCode.AUTH_FAILED, `scheme ${scheme}`)
    const known = client.identities.some(
      (other) => other.scheme === identity.scheme && other.id === identity.id,
    )
    if (!known) client.identities.push(identity)
    return { kind: 'none' }
  }

  #checkOrRemoveWatches(client: C, { kind, path, type }: WatchesRequest): ReplyBody {
    const tables = [
      ...(type === 'data' ? [] : [this.#childWatches]),
      ...(type === 'children' ? [] : [this.#dataWatches]),
    ]
    const mode = WATCH_MODES[type]
    const found = tables.filter((table) => table.has(path, client, mode))
    if (found.length === 0) throw new RequestError(ErrorCode.NO_WATCHER, `no watch on ${path}`)
    if (kind === 'remove-watches') for (const table of found) table.remove(path, client, mode)
    return { kind: 'none' }
  }

  /** Recursive ones hear of no child lists. */
  #addPersistent(client: C, path: string, mode: WatchMode): void {
    this.#dataWatches.add(path, client, mode)
    if (mode === 'persistent') this.#childWatches.add(path, client, mode)
  }

  /** Arms again what a client had on an earlier connection, and tells what it has missed. */
  #setWatches(client: C, request: SetWatchesRequest): ReadOutcome<C> {
    const missed: { client: C; type: EventType; path: string }[] = []
    const miss = (type: EventType, path: string) => missed.push({ client, type, path })
    for (const path of request.data) {
      const node = this.#tree.get(path)
      if (node === undefined) miss('deleted', path)
      else if (node.mzxid > request.relativeZxid) miss('changed', path)
      else this.#dataWatches.add(path, client, 'one-shot')
    }
    for (const path of request.exists) {
      if (this.#tree.get(path) !== undefined) miss('created', path)
      else this.#dataWatches.add(path, client, 'one-shot')
    }
    for (const path of request.children) {
      const node = this.#tree.get(path)
      if (node === undefined) miss('deleted', path)
      else if (node.pzxid > request.relativeZxid) miss('children', path)
      else this.#childWatches.add(path, client, 'one-shot')
    }
    for (const mode of ['persistent', 'persistent-recursive'] as const) {
      const paths = mode === 'persistent' ? request.persistent : request.persistentRecursive
      for (const path of paths) this.#addPersistent(client, path, mode)
    }
    return { body: { kind: 'none' }, notifications: missed, closes: false }
  }

  #readable(client: C, path: string): Znode {
    const node = this.#mustGet(path)
    checkAllowed(node.acl, Permission.READ, client.identities, path)
    return node
  }

  /** The root answers to the empty path too. */
  #mustGet(path: string): Znode {
    const node = this.#tree.get(path === '' ? '/' : path)
    if (node === undefined) throw new RequestError(ErrorCode.NO_NODE, `no node ${path}`)
    return node
  }
}
