/**
 * I8: a leader is in its ISR, the ISR among the replicas, and versions count every change. A write
 * that changes nothing was made blindly: whoever expects a version finds out that it is done already.
 */

import type { ZnodeChange } from '../history.ts'
import { type Checker, Violation } from './checker.ts'
import { parseState, partitionOfStatePath } from './partition-state.ts'

const TOPIC_PATH = /^\/brokers\/topics\/([^/]+)$/

export class ZnodeShapes implements Checker {
  readonly #replicas = new Map<string, Readonly<Record<string, readonly number[]>>>()
  readonly #versions = new Map<string, number>()
  readonly #contents = new Map<string, string>()

  onZnodeChange({ path, data, kind, version, zxid }: ZnodeChange): void {
    const topic = TOPIC_PATH.exec(path)?.[1]
    if (topic !== undefined && data !== null) {
      this.#replicas.set(topic, (JSON.parse(String(data)) as { partitions: never }).partitions)
      return
    }
    const at = partitionOfStatePath(path)
    if (at === null) return
    if (kind === 'deleted') {
      this.#versions.delete(path)
      this.#contents.delete(path)
      return
    }
    const { leader, leaderEpoch, isr, controllerEpoch } = parseState(data)
    const fail = (what: string) => {
      throw new Violation('I8', `${path} at zxid ${zxid}: ${what} in ${String(data)}`)
    }
    for (const value of [leader, leaderEpoch, controllerEpoch, ...isr]) {
      if (!Number.isInteger(value)) fail(`${value} is no integer`)
    }
    if (leader !== -1 && !isr.includes(leader)) fail('the leader is not in the ISR')
    if (isr.length === 0) fail('the ISR is empty')
    if (new Set(isr).size !== isr.length) fail('a member is twice in the ISR')
    const replicas = this.#replicas.get(at.topic)?.[String(at.partition)] ?? []
    if (!isr.every((id) => replicas.includes(id))) fail(`the ISR is not within [${replicas}]`)
    const expected = (this.#versions.get(path) ?? -1) + 1
    if (version !== expected) fail(`version ${version}, expected ${expected}`)
    this.#versions.set(path, version)
    if (this.#contents.get(path) === String(data)) fail('written again, with nothing changed')
    this.#contents.set(path, String(data))
  }
}
