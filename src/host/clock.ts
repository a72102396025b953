/** Real time. */
import type { Clock } from '../base/ports.ts'

/** Longer delays overflow the timer of the runtime, which would then fire at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    // Node cuts fractions off, and would call back too early.
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), LONGEST_TIMER_MS))
    return () => clearTimeout(timer)
  },
}
