/** The replicas of this broker by topic and partition, and why one cannot be had. */

import type { TopicPartition } from '../base/topic-partition.ts'
import { TopicPartitionMap } from '../base/topic-partition.ts'
import type { MetadataCache } from '../cluster/image.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { Partition } from './partition.ts'

export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

export const NO_LEADER_HINT: LeaderHint = { leaderId: -1, leaderEpoch: -1 }

export class ReplicaSet {
  readonly #metadata: MetadataCache
  readonly #partitions = new TopicPartitionMap<Partition>()
  readonly #namesById = new Map<string, string>()
  readonly #listeners: ((partition: TopicPartition, hosted: boolean) => void)[] = []

  constructor(metadata: MetadataCache) {
    this.#metadata = metadata
  }

  get size(): number {
    return this.#partitions.size
  }

  get(topic: string, index: number): Partition | undefined {
    return this.#partitions.get(topic, index)
  }

  add(partition: Partition): void {
    const { topic, index } = partition
    this.#partitions.set(topic, index, partition)
    for (const listener of this.#listeners) listener({ topic, partition: index }, true)
  }

  remove(partition: Partition): void {
    const { topic, index, topicId } = partition
    if (!this.#partitions.delete(topic, index)) return
    if (this.#partitions.ofTopic(topic).next().done) this.#namesById.delete(topicId)
    for (const listener of this.#listeners) listener({ topic, partition: index }, false)
  }

  noteTopicId({ topic, topicId }: Partition): void {
    if (topicId !== ZERO_UUID) this.#namesById.set(topicId, topic)
  }

  /**
   * Empty for an unknown one. LeaderAndIsr comes before UpdateMetadata: what is hosted here is known
   * before the metadata know it.
   */
  topicName(topicId: string): string {
    const known = this.#metadata.image.topicsById.get(topicId)?.name
    return known ?? this.#namesById.get(topicId) ?? ''
  }

  values(): IterableIterator<Partition> {
    return this.#partitions.values()
  }

  ofTopic(topic: string): IterableIterator<[number, Partition]> {
    return this.#partitions.ofTopic(topic)
  }

  onChange(listener: (partition: TopicPartition, hosted: boolean) => void): void {
    this.#listeners.push(listener)
  }

  /** Why there is no replica to work with, or NONE. */
  lookupError(partition: Partition | undefined, topic: string, index: number): ErrorCode {
    if (partition !== undefined) {
      return partition.isOffline ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE
    }
    return this.#metadata.image.topics.get(topic)?.partitions[index] === undefined
      ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      : ErrorCode.NOT_LEADER_OR_FOLLOWER
  }

  /** Where a client had better go (KIP-951). */
  leaderHint(topic: string, index: number): LeaderHint {
    const partition = this.#partitions.get(topic, index)
    if (partition !== undefined) {
      return { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch }
    }
    const known = this.#metadata.image.topics.get(topic)?.partitions[index]
    if (known === undefined) return NO_LEADER_HINT
    return { leaderId: known.leader, leaderEpoch: known.leaderEpoch }
  }
}
