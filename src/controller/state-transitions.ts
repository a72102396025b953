/**
 * The legal moves of partitions and replicas in the controller (Kafka's `PartitionStateMachine` and
 * `ReplicaStateMachine`), as data. Every move passes one of the two functions below.
 */

export type PartitionState = 'non-existent' | 'new' | 'online' | 'offline'

export type ReplicaState =
  | 'non-existent'
  | 'new'
  | 'online'
  | 'offline'
  | 'deletion-started'
  | 'deletion-successful'
  | 'deletion-ineligible'

/** For each target state: where it may be entered from. */
const partitionMoves: Record<PartitionState, readonly PartitionState[]> = {
  'non-existent': ['offline'],
  new: ['non-existent'],
  online: ['new', 'online', 'offline'],
  offline: ['new', 'online', 'offline'],
}

const replicaMoves: Record<ReplicaState, readonly ReplicaState[]> = {
  'non-existent': ['deletion-successful'],
  new: ['non-existent'],
  online: ['new', 'online', 'offline', 'deletion-ineligible'],
  offline: ['new', 'online', 'offline', 'deletion-ineligible'],
  'deletion-started': ['offline'],
  'deletion-successful': ['deletion-started'],
  'deletion-ineligible': ['offline', 'deletion-started'],
}

export function mayMovePartition(from: PartitionState, to: PartitionState): boolean {
  return partitionMoves[to].includes(from)
}

export function mayMoveReplica(from: ReplicaState, to: ReplicaState): boolean {
  return replicaMoves[to].includes(from)
}

/** Names as Kafka logs them. */
export const partitionStateNames: Record<PartitionState, string> = {
  'non-existent': 'NonExistentPartition',
  new: 'NewPartition',
  online: 'OnlinePartition',
  offline: 'OfflinePartition',
}

export const replicaStateNames: Record<ReplicaState, string> = {
  'non-existent': 'NonExistentReplica',
  new: 'NewReplica',
  online: 'OnlineReplica',
  offline: 'OfflineReplica',
  'deletion-started': 'ReplicaDeletionStarted',
  'deletion-successful': 'ReplicaDeletionSuccessful',
  'deletion-ineligible': 'ReplicaDeletionIneligible',
}
