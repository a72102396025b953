/** Requests and replies as the processor sees them, without a byte of wire format. */

import type { Acl, Identity, Stat } from './znode.ts'

export type CreateKind = 'create' | 'create2' | 'create-container' | 'create-ttl'

export interface CreateRequest {
  readonly kind: CreateKind
  readonly path: string
  readonly data: Buffer | null
  readonly acl: readonly Acl[]
  /** Number of the create mode: 0 persistent, 1 ephemeral, 2 and 3 the same sequential, ... */
  readonly flags: number
}

/** A version of -1 matches every version. */
export type WriteOp =
  | CreateRequest
  | { readonly kind: 'delete'; readonly path: string; readonly version: number }
  | {
      readonly kind: 'set-data'
      readonly path: string
      readonly data: Buffer | null
      readonly version: number
    }
  | { readonly kind: 'check'; readonly path: string; readonly version: number }

export type ReadOp =
  | { readonly kind: 'get-data'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'get-children'; readonly path: string; readonly watch: boolean }

export type WriteRequest =
  | WriteOp
  | {
      readonly kind: 'set-acl'
      readonly path: string
      readonly acl: readonly Acl[]
      readonly version: number
    }
  | { readonly kind: 'delete-container'; readonly path: string }
  | { readonly kind: 'multi'; readonly ops: readonly WriteOp[] }
  | { readonly kind: 'close-session' }
  /** A malformed multi, or known but nothing that this server does. Takes a zxid. */
  | { readonly kind: 'refused-write'; readonly code: number }

export type WatcherType = 'children' | 'data' | 'any' | 'persistent' | 'persistent-recursive'

export type ReadRequest =
  | ReadOp
  | { readonly kind: 'exists'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'get-children2'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'get-acl'; readonly path: string }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'multi-read'; readonly ops: readonly ReadOp[] }
  | { readonly kind: 'check-watches'; readonly path: string; readonly type: WatcherType }
  | { readonly kind: 'remove-watches'; readonly path: string; readonly type: WatcherType }
  | { readonly kind: 'auth'; readonly scheme: string; readonly auth: Buffer }
  | SetWatchesRequest
  | { readonly kind: 'get-ephemerals'; readonly prefix: string }
  | { readonly kind: 'get-all-children-number'; readonly path: string }
  | {
      readonly kind: 'add-watch'
      readonly path: string
      readonly mode: 'persistent' | 'persistent-recursive'
    }
  | { readonly kind: 'who-am-i' }
  /** Malformed. Changes nothing, not even the zxid. */
  | { readonly kind: 'refused-read'; readonly code: number }
  | { readonly kind: 'unknown' }

export interface SetWatchesRequest {
  readonly kind: 'set-watches'
  /** The newest zxid that the client has seen: later changes fire at once. */
  readonly relativeZxid: bigint
  readonly data: readonly string[]
  readonly exists: readonly string[]
  readonly children: readonly string[]
  readonly persistent: readonly string[]
  readonly persistentRecursive: readonly string[]
}

export type Request = WriteRequest | ReadRequest

export type OpResult =
  | { readonly kind: CreateKind; readonly path: string; readonly stat: Stat }
  | { readonly kind: 'delete' }
  | { readonly kind: 'set-data'; readonly stat: Stat }
  | { readonly kind: 'check' }
  | { readonly kind: 'get-data'; readonly data: Buffer | null; readonly stat: Stat }
  | { readonly kind: 'get-children'; readonly children: readonly string[] }
  | { readonly kind: 'error'; readonly code: number }

export type ReplyBody =
  | OpResult
  /** `exists`, `set-acl` answer like `set-data`. */
  | { readonly kind: 'get-children2'; readonly children: readonly string[]; readonly stat: Stat }
  | { readonly kind: 'get-acl'; readonly acl: readonly Acl[]; readonly stat: Stat }
  | { readonly kind: 'sync'; readonly path: string }
  /** A failed multi is a reply without an error whose results all are errors. */
  | { readonly kind: 'multi'; readonly results: readonly OpResult[] }
  | { readonly kind: 'get-ephemerals'; readonly paths: readonly string[] }
  | { readonly kind: 'get-all-children-number'; readonly total: number }
  | { readonly kind: 'who-am-i'; readonly identities: readonly Identity[] }
  | { readonly kind: 'none' }

export interface Reply {
  readonly zxid: bigint
  readonly code: number
  readonly body: ReplyBody
}

export interface ConnectRequest {
  readonly lastZxidSeen: bigint
  readonly timeoutMs: number
  /** 0n asks for a new session. */
  readonly sessionId: bigint
  readonly password: Buffer
}
