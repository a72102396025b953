/**
 * Topics that appear, vanish or grow in `/brokers/topics` (Kafka's `processTopicChange`,
 * `processPartitionModifications`), and the way of new partitions to their first leader.
 */

import type { Logger, Random } from '../base/ports.ts'
import { newTopicId } from '../cluster/topic-store.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { partitionsPath, topicsPath } from '../zk/znodes.ts'
import { isBeingReassigned } from './assignment.ts'
import {
  type ControllerContext,
  type Partition,
  replicasOf,
  type Topic,
} from './controller-context.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import { OFFLINE, type PartitionStates } from './partition-states.ts'
import { pipelined } from './pipelined.ts'
import type { ReplicaStates } from './replica-states.ts'
import type { TopicRead, TopicZnodes } from './topic-znodes.ts'
import { WatchPoint } from './watch-point.ts'

export interface TopicChangePorts {
  readonly context: ControllerContext
  readonly zk: ZkOperations
  readonly topicZnodes: TopicZnodes
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly random: Random
  readonly onTopicsChanged: () => void
  readonly onTopicModified: (topic: string) => void
  readonly log: Logger
}

export class TopicChanges {
  readonly #ports: TopicChangePorts
  readonly #topics: WatchPoint
  readonly #watches = new Map<string, WatchPoint>()

  constructor(ports: TopicChangePorts) {
    this.#ports = ports
    this.#topics = new WatchPoint(() => ports.onTopicsChanged())
  }

  /** Start of a reign: everything there is. A topic that cannot be read ends the reign. */
  async load(): Promise<void> {
    const names = await this.#list()
    const found = await pipelined(names, (name) => this.#read(name))
    await this.#add(names, found)
  }

  async onTopicsChanged(): Promise<void> {
    const { context, log } = this.#ports
    const names = await this.#list()
    const present = new Set(names)
    const deleted = [...context.topics.keys()].filter((name) => !present.has(name))
    for (const name of deleted) context.removeTopic(name)
    // Those that we deleted ourselves are out of the context already.
    for (const name of this.#watches.keys()) if (!present.has(name)) this.#unwatch(name)
    const added = names.filter((name) => !context.topics.has(name))
    const topics = await this.#add(added, await pipelined(added, (name) => this.#tryRead(name)))
    const partitions = topics.flatMap((topic) => topic.partitions)
    log.info(
      `New topics: [Set(${added.join(', ')})], deleted topics: [Set(${deleted.join(', ')})], ` +
        `new partition replica assignment [${partitions.map(describe).join(', ')}]`,
    )
    if (partitions.length > 0) await this.#create(partitions)
  }

  async onTopicModified(name: string): Promise<void> {
    const { context, log } = this.#ports
    const topic = context.topics.get(name)
    const stored = topic === undefined ? null : await this.#tryRead(name)
    if (topic === undefined || stored === null) return
    const added = [...stored.partitions].filter(([number]) => topic.partition(number) === undefined)
    if (added.length === 0) return
    if (context.deletionQueued.has(name)) {
      log.error(`Skipping adding partitions of topic ${name}: it is being deleted`)
      await this.#restore(topic)
      return
    }
    log.info(`New partitions to be added ${added.map(([number]) => `${name}-${number}`).join(',')}`)
    const partitions = added.map(([number, assignment]) =>
      context.addPartition(topic, number, assignment),
    )
    await this.#create(partitions)
  }

  #unwatch(name: string): void {
    this.#watches.get(name)?.stop()
    this.#watches.delete(name)
  }

  stop(): void {
    this.#topics.stop()
    for (const watch of this.#watches.values()) watch.stop()
  }

  async #list(): Promise<string[]> {
    const { zk } = this.#ports
    const { children } = await this.#topics.arm((watcher) => zk.children(topicsPath, watcher))
    return children.sort()
  }

  #read(name: string): Promise<TopicRead | null> {
    let watch = this.#watches.get(name)
    if (watch === undefined) {
      watch = new WatchPoint(({ type }) => {
        if (type === 'changed') this.#ports.onTopicModified(name)
      })
      this.#watches.set(name, watch)
    }
    return watch.arm((watcher) => this.#ports.topicZnodes.read(name, watcher))
  }

  /** One unreadable topic must not hold up the others. */
  async #tryRead(name: string): Promise<TopicRead | null> {
    try {
      return await this.#read(name)
    } catch (error) {
      if (isZkError(error)) throw error
      this.#ports.log.error(`Topic ${name} cannot be read and is ignored`, error)
      return null
    }
  }

  /** Into the context, with an id for those that have none. */
  async #add(names: readonly string[], found: readonly (TopicRead | null)[]): Promise<Topic[]> {
    const { context, topicZnodes } = this.#ports
    const topics: Topic[] = []
    names.forEach((name, at) => {
      const stored = found[at]
      if (stored == null) return
      const topic = context.addTopic(name, stored.topicId)
      for (const [number, assignment] of stored.partitions) {
        const partition = context.addPartition(topic, number, assignment)
        if (isBeingReassigned(assignment)) context.reassigning.add(partition)
      }
      topics.push(topic)
    })
    const unnamed = topics.filter(({ id }) => id === null)
    await pipelined(unnamed, async (topic) => {
      context.setTopicId(topic, newTopicId(this.#ports.random))
      await topicZnodes.setTopicId(topic)
    })
    return topics
  }

  async #create(partitions: readonly Partition[]): Promise<void> {
    const { log, partitionStates, replicaStates } = this.#ports
    log.info(`New partition creation callback for ${partitions.join(',')}`)
    const replicas = replicasOf(partitions)
    await partitionStates.move(partitions, 'new')
    await replicaStates.move(replicas, 'new')
    await partitionStates.move(partitions, 'online', OFFLINE)
    await replicaStates.move(replicas, 'online')
  }

  /** Partitions added to a topic that is being deleted are taken back (KAFKA-6612). */
  async #restore(topic: Topic): Promise<void> {
    const { zk, topicZnodes } = this.#ports
    try {
      const { children } = await zk.children(partitionsPath(topic.name))
      const existing = new Set(children)
      await topicZnodes.retainPartitions(topic, (number) => existing.has(String(number)))
    } catch (error) {
      if (error instanceof ControllerMovedError || !isZkError(error, 'NO_NODE')) throw error
    }
  }
}

function describe(partition: Partition): string {
  return `${partition} -> ReplicaAssignment(replicas=${partition.assignment.replicas.join(',')})`
}
