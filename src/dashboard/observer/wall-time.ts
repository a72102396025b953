/** The wall clock with fractions of a millisecond, which tell apart what one event loop turn saw. */
import type { Clock } from '../../base/ports.ts'

export class WallTime {
  readonly #clock: Clock
  #offsetMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.wallMs() - clock.monotonicMs()
  }

  /** Within the millisecond that the wall clock shows; follows it when it is set. */
  now(): number {
    const wallMs = this.#clock.wallMs()
    const monotonicMs = this.#clock.monotonicMs()
    const precise = this.#offsetMs + monotonicMs
    if (precise >= wallMs && precise < wallMs + 1) return precise
    const corrected = precise < wallMs ? wallMs : wallMs + 0.999
    this.#offsetMs = corrected - monotonicMs
    return corrected
  }
}
