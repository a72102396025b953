/** What is done later, once or again and again, until all of it is called off. */
import type { Clock } from './ports.ts'

export class Timers {
  readonly #clock: Clock
  readonly #cancels = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  after(delayMs: number, action: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(cancel)
      action()
    })
    this.#cancels.add(cancel)
  }

  /** An interval that no number can hold is never over. */
  every(firstMs: number, intervalMs: number, action: () => void): void {
    if (intervalMs >= Number.MAX_SAFE_INTEGER) return
    this.after(firstMs, () => {
      action()
      this.every(intervalMs, intervalMs, action)
    })
  }

  cancelAll(): void {
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }
}
