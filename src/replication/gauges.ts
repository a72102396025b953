/** The state of all replicas in numbers, computed when somebody asks. */

import type { Partition } from './partition.ts'

export interface Gauges {
  readonly partitionCount: number
  readonly leaderCount: number
  readonly offlineReplicaCount: number
  readonly underReplicatedPartitions: number
  readonly underMinIsrPartitionCount: number
  readonly atMinIsrPartitionCount: number
  readonly reassigningPartitions: number
  readonly maxLag: number
  readonly delayedProduceCount: number
  readonly delayedFetchCount: number
  readonly delayedDeleteRecordsCount: number
  readonly fetchSessionCount: number
}

type Waiting = Pick<
  Gauges,
  | 'maxLag'
  | 'delayedProduceCount'
  | 'delayedFetchCount'
  | 'delayedDeleteRecordsCount'
  | 'fetchSessionCount'
>

export function measure(partitions: Iterable<Partition>, waiting: Waiting): Gauges {
  const all = [...partitions]
  const led = all.filter(({ isLeader }) => isLeader)
  const count = (test: (partition: Partition) => boolean) => led.filter(test).length
  return {
    ...waiting,
    partitionCount: all.length,
    leaderCount: led.length,
    offlineReplicaCount: all.filter(({ isOffline }) => isOffline).length,
    underReplicatedPartitions: count(
      ({ assignment, isrState }) => isrState.isr.length < assignment.replicas.length,
    ),
    underMinIsrPartitionCount: count(({ isUnderMinIsr }) => isUnderMinIsr),
    atMinIsrPartitionCount: count(({ isrState, minIsr }) => isrState.isr.length === minIsr),
    reassigningPartitions: count(({ assignment }) => assignment.adding.length > 0),
  }
}
