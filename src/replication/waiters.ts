/**
 * Who waits at a partition. Produce waiters stand in a line by the offset they need, so an advance of
 * the high watermark looks at nobody but those it serves. Fetch watchers are told of every event.
 * Both leave in constant time.
 */

/** One partition of an acks=all append that waits for the high watermark. */
export interface ProduceWaiter {
  /** Satisfied once the high watermark is here or beyond. */
  readonly requiredOffset: number
  previous: ProduceWaiter | null
  next: ProduceWaiter | null
  isWaiting: boolean
}

export class ProduceWaiters<W extends ProduceWaiter = ProduceWaiter> {
  #first: W | null = null
  #last: W | null = null
  #count = 0

  get count(): number {
    return this.#count
  }

  add(waiter: W): void {
    // Appends come in order; only the answer to a duplicate waits for an earlier offset.
    let after = this.#last
    while (after !== null && after.requiredOffset > waiter.requiredOffset) {
      after = after.previous as W | null
    }
    const before = (after === null ? this.#first : after.next) as W | null
    waiter.previous = after
    waiter.next = before
    if (after === null) this.#first = waiter
    else after.next = waiter
    if (before === null) this.#last = waiter
    else before.previous = waiter
    waiter.isWaiting = true
    this.#count += 1
  }

  remove(waiter: W): void {
    if (!waiter.isWaiting) return
    const { previous, next } = waiter
    if (previous === null) this.#first = next as W | null
    else previous.next = next
    if (next === null) this.#last = previous as W | null
    else next.previous = previous
    waiter.previous = null
    waiter.next = null
    waiter.isWaiting = false
    this.#count -= 1
  }

  /** Takes out the first one when `highWatermark` satisfies it. */
  takeSatisfied(highWatermark: number): W | null {
    const first = this.#first
    if (first === null || first.requiredOffset > highWatermark) return null
    this.remove(first)
    return first
  }
}

export interface FetchWatcher {
  /** Place in the list of its partition, -1 when it watches none. Kept by `FetchWatchers`. */
  watchIndex: number
  onLogEnd(bytes: number): void
  onHighWatermark(): void
  onLogStart(): void
  onRole(): void
}

export class FetchWatchers {
  /** In no order; must not change while events are told. */
  readonly list: FetchWatcher[] = []

  add(watcher: FetchWatcher): void {
    watcher.watchIndex = this.list.length
    this.list.push(watcher)
  }

  remove(watcher: FetchWatcher): void {
    const at = watcher.watchIndex
    const last = this.list.pop()
    if (last !== undefined && last !== watcher) {
      this.list[at] = last
      last.watchIndex = at
    }
    watcher.watchIndex = -1
  }
}
