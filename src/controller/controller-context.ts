/**
 * What one reigning controller knows: brokers, topics, the assignment, leadership and state of each
 * partition. Made empty at the start of a controller epoch and thrown away at its end, so nothing
 * stale can be acted upon. Plain data with lookups; decisions live elsewhere.
 */

import { assert } from '../base/assert.ts'
import { formatTopicPartition } from '../base/topic-partition.ts'
import {
  LEADER_RECOVERING,
  type PartitionAssignment,
  type RegisteredEndpoint,
  type PartitionState as StoredState,
} from '../zk/znodes.ts'
import type { PartitionState, ReplicaState } from './state-transitions.ts'

export const NO_LEADER = -1

export type Assignment = PartitionAssignment

/** Leader and ISR as stored in the state znode, and the version of that znode. */
export interface Leadership extends StoredState {
  readonly partitionEpoch: number
}

export interface Broker {
  readonly id: number
  /** czxid of the registration. */
  readonly epoch: number
  readonly endpoints: readonly RegisteredEndpoint[]
  readonly rack: string | null
  readonly features: ReadonlyMap<string, { readonly min: number; readonly max: number }>
}

export class Topic {
  readonly name: string
  /** Null until one is assigned. */
  id: string | null
  /** Ascending by number; numbers need not be contiguous. */
  readonly partitions: Partition[] = []

  constructor(name: string, id: string | null) {
    this.name = name
    this.id = id
  }

  partition(number: number): Partition | undefined {
    const direct = this.partitions[number]
    if (direct?.number === number) return direct
    return this.partitions.find((partition) => partition.number === number)
  }
}

export class Partition {
  readonly topic: Topic
  readonly number: number
  assignment: Assignment
  leadership: Leadership | null = null
  state: PartitionState = 'non-existent'
  /** Keyed by broker id; a replica without an entry does not exist. */
  readonly replicaStates = new Map<number, ReplicaState>()

  constructor(topic: Topic, number: number, assignment: Assignment) {
    this.topic = topic
    this.number = number
    this.assignment = assignment
  }

  toString(): string {
    return formatTopicPartition({ topic: this.topic.name, partition: this.number })
  }
}

export interface Replica {
  readonly partition: Partition
  readonly brokerId: number
}

export class ControllerContext {
  readonly epoch: number
  /** Registered, compatible with the finalized features; shutting-down ones included. */
  readonly brokers = new Map<number, Broker>()
  /** In controlled shutdown: no leader, no new ISR member, until the registration goes. */
  readonly shuttingDown = new Set<number>()
  /** Partitions that a broker reported to be on a failed log directory. */
  readonly offlineDirs = new Map<number, Set<Partition>>()
  readonly topics = new Map<string, Topic>()
  readonly topicsById = new Map<string, Topic>()
  readonly reassigning = new Set<Partition>()
  readonly deletionQueued = new Set<string>()
  /** Of those queued, the topics whose partitions are already gone from the state machine. */
  readonly deletionStarted = new Set<string>()
  readonly deletionIneligible = new Set<string>()

  constructor(epoch: number) {
    this.epoch = epoch
  }

  addTopic(name: string, id: string | null): Topic {
    const topic = new Topic(name, id)
    this.topics.set(name, topic)
    if (id !== null) this.topicsById.set(id, topic)
    return topic
  }

  setTopicId(topic: Topic, id: string): void {
    assert(
      topic.id === null || topic.id === id,
      `topic ${topic.name} has id ${topic.id}, not ${id}`,
    )
    topic.id = id
    this.topicsById.set(id, topic)
  }

  addPartition(topic: Topic, number: number, assignment: Assignment): Partition {
    const partition = new Partition(topic, number, assignment)
    const after = topic.partitions.findIndex((other) => other.number > number)
    if (after < 0) topic.partitions.push(partition)
    else topic.partitions.splice(after, 0, partition)
    return partition
  }

  removeTopic(name: string): void {
    const topic = this.topics.get(name)
    this.deletionQueued.delete(name)
    this.deletionStarted.delete(name)
    this.deletionIneligible.delete(name)
    if (topic === undefined) return
    this.topics.delete(name)
    if (topic.id !== null) this.topicsById.delete(topic.id)
    for (const partition of topic.partitions) {
      this.reassigning.delete(partition)
      for (const partitions of this.offlineDirs.values()) partitions.delete(partition)
    }
  }

  partition(topic: string, number: number): Partition | undefined {
    return this.topics.get(topic)?.partition(number)
  }

  *partitions(): Generator<Partition> {
    for (const topic of this.topics.values()) yield* topic.partitions
  }

  partitionsWhere(matches: (partition: Partition) => boolean): Partition[] {
    return [...this.partitions()].filter(matches)
  }

  /** All replicas assigned to one of the brokers, brokers ascending. */
  replicasOn(brokerIds: readonly number[]): Replica[] {
    const ids = [...brokerIds].sort((a, b) => a - b)
    const all = [...this.partitions()]
    return ids.flatMap((brokerId) =>
      all
        .filter((partition) => partition.assignment.replicas.includes(brokerId))
        .map((partition) => ({ partition, brokerId })),
    )
  }

  liveBrokerIds(): number[] {
    return this.liveOrShuttingDownBrokerIds().filter((id) => !this.shuttingDown.has(id))
  }

  liveOrShuttingDownBrokerIds(): number[] {
    return [...this.brokers.keys()].sort((a, b) => a - b)
  }

  isLive(brokerId: number): boolean {
    return this.brokers.has(brokerId) && !this.shuttingDown.has(brokerId)
  }

  isReplicaOnline(partition: Partition, brokerId: number): boolean {
    return this.isLive(brokerId) && !this.isOnOfflineDir(partition, brokerId)
  }

  isReplicaOnlineOrShuttingDown(partition: Partition, brokerId: number): boolean {
    return this.brokers.has(brokerId) && !this.isOnOfflineDir(partition, brokerId)
  }

  isOnOfflineDir(partition: Partition, brokerId: number): boolean {
    return this.offlineDirs.get(brokerId)?.has(partition) ?? false
  }

  isBeingDeleted(partition: Partition): boolean {
    return this.deletionQueued.has(partition.topic.name)
  }
}

export function replicasOf(partitions: Iterable<Partition>): Replica[] {
  return [...partitions].flatMap((partition) =>
    partition.assignment.replicas.map((brokerId) => ({ partition, brokerId })),
  )
}

export function formatReplica({ partition, brokerId }: Replica): string {
  return `[Topic=${partition.topic.name},Partition=${partition.number},Replica=${brokerId}]`
}

/** As Kafka prints the state of a partition, in the state change log. */
export function formatLeadership(leadership: Leadership): string {
  const recovery = leadership.leaderRecoveryState === LEADER_RECOVERING ? 'RECOVERING' : 'RECOVERED'
  return (
    `LeaderAndIsr(leader=${leadership.leader}, leaderEpoch=${leadership.leaderEpoch}, ` +
    `isr=List(${leadership.isr.join(', ')}), leaderRecoveryState=${recovery}, ` +
    `partitionEpoch=${leadership.partitionEpoch})`
  )
}

/**
 * Whether a deletion can wait for the end of a reassignment. Without a leader that never comes: none is
 * elected for a topic that is to be deleted.
 */
export function canMove({ leadership }: Partition): boolean {
  return leadership?.leader !== NO_LEADER
}
