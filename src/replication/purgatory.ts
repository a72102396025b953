/**
 * Deadlines of requests that wait. A wheel of slots, each `TICK_MS` wide: adding and removing cost
 * the same however many wait, and one timer serves all. It is set to the next slot in use, so a
 * broker at rest does not tick. An expiry comes up to two ticks late, never early.
 */

import type { Clock } from '../base/ports.ts'

const TICK_MS = 10
const SLOTS = 1024

/** What the wheel needs of something that waits; it is in at most one wheel. */
export interface Expiring {
  /** These three belong to the wheel; -1 and null outside. */
  deadlineTick: number
  previousInSlot: Expiring | null
  nextInSlot: Expiring | null
  onExpired(): void
}

export class Purgatory {
  readonly #clock: Clock
  readonly #slots: (Expiring | null)[] = new Array(SLOTS).fill(null)
  #count = 0
  /** Everything due at or before this tick has been handled. */
  #handledTick: number
  /** Tick for which the timer is set; Infinity without one. */
  #armedTick = Number.POSITIVE_INFINITY
  #cancelTimer: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#handledTick = this.#tickNow()
  }

  get count(): number {
    return this.#count
  }

  add(item: Expiring, delayMs: number): void {
    if (this.#count === 0) this.#handledTick = this.#tickNow()
    const deadlineMs = this.#clock.monotonicMs() + delayMs
    const tick = Math.max(Math.ceil(deadlineMs / TICK_MS), this.#handledTick + 1)
    const slot = tick % SLOTS
    const next = this.#slots[slot] ?? null
    item.deadlineTick = tick
    item.previousInSlot = null
    item.nextInSlot = next
    if (next !== null) next.previousInSlot = item
    this.#slots[slot] = item
    this.#count += 1
    if (tick < this.#armedTick) this.#arm(tick)
  }

  /** No effect on something that is not in the wheel. */
  remove(item: Expiring): void {
    if (item.deadlineTick < 0) return
    const { previousInSlot, nextInSlot } = item
    if (previousInSlot === null) this.#slots[item.deadlineTick % SLOTS] = nextInSlot
    else previousInSlot.nextInSlot = nextInSlot
    if (nextInSlot !== null) nextInSlot.previousInSlot = previousInSlot
    item.deadlineTick = -1
    item.previousInSlot = null
    item.nextInSlot = null
    this.#count -= 1
  }

  /** Forgets the timer; what waits is the owner's to answer. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#armedTick = Number.POSITIVE_INFINITY
  }

  #onTimer(): void {
    this.#cancelTimer = null
    this.#armedTick = Number.POSITIVE_INFINITY
    const now = this.#tickNow()
    const first = Math.max(this.#handledTick + 1, now - SLOTS + 1)
    this.#handledTick = now
    const due: Expiring[] = []
    for (let tick = first; tick <= now; tick++) this.#collectDue(tick % SLOTS, now, due)
    for (const item of due) {
      // One that expires may have ended another.
      if (item.deadlineTick < 0) continue
      this.remove(item)
      item.onExpired()
    }
    this.#armNext()
  }

  #collectDue(slot: number, now: number, due: Expiring[]): void {
    for (let item = this.#slots[slot] ?? null; item !== null; item = item.nextInSlot) {
      if (item.deadlineTick <= now) due.push(item)
    }
  }

  #armNext(): void {
    if (this.#count === 0) return
    for (let tick = this.#handledTick + 1; tick <= this.#handledTick + SLOTS; tick++) {
      if (this.#slots[tick % SLOTS] === null) continue
      // A later round of the same slot only costs a look.
      if (tick < this.#armedTick) this.#arm(tick)
      return
    }
  }

  #arm(tick: number): void {
    this.#cancelTimer?.()
    this.#armedTick = tick
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.monotonicMs())
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#onTimer())
  }

  /** The last tick whose time has come. */
  #tickNow(): number {
    return Math.floor(this.#clock.monotonicMs() / TICK_MS)
  }
}
