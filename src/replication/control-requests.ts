/** LeaderAndIsr and StopReplica in all their layouts, to lists and back. */

import type { ErrorCode } from '../protocol/error-codes.ts'
import type { leaderAndIsr } from '../protocol/messages/leader-and-isr.ts'
import type { stopReplica } from '../protocol/messages/stop-replica.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { Assignment, PartitionStateUpdate } from './partition.ts'

type LeaderAndIsrRequest = RequestOf<typeof leaderAndIsr>
type WireState = LeaderAndIsrRequest['ungroupedPartitionStates'][number]
type StopReplicaRequest = RequestOf<typeof stopReplica>

export interface RequestedState {
  readonly topic: string
  readonly topicId: string
  readonly index: number
  readonly update: PartitionStateUpdate
  readonly assignment: Assignment
  readonly isNew: boolean
}

export interface ReplicaToStop {
  readonly topic: string
  readonly index: number
  /** -1 none, -2 the topic is being deleted. */
  readonly leaderEpoch: number
  readonly isDeleted: boolean
}

/** In the order of the request. */
export function requestedStates(request: LeaderAndIsrRequest): RequestedState[] {
  return [
    ...request.ungroupedPartitionStates.map((state) =>
      requestedState(state.topicName, ZERO_UUID, state),
    ),
    ...request.topicStates.flatMap(({ topicName, topicId, partitionStates }) =>
      partitionStates.map((state) => requestedState(topicName, topicId, state)),
    ),
  ]
}

function requestedState(topic: string, topicId: string, state: WireState): RequestedState {
  return {
    topic,
    topicId,
    index: state.partitionIndex,
    update: state,
    assignment: {
      replicas: state.replicas,
      adding: state.addingReplicas,
      removing: state.removingReplicas,
    },
    isNew: state.isNew,
  }
}

/** `codes` are of the same states in the same order. Flat before v5, by topic id since. */
export function leaderAndIsrAnswer(
  errorCode: ErrorCode,
  states: readonly RequestedState[],
  codes: readonly ErrorCode[],
): ResponseInput<typeof leaderAndIsr> {
  const errors = states.map(({ topic, topicId, index }, at) => {
    return { topicName: topic, topicId, partitionIndex: index, errorCode: codes[at]! }
  })
  const byId = new Map<string, typeof errors>()
  for (const error of errors) {
    const list = byId.get(error.topicId)
    if (list === undefined) byId.set(error.topicId, [error])
    else list.push(error)
  }
  return {
    errorCode,
    partitionErrors: errors,
    topics: [...byId].map(([topicId, partitionErrors]) => ({ topicId, partitionErrors })),
  }
}

export function replicasToStop(request: StopReplicaRequest): ReplicaToStop[] {
  const isDeleted = request.deletePartitions
  return [
    ...request.ungroupedPartitions.map(({ topicName, partitionIndex }) => {
      return { topic: topicName, index: partitionIndex, leaderEpoch: -1, isDeleted }
    }),
    ...request.topics.flatMap(({ name, partitionIndexes }) =>
      partitionIndexes.map((index) => ({ topic: name, index, leaderEpoch: -1, isDeleted })),
    ),
    ...request.topicStates.flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(({ partitionIndex, leaderEpoch, deletePartition }) => {
        return {
          topic: topicName,
          index: partitionIndex,
          leaderEpoch,
          isDeleted: deletePartition,
        }
      }),
    ),
  ]
}
