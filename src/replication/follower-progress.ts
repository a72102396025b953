/**
 * What a leader knows of one follower, from its fetches. A follower that never reads to the very end
 * of a busy log is still caught up when each fetch begins where the log ended at the fetch before.
 */

const NEVER_MS = Number.NEGATIVE_INFINITY

export class FollowerProgress {
  readonly brokerId: number
  /** A member of the committed ISR. Kept by the partition. */
  isInIsr = false
  /** -1 until its first fetch from this leader. */
  logEndOffset = -1
  logStartOffset = -1
  /** When the controller refused to take it into the ISR, until it is proposed again. */
  refusedAtMs = NEVER_MS
  /** Last moment at which it had all that the leader had then. */
  lastCaughtUpMs = NEVER_MS
  #lastFetchMs = NEVER_MS
  #leaderEndOffsetAtLastFetch = -1

  constructor(brokerId: number) {
    this.brokerId = brokerId
  }

  /** On a fetch that does not diverge. `leaderEndOffset` as it was when the fetch was read. */
  recordFetch(
    fetchOffset: number,
    logStartOffset: number,
    leaderEndOffset: number,
    nowMs: number,
  ): void {
    if (fetchOffset >= leaderEndOffset) {
      this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, nowMs)
    } else if (fetchOffset >= this.#leaderEndOffsetAtLastFetch) {
      this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, this.#lastFetchMs)
    }
    this.logEndOffset = fetchOffset
    this.logStartOffset = logStartOffset
    this.#leaderEndOffsetAtLastFetch = Math.max(this.#leaderEndOffsetAtLastFetch, leaderEndOffset)
    this.#lastFetchMs = nowMs
  }

  get isRefused(): boolean {
    return this.refusedAtMs !== NEVER_MS
  }

  /** It is proposed for the ISR. */
  forgetRefusal(): void {
    this.refusedAtMs = NEVER_MS
  }

  /** It has had everything up to `endOffset` since, and fetched last at `fetchMs`. */
  recordStillCaughtUp(endOffset: number, fetchMs: number): void {
    // A session that the follower has left behind knows nothing.
    if (this.logEndOffset !== endOffset) return
    this.lastCaughtUpMs = Math.max(this.lastCaughtUpMs, fetchMs)
    this.#lastFetchMs = Math.max(this.#lastFetchMs, fetchMs)
    this.#leaderEndOffsetAtLastFetch = Math.max(this.#leaderEndOffsetAtLastFetch, endOffset)
  }

  /** This broker has become the leader: nothing is known, members of the ISR get the benefit. */
  resetForNewLeader(nowMs: number): void {
    this.logEndOffset = -1
    this.logStartOffset = -1
    this.refusedAtMs = NEVER_MS
    this.lastCaughtUpMs = this.isInIsr ? nowMs : NEVER_MS
    this.#lastFetchMs = NEVER_MS
    this.#leaderEndOffsetAtLastFetch = -1
  }

  /** The same leader in a new epoch: the offsets still hold. */
  resetForNewEpoch(leaderEndOffset: number, nowMs: number): void {
    this.lastCaughtUpMs = this.isInIsr ? nowMs : NEVER_MS
    this.#lastFetchMs = this.lastCaughtUpMs
    this.#leaderEndOffsetAtLastFetch = leaderEndOffset
  }

  isCaughtUp(leaderEndOffset: number, nowMs: number, lagTimeMaxMs: number): boolean {
    return this.logEndOffset === leaderEndOffset || nowMs - this.lastCaughtUpMs <= lagTimeMaxMs
  }
}
