import type { Clock } from '../../src/base/ports.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
}

/** A clock that moves only when told. Timers fire in due order, ties in the order they were set. */
export class FakeClock implements Clock {
  /** Timers know whole milliseconds only, as those of Node, and so come up to two early. */
  isCoarse = false
  #nowMs = 0
  #order = 0
  readonly #wallStartMs: number
  #timers: Timer[] = []

  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallStartMs = wallStartMs
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = {
      dueMs: this.isCoarse
        ? Math.floor(this.#nowMs) + Math.max(1, Math.trunc(delayMs))
        : this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      callback,
    }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get pendingTimers(): number {
    return this.#timers.length
  }

  /** Moves time forward and fires what falls due, without letting promises run in between. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let next = this.#takeDue(untilMs); next !== undefined; next = this.#takeDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
    }
    this.#nowMs = untilMs
  }

  /** Like `advance`, but lets pending promises settle before, between and after the timers. */
  async advanceAsync(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await settlePromises()
    for (let next = this.#takeDue(untilMs); next !== undefined; next = this.#takeDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
      await settlePromises()
    }
    this.#nowMs = untilMs
    await settlePromises()
  }

  #takeDue(untilMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      ) {
        first = timer
      }
    }
    if (first !== undefined) this.#timers = this.#timers.filter((timer) => timer !== first)
    return first
  }
}

/** Runs until no promise reaction is left: an immediate fires only when the microtasks are done. */
export async function settlePromises(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
