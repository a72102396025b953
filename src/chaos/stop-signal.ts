/** Ends the pauses of background loops when they shall stop. */
import type { Clock } from '../base/ports.ts'

export class StopSignal {
  readonly #clock: Clock
  readonly #wakers = new Set<() => void>()
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  stop(): void {
    this.#isStopped = true
    for (const wake of [...this.#wakers]) wake()
  }

  /** Resolves after the time, or when stopped; at once when that has been. */
  sleep(delayMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const cancel = this.#clock.after(delayMs, wake)
      this.#wakers.add(wake)
    })
  }
}
