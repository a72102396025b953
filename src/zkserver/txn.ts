/**
 * What the log keeps: decided changes with every value resolved, so that applying one cannot fail
 * and applying the log again gives the same tree. Each zxid has exactly one, refusals included.
 */

import type { Acl } from './znode.ts'

export interface Txn {
  readonly zxid: bigint
  readonly timeMs: number
  readonly sessionId: bigint
  readonly change: Change
}

export type Change =
  | { readonly kind: 'create-session'; readonly timeoutMs: number }
  | { readonly kind: 'close-session' }
  /** A refused write; it takes a zxid and changes nothing. */
  | { readonly kind: 'error'; readonly code: number }
  | { readonly kind: 'multi'; readonly changes: readonly NodeChange[] }
  | NodeChange

export type NodeChange =
  | {
      readonly kind: 'create'
      readonly path: string
      readonly data: Buffer | null
      readonly acl: readonly Acl[]
      readonly owner: bigint
    }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'set-data'; readonly path: string; readonly data: Buffer | null }
  | { readonly kind: 'set-acl'; readonly path: string; readonly acl: readonly Acl[] }
  | { readonly kind: 'check'; readonly path: string }
