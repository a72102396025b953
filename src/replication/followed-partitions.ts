/** What one fetcher follows, found by partition, by topic name and by topic id. */

import { ZERO_UUID } from '../protocol/uuid.ts'
import type { FollowedPartition } from './fetcher-session.ts'
import type { Partition } from './partition.ts'

export class FollowedPartitions {
  readonly all = new Map<Partition, FollowedPartition>()
  readonly #byTopic = new Map<string, Map<number, FollowedPartition>>()
  readonly #namesById = new Map<string, string>()
  #withoutTopicId = 0

  get size(): number {
    return this.all.size
  }

  /** False when a topic must be called by its name. */
  get haveTopicIds(): boolean {
    return this.#withoutTopicId === 0
  }

  get maxLag(): number {
    let max = 0
    for (const { lag } of this.all.values()) max = Math.max(max, lag)
    return max
  }

  /** From the end of its log on; it must not be followed already. */
  add(partition: Partition): void {
    const { topic, topicId, index, log, leaderEpoch } = partition
    if (log === null) return
    const followed: FollowedPartition = {
      partition,
      topicId,
      leaderEpoch,
      fetchOffset: log.logEndOffset,
      lastFetchedEpoch: log.latestEpoch,
      readyAtMs: 0,
      retries: 0,
      lag: 0,
      sent: null,
      sentIn: -1,
    }
    this.all.set(partition, followed)
    let partitions = this.#byTopic.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#byTopic.set(topic, partitions)
    }
    partitions.set(index, followed)
    if (topicId === ZERO_UUID) this.#withoutTopicId += 1
    else this.#namesById.set(topicId, topic)
  }

  remove(partition: Partition): void {
    const followed = this.all.get(partition)
    if (followed === undefined) return
    const { topic, index } = partition
    this.all.delete(partition)
    const partitions = this.#byTopic.get(topic)
    partitions?.delete(index)
    if (partitions?.size === 0) {
      this.#byTopic.delete(topic)
      this.#namesById.delete(followed.topicId)
    }
    if (followed.topicId === ZERO_UUID) this.#withoutTopicId -= 1
  }

  clear(): void {
    this.all.clear()
    this.#byTopic.clear()
    this.#namesById.clear()
    this.#withoutTopicId = 0
  }

  /** Still followed, and not anew. */
  has(followed: FollowedPartition): boolean {
    return this.all.get(followed.partition) === followed
  }

  ofTopic(name: string): ReadonlyMap<number, FollowedPartition> | undefined {
    return this.#byTopic.get(name)
  }

  ofTopicId(id: string): ReadonlyMap<number, FollowedPartition> | undefined {
    return this.#byTopic.get(this.#namesById.get(id) ?? '')
  }

  isAnyReady(nowMs: number): boolean {
    for (const { readyAtMs } of this.all.values()) if (readyAtMs <= nowMs) return true
    return false
  }

  /** When the first of those that are not ready now will be; Infinity for none. */
  nextReadyMs(nowMs: number): number {
    let first = Number.POSITIVE_INFINITY
    for (const { readyAtMs } of this.all.values()) {
      if (readyAtMs > nowMs) first = Math.min(first, readyAtMs)
    }
    return first
  }
}
