/** How far a partition is committed. Pure. */

import type { FollowerProgress } from './follower-progress.ts'

/**
 * The end of what the leader and everyone it waits for has: the members of `isr` (the maximal one),
 * and those that `canJoin` it soon. Without the latter a replica that is about to join would be out
 * of reach again at every advance. -1 while a member has not fetched from this leader yet.
 */
export function computeHighWatermark(
  leaderEndOffset: number,
  followers: readonly FollowerProgress[],
  isr: readonly number[],
  canJoin: (follower: FollowerProgress) => boolean,
): number {
  let lowest = leaderEndOffset
  for (const follower of followers) {
    if (follower.logEndOffset >= lowest) continue
    if (isr.includes(follower.brokerId) || canJoin(follower)) lowest = follower.logEndOffset
  }
  return lowest
}

/** A follower takes the leader's high watermark as far as its own log reaches; it may go down. */
export function followerHighWatermark(
  leaderHighWatermark: number,
  logStartOffset: number,
  logEndOffset: number,
): number {
  return Math.max(logStartOffset, Math.min(leaderHighWatermark, logEndOffset))
}
