/**
 * I10: after the last fault is over every partition has a leader and its full ISR again, what was to
 * be deleted is gone, and what was to move has moved.
 */

import type { ZnodeHistory } from '../history.ts'
import { parseState } from './partition-state.ts'

interface TopicZnode {
  readonly partitions: Readonly<Record<string, readonly number[]>>
  readonly adding_replicas?: object
  readonly removing_replicas?: object
}

/** What is still wrong, in words; empty when all is well. */
export function complaints(
  history: ZnodeHistory,
  topics: Iterable<string>,
  brokerIds: readonly number[],
): string[] {
  const found: string[] = []
  for (const id of brokerIds) {
    if (history.data(`/brokers/ids/${id}`) === undefined) found.push(`broker ${id} not registered`)
  }
  if (history.data('/controller') === undefined) found.push('no controller')
  const expected = new Set(topics)
  for (const topic of expected) found.push(...topicComplaints(history, topic, brokerIds))
  for (const topic of history.childrenOf('/admin/delete_topics')) {
    found.push(`${topic} is still to be deleted`)
  }
  if (history.data('/admin/reassign_partitions') !== undefined) {
    found.push('a reassignment is still asked for')
  }
  return found
}

/** For topics that nobody expects any more. */
export function leftovers(history: ZnodeHistory, topics: Iterable<string>): string[] {
  const expected = new Set(topics)
  return history
    .childrenOf('/brokers/topics')
    .filter((topic) => !expected.has(topic))
    .map((topic) => `${topic} is still there`)
}

function topicComplaints(
  history: ZnodeHistory,
  topic: string,
  brokerIds: readonly number[],
): string[] {
  const path = `/brokers/topics/${topic}`
  const data = history.data(path)
  if (!data) return [`${topic} does not exist`]
  const { partitions, ...moving } = JSON.parse(String(data)) as TopicZnode
  const found: string[] = []
  const isMoving = [moving.adding_replicas, moving.removing_replicas].some(
    (each) => Object.keys(each ?? {}).length > 0,
  )
  if (isMoving) found.push(`${topic} is still being reassigned`)
  for (const [partition, replicas] of Object.entries(partitions)) {
    const name = `${topic}-${partition}`
    const state = history.data(`${path}/partitions/${partition}/state`)
    if (!state) {
      found.push(`${name} has no state`)
      continue
    }
    const { leader, isr } = parseState(state)
    if (leader < 0) found.push(`${name} has no leader`)
    else if (!brokerIds.includes(leader)) found.push(`${name} is led by ${leader}, who is away`)
    const missing = replicas.filter((id) => !isr.includes(id))
    if (missing.length > 0) found.push(`${name}: ${missing} not in ISR [${isr}]`)
    const strange = isr.filter((id) => !replicas.includes(id))
    if (strange.length > 0) found.push(`${name}: ${strange} no replica, but in ISR [${isr}]`)
  }
  return found
}
