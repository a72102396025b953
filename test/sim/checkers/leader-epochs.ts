/** I6: a new leader has a larger epoch; epochs never go back, in znodes and along the log. */

import type { ZnodeChange } from '../history.ts'
import { keyOf } from '../operations.ts'
import { readTinyBatches } from '../tiny-batch.ts'
import { type Checker, type FinalState, Violation } from './checker.ts'
import { parseState, partitionOfStatePath, type StateZnode } from './partition-state.ts'

export class LeaderEpochs implements Checker {
  readonly #states = new Map<string, StateZnode>()

  onZnodeChange({ path, data, kind, zxid }: ZnodeChange): void {
    const partition = partitionOfStatePath(path)
    if (partition === null) return
    const key = keyOf(partition)
    if (kind === 'deleted') {
      this.#states.delete(key)
      return
    }
    const state = parseState(data)
    const before = this.#states.get(key)
    this.#states.set(key, state)
    if (before === undefined) return
    const change = `${show(before)} -> ${show(state)} at zxid ${zxid}`
    if (state.leaderEpoch < before.leaderEpoch) {
      throw new Violation('I6', `${key}: leader epoch goes back: ${change}`)
    }
    if (state.leader !== before.leader && state.leaderEpoch === before.leaderEpoch) {
      throw new Violation('I6', `${key}: another leader in the same epoch: ${change}`)
    }
  }

  atEnd({ logs }: FinalState): void {
    for (const [key, byBroker] of logs) {
      for (const [brokerId, log] of byBroker) {
        let epoch = -1
        let next = -1
        for (const record of readTinyBatches(log)) {
          const at = `${key}@${record.offset} on broker ${brokerId}`
          if (record.leaderEpoch < epoch) {
            throw new Violation('I6', `${at}: epoch ${record.leaderEpoch} after ${epoch}`)
          }
          if (next >= 0 && record.offset !== next) {
            throw new Violation('I6', `${at}: expected offset ${next}`)
          }
          epoch = record.leaderEpoch
          next = record.offset + 1
        }
        const known = this.#states.get(key)?.leaderEpoch ?? -1
        if (epoch > known) {
          throw new Violation('I6', `${key} on broker ${brokerId}: epoch ${epoch}, known ${known}`)
        }
      }
    }
  }
}

function show({ leader, leaderEpoch, isr }: StateZnode): string {
  return `leader ${leader} epoch ${leaderEpoch} isr [${isr}]`
}
