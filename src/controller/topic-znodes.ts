/**
 * Topic znodes as the controller reads and writes them. A write is read-modify-write with the
 * version that was read, so a partition that another broker just added is never lost, and the topic
 * id in memory is always carried over (KAFKA-14190).
 */

import type { ZkOperations, ZkWatcher } from '../zk/zk-client.ts'
import { isZkError, ZkError } from '../zk/zk-client.ts'
import { decodeTopic, encodeTopic, type TopicAssignment, topicPath } from '../zk/znodes.ts'
import type { Assignment, Topic } from './controller-context.ts'
import { type EpochFence, firstError } from './epoch-fence.ts'

export interface TopicRead {
  readonly topicId: string | null
  readonly partitions: ReadonlyMap<number, Assignment>
  readonly version: number
}

export class TopicZnodes {
  readonly #zk: ZkOperations
  readonly #fence: EpochFence

  constructor(zk: ZkOperations, fence: EpochFence) {
    this.#zk = zk
    this.#fence = fence
  }

  /** Null when there is none. An unreadable one is an error: going on would lose partitions. */
  async read(name: string, watcher?: ZkWatcher): Promise<TopicRead | null> {
    const path = topicPath(name)
    try {
      const { data, stat } = await this.#zk.get(path, watcher)
      const decoded = decodeTopic(data)
      if (decoded.kind === 'error') throw new Error(`${path}: ${decoded.message}`)
      return { ...decoded.value, version: stat.version }
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return null
      throw error
    }
  }

  /** Sets the assignment of one partition and leaves the others as they are stored. */
  setAssignment(topic: Topic, partition: number, assignment: Assignment): Promise<void> {
    return this.#update(topic, ({ partitions }) => new Map(partitions).set(partition, assignment))
  }

  /** Restricts the stored topic to the partitions that `keep` accepts. */
  retainPartitions(topic: Topic, keep: (partition: number) => boolean): Promise<void> {
    return this.#update(
      topic,
      ({ partitions }) => new Map([...partitions].filter(([partition]) => keep(partition))),
    )
  }

  /** Writes the id that the topic has in memory. */
  setTopicId(topic: Topic): Promise<void> {
    return this.#update(topic, ({ partitions }) => partitions)
  }

  async #update(
    topic: Topic,
    change: (stored: TopicRead) => TopicAssignment['partitions'],
  ): Promise<void> {
    const path = topicPath(topic.name)
    for (;;) {
      const stored = await this.read(topic.name)
      if (stored === null) throw new ZkError('NO_NODE', path)
      const data = encodeTopic({ topicId: topic.id, partitions: change(stored) })
      const { version } = stored
      const result = await this.#fence.multi([{ kind: 'set', path, data, version }])
      if (result.kind === 'ok') return
      const error = firstError(result.errors)
      if (error !== 'BAD_VERSION') throw new ZkError(error, path)
    }
  }
}
