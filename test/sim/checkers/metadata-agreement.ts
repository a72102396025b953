/**
 * I10: after the last fault is over every broker tells its clients what stands in ZooKeeper: who
 * leads in which epoch, who is in sync, who is there. A broker that took old news last would tell
 * them for ever.
 */

import type { ZnodeHistory } from '../history.ts'
import { parseState } from './partition-state.ts'

/** What one broker answered to Metadata. */
export interface MetadataTold {
  readonly brokers: readonly { readonly nodeId: number }[]
  readonly controllerId: number
  readonly topics: readonly {
    readonly name: string | null
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly leaderId: number
      readonly leaderEpoch: number
      readonly isrNodes: readonly number[]
    }[]
  }[]
}

/** What is wrong with it, in words. */
export function metadataComplaints(
  history: ZnodeHistory,
  brokerId: number,
  told: MetadataTold,
): string[] {
  const found: string[] = []
  const compare = (what: string, said: unknown, stored: unknown) => {
    if (String(said) === String(stored)) return
    found.push(`broker ${brokerId} tells ${what} ${said}, it is ${stored}`)
  }
  const registered = history.childrenOf('/brokers/ids').map(Number)
  compare('brokers', sorted(told.brokers.map(({ nodeId }) => nodeId)), sorted(registered))
  const controller = JSON.parse(String(history.data('/controller') ?? '{}')) as object
  compare('controller', told.controllerId, (controller as { brokerid?: number }).brokerid)
  compare(
    'topics',
    told.topics.map(({ name }) => name).sort(),
    history.childrenOf('/brokers/topics').sort(),
  )
  for (const { name, partitions } of told.topics) {
    for (const { partitionIndex, leaderId, leaderEpoch, isrNodes } of partitions) {
      const data = history.data(`/brokers/topics/${name}/partitions/${partitionIndex}/state`)
      if (!data) continue
      const state = parseState(data)
      const what = `${name}-${partitionIndex}`
      compare(`leader of ${what}`, leaderId, state.leader)
      compare(`leader epoch of ${what}`, leaderEpoch, state.leaderEpoch)
      compare(`ISR of ${what}`, sorted(isrNodes), sorted(state.isr))
    }
  }
  return found
}

function sorted(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b)
}
