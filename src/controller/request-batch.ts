/**
 * Collects what the brokers are to be told about one batch of changes: one LeaderAndIsr, one
 * UpdateMetadata and one StopReplica per broker at most, queued in this order (Kafka's
 * `AbstractControllerBrokerRequestBatch`). Whoever hears a LeaderAndIsr also hears, with all other
 * brokers, the new metadata of the partition.
 */

import type { Logger } from '../base/ports.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type {
  ControlRequest,
  LeaderAndIsrRequest,
  UpdateMetadataRequest,
} from './broker-channels.ts'
import {
  type Broker,
  type ControllerContext,
  formatLeadership,
  type Leadership,
  type Partition,
} from './controller-context.ts'

const LEADER_DURING_DELETE = -2
const EPOCH_DURING_DELETE = -2
const NO_EPOCH = -1

type TopicStatesOf<R extends { readonly topicStates?: unknown }> = NonNullable<R['topicStates']>
type LeaderAndIsrState = TopicStatesOf<LeaderAndIsrRequest>[number]['partitionStates'][number]
type MetadataState = TopicStatesOf<UpdateMetadataRequest>[number]['partitionStates'][number]

interface StopState {
  readonly leaderEpoch: number
  readonly deletePartition: boolean
}

/** Where the requests go; a broker without a channel is skipped. */
export interface ControlRequestSink {
  enqueue(brokerId: number, request: ControlRequest): void
}

export interface BatchOptions {
  readonly controllerId: number
  /** Listener under which brokers find each other. */
  readonly interBrokerListener: string
}

export class RequestBatch {
  readonly #context: ControllerContext
  readonly #sink: ControlRequestSink
  readonly #log: Logger
  readonly #options: BatchOptions
  readonly #leaderAndIsr = new Map<number, Map<Partition, LeaderAndIsrState>>()
  readonly #stopReplica = new Map<number, Map<Partition, StopState>>()
  readonly #metadataBrokers = new Set<number>()
  readonly #metadataPartitions = new Map<Partition, MetadataState>()

  constructor(
    context: ControllerContext,
    sink: ControlRequestSink,
    log: Logger,
    options: BatchOptions,
  ) {
    this.#context = context
    this.#sink = sink
    this.#log = log
    this.#options = options
  }

  /** `isNew` sticks: once true for a partition and broker, it stays true in this batch. */
  leaderAndIsr(
    brokerIds: Iterable<number>,
    partition: Partition,
    leadership: Leadership,
    isNew: boolean,
  ): void {
    for (const brokerId of brokerIds) {
      if (brokerId < 0) continue
      const states = entryOf(this.#leaderAndIsr, brokerId)
      const wasNew = states.get(partition)?.isNew ?? false
      states.set(partition, leaderAndIsrState(partition, leadership, isNew || wasNew))
    }
    this.updateMetadata(this.#context.liveOrShuttingDownBrokerIds(), [partition])
  }

  /** `deletePartition` sticks like `isNew`. */
  stopReplica(brokerId: number, partition: Partition, deletePartition: boolean): void {
    if (brokerId < 0) return
    const states = entryOf(this.#stopReplica, brokerId)
    const wasDelete = states.get(partition)?.deletePartition ?? false
    const leaderEpoch = this.#context.isBeingDeleted(partition)
      ? EPOCH_DURING_DELETE
      : (partition.leadership?.leaderEpoch ?? NO_EPOCH)
    states.set(partition, { leaderEpoch, deletePartition: deletePartition || wasDelete })
  }

  /** Without partitions: only the set of brokers is told. */
  updateMetadata(brokerIds: Iterable<number>, partitions: Iterable<Partition>): void {
    for (const brokerId of brokerIds) if (brokerId >= 0) this.#metadataBrokers.add(brokerId)
    for (const partition of partitions) {
      const state = metadataState(this.#context, partition)
      if (state !== null) this.#metadataPartitions.set(partition, state)
    }
  }

  /** Queues everything collected for the brokers that are registered now, and is empty then. */
  send(): void {
    const liveIds = this.#context.liveOrShuttingDownBrokerIds()
    for (const id of liveIds) this.#sendLeaderAndIsr(this.#context.brokers.get(id)!)
    if (this.#metadataBrokers.size > 0) this.#sendUpdateMetadata(liveIds)
    for (const id of liveIds) this.#sendStopReplica(this.#context.brokers.get(id)!)
    this.#leaderAndIsr.clear()
    this.#stopReplica.clear()
    this.#metadataBrokers.clear()
    this.#metadataPartitions.clear()
  }

  #sendLeaderAndIsr(broker: Broker): void {
    const states = this.#leaderAndIsr.get(broker.id)
    if (states === undefined) return
    const leaders = new Set<number>()
    let leading = 0
    for (const [partition, state] of states) {
      leaders.add(state.leader)
      if (state.leader === broker.id) leading += 1
      if (this.#log.isDebugEnabled()) this.#log.debug(describeLeaderAndIsr(broker.id, partition))
    }
    this.#log.info(
      `Sending LeaderAndIsr request to broker ${broker.id} with ${leading} become-leader ` +
        `and ${states.size - leading} become-follower partitions`,
    )
    this.#sink.enqueue(broker.id, {
      kind: 'leader-and-isr',
      body: {
        ...this.#envelope(broker),
        type: 0,
        topicStates: groupByTopic(states, (state) => state),
        liveLeaders: this.#nodes(leaders),
      },
    })
  }

  #nodes(brokerIds: Set<number>): LeaderAndIsrRequest['liveLeaders'] {
    return [...brokerIds].sort(ascending).flatMap((id) => {
      const endpoint = this.#context.brokers
        .get(id)
        ?.endpoints.find(({ listener }) => listener === this.#options.interBrokerListener)
      if (endpoint === undefined) return []
      return [{ brokerId: id, hostName: endpoint.host, port: endpoint.port }]
    })
  }

  #sendUpdateMetadata(liveIds: readonly number[]): void {
    const targets = liveIds.filter((id) => this.#metadataBrokers.has(id))
    const topicStates = groupByTopic(this.#metadataPartitions, (state) => state)
    const liveBrokers = liveIds.map((id) => liveBroker(this.#context.brokers.get(id)!))
    this.#log.info(
      `Sending UpdateMetadata request to brokers Set(${targets.join(', ')}) ` +
        `for ${this.#metadataPartitions.size} partitions`,
    )
    for (const id of targets) {
      const broker = this.#context.brokers.get(id)!
      this.#sink.enqueue(id, {
        kind: 'update-metadata',
        body: { ...this.#envelope(broker), topicStates, liveBrokers },
      })
    }
  }

  #sendStopReplica(broker: Broker): void {
    const states = this.#stopReplica.get(broker.id)
    if (states === undefined) return
    this.#log.info(`Sending StopReplica request for ${states.size} replicas to broker ${broker.id}`)
    const topicStates = groupByTopic(states, (state, partition) => ({
      partitionIndex: partition.number,
      ...state,
    })).map(({ topicName, partitionStates }) => ({ topicName, partitionStates }))
    this.#sink.enqueue(broker.id, {
      kind: 'stop-replica',
      body: { ...this.#envelope(broker), topicStates },
    })
  }

  #envelope(broker: Broker) {
    return {
      controllerId: this.#options.controllerId,
      isKRaftController: false,
      controllerEpoch: this.#context.epoch,
      brokerEpoch: broker.epoch,
    }
  }
}

function leaderAndIsrState(
  partition: Partition,
  leadership: Leadership,
  isNew: boolean,
): LeaderAndIsrState {
  return {
    partitionIndex: partition.number,
    controllerEpoch: leadership.controllerEpoch,
    leader: leadership.leader,
    leaderEpoch: leadership.leaderEpoch,
    isr: leadership.isr,
    partitionEpoch: leadership.partitionEpoch,
    replicas: partition.assignment.replicas,
    addingReplicas: partition.assignment.adding,
    removingReplicas: partition.assignment.removing,
    isNew,
    leaderRecoveryState: leadership.leaderRecoveryState,
  }
}

/** Null when there is nothing to tell: the partition never had a leader. */
function metadataState(context: ControllerContext, partition: Partition): MetadataState | null {
  const { leadership, assignment } = partition
  if (leadership === null) return null
  const isDeleting = context.isBeingDeleted(partition)
  return {
    partitionIndex: partition.number,
    controllerEpoch: leadership.controllerEpoch,
    leader: isDeleting ? LEADER_DURING_DELETE : leadership.leader,
    leaderEpoch: isDeleting ? 0 : leadership.leaderEpoch,
    isr: leadership.isr,
    zkVersion: isDeleting ? 0 : leadership.partitionEpoch,
    replicas: assignment.replicas,
    offlineReplicas: assignment.replicas.filter((id) => !context.isReplicaOnline(partition, id)),
  }
}

function liveBroker(broker: Broker): UpdateMetadataRequest['liveBrokers'][number] {
  const endpoints = broker.endpoints.map((endpoint) => ({
    port: endpoint.port,
    host: endpoint.host,
    listener: endpoint.listener,
    securityProtocol: endpoint.securityProtocol,
  }))
  return { id: broker.id, endpoints, rack: broker.rack }
}

function groupByTopic<S, R>(
  states: ReadonlyMap<Partition, S>,
  render: (state: S, partition: Partition) => R,
): { topicName: string; topicId: string; partitionStates: R[] }[] {
  const groups = new Map<string, { topicName: string; topicId: string; partitionStates: R[] }>()
  for (const [partition, state] of states) {
    const { name, id } = partition.topic
    let group = groups.get(name)
    if (group === undefined) {
      group = { topicName: name, topicId: id ?? ZERO_UUID, partitionStates: [] }
      groups.set(name, group)
    }
    group.partitionStates.push(render(state, partition))
  }
  return [...groups.values()]
}

function describeLeaderAndIsr(brokerId: number, partition: Partition): string {
  const state = partition.leadership === null ? 'none' : formatLeadership(partition.leadership)
  return `Telling broker ${brokerId} its role in partition ${partition}: ${state}`
}

function entryOf<V>(map: Map<number, Map<Partition, V>>, brokerId: number): Map<Partition, V> {
  let entry = map.get(brokerId)
  if (entry === undefined) {
    entry = new Map()
    map.set(brokerId, entry)
  }
  return entry
}

function ascending(a: number, b: number): number {
  return a - b
}
