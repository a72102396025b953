/**
 * Deletes topics that are marked in `/admin/delete_topics` (Kafka's `TopicDeletionManager`). The
 * marker survives failovers; deletion starts when all replicas can take part, and completes when
 * all brokers have answered that their logs are gone.
 */

import type { Logger } from '../base/ports.ts'
import { configEntityPath, deleteTopicPath, topicEntity, topicPath } from '../zk/znodes.ts'
import {
  type ControllerContext,
  formatReplica,
  type Partition,
  type Replica,
  replicasOf,
  type Topic,
} from './controller-context.ts'
import type { EpochFence } from './epoch-fence.ts'
import type { PartitionStates } from './partition-states.ts'
import { type ReplicaStates, stateOf } from './replica-states.ts'
import type { RequestBatch } from './request-batch.ts'
import type { ReplicaState } from './state-transitions.ts'

export interface TopicDeletionPorts {
  readonly context: ControllerContext
  readonly fence: EpochFence
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly newBatch: () => RequestBatch
  /** For one that was perhaps being reassigned: the legacy znode forgets what it asks for it. */
  readonly onDeleted: (topic: string) => Promise<void>
  readonly log: Logger
}

export class TopicDeletion {
  readonly #ports: TopicDeletionPorts

  constructor(ports: TopicDeletionPorts) {
    this.#ports = ports
  }

  /** At the start of a reign; `resume` follows when the state machines run. */
  init(marked: readonly string[], ineligible: readonly string[]): void {
    const { context } = this.#ports
    for (const topic of marked) context.deletionQueued.add(topic)
    for (const topic of ineligible) {
      if (context.deletionQueued.has(topic)) context.deletionIneligible.add(topic)
    }
  }

  /** Those of `reassigning` wait until their partitions have settled. */
  async enqueue(topics: readonly string[], reassigning: readonly string[]): Promise<void> {
    for (const topic of topics) this.#ports.context.deletionQueued.add(topic)
    this.markIneligible(reassigning, 'topic reassignment in progress')
    await this.resume()
  }

  /** What made a topic ineligible is over: a broker is back, a reassignment complete. */
  async resumeFor(topics: readonly string[]): Promise<void> {
    const { context } = this.#ports
    const queued = topics.filter((topic) => context.deletionQueued.has(topic))
    if (queued.length === 0) return
    for (const topic of queued) context.deletionIneligible.delete(topic)
    await this.resume()
  }

  markIneligible(topics: Iterable<string>, reason: string): void {
    const { context, log } = this.#ports
    const halted = [...topics].filter((topic) => context.deletionQueued.has(topic))
    for (const topic of halted) context.deletionIneligible.add(topic)
    if (halted.length > 0)
      log.info(`Halted deletion of topics ${halted.join(',')} due to ${reason}`)
  }

  /** A broker died or answered with an error: its replicas wait for its return. */
  async failReplicas(replicas: readonly Replica[]): Promise<void> {
    const { context } = this.#ports
    const failed = replicas.filter(({ partition }) => context.isBeingDeleted(partition))
    if (failed.length === 0) return
    await this.#moveFrom(['deletion-started', 'offline'], failed, 'deletion-ineligible')
    this.markIneligible(new Set(failed.map(topicOf)), 'replica deletion failure')
    await this.resume()
  }

  async completeReplicas(replicas: readonly Replica[]): Promise<void> {
    const deleting = replicas.filter(({ partition }) =>
      this.#ports.context.isBeingDeleted(partition),
    )
    this.#ports.log.debug(`Deletion successfully completed for replicas ${formatAll(deleting)}`)
    await this.#moveFrom(['deletion-started'], deleting, 'deletion-successful')
    await this.resume()
  }

  /** Takes every queued topic as far as it can go now. */
  async resume(): Promise<void> {
    const { context, log } = this.#ports
    const queued = [...context.deletionQueued].sort()
    if (queued.length > 0) log.info(`Handling deletion for topics ${queued.join(',')}`)
    const toRetry: Topic[] = []
    const toStart: Topic[] = []
    for (const name of queued) {
      const topic = context.topics.get(name)
      if (topic === undefined || this.#isDeleted(topic)) {
        await this.#complete(name, topic)
        log.info(`Deletion of topic ${name} successfully completed`)
        continue
      }
      if (this.#isInProgress(topic)) continue
      if (hasReplicaIn(topic, 'deletion-ineligible')) toRetry.push(topic)
      if (!context.deletionIneligible.has(name)) toStart.push(topic)
    }
    await this.#retry(toRetry)
    await this.#start(toStart)
  }

  #isDeleted(topic: Topic): boolean {
    return replicasOf(topic.partitions).every(
      ({ partition, brokerId }) => stateOf(partition, brokerId) === 'deletion-successful',
    )
  }

  #isInProgress(topic: Topic): boolean {
    return hasReplicaIn(topic, 'deletion-started')
  }

  /** All logs are gone: the znodes follow, the marker last. */
  async #complete(name: string, topic: Topic | undefined): Promise<void> {
    const { context, fence, replicaStates, onDeleted } = this.#ports
    if (topic !== undefined) {
      await replicaStates.move(replicasOf(topic.partitions), 'non-existent')
    }
    await fence.deleteRecursive(topicPath(name))
    await fence.delete(configEntityPath(topicEntity(name)))
    const wasMoving = topic?.partitions.some((partition) => context.reassigning.has(partition))
    if (wasMoving !== false) await onDeleted(name)
    await fence.delete(deleteTopicPath(name))
    context.removeTopic(name)
  }

  async #retry(topics: readonly Topic[]): Promise<void> {
    const replicas = topics.flatMap((topic) => replicasIn(topic, 'deletion-ineligible'))
    if (replicas.length === 0) return
    this.#ports.log.info(`Retrying deletion of topics ${topics.map(({ name }) => name).join(',')}`)
    await this.#ports.replicaStates.move(replicas, 'offline')
  }

  async #start(topics: readonly Topic[]): Promise<void> {
    if (topics.length === 0) return
    const { context, log, partitionStates } = this.#ports
    log.info(`Topic deletion callback for ${topics.map(({ name }) => name).join(',')}`)
    const first = topics
      .filter(({ name }) => !context.deletionStarted.has(name))
      .flatMap(({ partitions }) => partitions)
    await partitionStates.move(first, 'offline')
    await partitionStates.move(first, 'non-existent')
    for (const { name } of topics) context.deletionStarted.add(name)
    const partitions = topics.flatMap((topic) => topic.partitions)
    const batch = this.#ports.newBatch()
    batch.updateMetadata(context.liveOrShuttingDownBrokerIds(), partitions)
    batch.send()
    await this.#deleteReplicas(partitions)
  }

  async #deleteReplicas(partitions: readonly Partition[]): Promise<void> {
    const { context, log, replicaStates } = this.#ports
    const isOnline = ({ partition, brokerId }: Replica) =>
      context.isReplicaOnline(partition, brokerId)
    const unfinished = replicasOf(partitions).filter(
      ({ partition, brokerId }) => stateOf(partition, brokerId) !== 'deletion-successful',
    )
    const dead = unfinished.filter((replica) => !isOnline(replica))
    const ready = unfinished.filter(isOnline)
    // A dead one may still count as online; the way to ineligible leads through offline.
    await this.#moveFrom(['new', 'online'], dead, 'offline')
    await this.#moveFrom(['offline'], dead, 'deletion-ineligible')
    await replicaStates.move(ready, 'offline')
    if (ready.length > 0) log.debug(`Deletion started for replicas ${formatAll(ready)}`)
    await replicaStates.move(ready, 'deletion-started')
    this.markIneligible(new Set(dead.map(topicOf)), 'offline replicas')
  }

  #moveFrom(
    from: readonly ReplicaState[],
    replicas: readonly Replica[],
    to: ReplicaState,
  ): Promise<void> {
    const movable = replicas.filter(({ partition, brokerId }) =>
      from.includes(stateOf(partition, brokerId)),
    )
    return this.#ports.replicaStates.move(movable, to)
  }
}

function topicOf({ partition }: Replica): string {
  return partition.topic.name
}

function hasReplicaIn(topic: Topic, state: ReplicaState): boolean {
  return replicasIn(topic, state).length > 0
}

function replicasIn(topic: Topic, state: ReplicaState): Replica[] {
  return topic.partitions.flatMap((partition) =>
    [...partition.replicaStates]
      .filter(([, at]) => at === state)
      .map(([brokerId]) => ({ partition, brokerId })),
  )
}

function formatAll(replicas: readonly Replica[]): string {
  return replicas.map(formatReplica).join(',')
}
