/** I10: after the last fault is over every partition has a leader and its full ISR again. */

import type { ZnodeHistory } from '../history.ts'
import { keyOf, type Partition } from '../operations.ts'
import { parseState } from './partition-state.ts'

/** What is still wrong, in words; empty when all is well. */
export function complaints(
  history: ZnodeHistory,
  partitions: readonly Partition[],
  brokerIds: readonly number[],
): string[] {
  const found: string[] = []
  for (const id of brokerIds) {
    if (history.data(`/brokers/ids/${id}`) === undefined) found.push(`broker ${id} not registered`)
  }
  if (history.data('/controller') === undefined) found.push('no controller')
  for (const at of partitions) {
    const path = `/brokers/topics/${at.topic}`
    const topic = history.data(path)
    const state = history.data(`${path}/partitions/${at.partition}/state`)
    if (!topic || !state) {
      found.push(`${keyOf(at)} has no state`)
      continue
    }
    const { leader, isr } = parseState(state)
    const { partitions: assigned } = JSON.parse(String(topic)) as {
      partitions: Record<string, number[]>
    }
    const replicas = assigned[String(at.partition)] ?? []
    if (leader < 0) found.push(`${keyOf(at)} has no leader`)
    const missing = replicas.filter((id) => !isr.includes(id))
    if (missing.length > 0) found.push(`${keyOf(at)}: ${missing} not in ISR [${isr}]`)
  }
  return found
}
