/**
 * Brokers that come, go, come back within one look (a bounce, seen by its epoch) or change their
 * endpoints, and log directories that fail (Kafka's `processBrokerChange`, `onBrokerStartup`,
 * `onBrokerFailure`, `onReplicasBecomeOffline`).
 */

import { isDeepStrictEqual } from 'node:util'
import type { Logger } from '../base/ports.ts'
import { targetReplicas } from './assignment.ts'
import type { BrokerChannels } from './broker-channels.ts'
import type { BrokerRegistry } from './broker-registry.ts'
import type { Broker, ControllerContext, Replica } from './controller-context.ts'
import type { ControllerStats } from './controller-stats.ts'
import type { PartitionStates } from './partition-states.ts'
import type { Reassignment } from './reassignment.ts'
import { type ReplicaStates, stateOf } from './replica-states.ts'
import type { RequestBatch } from './request-batch.ts'
import type { TopicDeletion } from './topic-deletion.ts'

export interface BrokerChangePorts {
  readonly context: ControllerContext
  readonly registry: BrokerRegistry
  readonly channels: BrokerChannels
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly topicDeletion: TopicDeletion
  readonly reassignment: Reassignment
  readonly newBatch: () => RequestBatch
  /** Whether the broker supports all finalized features; one that does not gets no leadership. */
  readonly isCompatible: (broker: Broker) => boolean
  readonly stats: ControllerStats
  readonly log: Logger
}

export class BrokerChanges {
  readonly #ports: BrokerChangePorts

  constructor(ports: BrokerChangePorts) {
    this.#ports = ports
  }

  async onBrokerChange(): Promise<void> {
    const { context, registry, channels, log } = this.#ports
    const registered = (await registry.readAll()).filter((broker) => this.#isCompatible(broker))
    const known = context.brokers
    const added = registered.filter(({ id }) => !known.has(id))
    const bounced = registered.filter(({ id, epoch }) => epoch > (known.get(id)?.epoch ?? epoch))
    const present = new Set(registered.map(({ id }) => id))
    const dead = context.liveOrShuttingDownBrokerIds().filter((id) => !present.has(id))
    log.info(
      `Newly added brokers: ${idsOf(added)}, deleted brokers: ${dead.join(',')}, ` +
        `bounced brokers: ${idsOf(bounced)}, all live brokers: ${idsOf(registered)}`,
    )
    for (const broker of added) channels.add(broker)
    for (const { id } of bounced) channels.remove(id)
    for (const broker of bounced) channels.add(broker)
    for (const id of dead) channels.remove(id)
    if (added.length > 0) {
      for (const broker of added) known.set(broker.id, broker)
      await this.#onStartup(added)
    }
    if (bounced.length > 0) {
      for (const { id } of bounced) known.delete(id)
      await this.#onFailure(bounced.map(({ id }) => id))
      for (const broker of bounced) known.set(broker.id, broker)
      await this.#onStartup(bounced)
    }
    if (dead.length > 0) {
      for (const id of dead) {
        known.delete(id)
        registry.forget(id)
      }
      await this.#onFailure(dead)
    }
    if (added.length + bounced.length + dead.length > 0) this.#logEpochs()
  }

  /** New endpoints are told to everybody; a new rack alone is not (Kafka neither). */
  async onBrokerModified(brokerId: number): Promise<void> {
    const { context, registry, channels, log } = this.#ports
    const before = context.brokers.get(brokerId)
    const now = await registry.read(brokerId)
    // Another epoch is a bounce: that is heard from the parent, and takes more than this.
    if (before === undefined || now === null || now.epoch !== before.epoch) return
    const isMoved = !isDeepStrictEqual(now.endpoints, before.endpoints)
    if (!isMoved && isDeepStrictEqual(now.features, before.features)) return
    log.info(`Updated broker metadata: broker ${brokerId} has new endpoints or features`)
    context.brokers.set(brokerId, now)
    channels.move(now)
    this.tellBrokers()
  }

  /** Their leaders move, they leave the ISRs. Also for replicas on a failed log directory. */
  async onReplicasBecomeOffline(replicas: readonly Replica[]): Promise<void> {
    const { context, partitionStates, replicaStates, topicDeletion } = this.#ports
    const deleting = replicas.filter(({ partition }) => context.isBeingDeleted(partition))
    const others = replicas.filter(({ partition }) => !context.isBeingDeleted(partition))
    const leaderless = context.partitionsWhere(
      (partition) =>
        partition.leadership !== null &&
        !context.isBeingDeleted(partition) &&
        !context.isReplicaOnline(partition, partition.leadership.leader),
    )
    await partitionStates.move(leaderless, 'offline')
    const elections = await partitionStates.bringOnline()
    await replicaStates.move(others, 'offline')
    await topicDeletion.failReplicas(deleting)
    const isAnyElected = [...elections.values()].some((result) => !(result instanceof Error))
    // Nothing else told the brokers that the set of brokers changed (KAFKA-13225).
    if (others.length === 0 && !isAnyElected) this.tellBrokers()
  }

  /**
   * A broker that was silent for long, or had no listener for us, hears everything again. A
   * log that it was to delete counts as failed, and is asked for again when it restarts.
   */
  async onBrokerOverrun(brokerId: number): Promise<void> {
    const { context, log, topicDeletion } = this.#ports
    if (!context.brokers.has(brokerId)) return
    log.warn(`Broker ${brokerId} could not be told all it should know; it is told everything`)
    const partitions = context.partitionsWhere((each) => !context.isBeingDeleted(each))
    const batch = this.#ports.newBatch()
    batch.updateMetadata([brokerId], [...context.partitions()])
    for (const partition of partitions) {
      const { leadership, assignment } = partition
      if (leadership === null || !assignment.replicas.includes(brokerId)) continue
      batch.leaderAndIsr([brokerId], partition, leadership, false)
    }
    batch.send()
    const deleting = context
      .replicasOn([brokerId])
      .filter(({ partition }) => stateOf(partition, brokerId) === 'deletion-started')
    await topicDeletion.failReplicas(deleting)
  }

  /** The set of brokers, no partitions. */
  tellBrokers(): void {
    const batch = this.#ports.newBatch()
    batch.updateMetadata(this.#ports.context.liveOrShuttingDownBrokerIds(), [])
    batch.send()
  }

  async #onStartup(started: readonly Broker[]): Promise<void> {
    const { context, log, replicaStates, partitionStates, reassignment } = this.#ports
    const ids = started.map(({ id }) => id)
    log.info(`New broker startup callback for ${ids.join(',')}`)
    for (const id of ids) context.offlineDirs.delete(id)
    const existing = context.liveOrShuttingDownBrokerIds().filter((id) => !ids.includes(id))
    const brokersOnly = this.#ports.newBatch()
    brokersOnly.updateMetadata(existing, [])
    brokersOnly.send()
    const everything = this.#ports.newBatch()
    // Those in deletion too: who was here before may not know that they are.
    everything.updateMetadata(ids, [...context.partitions()])
    everything.send()
    const replicas = context.replicasOn(ids)
    await replicaStates.move(replicas, 'online')
    await partitionStates.bringOnline()
    await reassignment.resume(({ assignment }) =>
      targetReplicas(assignment).some((id) => ids.includes(id)),
    )
    await this.#ports.topicDeletion.resumeFor([
      ...new Set(replicas.map(({ partition }) => partition.topic.name)),
    ])
  }

  async #onFailure(ids: readonly number[]): Promise<void> {
    const { context, channels, log, stats } = this.#ports
    log.info(`Broker failure callback for ${ids.join(',')}`)
    for (const id of ids) context.offlineDirs.delete(id)
    const wereShuttingDown = ids.filter((id) => context.shuttingDown.delete(id))
    if (wereShuttingDown.length > 0) {
      log.info(`Removed ${wereShuttingDown.join(',')} from list of shutting down brokers.`)
    }
    const startedMs = stats.nowMs()
    await this.onReplicasBecomeOffline(context.replicasOn(ids))
    stats.onPhase('leaders_elected', startedMs)
    stats.onTelling(startedMs)
    channels.noticeAllTold()
  }

  #isCompatible(broker: Broker): boolean {
    if (this.#ports.isCompatible(broker)) return true
    this.#ports.log.error(`Ignoring registration of broker ${broker.id}: incompatible features`)
    return false
  }

  #logEpochs(): void {
    const { context, log } = this.#ports
    const epochs = context
      .liveOrShuttingDownBrokerIds()
      .map((id) => `${id} -> ${context.brokers.get(id)!.epoch}`)
    log.info(`Updated broker epochs cache: Map(${epochs.join(', ')})`)
  }
}

function idsOf(brokers: readonly Broker[]): string {
  return brokers.map(({ id }) => id).join(',')
}
