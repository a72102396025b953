/** I1: a record that was acknowledged by all is never missing. */

import { type Ack, type FetchSeen, keyOf } from '../operations.ts'
import { type Checker, type FinalState, Violation } from './checker.ts'

export class AckedRecords implements Checker {
  readonly #acked = new Map<string, Map<number, string>>()

  onAck(ack: Ack): void {
    const key = keyOf(ack)
    const values = this.#acked.get(key) ?? new Map<number, string>()
    this.#acked.set(key, values)
    const before = values.get(ack.offset)
    if (before !== undefined && before !== ack.value) {
      throw new Violation('I1', `${key}@${ack.offset} acknowledged as ${before} and ${ack.value}`)
    }
    values.set(ack.offset, ack.value)
  }

  /** What lies between the asked offset and the last one that came was skipped if it is not there. */
  onFetch(fetch: FetchSeen): void {
    const key = keyOf(fetch)
    const last = fetch.records.at(-1)
    if (last === undefined) return
    const values = this.#acked.get(key)
    const came = new Map(fetch.records.map(({ offset, value }) => [offset, value]))
    for (let offset = fetch.askedOffset; offset <= last.offset; offset++) {
      const acked = values?.get(offset)
      if (acked !== undefined && came.get(offset) !== acked) {
        const found = came.get(offset) ?? 'nothing'
        throw new Violation('I1', `${key}@${offset} was ${acked}, a consumer found ${found}`)
      }
    }
  }

  atEnd({ served }: FinalState): void {
    for (const [key, values] of this.#acked) {
      const records = new Map(served.get(key)?.map(({ offset, value }) => [offset, value]))
      for (const [offset, value] of values) {
        if (records.get(offset) === value) continue
        const found = records.get(offset) ?? 'nothing'
        throw new Violation('I1', `${key}@${offset} was acknowledged as ${value}, now ${found}`)
      }
    }
  }
}
