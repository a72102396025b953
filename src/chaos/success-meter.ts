/**
 * When the requests to one partition succeeded: the longest time without a success of all, and counts
 * and the longest such time of each span that is reported.
 */
import type { Clock } from '../base/ports.ts'

export interface MeterSpan {
  readonly succeeded: number
  readonly failed: number
  /** Wall clock of the last success, 0 before the first. */
  readonly lastAtMs: number
  /** Of the gaps that a success ended in this span. */
  readonly longestGapMs: number
  /** Wall clock; 0 when no gap ended. */
  readonly longestGapEndedAtMs: number
}

const NOTHING = { succeeded: 0, failed: 0, longestGapMs: 0, longestGapEndedAtMs: 0 }

export class SuccessMeter {
  readonly #clock: Clock
  #lastMs: number
  #lastAtMs = 0
  #longestMs = 0
  #isFailing = false
  #span: Omit<MeterSpan, 'lastAtMs'> = NOTHING

  /** The first gap begins now. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#lastMs = clock.monotonicMs()
  }

  /** Nothing has succeeded since a failure. */
  get isFailing(): boolean {
    return this.#isFailing
  }

  succeed(): void {
    const nowMs = this.#clock.monotonicMs()
    const gapMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    this.#lastAtMs = this.#clock.wallMs()
    this.#longestMs = Math.max(this.#longestMs, gapMs)
    this.#isFailing = false
    const { succeeded, longestGapMs, longestGapEndedAtMs } = this.#span
    const isLongest = gapMs >= longestGapMs
    this.#span = {
      ...this.#span,
      succeeded: succeeded + 1,
      longestGapMs: isLongest ? gapMs : longestGapMs,
      longestGapEndedAtMs: isLongest ? this.#lastAtMs : longestGapEndedAtMs,
    }
  }

  fail(): void {
    this.#isFailing = true
    this.#span = { ...this.#span, failed: this.#span.failed + 1 }
  }

  /** With the gap that is still open at `nowMs`, of a clock that never goes back. */
  longestMs(nowMs: number): number {
    return Math.max(this.#longestMs, nowMs - this.#lastMs)
  }

  /** What was since the last call. */
  takeSpan(): MeterSpan {
    const span = { ...this.#span, lastAtMs: this.#lastAtMs }
    this.#span = NOTHING
    return span
  }
}
