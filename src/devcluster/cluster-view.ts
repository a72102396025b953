/** What a test asks of a cluster: who leads what, who is in sync. */
import type { ClusterClient, ClusterMetadata, PartitionMetadata } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'

export interface PartitionView {
  /** -1 when it has none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
}

export interface ClusterView {
  readonly controllerId: number
  readonly brokerIds: readonly number[]
  /** Null when there is no such partition. */
  partition(topic: string, partition: number): PartitionView | null
  /** Every partition has a leader and all its replicas in sync. */
  readonly isFullyInSync: boolean
}

const POLL_MS = 20

/** Waits until a view satisfies a condition. */
export async function untilView(
  client: ClusterClient,
  condition: (view: ClusterView) => boolean,
  timeoutMs: number,
): Promise<ClusterView> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs
  for (;;) {
    const view = makeView(await client.metadata(null))
    if (condition(view)) return view
    if (systemClock.monotonicMs() > deadlineMs) {
      throw new Error(`the condition was not met within ${timeoutMs} ms: ${JSON.stringify(view)}`)
    }
    await new Promise<void>((resolve) => systemClock.after(POLL_MS, resolve))
  }
}

function makeView({ brokers, controllerId, topics }: ClusterMetadata): ClusterView {
  const partitions = topics.flatMap((topic) => topic.partitions)
  return {
    controllerId,
    brokerIds: brokers.map(({ nodeId }) => nodeId).sort((a, b) => a - b),
    partition(name, index) {
      const topic = topics.find((each) => each.name === name)
      const found = topic?.partitions.find(({ partitionIndex }) => partitionIndex === index)
      return found === undefined ? null : partitionView(found)
    },
    isFullyInSync: partitions.every(
      ({ leaderId, isrNodes, replicaNodes }) =>
        leaderId >= 0 && isrNodes.length === replicaNodes.length,
    ),
  }
}

function partitionView(partition: PartitionMetadata): PartitionView {
  return {
    leader: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
  }
}
