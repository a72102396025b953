/**
 * Virtual time. Events run one after the other in the order of their time, ties in the order in
 * which they were planned; after each, all promises settle before the next one runs. So a run is a
 * function of its seed.
 */

interface PlannedEvent {
  readonly dueMs: number
  readonly order: number
  run: (() => void) | null
}

/** More than any run needs: somebody spins without waiting. */
const MAX_EVENTS = 5_000_000

export class SimWorld {
  readonly wallStartMs = 1_700_000_000_000
  readonly #heap: PlannedEvent[] = []
  /** Called after every event, when its promises have settled. */
  readonly #observers: (() => void)[] = []
  #nowMs = 0
  #order = 0
  #eventCount = 0
  #failure: Error | null = null

  get nowMs(): number {
    return this.#nowMs
  }

  get eventCount(): number {
    return this.#eventCount
  }

  /** The returned function cancels. */
  plan(delayMs: number, run: () => void): () => void {
    const dueMs = this.#nowMs + Math.max(0, delayMs)
    const event: PlannedEvent = { dueMs, order: this.#order++, run }
    this.#push(event)
    return () => {
      event.run = null
    }
  }

  observe(observer: () => void): void {
    this.#observers.push(observer)
  }

  /** Ends the run at the next opportunity. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  async runFor(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await this.#runWhile((next) => next.dueMs <= untilMs)
    this.#nowMs = untilMs
  }

  /** False when the condition did not become true within `timeoutMs`. */
  async runUntil(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + timeoutMs
    await this.#runWhile((next) => next.dueMs <= untilMs && !condition())
    return condition()
  }

  /** Runs until the promise is settled; rejects when that takes more than `timeoutMs`. */
  async settle<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
    let isSettled = false
    const mark = () => {
      isSettled = true
    }
    promise.then(mark, mark)
    if (!(await this.runUntil(() => isSettled, timeoutMs))) {
      throw new Error(`${what} has not ended within ${timeoutMs} ms of virtual time`)
    }
    return promise
  }

  async #runWhile(wanted: (next: PlannedEvent) => boolean): Promise<void> {
    await settlePromises()
    for (let next = this.#heap[0]; next !== undefined && wanted(next); next = this.#heap[0]) {
      this.#pop()
      const { run } = next
      if (run === null) continue
      this.#nowMs = next.dueMs
      this.#eventCount += 1
      run()
      await settlePromises()
      for (const observer of this.#observers) observer()
      if (this.#eventCount > MAX_EVENTS) throw new Error(`${MAX_EVENTS} events: it runs in circles`)
      if (this.#failure !== null) throw this.#failure
    }
  }

  #push(event: PlannedEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as PlannedEvent
      if (isBefore(parent, event)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as PlannedEvent
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, heap[below] as PlannedEvent)) below += 1
      const child = heap[below] as PlannedEvent
      if (isBefore(last, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

function isBefore(a: PlannedEvent, b: PlannedEvent): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}

/** An immediate fires only when no promise reaction is left. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
