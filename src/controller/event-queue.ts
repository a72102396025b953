/**
 * The one queue through which every change of the controller goes: first in, first out, one event
 * at a time with all its awaits. Each event is consumed exactly once: processed, or preempted when
 * the session expired or the broker stops (Kafka's `ControllerEventManager`).
 */

import type { ControllerActivity } from './controller-stats.ts'

export interface ControllerEvent {
  /** For the log. */
  readonly name: string
  readonly activity: ControllerActivity
  process(): Promise<void>
  /** Called in place of `process` when the queue is cleared. */
  preempt?(): void
}

interface Queued {
  readonly event: ControllerEvent
  readonly queuedMs: number
  readonly onDone: () => void
}

export class EventQueue {
  readonly #run: (event: ControllerEvent, waitedMs: number) => Promise<void>
  readonly #nowMs: () => number
  #waiting: Queued[] = []
  #isRunning = false
  #isClosed = false

  /** `run` processes one event and never rejects; it is told how long the event has waited. */
  constructor(
    run: (event: ControllerEvent, waitedMs: number) => Promise<void>,
    nowMs: () => number,
  ) {
    this.#run = run
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#waiting.length
  }

  /** Resolves when the event was processed or preempted. */
  put(event: ControllerEvent): Promise<void> {
    if (this.#isClosed) {
      event.preempt?.()
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#waiting.push({ event, queuedMs: this.#nowMs(), onDone: resolve })
      if (!this.#isRunning) void this.#drain()
    })
  }

  /** Preempts everything that waits, then queues the event behind the one in progress. */
  clearAndPut(event: ControllerEvent): Promise<void> {
    this.#preemptAll()
    return this.put(event)
  }

  /** Preempts what waits, and everything that comes from now on. */
  close(): void {
    this.#isClosed = true
    this.#preemptAll()
  }

  #preemptAll(): void {
    const preempted = this.#waiting
    this.#waiting = []
    for (const { event, onDone } of preempted) {
      event.preempt?.()
      onDone()
    }
  }

  async #drain(): Promise<void> {
    this.#isRunning = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#run(next.event, this.#nowMs() - next.queuedMs)
      next.onDone()
    }
    this.#isRunning = false
  }
}
