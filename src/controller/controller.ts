/**
 * One controller epoch, from the won election to the resignation: takes over what ZooKeeper holds
 * in the exact order of Kafka's `onControllerFailover`, then reacts to what happens. Everything
 * here runs on the event queue; nothing outlives `stop`, and what is still on its way finds it
 * stopped.
 */

import type { TopicPartition } from '../base/topic-partition.ts'
import { isZkError } from '../zk/zk-client.ts'
import { brokerPath, decodeBrokerRegistration } from '../zk/znodes.ts'
import {
  type AlterPartitionRequest,
  type AlterPartitionResponse,
  processAlterPartition,
} from './alter-partition.ts'
import type { ChannelTarget } from './broker-channels.ts'
import type { Mandate } from './candidacy.ts'
import { type ShutdownOutcome, shutDownBroker } from './controlled-shutdown.ts'
import {
  type ControllerParts,
  type ControllerPorts,
  type Enqueue,
  makeControllerParts,
} from './controller-parts.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import { prepareFeatures, supportsFeatures } from './features.ts'
import {
  type ElectionOutcome,
  type ElectionType,
  electLeaders,
  partitionsToRebalance,
} from './leader-elections.ts'
import {
  type AlterReassignmentsRequest,
  type AlterReassignmentsResponse,
  askedPartitions,
  planReassignment,
  reassignmentsResponse,
  startReassignments,
} from './reassignment-requests.ts'

const FIRST_REBALANCE_MS = 5_000

export class Controller {
  readonly mandate: Mandate
  readonly parts: ControllerParts
  readonly #ports: ControllerPorts
  readonly #enqueue: Enqueue
  #cancelRebalance: () => void = () => {}
  #isStopped = false

  constructor(ports: ControllerPorts, mandate: Mandate, enqueue: Enqueue) {
    this.#ports = ports
    this.mandate = mandate
    this.#enqueue = (name, activity, work) => {
      if (this.#isStopped) return
      enqueue(name, activity, async () => {
        if (!this.#isStopped) await work()
      })
    }
    this.parts = makeControllerParts(ports, mandate, this.#enqueue, (target, brokerEpoch) =>
      this.#enqueue('BrokerRefused', 'BrokerChange', () =>
        this.#onBrokerRefused(target, brokerEpoch),
      ),
    )
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Takes over. The order matters: brokers must know each other before they hear of leaders. */
  async start(): Promise<void> {
    const { finalized, notifications, deletionMarkers, brokerChanges, legacy, log } = this.parts
    const { stats } = this.#ports
    const startedMs = stats.nowMs()
    finalized.levels = await prepareFeatures(this.#ports.zk)
    log.info('Registering handlers')
    await notifications.clear()
    log.info('Initializing controller context')
    await this.#initializeContext()
    await deletionMarkers.load()
    stats.onPhase('context_loaded', startedMs)
    log.info('Sending update metadata request')
    brokerChanges.tellBrokers()
    const loadedMs = stats.nowMs()
    await this.parts.replicaStates.startup()
    await this.parts.partitionStates.startup()
    stats.onPhase('leaders_elected', loadedMs)
    stats.onTelling(loadedMs)
    this.parts.channels.noticeAllTold()
    log.info(`Ready to serve as the new controller with epoch ${this.mandate.epoch}`)
    const started = await legacy.processReassignments()
    await this.parts.reassignment.resume((partition) => !started.has(partition))
    await this.parts.topicDeletion.resume()
    await legacy.processPreferredElection()
    log.info('Starting the controller scheduler')
    this.#scheduleRebalance(FIRST_REBALANCE_MS)
  }

  /** Forgets everything; requests that wait for a broker are discarded. */
  stop(): void {
    this.#isStopped = true
    this.#cancelRebalance()
    this.parts.channels.stop()
    this.parts.registry.stop()
    this.parts.topicChanges.stop()
    this.parts.deletionMarkers.stop()
    this.parts.notifications.stop()
    this.parts.legacy.stop()
  }

  async #initializeContext(): Promise<void> {
    const { context, registry, topicChanges, writer, channels, finalized, log } = this.parts
    for (const broker of await registry.readAll()) {
      if (supportsFeatures(broker, finalized.levels)) context.brokers.set(broker.id, broker)
      else log.error(`Ignoring registration of broker ${broker.id}: incompatible features`)
    }
    const epochs = [...context.brokers.values()].map(({ id, epoch }) => `${id} -> ${epoch}`)
    log.info(`Initialized broker epochs cache: Map(${epochs.join(', ')})`)
    await topicChanges.load()
    const partitions = [...context.partitions()]
    const states = await writer.readAll(partitions)
    partitions.forEach((partition, at) => {
      const state = states[at]!
      if (state.kind === 'ok') partition.leadership = state.leadership
      if (state.kind === 'undecodable') log.error(`The state of ${partition}: ${state.reason}`)
    })
    for (const broker of context.brokers.values()) channels.add(broker)
    log.info(`Currently active brokers in the cluster: Set(${context.liveBrokerIds().join(', ')})`)
    log.info(`Current list of topics in the cluster: Set(${[...context.topics.keys()].join(', ')})`)
  }

  /** The ISR of partitions, at the request of their leader. */
  async alterPartition(
    request: AlterPartitionRequest,
    version: number,
  ): Promise<AlterPartitionResponse> {
    const { response, asked } = await processAlterPartition(this.parts, request, version)
    // The leader need not wait for what its new ISR makes possible.
    const moving = asked.filter((partition) => this.parts.context.reassigning.has(partition))
    if (moving.length > 0) {
      this.#enqueue('PartitionReassignmentIsrChange', 'AlterPartitionReassignment', () =>
        this.parts.reassignment.maybeComplete(moving),
      )
    }
    return response
  }

  shutDownBroker(brokerId: number, brokerEpoch: number): Promise<ShutdownOutcome> {
    return shutDownBroker(this.parts, brokerId, brokerEpoch)
  }

  /** Null asks for all partitions; then those without need of an election are left out. */
  async electLeaders(
    asked: readonly TopicPartition[] | null,
    type: ElectionType,
  ): Promise<ElectionOutcome[]> {
    const all = () =>
      [...this.parts.context.partitions()].map(({ topic, number }) => ({
        topic: topic.name,
        partition: number,
      }))
    return electLeaders(this.parts, asked ?? all(), type, 'AdminClientTriggered')
  }

  async alterReassignments(
    request: AlterReassignmentsRequest,
  ): Promise<AlterReassignmentsResponse> {
    const { context, legacy } = this.parts
    const asked = askedPartitions(request).map((each) => ({
      tp: each,
      plan: planReassignment(context, each),
    }))
    // The latest request wins over the legacy znode.
    const accepted = asked.filter(({ plan }) => !('errorCode' in plan))
    if (accepted.length > 0) {
      await legacy.forgetReassignments(({ topic, partition }) =>
        accepted.some(({ tp }) => tp.topic === topic && tp.partition === partition),
      )
    }
    const results = await startReassignments(this.parts, asked)
    return reassignmentsResponse(
      asked.map(({ tp }) => tp),
      results,
    )
  }

  /** Leaders for partitions that have none, after the configuration allows more than before. */
  async onUncleanElectionEnabled(topic?: string): Promise<void> {
    await this.parts.partitionStates.bringOnline(topic)
  }

  #scheduleRebalance(delayMs: number): void {
    if (!this.#ports.config().autoLeaderRebalanceEnable || this.#isStopped) return
    this.#cancelRebalance = this.#ports.clock.after(delayMs, () =>
      this.#enqueue('AutoPreferredReplicaLeaderElection', 'AutoLeaderBalance', () =>
        this.#rebalance(),
      ),
    )
  }

  async #rebalance(): Promise<void> {
    const { context, log } = this.parts
    const { leaderImbalancePerBrokerPercentage, leaderImbalanceCheckIntervalSeconds } =
      this.#ports.config()
    try {
      log.info('Processing automatic preferred replica leader election')
      const chosen = partitionsToRebalance(context, leaderImbalancePerBrokerPercentage)
      const asked = chosen.map(({ topic, number }) => ({ topic: topic.name, partition: number }))
      await electLeaders(this.parts, asked, 'PREFERRED', 'AutoTriggered')
    } finally {
      this.#scheduleRebalance(leaderImbalanceCheckIntervalSeconds * 1000)
    }
  }

  /**
   * Nobody listens any more where a broker served: it is dead, although its session still lives.
   * Its registration goes now, guarded by our epoch and only if it is that life of the broker, at that
   * address; everything else follows from that. If it was alive after all, it registers anew. One that
   * is shutting down has closed its network on purpose, and ends its session itself.
   */
  async #onBrokerRefused(target: ChannelTarget, brokerEpoch: number): Promise<void> {
    const { context, fence, log } = this.parts
    const { brokerId, host, port } = target
    const known = context.brokers.get(brokerId)
    if (known?.epoch !== brokerEpoch) return
    if (brokerId === this.#ports.brokerId || context.shuttingDown.has(brokerId)) return
    const path = brokerPath(brokerId)
    try {
      const { data, stat } = await this.#ports.zk.get(path)
      const now = decodeBrokerRegistration(data)
      if (Number(stat.czxid) !== brokerEpoch || now.kind === 'error') return
      if (!now.value.endpoints.some((each) => each.host === host && each.port === port)) return
      log.info(`Broker ${brokerId} refuses connections: removing its registration`)
      await fence.multi([{ kind: 'delete', path, version: stat.version }])
    } catch (error) {
      if (error instanceof ControllerMovedError || !isZkError(error, 'NO_NODE')) throw error
    }
  }
}
