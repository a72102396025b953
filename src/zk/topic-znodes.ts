/**
 * What the controller writes: `/controller`, `/controller_epoch`, topics, partition states, and the
 * lists of partitions that tools and leaders leave for it. Key order is that of Kafka 3.9.
 */

import type { TopicPartition } from '../base/topic-partition.ts'
import {
  type Decoded,
  decimalOf,
  decodeJson,
  encodeJson,
  type JsonFields,
  ZnodeFormatError,
} from './znode-json.ts'

export interface ControllerInfo {
  readonly brokerId: number
  /** Milliseconds since 1970; null when it is not there. */
  readonly timestampMs: number | null
  /** -1 for a ZooKeeper-mode controller. */
  readonly kraftControllerEpoch: number
}

export function encodeController(brokerId: number, timestampMs: number): Buffer {
  return encodeJson({
    version: 2,
    brokerid: brokerId,
    timestamp: String(timestampMs),
    kraftControllerEpoch: -1,
  })
}

export function decodeController(data: Buffer | null): Decoded<ControllerInfo> {
  return decodeJson(data, (root) => ({
    brokerId: root.int32('brokerid'),
    timestampMs: root.isSet('timestamp') ? decimalOf(root.string('timestamp')) : null,
    kraftControllerEpoch: root.int32Or('kraftControllerEpoch', -1),
  }))
}

export function encodeControllerEpoch(epoch: number): Buffer {
  return Buffer.from(String(epoch), 'utf8')
}

export function decodeControllerEpoch(data: Buffer | null): Decoded<number> {
  const text = data?.toString('utf8') ?? ''
  const epoch = decimalOf(text)
  if (epoch !== null && epoch === (epoch | 0)) return { kind: 'ok', value: epoch }
  return { kind: 'error', message: `no decimal epoch: '${text.slice(0, 40)}'` }
}

export interface PartitionAssignment {
  /** Preferred leader first; during a reassignment the targets, then the leftovers. */
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface TopicAssignment {
  /** 22 characters; null when the topic has none yet. */
  readonly topicId: string | null
  /** By partition number, ascending. */
  readonly partitions: ReadonlyMap<number, PartitionAssignment>
}

/** Partitions come out ascending; Kafka's own order beyond four of them is that of a hash. */
export function encodeTopic({ topicId, partitions }: TopicAssignment): Buffer {
  const lists = (pick: (assignment: PartitionAssignment) => readonly number[] | null) =>
    Object.fromEntries(
      [...partitions].flatMap(([partition, assignment]) => {
        const list = pick(assignment)
        return list === null ? [] : [[String(partition), list]]
      }),
    )
  return encodeJson({
    partitions: lists(({ replicas }) => replicas),
    ...(topicId === null ? {} : { topic_id: topicId }),
    adding_replicas: lists(({ adding }) => (adding.length === 0 ? null : adding)),
    removing_replicas: lists(({ removing }) => (removing.length === 0 ? null : removing)),
    version: 3,
  })
}

export function decodeTopic(data: Buffer | null): Decoded<TopicAssignment> {
  return decodeJson(data, (root) => {
    const partitions = new Map<number, PartitionAssignment>()
    const replicas = root.has('partitions') ? root.object('partitions') : null
    const keys = replicas?.keys().map((key) => ({ key, partition: partitionNumber(key) })) ?? []
    const adding = root.has('adding_replicas') ? root.object('adding_replicas') : null
    const removing = root.has('removing_replicas') ? root.object('removing_replicas') : null
    for (const { key, partition } of keys.sort((a, b) => a.partition - b.partition)) {
      partitions.set(partition, {
        replicas: replicas!.int32s(key),
        adding: listOf(adding, key),
        removing: listOf(removing, key),
      })
    }
    return { topicId: root.has('topic_id') ? root.uuid('topic_id') : null, partitions }
  })
}

function listOf(lists: JsonFields | null, key: string): number[] {
  return lists?.has(key) ? lists.int32s(key) : []
}

function partitionNumber(key: string): number {
  const partition = decimalOf(key)
  if (partition === null || partition < 0 || partition !== (partition | 0)) {
    throw new ZnodeFormatError(`'${key}' is no partition number`)
  }
  return partition
}

export const LEADER_RECOVERED = 0
/** The leader was elected uncleanly and has not yet written that it recovered. */
export const LEADER_RECOVERING = 1

export interface PartitionState {
  readonly leader: number
  readonly leaderEpoch: number
  /** Epoch of the controller that made the decision. */
  readonly controllerEpoch: number
  readonly isr: readonly number[]
  /** `LEADER_RECOVERED` or `LEADER_RECOVERING`. */
  readonly leaderRecoveryState: number
}

export function encodePartitionState(state: PartitionState): Buffer {
  const { leaderRecoveryState } = state
  return encodeJson({
    controller_epoch: state.controllerEpoch,
    leader: state.leader,
    version: 1,
    ...(leaderRecoveryState === LEADER_RECOVERED
      ? {}
      : { leader_recovery_state: leaderRecoveryState }),
    leader_epoch: state.leaderEpoch,
    isr: state.isr,
  })
}

export function decodePartitionState(data: Buffer | null): Decoded<PartitionState> {
  return decodeJson(data, (root) => {
    const leaderRecoveryState = root.int32Or('leader_recovery_state', LEADER_RECOVERED)
    if (leaderRecoveryState !== LEADER_RECOVERED && leaderRecoveryState !== LEADER_RECOVERING) {
      throw new ZnodeFormatError(`leader_recovery_state ${leaderRecoveryState} is unknown`)
    }
    return {
      leader: root.int32('leader'),
      leaderEpoch: root.int32('leader_epoch'),
      controllerEpoch: root.int32('controller_epoch'),
      isr: root.int32s('isr'),
      leaderRecoveryState,
    }
  })
}

export interface RequestedReassignment extends TopicPartition {
  readonly replicas: readonly number[]
}

export function encodeReassignment(partitions: readonly RequestedReassignment[]): Buffer {
  return encodeJson({
    version: 1,
    partitions: partitions.map(({ topic, partition, replicas }) => ({
      topic,
      partition,
      replicas,
    })),
  })
}

export function decodeReassignment(data: Buffer | null): Decoded<RequestedReassignment[]> {
  return decodeJson(data, (root) =>
    root.objects('partitions').map((item) => ({
      topic: item.string('topic'),
      partition: item.int32('partition'),
      replicas: item.int32s('replicas'),
    })),
  )
}

/** For `/admin/preferred_replica_election` and `/isr_change_notification`. */
export function encodePartitionList(partitions: readonly TopicPartition[]): Buffer {
  return encodeJson({
    version: 1,
    partitions: partitions.map(({ topic, partition }) => ({ topic, partition })),
  })
}

export function decodePartitionList(data: Buffer | null): Decoded<TopicPartition[]> {
  return decodeJson(data, (root) =>
    root.objects('partitions').map((item) => ({
      topic: item.string('topic'),
      partition: item.int32('partition'),
    })),
  )
}
