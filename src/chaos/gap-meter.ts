/** Times between acknowledgements: the longest of all, and the longest of each span that is reported. */

export class GapMeter {
  #lastAckMs: number
  #longestMs = 0
  #longestOfSpanMs = 0

  /** The first gap begins here. Times are of a clock that never goes back. */
  constructor(startMs: number) {
    this.#lastAckMs = startMs
  }

  ack(nowMs: number): void {
    const gapMs = nowMs - this.#lastAckMs
    this.#lastAckMs = nowMs
    this.#longestMs = Math.max(this.#longestMs, gapMs)
    this.#longestOfSpanMs = Math.max(this.#longestOfSpanMs, gapMs)
  }

  /** With the gap that is still open at `nowMs`. */
  longestMs(nowMs: number): number {
    return Math.max(this.#longestMs, nowMs - this.#lastAckMs)
  }

  /** Of gaps that ended since the last call. */
  takeLongestOfSpanMs(): number {
    const longestMs = this.#longestOfSpanMs
    this.#longestOfSpanMs = 0
    return longestMs
  }
}
