/**
 * One ZooKeeper session as the rest of Samsa sees it. Adapters: `host/zk-js.ts` (production),
 * `host/zk-native.ts` (observer), the simulator's. One contract suite runs against all of them
 * (`test/contract/`). A client lives as long as its session: after `expired`, `closed` or
 * `auth-failed` it is dead and a new one is made (`ZkSession` does).
 */

export type ZkErrorName =
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'BAD_VERSION'
  | 'NOT_EMPTY'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NO_AUTH'
  | 'INVALID_ACL'
  | 'AUTH_FAILED'
  | 'BAD_ARGUMENTS'
  | 'UNIMPLEMENTED'
  | 'RUNTIME_INCONSISTENCY'
  | 'MARSHALLING_ERROR'
  | 'CONNECTION_LOSS'
  | 'SESSION_EXPIRED'
  | 'SYSTEM_ERROR'

export class ZkError extends Error {
  readonly errorName: ZkErrorName
  readonly path: string

  constructor(errorName: ZkErrorName, path: string, cause?: unknown) {
    super(`${errorName} for ${path}`, { cause })
    this.name = 'ZkError'
    this.errorName = errorName
    this.path = path
  }
}

export function isZkError(error: unknown, ...names: ZkErrorName[]): error is ZkError {
  return error instanceof ZkError && (names.length === 0 || names.includes(error.errorName))
}

export interface ZkStat {
  readonly czxid: bigint
  readonly mzxid: bigint
  readonly pzxid: bigint
  readonly ctimeMs: number
  readonly mtimeMs: number
  readonly version: number
  readonly cversion: number
  readonly aversion: number
  /** Session id of the owner, 0n for a persistent node. */
  readonly ephemeralOwner: bigint
  readonly dataLength: number
  readonly numChildren: number
}

export interface ZkAcl {
  /** Bits: read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number
  readonly scheme: string
  readonly id: string
}

export const OPEN_ACL: readonly ZkAcl[] = [{ permissions: 31, scheme: 'world', id: 'anyone' }]

export type ZkCreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistent-sequential'
  | 'ephemeral-sequential'

/**
 * `expired`, `closed` and `auth-failed` are final. `suspended`: connection lost, session perhaps
 * alive.
 */
export type ZkClientState =
  | 'connecting'
  | 'connected'
  | 'suspended'
  | 'expired'
  | 'closed'
  | 'auth-failed'

export interface ZkWatchEvent {
  readonly type: 'created' | 'deleted' | 'changed' | 'children'
  readonly path: string
}

/** One-shot: says "look again", never what changed. Never called after the session expired. */
export type ZkWatcher = (event: ZkWatchEvent) => void

/** A version of -1 means any. Version 0 is a version like every other. */
export type ZkOp =
  | {
      readonly kind: 'create'
      readonly path: string
      readonly data: Buffer | null
      readonly mode: ZkCreateMode
      readonly acl?: readonly ZkAcl[]
    }
  | {
      readonly kind: 'set'
      readonly path: string
      readonly data: Buffer | null
      readonly version: number
    }
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number }

export type ZkOpResult =
  | { readonly kind: 'create'; readonly path: string }
  | { readonly kind: 'set'; readonly stat: ZkStat }
  | { readonly kind: 'delete' }
  | { readonly kind: 'check' }

/**
 * `failed`: nothing was applied. `errors` has one entry per operation: null for those before the
 * failing one, the reason for the failing one, RUNTIME_INCONSISTENCY for those after it.
 */
export type ZkMultiResult =
  | { readonly kind: 'ok'; readonly results: readonly ZkOpResult[] }
  | { readonly kind: 'failed'; readonly errors: readonly (ZkErrorName | null)[] }

/**
 * All operations reject with `ZkError`. CONNECTION_LOSS means "perhaps it happened".
 * Data of null and data of zero length are different things.
 */
export interface ZkOperations {
  /** Returns the path made, with the suffix of a sequential node. */
  create(
    path: string,
    data: Buffer | null,
    mode: ZkCreateMode,
    acl?: readonly ZkAcl[],
  ): Promise<string>
  get(path: string, watcher?: ZkWatcher): Promise<{ data: Buffer | null; stat: ZkStat }>
  /** Null when missing; the watcher is then armed for its creation. */
  exists(path: string, watcher?: ZkWatcher): Promise<ZkStat | null>
  /** Names (not paths) in no particular order. */
  children(path: string, watcher?: ZkWatcher): Promise<{ children: string[]; stat: ZkStat }>
  set(path: string, data: Buffer | null, version: number): Promise<ZkStat>
  delete(path: string, version: number): Promise<void>
  /**
   * Rejects only when no answer came (CONNECTION_LOSS, SESSION_EXPIRED); UNIMPLEMENTED on the
   * native client.
   */
  multi(ops: readonly ZkOp[]): Promise<ZkMultiResult>
  getAcl(path: string): Promise<{ acl: ZkAcl[]; stat: ZkStat }>
  setAcl(path: string, acl: readonly ZkAcl[], version: number): Promise<ZkStat>
  /** Waits until the server that this session talks to has caught up with its leader. */
  sync(path: string): Promise<void>
}

export interface ZkClient extends ZkOperations {
  readonly state: ZkClientState
  /** 0n before the first connection. */
  readonly sessionId: bigint
  /** As negotiated with the server; as asked for before the first connection. */
  readonly sessionTimeoutMs: number
  readonly supportsMulti: boolean
  /**
   * `Clock.monotonicMs()` at which the newest request that was answered (pings included) had been
   * *sent*: the server knew us to be alive at least then. Null before the first answer.
   */
  readonly lastProofOfLifeMs: number | null
  /** The listener hears every later change of state; the returned function removes it. */
  onState(listener: (state: ZkClientState) => void): () => void
  addAuth(scheme: string, auth: Buffer): Promise<void>
  /** Ends the session: its ephemeral nodes vanish at once. Idempotent. */
  close(): Promise<void>
}
