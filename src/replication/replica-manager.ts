/**
 * All replicas of this broker. Handlers of the data plane and the control RPCs end here; the work is
 * done by the parts that this class ties together. Events of partitions only note who may go on; they
 * are answered at the end of the call that caused them (`#finishTurn`), so a request that touches
 * many partitions wakes each waiter once.
 */

import type { Clock, Loggers, Random } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import type { DeletedPartition, MetadataCache } from '../cluster/image.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { deleteRecords } from '../protocol/messages/delete-records.ts'
import type { leaderAndIsr } from '../protocol/messages/leader-and-isr.ts'
import type { listOffsets } from '../protocol/messages/list-offsets.ts'
import type { offsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts'
import type { stopReplica } from '../protocol/messages/stop-replica.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import { AlterPartitionManager, type SendToController } from './alter-partition-manager.ts'
import { leaderAndIsrAnswer, replicasToStop, requestedStates } from './control-requests.ts'
import { type FetchAnswer, type FetchCall, FetchRequests } from './fetch-requests.ts'
import { FetchSessionCache } from './fetch-session.ts'
import type { FetcherOptions, ReplicaChannel } from './fetcher.ts'
import { FetcherPool } from './fetcher-pool.ts'
import { type Gauges, measure } from './gauges.ts'
import { Leadership } from './leadership.ts'
import { answerListOffsets, answerOffsetsForLeaderEpoch } from './offset-lookup.ts'
import {
  Partition,
  type PartitionEvents,
  type PartitionHost,
  type PartitionStateUpdate,
} from './partition.ts'
import { chooseByRack, type ReplicaView } from './preferred-replica.ts'
import { type AppendRequest, ProduceRequests, type TopicAppendResult } from './produce-requests.ts'
import { Purgatory } from './purgatory.ts'
import { type DeleteRecordsAnswer, RecordDeletion } from './record-deletion.ts'
import type { ReplicaLogs } from './replica-log.ts'
import { ReplicaSet } from './replica-set.ts'
import { ReplicationStats } from './replication-stats.ts'

export type { FetchAnswer, FetchCall } from './fetch-requests.ts'
export type { ReplicaChannel } from './fetcher.ts'
export type { Gauges } from './gauges.ts'
export type { PartitionStateUpdate } from './partition.ts'
export type {
  AppendEntry,
  AppendRequest,
  PartitionAppendResult,
  TopicAppendResult,
} from './produce-requests.ts'

export interface ReplicaManagerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly loggers: Loggers
  readonly logs: ReplicaLogs
  readonly metadata: MetadataCache
  /** To the inter-broker endpoint that the broker has now; rejects when it has none or is down. */
  connectToBroker(brokerId: number, clientId: string): Promise<ReplicaChannel>
  /** One try: rejects when no controller is known or the connection breaks. */
  readonly sendToController: SendToController
  /** czxid of our registration, -1 before the first. */
  brokerEpoch(): number
  /** True while ZooKeeper has been silent for a session timeout: no acks=all answer of success. */
  isFenced(): boolean
}

export interface ReplicaManagerOptions extends FetcherOptions {
  readonly replicaLagTimeMaxMs: number
  readonly numReplicaFetchers: number
  /** `fetch.max.bytes`: the limit of one Fetch response. */
  readonly fetchMaxBytes: number
  readonly maxIncrementalFetchSessionCacheSlots: number
  readonly highWatermarkCheckpointIntervalMs: number
  /** True for `RackAwareReplicaSelector` (KIP-392). */
  readonly rackAwareReplicaSelector: boolean
}

export class ReplicaManager {
  readonly options: ReplicaManagerOptions
  readonly stats = new ReplicationStats()
  readonly #ports: ReplicaManagerPorts
  readonly #replicas: ReplicaSet
  readonly #purgatory: Purgatory
  readonly #sessions: FetchSessionCache
  readonly #produces: ProduceRequests
  readonly #fetches: FetchRequests
  readonly #deletions: RecordDeletion
  readonly #alterPartitions: AlterPartitionManager
  readonly #fetchers: FetcherPool
  readonly #leadership: Leadership
  readonly #host: PartitionHost
  /** Partitions whose produce waiters may have to be answered. */
  readonly #moved = new Set<Partition>()
  #logStartMoved = false
  #isFinishing = false
  #isStopped = false
  readonly #cancels: (() => void)[] = []
  readonly #logStarts = new WeakMap<Partition, number>()

  constructor(ports: ReplicaManagerPorts, options: ReplicaManagerOptions) {
    const { clock, loggers, logs, metadata, random } = ports
    const { brokerId } = options
    const prefix = `[ReplicaManager broker=${brokerId}] `
    const logger = loggers.get('kafka.server.ReplicaManager', prefix)
    this.#ports = ports
    this.options = options
    this.#replicas = new ReplicaSet(metadata)
    this.#purgatory = new Purgatory(clock)
    const shared = { replicas: this.#replicas, purgatory: this.#purgatory, stats: this.stats }
    this.#sessions = new FetchSessionCache(
      random,
      options.maxIncrementalFetchSessionCacheSlots,
      () => {
        this.stats.incrementalFetchSessionEvictions += 1
      },
    )
    this.#produces = new ProduceRequests({ ...shared, logger, isFenced: () => ports.isFenced() })
    this.#fetches = new FetchRequests({
      ...shared,
      clock,
      metadata,
      sessions: this.#sessions,
      maxBytes: options.fetchMaxBytes,
      chooseReplica: (partition, offset, call) => this.#chooseReplica(partition, offset, call),
    })
    this.#deletions = new RecordDeletion(this.#replicas, this.#purgatory)
    this.#alterPartitions = new AlterPartitionManager({
      clock,
      logger: loggers.get('kafka.server.DefaultAlterPartitionManager'),
      brokerId,
      brokerEpoch: () => ports.brokerEpoch(),
      send: ports.sendToController,
    })
    this.#fetchers = new FetcherPool(
      {
        clock,
        loggers,
        stats: this.stats,
        options,
        brokerEpoch: () => ports.brokerEpoch(),
        connectToBroker: (id, clientId) => ports.connectToBroker(id, clientId),
        onAppended: (partition, bytes) => this.#host.events.onLogEnd(partition, bytes),
        finishTurn: () => this.#finishTurn(),
      },
      options.numReplicaFetchers,
    )
    this.#host = this.#partitionHost()
    this.#leadership = new Leadership({
      brokerId,
      metadata,
      logs,
      replicas: this.#replicas,
      fetchers: this.#fetchers,
      logger,
      stateChanges: loggers.get('state.change.logger', `[Broker id=${brokerId}] `),
      createPartition: (topic, index) => this.#createPartition(topic, index),
    })
  }

  /** Starts the loops: ISR shrinking, checkpoints of high watermarks. Fetchers start by themselves. */
  start(): void {
    const { replicaLagTimeMaxMs, highWatermarkCheckpointIntervalMs } = this.options
    let { brokers } = this.#ports.metadata.image
    this.#cancels.push(
      this.#ports.metadata.onChange((image) => {
        this.#leadership.onImageChange()
        const isAnyGone = [...brokers.keys()].some((id) => !image.brokers.has(id))
        brokers = image.brokers
        if (isAnyGone) this.#lookAtHighWatermarks()
        this.#finishTurn()
      }),
    )
    this.#every(replicaLagTimeMaxMs / 2, () => {
      for (const partition of this.#replicas.values()) partition.maybeShrinkIsr()
      this.#lookAtHighWatermarks()
      this.#finishTurn()
    })
    this.#every(highWatermarkCheckpointIntervalMs, () => {
      this.#lookForRetention()
      this.#ports.logs.checkpointHighWatermarks()
    })
  }

  /** A replica that was waited for, since it was about to join an ISR, is gone or too late. */
  #lookAtHighWatermarks(): void {
    for (const partition of this.#replicas.values()) partition.maybeAdvanceHighWatermark()
  }

  /** Ends loops and fetchers, answers what waits, checkpoints high watermarks. Logs stay open. */
  shutdown(): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    this.#isStopped = true
    for (const cancel of this.#cancels.splice(0)) cancel()
    this.#fetchers.stop()
    this.#alterPartitions.stop()
    for (const partition of this.#replicas.values()) {
      this.#produces.failAll(partition, ErrorCode.NOT_LEADER_OR_FOLLOWER)
      for (const watcher of partition.fetchWatchers.list) watcher.onRole()
    }
    this.#fetches.finishReady()
    this.#purgatory.stop()
    this.#ports.logs.checkpointHighWatermarks()
    return Promise.resolve()
  }

  /** `respond` is called exactly once, perhaps before this returns. */
  append(request: AppendRequest, respond: (topics: TopicAppendResult[]) => void): void {
    this.#produces.append(request, respond)
    this.#finishTurn()
  }

  /** Sessions, follower bookkeeping and waiting included. `respond` is called exactly once. */
  fetch(call: FetchCall, respond: (answer: FetchAnswer) => void): void {
    this.#fetches.fetch(call, respond)
    this.#finishTurn()
  }

  listOffsets(
    request: RequestOf<typeof listOffsets>,
    version: number,
  ): Promise<ResponseInput<typeof listOffsets>> {
    return answerListOffsets(this.#replicas, request, version, this.#ports.clock.wallMs())
  }

  offsetsForLeaderEpoch(
    request: RequestOf<typeof offsetForLeaderEpoch>,
  ): ResponseInput<typeof offsetForLeaderEpoch> {
    return answerOffsetsForLeaderEpoch(this.#replicas, request)
  }

  deleteRecords(
    request: RequestOf<typeof deleteRecords>,
    respond: (answer: DeleteRecordsAnswer) => void,
  ): void {
    this.#deletions.delete(request, respond)
    this.#finishTurn()
  }

  becomeLeaderOrFollower(
    request: RequestOf<typeof leaderAndIsr>,
  ): ResponseInput<typeof leaderAndIsr> {
    const states = requestedStates(request)
    const refusal = this.#refusalOf(request)
    if (refusal !== ErrorCode.NONE) {
      const codes = states.map(() => refusal)
      return leaderAndIsrAnswer(refusal, states, codes)
    }
    const codes = this.#leadership.applyRequested(states)
    this.#finishTurn()
    return leaderAndIsrAnswer(ErrorCode.NONE, states, codes)
  }

  stopReplicas(request: RequestOf<typeof stopReplica>): ResponseInput<typeof stopReplica> {
    const refusal = this.#refusalOf(request)
    if (refusal !== ErrorCode.NONE) return { errorCode: refusal, partitionErrors: [] }
    const partitionErrors = replicasToStop(request).map((replica) => ({
      topicName: replica.topic,
      partitionIndex: replica.index,
      errorCode: this.#leadership.stop(replica),
    }))
    this.#fetchers.dropIdle()
    this.#finishTurn()
    return { errorCode: ErrorCode.NONE, partitionErrors }
  }

  #refusalOf(request: { controllerId: number; controllerEpoch: number }): ErrorCode {
    // It may have waited for ZooKeeper while everything was closed: the logs are not ours any more.
    if (this.#isStopped) return ErrorCode.BROKER_NOT_AVAILABLE
    return this.acceptControllerEpoch(request.controllerId, request.controllerEpoch)
      ? ErrorCode.NONE
      : ErrorCode.STALE_CONTROLLER_EPOCH
  }

  /** False for an epoch older than the highest seen; else it is remembered (all three RPCs). */
  acceptControllerEpoch(controllerId: number, controllerEpoch: number): boolean {
    return this.#leadership.acceptControllerEpoch(controllerId, controllerEpoch)
  }

  /** The watch path. Only for partitions that are hosted here; others are ignored. */
  applyPartitionState(topic: string, partition: number, state: PartitionStateUpdate): void {
    if (this.#isStopped) return
    this.#leadership.applyWatched(topic, partition, state)
    this.#finishTurn()
  }

  /** After UpdateMetadata removed partitions (deleted topics). Their logs go with StopReplica. */
  onPartitionsDeletedFromMetadata(deleted: readonly DeletedPartition[]): void {
    for (const { topic } of deleted) {
      if (!this.#ports.metadata.image.topics.has(topic)) this.stats.forgetTopic(topic)
    }
  }

  /** After every fence change; lifts waiting acks=all answers. */
  onFenceChange(): void {
    for (const partition of this.#replicas.values()) this.#moved.add(partition)
    this.#finishTurn()
  }

  /** After a topic's settings changed (the logs have the new ones). */
  onTopicConfigChange(topic: string): void {
    for (const [, partition] of this.#replicas.ofTopic(topic)) {
      partition.maybeAdvanceHighWatermark()
      this.#moved.add(partition)
    }
    this.#finishTurn()
  }

  /** The log manager took directories offline and these partitions with them. */
  onLogDirFailure(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#leadership.markOffline(topic, partition)
    this.#finishTurn()
  }

  /** Told when a partition begins or ends to be hosted here, for the state watcher. */
  onHostedChange(listener: (partition: TopicPartition, hosted: boolean) => void): void {
    this.#replicas.onChange(listener)
  }

  /** Everything hosted here, for a watcher that starts late. */
  hostedPartitions(): TopicPartition[] {
    return [...this.#replicas.values()].map(({ topic, index }) => ({ topic, partition: index }))
  }

  partition(topic: string, index: number): Partition | undefined {
    return this.#replicas.get(topic, index)
  }

  gauges(): Gauges {
    return measure(this.#replicas.values(), {
      maxLag: this.#fetchers.maxLag,
      delayedProduceCount: this.#produces.waitingCount,
      delayedFetchCount: this.#fetches.waitingCount,
      delayedDeleteRecordsCount: this.#deletions.waitingCount,
      fetchSessionCount: this.#sessions.size,
    })
  }

  #createPartition(topic: string, index: number): Partition {
    const prefix = `[Partition ${topic}-${index} broker=${this.options.brokerId}] `
    const logger = this.#ports.loggers.get('kafka.cluster.Partition', prefix)
    return new Partition(topic, index, this.#host, logger)
  }

  #partitionHost(): PartitionHost {
    const { clock, metadata } = this.#ports
    const { brokerId, replicaLagTimeMaxMs } = this.options
    const events: PartitionEvents = {
      onLogEnd: ({ fetchWatchers }, bytes) => {
        for (const watcher of fetchWatchers.list) watcher.onLogEnd(bytes)
      },
      onHighWatermark: (partition) => {
        for (const watcher of partition.fetchWatchers.list) watcher.onHighWatermark()
        if (partition.produceWaiters.count > 0) this.#moved.add(partition)
      },
      onLogStart: ({ fetchWatchers }) => {
        for (const watcher of fetchWatchers.list) watcher.onLogStart()
        this.#logStartMoved = true
      },
      onRole: (partition) => {
        for (const watcher of partition.fetchWatchers.list) watcher.onRole()
        this.#moved.add(partition)
        this.#logStartMoved = true
      },
    }
    return {
      brokerId,
      clock,
      replicaLagTimeMaxMs,
      stats: this.stats,
      events,
      isAlive: (id) => metadata.image.brokers.has(id),
      submitIsrChange: (partition, change, onAnswer) => {
        this.#alterPartitions.submit(partition, change, (answer) => {
          onAnswer(answer)
          this.#finishTurn()
        })
      },
    }
  }

  /** Answers whoever the events of this call have satisfied. */
  #finishTurn(): void {
    // An answer may bring the next request in the same breath; it is served by the loop below.
    if (this.#isFinishing) return
    this.#isFinishing = true
    try {
      do this.#settleMoved()
      while (this.#moved.size > 0 || this.#logStartMoved)
    } finally {
      this.#isFinishing = false
    }
  }

  #settleMoved(): void {
    for (const partition of this.#moved) {
      this.#moved.delete(partition)
      this.#settleProduces(partition)
    }
    if (this.#logStartMoved) {
      this.#logStartMoved = false
      this.#deletions.completeSatisfied()
    }
    this.#fetches.finishReady()
  }

  #settleProduces(partition: Partition): void {
    if (partition.produceWaiters.count === 0) return
    if (partition.isLeader) {
      this.#produces.completeSatisfied(partition)
      return
    }
    const { topic, index } = partition
    const hosted = this.#replicas.get(topic, index)
    const lookup = this.#replicas.lookupError(hosted, topic, index)
    const code = lookup === ErrorCode.NONE ? ErrorCode.NOT_LEADER_OR_FOLLOWER : lookup
    this.#produces.failAll(partition, code)
  }

  /** Retention moves log starts behind our back. */
  #lookForRetention(): void {
    for (const partition of this.#replicas.values()) {
      const start = partition.log?.logStartOffset ?? -1
      if (this.#logStarts.get(partition) === start) continue
      this.#logStarts.set(partition, start)
      this.#host.events.onLogStart(partition)
      this.#fetchers.onLogStart(partition)
    }
    this.#finishTurn()
  }

  #chooseReplica(partition: Partition, fetchOffset: number, { request }: FetchCall): number {
    if (!this.options.rackAwareReplicaSelector || !partition.isLeader) return -1
    const { brokers } = this.#ports.metadata.image
    const rackOf = (id: number) => brokers.get(id)?.rack ?? null
    const { brokerId } = this.options
    const leader: ReplicaView = {
      brokerId,
      rack: rackOf(brokerId),
      isLeader: true,
      logEndOffset: partition.log?.logEndOffset ?? 0,
      lastCaughtUpMs: this.#ports.clock.monotonicMs(),
    }
    const others = partition.followers
      .filter(({ isInIsr, logEndOffset }) => isInIsr && logEndOffset >= fetchOffset)
      .filter(({ logStartOffset }) => logStartOffset <= fetchOffset)
      .filter(({ brokerId: id }) => brokers.has(id))
      .map((follower) => ({
        brokerId: follower.brokerId,
        rack: rackOf(follower.brokerId),
        isLeader: false,
        logEndOffset: follower.logEndOffset,
        lastCaughtUpMs: follower.lastCaughtUpMs,
      }))
    return chooseByRack([leader, ...others], request.rackId) ?? -1
  }

  #every(intervalMs: number, work: () => void): void {
    let cancel = () => {}
    const next = () => {
      cancel = this.#ports.clock.after(intervalMs, () => {
        work()
        next()
      })
    }
    next()
    this.#cancels.push(() => cancel())
  }
}
