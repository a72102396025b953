/** Where a follower cuts its log so that it continues the leader's (KIP-101, KIP-279). Pure. */

import type { EpochEnd } from './replica-log.ts'

export interface TruncationInput {
  /** The leader's answer: its last epoch at or below the one asked for, and where that ends. */
  readonly leaderEnd: EpochEnd
  /** Where this follower has that same epoch end; its last one at or below. */
  readonly localEnd: EpochEnd
  readonly logEndOffset: number
  /** Where to go when the leader knows nothing. */
  readonly highWatermark: number
}

/**
 * When the follower lacks the leader's epoch, the cut is at the end of the one below and the search
 * goes on: the next fetch names that one.
 */
export function truncationTarget(input: TruncationInput): number {
  const { leaderEnd, localEnd, logEndOffset, highWatermark } = input
  if (leaderEnd.endOffset < 0) return Math.min(highWatermark, logEndOffset)
  if (leaderEnd.epoch < 0 || localEnd.endOffset < 0) {
    return Math.min(leaderEnd.endOffset, logEndOffset)
  }
  if (localEnd.epoch !== leaderEnd.epoch) return Math.min(localEnd.endOffset, logEndOffset)
  return Math.min(localEnd.endOffset, leaderEnd.endOffset, logEndOffset)
}
