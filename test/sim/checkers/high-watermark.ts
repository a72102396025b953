/**
 * I5: consumers see only what stays. Nothing is served from the high watermark on, what was read is
 * there at the end, and within a leader epoch the high watermark that a leader tells never goes back.
 */

import type { ZnodeChange } from '../history.ts'
import { type FetchSeen, keyOf } from '../operations.ts'
import { type Checker, type FinalState, Violation } from './checker.ts'
import { parseState, partitionOfStatePath, type StateZnode } from './partition-state.ts'

export class HighWatermark implements Checker {
  readonly #states = new Map<string, StateZnode>()
  readonly #read = new Map<string, Map<number, string>>()
  readonly #told = new Map<string, { leaderEpoch: number; highWatermark: number }>()

  /** Partitions whose epoch has changed while a fetch may have been under way. */
  readonly #moved = new Set<string>()

  onZnodeChange({ path, data, kind }: ZnodeChange): void {
    const registered = kind === 'created' ? /^\/brokers\/ids\/(\d+)$/.exec(path)?.[1] : undefined
    if (registered !== undefined) this.#onRegistration(Number(registered))
    const partition = partitionOfStatePath(path)
    if (partition === null || data === null) return
    const key = keyOf(partition)
    const state = parseState(data)
    if (this.#states.get(key)?.leaderEpoch !== state.leaderEpoch) this.#moved.add(key)
    this.#states.set(key, state)
  }

  /** A leader that was restarted begins with the high watermark of its last checkpoint. */
  #onRegistration(brokerId: number): void {
    for (const [key, { leader }] of this.#states) {
      if (leader !== brokerId) continue
      this.#told.delete(key)
      this.#moved.add(key)
    }
  }

  onFetch(fetch: FetchSeen): void {
    const key = keyOf(fetch)
    const { highWatermark } = fetch
    const read = this.#read.get(key) ?? new Map<number, string>()
    this.#read.set(key, read)
    for (const { offset, value } of fetch.records) {
      if (offset >= highWatermark) {
        throw new Violation('I5', `${key}@${offset} served above high watermark ${highWatermark}`)
      }
      read.set(offset, value)
    }
    if (this.#moved.delete(key)) return
    const state = this.#states.get(key)
    // A deposed leader may still answer; its epoch is not known then.
    if (state === undefined || state.leader !== fetch.brokerId) return
    const { leaderEpoch } = state
    const before = this.#told.get(key)
    if (before?.leaderEpoch === leaderEpoch && highWatermark < before.highWatermark) {
      const epoch = `in leader epoch ${leaderEpoch}`
      throw new Violation(
        'I5',
        `${key}: high watermark ${highWatermark} after ${before.highWatermark} ${epoch}`,
      )
    }
    this.#told.set(key, { leaderEpoch, highWatermark })
  }

  atEnd({ served }: FinalState): void {
    for (const [key, read] of this.#read) {
      const records = new Map(served.get(key)?.map(({ offset, value }) => [offset, value]))
      for (const [offset, value] of read) {
        if (records.get(offset) === value) continue
        const found = records.get(offset) ?? 'nothing'
        throw new Violation('I5', `${key}@${offset} was read as ${value}, now ${found}`)
      }
    }
  }
}
