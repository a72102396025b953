/**
 * I1 before it is too late: whoever joins an ISR may be the leader a moment later. So at the moment
 * of the join its log holds all that was acknowledged, and reaches every high watermark that was
 * told to anybody.
 */

import type { ZnodeChange } from '../history.ts'
import { type Ack, type FetchSeen, keyOf, type Partition } from '../operations.ts'
import { readTinyBatches } from '../tiny-batch.ts'
import { type Checker, Violation } from './checker.ts'
import { parseState, partitionOfStatePath } from './partition-state.ts'

/** The bytes of a replica's log as they are now. */
export type LogOf = (brokerId: number, topic: string, partition: number) => Buffer

export class IsrJoins implements Checker {
  readonly #logOf: LogOf
  readonly #isrs = new Map<string, readonly number[]>()
  readonly #acked = new Map<string, Map<number, string>>()
  readonly #highWatermarks = new Map<string, number>()

  constructor(logOf: LogOf) {
    this.#logOf = logOf
  }

  onAck(ack: Ack): void {
    const key = keyOf(ack)
    const values = this.#acked.get(key) ?? new Map<number, string>()
    this.#acked.set(key, values.set(ack.offset, ack.value))
  }

  onFetch(fetch: FetchSeen): void {
    const key = keyOf(fetch)
    const told = this.#highWatermarks.get(key) ?? 0
    this.#highWatermarks.set(key, Math.max(told, fetch.highWatermark))
  }

  onZnodeChange({ path, data, zxid }: ZnodeChange): void {
    const at = partitionOfStatePath(path)
    if (at === null) return
    const key = keyOf(at)
    if (data === null) {
      this.#isrs.delete(key)
      return
    }
    const { isr } = parseState(data)
    const before = this.#isrs.get(key)
    this.#isrs.set(key, isr)
    if (before === undefined) return
    for (const id of isr) if (!before.includes(id)) this.#check(at, id, `at zxid ${zxid}`)
  }

  #check(at: Partition, brokerId: number, when: string): void {
    const key = keyOf(at)
    const acked = this.#acked.get(key)
    const told = this.#highWatermarks.get(key) ?? 0
    if (acked === undefined && told === 0) return
    const records = readTinyBatches(this.#logOf(brokerId, at.topic, at.partition))
    const fail = (what: string) => {
      throw new Violation('I1', `broker ${brokerId} joins the ISR of ${key} ${when}: ${what}`)
    }
    const end = (records.at(-1)?.offset ?? -1) + 1
    if (end < told) fail(`its log ends at ${end}, the high watermark was ${told}`)
    const values = new Map(records.map(({ offset, value }) => [offset, value]))
    for (const [offset, value] of acked ?? []) {
      const found = values.get(offset) ?? 'nothing'
      if (found !== value) fail(`${value} was acknowledged at ${offset}, there it has ${found}`)
    }
  }
}
