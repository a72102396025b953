/**
 * Who is in sync. A leader proposes a change of the ISR to the controller and acts, until the answer
 * is in, on whichever set is the safer one: the *maximal* ISR holds a joining replica already and a
 * leaving one still. All functions are pure.
 */

import type { FollowerProgress } from './follower-progress.ts'

/** `isr` is the committed one, as written in the state znode. */
export type IsrState =
  | { readonly kind: 'committed'; readonly isr: readonly number[] }
  | { readonly kind: 'pending-expand'; readonly isr: readonly number[]; readonly joining: number }
  | {
      readonly kind: 'pending-shrink'
      readonly isr: readonly number[]
      readonly leaving: readonly number[]
    }

export type PendingIsrState = Exclude<IsrState, { kind: 'committed' }>

/** What the high watermark and the answer to acks=all wait for. */
export function maximalIsr(state: IsrState): readonly number[] {
  return state.kind === 'pending-expand' ? [...state.isr, state.joining] : state.isr
}

/** What the controller is asked to write. */
export function proposedIsr(state: PendingIsrState): number[] {
  return state.kind === 'pending-expand'
    ? [...state.isr, state.joining]
    : state.isr.filter((id) => !state.leaving.includes(id))
}

/** A `min.insync.replicas` above the replication factor counts as the replication factor. */
export function effectiveMinIsr(minInsyncReplicas: number, replicationFactor: number): number {
  return Math.min(minInsyncReplicas, replicationFactor)
}

/** Followers in the ISR that stopped short of the log's end more than `lagTimeMaxMs` ago. */
export function laggingMembers(
  isr: readonly number[],
  followers: readonly FollowerProgress[],
  leaderEndOffset: number,
  nowMs: number,
  lagTimeMaxMs: number,
): number[] {
  return followers
    .filter((follower) => isr.includes(follower.brokerId))
    .filter((follower) => !follower.isCaughtUp(leaderEndOffset, nowMs, lagTimeMaxMs))
    .map((follower) => follower.brokerId)
}

/**
 * A follower may join once it has everything that is committed, and everything up to the start of
 * this leader's epoch: what is below was perhaps committed by an earlier leader, without our
 * high watermark knowing it yet.
 */
export function mayJoinIsr(
  followerEndOffset: number,
  highWatermark: number,
  epochStartOffset: number,
): boolean {
  return followerEndOffset >= highWatermark && followerEndOffset >= epochStartOffset
}
