/**
 * Replica managers of several brokers, joined by memory: every request passes through the real codec,
 * logs are real ones on a disk in memory. A few lines play the controller. Time is a fake clock.
 */

import assert from 'node:assert/strict'
import type { Disk } from '../../src/base/ports.ts'
import { type AliveBroker, MetadataCache } from '../../src/cluster/image.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../src/protocol/codec.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { alterPartition } from '../../src/protocol/messages/alter-partition.ts'
import { fetch } from '../../src/protocol/messages/fetch.ts'
import { leaderAndIsr } from '../../src/protocol/messages/leader-and-isr.ts'
import { listOffsets } from '../../src/protocol/messages/list-offsets.ts'
import { stopReplica } from '../../src/protocol/messages/stop-replica.ts'
import type { Api, RequestInput, RequestOf, ResponseInput } from '../../src/protocol/types.ts'
import { readLastOffset } from '../../src/records/batch-header.ts'
import { forEachBatch } from '../../src/records/batches.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { readRecords } from '../../src/records/reader.ts'
import type { ReplicaChannel } from '../../src/replication/fetcher.ts'
import type { ReplicaLogs } from '../../src/replication/replica-log.ts'
import {
  type FetchAnswer,
  type PartitionAppendResult,
  ReplicaManager,
  type ReplicaManagerOptions,
} from '../../src/replication/replica-manager.ts'
import { defaultLogConfig, type LogConfig } from '../../src/storage/log-config.ts'
import { LogManager } from '../../src/storage/log-manager.ts'
import { SimDisk } from '../sim/sim-disk.ts'
import type { SimProcess } from '../sim/sim-process.ts'
import { failingDisk } from './failing-disk.ts'
import { FakeClock, settlePromises } from './fake-clock.ts'
import { SeededRandom } from './seeded-random.ts'
import { SilentLoggers } from './silent-loggers.ts'

export const testOptions: ReplicaManagerOptions = {
  brokerId: 1,
  replicaLagTimeMaxMs: 30_000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMinBytes: 1,
  replicaFetchMaxBytes: 1024 * 1024,
  replicaFetchResponseMaxBytes: 10 * 1024 * 1024,
  replicaFetchBackoffMs: 1_000,
  numReplicaFetchers: 1,
  fetchMaxBytes: 55 * 1024 * 1024,
  maxIncrementalFetchSessionCacheSlots: 1_000,
  highWatermarkCheckpointIntervalMs: 5_000,
  rackAwareReplicaSelector: false,
}

/** What the controller knows of a partition. */
export interface TopicState {
  readonly name: string
  readonly topicId: string
  replicas: number[]
  leader: number
  leaderEpoch: number
  isr: number[]
  partitionEpoch: number
}

type AlterAnswer = ResponseInput<typeof alterPartition>
type AlterRequest = RequestOf<typeof alterPartition>
type AppendedResult = Omit<PartitionAppendResult, 'index'>

export class ReplicaCluster {
  readonly clock = new FakeClock()
  readonly brokers = new Map<number, ReplicaBroker>()
  readonly topics = new Map<string, TopicState>()
  readonly cut = new Set<string>()
  readonly logConfig = new Map<string, Partial<LogConfig>>()
  controllerEpoch = 1
  /** Every AlterPartition that came, decoded. */
  readonly alterRequests: { version: number; request: AlterRequest }[] = []
  /** Replaces the well-behaved answer. Null: behave. A promise may hold the answer back. */
  onAlterPartition: (request: AlterRequest) => Promise<AlterAnswer> | AlterAnswer | null = () =>
    null
  /** Sees, and may spoil, the records that a follower is sent. */
  onFetchedBytes: (topic: string, records: Buffer) => void = () => {}
  readonly #options: Partial<ReplicaManagerOptions>
  /** Brokers that everybody believes to be alive. */
  readonly #alive = new Set<number>()
  #nextTopicId = 1

  constructor(brokerIds: readonly number[], options: Partial<ReplicaManagerOptions> = {}) {
    this.#options = options
    for (const id of brokerIds) {
      const broker = new ReplicaBroker(this, id, this.#options)
      this.brokers.set(id, broker)
      this.#alive.add(id)
      broker.start()
    }
    this.updateMetadata()
  }

  broker(id: number): ReplicaBroker {
    return this.brokers.get(id)!
  }

  topic(name: string): TopicState {
    return this.topics.get(name)!
  }

  /** One partition; the first replica leads unless told otherwise. */
  async createTopic(
    name: string,
    replicas: number[],
    config: Partial<LogConfig> = {},
    isr: number[] = replicas,
  ): Promise<void> {
    this.createTopicState(name, replicas, config, isr)
    this.tell(name, replicas, true)
    await this.settle()
  }

  /** The topic exists, but its replicas have not been told. */
  createTopicState(
    name: string,
    replicas: number[],
    config: Partial<LogConfig> = {},
    isr: number[] = replicas,
  ): void {
    const topicId = Buffer.alloc(16, this.#nextTopicId++).toString('base64url')
    const leader = replicas[0]!
    const state = { name, topicId, replicas, leader, leaderEpoch: 0, isr, partitionEpoch: 0 }
    this.topics.set(name, state)
    this.logConfig.set(name, config)
    this.updateMetadata()
  }

  /** A new leader epoch, told to all replicas or to some. */
  async elect(name: string, leader: number, isr: number[], told?: number[]): Promise<void> {
    const state = this.topic(name)
    state.leader = leader
    state.isr = isr
    state.leaderEpoch += 1
    state.partitionEpoch += 1
    this.updateMetadata()
    this.tell(name, told ?? state.replicas)
    await this.settle()
  }

  /** LeaderAndIsr as it stands, to these brokers. */
  tell(name: string, brokerIds: readonly number[], isNew = false): void {
    for (const id of brokerIds) {
      const broker = this.broker(id)
      if (!broker.isRunning) continue
      const code = broker.leaderAndIsr(this.topic(name), { isNew })
      assert.ok(code === ErrorCode.NONE || code === ErrorCode.STALE_CONTROLLER_EPOCH, `${code}`)
    }
  }

  updateMetadata(): void {
    const brokers: AliveBroker[] = [...this.#alive].map((id) => ({
      id,
      rack: `rack-${id}`,
      endpoints: [{ listener: 'PLAINTEXT', host: `host-${id}`, port: 9092, securityProtocol: 0 }],
    }))
    const topics = [...this.topics.values()].map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitions: [
        {
          partition: 0,
          leader: topic.leader,
          leaderEpoch: topic.leaderEpoch,
          controllerEpoch: this.controllerEpoch,
          zkVersion: topic.partitionEpoch,
          isr: topic.isr,
          replicas: topic.replicas,
          offlineReplicas: [],
        },
      ],
    }))
    for (const broker of this.brokers.values()) {
      broker.metadata.apply({ controllerId: 1, brokers, topics })
    }
  }

  setAlive(id: number, isAlive: boolean): void {
    if (isAlive) this.#alive.add(id)
    else this.#alive.delete(id)
    this.updateMetadata()
  }

  /** The process is gone; what it wrote stays. Connections to it and from it break. */
  async crash(id: number): Promise<void> {
    this.broker(id).kill()
    await this.settle()
  }

  async restart(id: number): Promise<void> {
    this.broker(id).start()
    this.updateMetadata()
    await this.settle()
  }

  /** Nothing passes between two brokers, in either direction. */
  async disconnect(a: number, b: number): Promise<void> {
    this.cut.add(`${a}-${b}`).add(`${b}-${a}`)
    this.broker(a).breakChannels()
    this.broker(b).breakChannels()
    await this.settle()
  }

  reconnect(a: number, b: number): void {
    this.cut.delete(`${a}-${b}`)
    this.cut.delete(`${b}-${a}`)
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms)
    await this.settle()
  }

  async settle(): Promise<void> {
    await settlePromises()
    await settlePromises()
  }

  /** What the controller does with a request. */
  async alterPartition(version: number, request: AlterRequest): Promise<AlterAnswer> {
    this.alterRequests.push({ version, request })
    return (await this.onAlterPartition(request)) ?? this.writeIsr(request)
  }

  writeIsr(request: AlterRequest): AlterAnswer {
    const topics = request.topics.map(({ topicId, topicName, partitions }) => ({
      topicId,
      topicName,
      partitions: partitions.map((each) => {
        const topic = [...this.topics.values()].find((one) => one.topicId === topicId)!
        const isr = each.newIsrWithEpochs.map(({ brokerId }) => brokerId)
        let errorCode: ErrorCode = ErrorCode.NONE
        if (each.leaderEpoch < topic.leaderEpoch) errorCode = ErrorCode.FENCED_LEADER_EPOCH
        else if (each.partitionEpoch < topic.partitionEpoch) {
          errorCode = ErrorCode.INVALID_UPDATE_VERSION
        } else if (isr.some((id) => !this.#alive.has(id))) {
          errorCode = ErrorCode.INELIGIBLE_REPLICA
        } else {
          topic.isr = isr
          topic.partitionEpoch += 1
        }
        return {
          partitionIndex: each.partitionIndex,
          errorCode,
          leaderId: topic.leader,
          leaderEpoch: topic.leaderEpoch,
          isr: topic.isr,
          partitionEpoch: topic.partitionEpoch,
        }
      }),
    }))
    return { errorCode: ErrorCode.NONE, topics }
  }

  stop(): void {
    for (const broker of this.brokers.values()) broker.kill()
  }
}

export class ReplicaBroker {
  readonly id: number
  readonly loggers = new SilentLoggers()
  readonly #cluster: ReplicaCluster
  readonly #disk: SimDisk
  readonly #options: Partial<ReplicaManagerOptions>
  #die: () => void = () => {}
  #hasDiskFailed = false
  #channels: MemoryChannel[] = []
  metadata = new MetadataCache()
  logs!: LogManager
  replicas!: ReplicaManager
  isRunning = false
  isFenced = false
  brokerEpoch: number

  constructor(cluster: ReplicaCluster, id: number, options: Partial<ReplicaManagerOptions>) {
    this.#cluster = cluster
    this.id = id
    this.brokerEpoch = 100 + id
    this.#disk = new SimDisk(new SeededRandom(id))
    this.#options = options
  }

  start(): void {
    const { clock, logConfig } = this.#cluster
    const random = new SeededRandom(this.id)
    const { disk, die } = memoryView(this.#disk, clock, () => this.#hasDiskFailed)
    this.#die = die
    const ports = { disk, clock, random, loggers: this.loggers }
    this.metadata = new MetadataCache()
    this.logs = new LogManager(ports, logManagerOptions, (topic) => ({
      ...defaultLogConfig,
      ...logConfig.get(topic),
    }))
    this.logs.load()
    this.replicas = new ReplicaManager(
      {
        clock,
        random,
        loggers: this.loggers,
        logs: this.#logsUntilDeath(this.logs),
        metadata: this.metadata,
        connectToBroker: (id) => this.#connect(id),
        sendToController: (version, request) => this.#sendToController(version, request),
        brokerEpoch: () => this.brokerEpoch,
        isFenced: () => this.isFenced,
      },
      { ...testOptions, ...this.#options, brokerId: this.id },
    )
    this.isRunning = true
    this.replicas.start()
    this.logs.onDirFailure((partitions) => this.replicas.onLogDirFailure(partitions))
  }

  kill(): void {
    if (!this.isRunning) return
    this.isRunning = false
    void this.replicas.shutdown()
    this.#die()
    this.breakChannels()
    for (const other of this.#cluster.brokers.values()) other.breakChannels(this.id)
  }

  breakChannels(to?: number): void {
    const broken = this.#channels.filter((channel) => to === undefined || channel.to === to)
    this.#channels = this.#channels.filter((channel) => !broken.includes(channel))
    for (const channel of broken) channel.break()
  }

  /** The code for the one partition of the topic. */
  leaderAndIsr(topic: TopicState, options: { isNew?: boolean; controllerEpoch?: number } = {}) {
    const controllerEpoch = options.controllerEpoch ?? this.#cluster.controllerEpoch
    const request: RequestInput<typeof leaderAndIsr> = {
      controllerId: 1,
      controllerEpoch,
      brokerEpoch: -1,
      topicStates: [
        {
          topicName: topic.name,
          topicId: topic.topicId,
          partitionStates: [
            {
              partitionIndex: 0,
              controllerEpoch,
              leader: topic.leader,
              leaderEpoch: topic.leaderEpoch,
              isr: topic.isr,
              partitionEpoch: topic.partitionEpoch,
              replicas: topic.replicas,
              isNew: options.isNew ?? false,
            },
          ],
        },
      ],
      liveLeaders: [],
    }
    const answer = this.replicas.becomeLeaderOrFollower(
      throughCodec(leaderAndIsr, 7, request) as RequestOf<typeof leaderAndIsr>,
    )
    const [partition] = answer.topics![0]!.partitionErrors
    return partition!.errorCode as ErrorCode
  }

  /** The code for the one partition of the topic. */
  stopReplica(
    topic: string,
    options: { leaderEpoch?: number; isDeleted?: boolean; controllerEpoch?: number } = {},
  ): ErrorCode {
    const { leaderEpoch = -1, isDeleted = false, controllerEpoch } = options
    const { errorCode, partitionErrors } = this.replicas.stopReplicas(
      throughCodec(stopReplica, 4, {
        controllerId: 1,
        controllerEpoch: controllerEpoch ?? this.#cluster.controllerEpoch,
        ungroupedPartitions: [],
        topics: [],
        topicStates: [
          {
            topicName: topic,
            partitionStates: [{ partitionIndex: 0, leaderEpoch, deletePartition: isDeleted }],
          },
        ],
      }) as RequestOf<typeof stopReplica>,
    )
    return (partitionErrors[0]?.errorCode ?? errorCode) as ErrorCode
  }

  /** The last answer; `done` tells whether there is one. */
  produce(topic: string, values: string[], options: ProduceOptions = {}): Pending<AppendedResult> {
    const { acks = -1, timeoutMs = 30_000, ...batch } = options
    const records = buildBatch(
      values.map((value) => ({ value })),
      { timestamp: this.#cluster.clock.wallMs(), ...batch },
    )
    const pending = new Pending<AppendedResult>()
    this.replicas.append(
      {
        acks,
        timeoutMs,
        origin: 'client',
        entries: [{ topic, partitions: [{ partition: 0, records }] }],
      },
      ([answer]) => pending.resolve(answer!.partitionResponses[0]!),
    )
    return pending
  }

  /** A consumer's fetch of one partition, without a session. */
  fetch(topic: string, fetchOffset: number, options: FetchOptions = {}): Pending<FetchedPartition> {
    const { maxWaitMs = 0, minBytes = 1, version = 12, rackId = '', ...partition } = options
    const pending = new Pending<FetchedPartition>()
    const request = throughCodec(fetch, version, {
      replicaId: options.replicaId ?? -1,
      maxWaitMs,
      minBytes,
      maxBytes: options.maxBytes ?? 1024 * 1024,
      isolationLevel: 0,
      topics: [
        {
          topic,
          topicId: this.#cluster.topics.get(topic)?.topicId,
          partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1024 * 1024, ...partition }],
        },
      ],
      rackId,
    }) as RequestOf<typeof fetch>
    this.replicas.fetch({ request, version, listener: 'PLAINTEXT' }, (answer) => {
      pending.resolve(answer.responses[0]!.partitions[0]!)
    })
    return pending
  }

  async listOffsets(
    topic: string,
    timestamp: number,
    options: { version?: number; replicaId?: number } = {},
  ) {
    const { version = 9, replicaId = -1 } = options
    const request = throughCodec(listOffsets, version, {
      replicaId,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
    }) as RequestOf<typeof listOffsets>
    const answer = await this.replicas.listOffsets(request, version)
    const { errorCode, offset, timestamp: found, leaderEpoch } = answer.topics[0]!.partitions[0]!
    return { errorCode, offset, timestamp: found, leaderEpoch }
  }

  /** Any Fetch, as it comes from the wire. */
  fetchRaw(request: Partial<RequestInput<typeof fetch>>, version = 12): Pending<FetchAnswer> {
    const pending = new Pending<FetchAnswer>()
    const defaults = { replicaId: -1, maxWaitMs: 0, minBytes: 1, maxBytes: 1024 * 1024, topics: [] }
    const asked = throughCodec(fetch, version, { ...defaults, ...request }) as RequestOf<
      typeof fetch
    >
    this.replicas.fetch({ request: asked, version, listener: 'PLAINTEXT' }, (answer) => {
      pending.resolve(answer)
    })
    return pending
  }

  log(topic: string) {
    return this.replicas.partition(topic, 0)!.log!
  }

  /** From the log start to the log end. */
  async bytes(topic: string): Promise<Buffer> {
    const log = this.log(topic)
    const read = log.read(log.logStartOffset, 1024 * 1024, 'log-end', true)
    const bytes = Buffer.concat(read.chunks ?? (await read.materialize()))
    // The tail in memory and the rest on the disk come in two reads.
    let end = log.logStartOffset
    forEachBatch(bytes, (at) => {
      end = readLastOffset(bytes, at) + 1
    })
    if (end === log.logEndOffset) return bytes
    const rest = log.read(end, 1024 * 1024, 'log-end', true)
    return Buffer.concat([bytes, ...(rest.chunks ?? (await rest.materialize()))])
  }

  async values(topic: string): Promise<string[]> {
    return valuesOf([await this.bytes(topic)])
  }

  setTopicConfig(topic: string, config: Partial<LogConfig>): void {
    this.#cluster.logConfig.set(topic, config)
    this.logs.updateConfigs(topic)
    this.replicas.onTopicConfigChange(topic)
  }

  /** All that is on its disk. */
  files(): Map<string, Buffer> {
    return this.#disk.contents()
  }

  /** From now on every write fails. */
  failDisk(): void {
    this.#hasDiskFailed = true
  }

  lines(part: string): string[] {
    return this.loggers.lines.filter((line) => line.includes(part))
  }

  /** A process that is killed writes no checkpoints. */
  #logsUntilDeath(logs: LogManager): ReplicaLogs {
    return {
      get: (partition) => logs.get(partition),
      getOrCreate: (partition, options) => logs.getOrCreate(partition, options),
      delete: (partition) => logs.delete(partition),
      isOffline: (partition) => logs.isOffline(partition),
      checkpointHighWatermarks: () => {
        if (this.isRunning) logs.checkpointHighWatermarks()
      },
    }
  }

  #connect(id: number): Promise<ReplicaChannel> {
    const target = this.#cluster.brokers.get(id)
    const isCut = this.#cluster.cut.has(`${this.id}-${id}`)
    if (target === undefined || !target.isRunning || !this.isRunning || isCut) {
      return Promise.reject(new Error(`no connection to ${id}`))
    }
    const channel = new MemoryChannel(this.#cluster, target)
    this.#channels.push(channel)
    return Promise.resolve(channel)
  }

  async #sendToController(version: number, request: RequestInput<typeof alterPartition>) {
    const asked = throughCodec(alterPartition, version, request) as AlterRequest
    await Promise.resolve()
    const answer = await this.#cluster.alterPartition(version, asked)
    const bytes = Buffer.concat(encodeResponse(alterPartition, version, answer))
    return decodeResponse(alterPartition, version, bytes)
  }
}

interface ProduceOptions {
  acks?: number
  timeoutMs?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
}

interface FetchOptions {
  replicaId?: number
  maxWaitMs?: number
  minBytes?: number
  maxBytes?: number
  version?: number
  rackId?: string
  currentLeaderEpoch?: number
  lastFetchedEpoch?: number
  logStartOffset?: number
}

export type FetchedPartition = FetchAnswer['responses'][number]['partitions'][number]

/** An answer that may still be on its way; tests look without waiting. */
export class Pending<T> {
  #answers: T[] = []

  resolve(answer: T): void {
    assert.equal(this.#answers.length, 0, 'answered twice')
    this.#answers.push(answer)
  }

  get isDone(): boolean {
    return this.#answers.length > 0
  }

  get answer(): T {
    assert.ok(this.isDone, 'no answer yet')
    return this.#answers[0]!
  }
}

class MemoryChannel implements ReplicaChannel {
  readonly to: number
  readonly #cluster: ReplicaCluster
  readonly #target: ReplicaBroker
  readonly #rejects = new Set<(error: Error) => void>()
  #isBroken = false

  constructor(cluster: ReplicaCluster, target: ReplicaBroker) {
    this.#cluster = cluster
    this.to = target.id
    this.#target = target
  }

  send(api: Api, version: number, request: object): Promise<never> {
    return new Promise((resolve, reject) => {
      if (this.#isBroken) throw new Error('the connection is closed')
      this.#rejects.add(reject)
      const asked = throughCodec(api, version, request as never)
      // On its way while the sender goes on.
      void Promise.resolve().then(() => {
        if (this.#isBroken) return
        this.#serve(api, version, asked, (answer) => {
          const bytes = Buffer.concat(encodeResponse(api, version, answer as never))
          this.#rejects.delete(reject)
          if (!this.#isBroken) resolve(decodeResponse(api, version, bytes) as never)
        })
      })
    })
  }

  close(): void {
    this.break()
  }

  break(): void {
    this.#isBroken = true
    for (const reject of this.#rejects) reject(new Error('the connection broke'))
    this.#rejects.clear()
  }

  #spoiled(answer: FetchAnswer): FetchAnswer {
    const names = new Map([...this.#cluster.topics.values()].map((one) => [one.topicId, one.name]))
    return {
      ...answer,
      responses: answer.responses.map((topic) => ({
        ...topic,
        partitions: topic.partitions.map((partition) => {
          if ((partition.records?.length ?? 0) === 0) return partition
          const records = Buffer.concat(partition.records!)
          this.#cluster.onFetchedBytes(topic.topic || names.get(topic.topicId!)!, records)
          return { ...partition, records: [records] }
        }),
      })),
    }
  }

  #serve(api: Api, version: number, asked: unknown, respond: (answer: object) => void): void {
    const { replicas } = this.#target
    if (api.key === fetch.key) {
      const request = asked as RequestOf<typeof fetch>
      replicas.fetch({ request, version, listener: 'PLAINTEXT' }, (answer) => {
        respond(this.#spoiled(answer))
      })
    } else {
      assert.equal(api.key, listOffsets.key)
      void replicas.listOffsets(asked as RequestOf<typeof listOffsets>, version).then(respond)
    }
  }
}

export function throughCodec<A extends Api>(api: A, version: number, request: RequestInput<A>) {
  return decodeRequest(api, version, Buffer.concat(encodeRequest(api, version, request)))
}

export function valuesOf(chunks: readonly Buffer[]): string[] {
  const buffer = Buffer.concat(chunks)
  const values: string[] = []
  forEachBatch(buffer, (at) => {
    for (const { value } of readRecords(buffer, at)) values.push(String(value))
  })
  return values
}

const logManagerOptions = {
  logDirs: ['/logs'],
  retentionCheckIntervalMs: 300_000,
  flushCheckIntervalMs: 60_000,
  recoveryPointCheckpointIntervalMs: 60_000,
  logStartOffsetCheckpointIntervalMs: 60_000,
  initialTaskDelayMs: 30_000,
  producerIdExpirationMs: 86_400_000,
  producerIdExpirationCheckIntervalMs: 600_000,
}

/** The simulator's disk without the simulator: no delays. `die` releases locks. */
function memoryView(
  simDisk: SimDisk,
  clock: FakeClock,
  hasFailed: () => boolean,
): { disk: Disk; die: () => void } {
  const onDeath: (() => void)[] = []
  const process = {
    clock,
    after: (_delayMs: number, callback: () => void) => queueMicrotask(callback),
    onDeath: (listener: () => void) => onDeath.push(listener),
  }
  const disk = simDisk.viewOf(process as unknown as SimProcess)
  const die = () => {
    for (const listener of onDeath.splice(0)) listener()
  }
  return { disk: failingDisk(disk, hasFailed), die }
}
