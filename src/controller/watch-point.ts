/**
 * One watched path: at most one watch is armed at a time, however often the path is read, so one
 * change makes one event. Arm by reading, look again when told (control-plane behaviour, 1.1).
 */

import type { ZkWatcher } from '../zk/zk-client.ts'

export class WatchPoint {
  readonly #onEvent: ZkWatcher
  #isArmed = false
  #isStopped = false

  constructor(onEvent: ZkWatcher) {
    this.#onEvent = onEvent
  }

  /** `read` gets the watcher, or undefined when one is armed already. */
  async arm<T>(read: (watcher: ZkWatcher | undefined) => Promise<T>): Promise<T> {
    if (this.#isArmed) return read(undefined)
    this.#isArmed = true
    try {
      return await read((event) => {
        this.#isArmed = false
        if (!this.#isStopped) this.#onEvent(event)
      })
    } catch (error) {
      // A read that failed, also one that found no node, left no watch behind.
      this.#isArmed = false
      throw error
    }
  }

  /** A watch that still fires is ignored. */
  stop(): void {
    this.#isStopped = true
  }
}
