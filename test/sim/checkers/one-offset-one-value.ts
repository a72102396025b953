/** I3: an offset has one value, for every consumer and on every replica. */

import { type Ack, type FetchSeen, keyOf } from '../operations.ts'
import { readTinyBatches } from '../tiny-batch.ts'
import { type Checker, type FinalState, Violation } from './checker.ts'

export class OneOffsetOneValue implements Checker {
  readonly #values = new Map<string, Map<number, string>>()

  onAck(ack: Ack): void {
    this.#note(keyOf(ack), ack.offset, ack.value)
  }

  onFetch(fetch: FetchSeen): void {
    for (const { offset, value } of fetch.records) this.#note(keyOf(fetch), offset, value)
  }

  atEnd({ logs }: FinalState): void {
    for (const [key, byBroker] of logs) {
      const replicas = [...byBroker]
      const [first] = replicas
      if (first === undefined) continue
      for (const [brokerId, log] of replicas.slice(1)) {
        if (log.equals(first[1])) continue
        const where = describeDifference(first[1], log)
        throw new Violation('I3', `${key} differs on brokers ${first[0]} and ${brokerId}: ${where}`)
      }
      for (const { offset, value } of readTinyBatches(first[1])) this.#note(key, offset, value)
    }
  }

  #note(key: string, offset: number, value: string): void {
    let values = this.#values.get(key)
    if (values === undefined) {
      values = new Map()
      this.#values.set(key, values)
    }
    const before = values.get(offset)
    if (before !== undefined && before !== value) {
      throw new Violation('I3', `${key}@${offset} is ${before} and ${value}`)
    }
    values.set(offset, value)
  }
}

function describeDifference(a: Buffer, b: Buffer): string {
  const [left, right] = [readTinyBatches(a), readTinyBatches(b)]
  const show = (record: (typeof left)[number] | undefined) =>
    record === undefined
      ? 'the end'
      : `${record.value}@${record.offset} of epoch ${record.leaderEpoch}`
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (show(left[i]) !== show(right[i])) return `${show(left[i])} and ${show(right[i])}`
  }
  return `${a.length} and ${b.length} bytes`
}
