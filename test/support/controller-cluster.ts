/**
 * Controllers of several brokers over a fake ZooKeeper, and brokers that only record what they are
 * told and answer as a healthy broker would, unless a test says otherwise.
 */

import assert from 'node:assert/strict'
import type { Random } from '../../src/base/ports.ts'
import { type NewTopic, TopicStore } from '../../src/cluster/topic-store.ts'
import type { ChannelTarget, ControlChannel } from '../../src/controller/broker-channels.ts'
import type { ControllerConfig } from '../../src/controller/controller-parts.ts'
import { KafkaController } from '../../src/controller/kafka-controller.ts'
import { decodeRequest, encodeRequest } from '../../src/protocol/codec.ts'
import { leaderAndIsr } from '../../src/protocol/messages/leader-and-isr.ts'
import { stopReplica } from '../../src/protocol/messages/stop-replica.ts'
import { updateMetadata } from '../../src/protocol/messages/update-metadata.ts'
import type { Api, RequestInput, RequestOf, ResponseOf } from '../../src/protocol/types.ts'
import type { ZkOperations } from '../../src/zk/zk-client.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import {
  brokerPath,
  decodeController,
  decodePartitionState,
  decodeTopic,
  encodeBrokerRegistration,
  partitionStatePath,
  persistentPaths,
  topicPath,
} from '../../src/zk/znodes.ts'
import type { NodeChange } from '../../src/zkserver/txn.ts'
import { FakeClock, settlePromises } from './fake-clock.ts'
import { type FakeZkClient, FakeZooKeeper } from './fake-zookeeper.ts'
import { SilentLoggers } from './silent-loggers.ts'

type LeaderAndIsr = RequestOf<typeof leaderAndIsr>
type UpdateMetadata = RequestOf<typeof updateMetadata>
type StopReplica = RequestOf<typeof stopReplica>

const FIRST_PORT = 9000
const SESSION_TIMEOUT_MS = 6_000

export class TestBroker {
  readonly id: number
  readonly loggers = new SilentLoggers()
  readonly session: ZkSession
  readonly controller: KafkaController
  readonly config: { -readonly [K in keyof ControllerConfig]: ControllerConfig[K] } = {
    uncleanLeaderElectionEnable: false,
    deleteTopicEnable: true,
    autoLeaderRebalanceEnable: true,
    leaderImbalanceCheckIntervalSeconds: 300,
    leaderImbalancePerBrokerPercentage: 10,
    interBrokerListenerName: 'PLAINTEXT',
    controlPlaneListenerName: null,
  }
  rack: string | null = null
  epoch = -1
  host = 'h'
  /** How it takes connections: refuses when its process is gone, hangs when it is cut off. */
  network: 'up' | 'refuses' | 'silent' = 'up'
  readonly channels = new Set<RecordedChannel>()
  /** Answers LeaderAndIsr for these partitions with KAFKA_STORAGE_ERROR. */
  readonly offlinePartitions = new Set<string>()
  /** Error code of StopReplica with delete, by partition. */
  readonly deleteErrors = new Map<string, number>()
  /** Answers every request as a whole with this error. */
  topLevelError = 0
  /** Holds back answers while set. */
  isHolding = false
  readonly held: (() => void)[] = []
  readonly #cluster: ControllerCluster
  #client!: FakeZkClient

  constructor(cluster: ControllerCluster, id: number) {
    this.id = id
    this.#cluster = cluster
    const logger = this.loggers.get('zk')
    const connect = () => {
      this.#client = cluster.zooKeeper.connect(SESSION_TIMEOUT_MS)
      return this.#client
    }
    this.session = new ZkSession({ connect, clock: cluster.clock, logger })
    this.controller = new KafkaController({
      brokerId: id,
      zk: this.session,
      clock: cluster.clock,
      random: cluster.random,
      loggers: this.loggers,
      connect: (target) => cluster.connect(target),
      config: () => this.config,
      registerBroker: () => this.register(),
    })
  }

  /** The client of the present session. */
  get zkClient(): FakeZkClient {
    return this.#client
  }

  async start(): Promise<void> {
    const started = this.session.start(60_000)
    await this.#cluster.settle()
    await started
    await this.register()
    this.controller.start()
    await this.#cluster.settle()
  }

  async register(): Promise<number> {
    const data = this.#registration()
    const path = brokerPath(this.id)
    const result = await this.session.multi([
      { kind: 'create', path, data: null, mode: 'ephemeral' },
      { kind: 'set', path, data, version: 0 },
    ])
    assert(result.kind === 'ok', `broker ${this.id} registers`)
    const [, set] = result.results
    assert(set?.kind === 'set')
    this.epoch = Number(set.stat.czxid)
    return this.epoch
  }

  /** Its listener is elsewhere from now on. */
  async moveTo(host: string): Promise<void> {
    this.host = host
    await this.session.set(brokerPath(this.id), this.#registration(), -1)
    await this.#cluster.settle()
  }

  #registration(): Buffer {
    const host = `${this.host}${this.id}`
    const port = FIRST_PORT + this.id
    return encodeBrokerRegistration({
      endpoints: [{ listener: 'PLAINTEXT', host, port, securityProtocol: 0 }],
      rack: this.rack,
      jmxPort: -1,
      timestampMs: this.#cluster.clock.wallMs(),
      features: new Map(),
    })
  }

  /** As after SIGTERM: the session ends at once. */
  async stop(): Promise<void> {
    this.network = 'refuses'
    this.controller.shutdown()
    this.dropChannels()
    await this.session.close()
    await this.#cluster.settle()
  }

  /** As after kill -9, seen from ZooKeeper when the session timeout has passed. */
  async die(): Promise<void> {
    await this.kill()
    this.#cluster.zooKeeper.expire(this.session.sessionId)
    await this.#cluster.settle()
  }

  /** As after kill -9, before ZooKeeper knows: sockets are closed, the session lives. */
  async kill(): Promise<void> {
    this.controller.shutdown()
    this.#client.cutOff()
    this.network = 'refuses'
    this.dropChannels()
  }

  /** Its session expires under it, as after a long pause. */
  async expire(): Promise<void> {
    this.#cluster.zooKeeper.expire(this.session.sessionId)
    await this.#cluster.settle()
  }

  dropChannels(): void {
    for (const channel of [...this.channels]) channel.close()
  }

  release(): void {
    this.isHolding = false
    for (const answer of this.held.splice(0)) answer()
  }
}

export class ControllerCluster {
  readonly clock = new FakeClock()
  readonly zooKeeper = new FakeZooKeeper(this.clock)
  readonly random: Random = countingRandom()
  readonly brokers = new Map<number, TestBroker>()
  /** An operator's own session. */
  readonly operator: ZkOperations
  readonly store: TopicStore
  #trace: { readonly to: number; readonly text: string; readonly epoch: number }[] = []
  readonly requests: { readonly to: number; readonly api: string; readonly body: unknown }[] = []

  readonly #writes: string[] = []

  private constructor() {
    this.#recordWrites()
    this.operator = this.zooKeeper.connect(SESSION_TIMEOUT_MS)
    this.store = new TopicStore(this.operator, this.random)
  }

  /** With the persistent paths, and brokers 1 to `count` started; the controller is 1 at first. */
  static async start(count: number, first = 1): Promise<ControllerCluster> {
    const cluster = new ControllerCluster()
    await cluster.createPaths()
    const ids = Array.from({ length: count }, (_, at) => at + 1)
    const order = [first, ...ids.filter((id) => id !== first)]
    for (const id of order.slice(0, count)) await cluster.addBroker(id).start()
    cluster.take()
    cluster.takeWrites()
    return cluster
  }

  static async empty(): Promise<ControllerCluster> {
    const cluster = new ControllerCluster()
    await cluster.createPaths()
    return cluster
  }

  addBroker(id: number): TestBroker {
    const broker = new TestBroker(this, id)
    this.brokers.set(id, broker)
    return broker
  }

  broker(id: number): TestBroker {
    const broker = this.brokers.get(id)
    assert(broker !== undefined, `broker ${id} is part of the test`)
    return broker
  }

  /** A new process of a broker that stopped or died. */
  async restart(id: number): Promise<TestBroker> {
    const broker = this.addBroker(id)
    await broker.start()
    return broker
  }

  /** The active one; exactly one there must be. */
  get controller(): TestBroker {
    const active = [...this.brokers.values()].filter(({ controller }) => controller.isActive)
    assert.equal(active.length, 1, 'exactly one active controller')
    return active[0]!
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await settlePromises()
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advanceAsync(ms)
  }

  async createTopic(
    name: string,
    assignment: Record<number, number[]>,
    config: Record<string, string> = {},
  ): Promise<string> {
    const topic: NewTopic = {
      name,
      assignment: new Map(Object.entries(assignment).map(([n, r]) => [Number(n), r])),
      config: new Map(Object.entries(config)),
    }
    const topicId = await this.store.createTopic(topic)
    await this.settle()
    return topicId
  }

  /** Asks the controller for an ISR as the leader would. */
  async alterIsr(topic: string, partition: number, isr: number[]): Promise<number> {
    const { leader, leaderEpoch, partitionEpoch } = await this.leadership(topic, partition)
    const response = await this.controller.controller.alterPartition(
      {
        brokerId: leader,
        brokerEpoch: this.broker(leader).epoch,
        topics: [
          {
            topicName: '',
            topicId: (await this.topic(topic)).topicId ?? '',
            partitions: [
              {
                partitionIndex: partition,
                leaderEpoch,
                newIsr: [],
                newIsrWithEpochs: isr.map((brokerId) => ({ brokerId, brokerEpoch: -1 })),
                leaderRecoveryState: 0,
                partitionEpoch,
              },
            ],
          },
        ],
      },
      3,
    )
    await this.settle()
    return response.topics[0]?.partitions[0]?.errorCode ?? response.errorCode ?? 0
  }

  async leadership(topic: string, partition: number) {
    const { data, stat } = await this.operator.get(partitionStatePath(topic, partition))
    const decoded = decodePartitionState(data)
    assert(decoded.kind === 'ok')
    return { ...decoded.value, partitionEpoch: stat.version }
  }

  /** `leader,leaderEpoch,[isr],version`, as the tables of the specification write it. */
  async state(topic: string, partition: number): Promise<string> {
    return stateText(await this.leadership(topic, partition))
  }

  async topic(name: string) {
    const { data } = await this.operator.get(topicPath(name))
    const decoded = decodeTopic(data)
    assert(decoded.kind === 'ok')
    return decoded.value
  }

  async text(path: string): Promise<string> {
    const { data } = await this.operator.get(path)
    return data?.toString() ?? 'null'
  }

  async exists(path: string): Promise<boolean> {
    return (await this.operator.exists(path)) !== null
  }

  async activeControllerId(): Promise<number> {
    const { data } = await this.operator.get('/controller')
    const decoded = decodeController(data)
    assert(decoded.kind === 'ok')
    return decoded.value.brokerId
  }

  /** What each broker was told since the last look, in order. */
  take(): Record<number, string[]> {
    const byBroker: Record<number, string[]> = {}
    for (const { to, text } of this.#trace) {
      byBroker[to] ??= []
      byBroker[to].push(text)
    }
    this.#trace = []
    return byBroker
  }

  /** Successful writes to state znodes, topics, configs and markers since the last look. */
  takeWrites(): string[] {
    return this.#writes.splice(0)
  }

  connect(target: ChannelTarget): Promise<ControlChannel> {
    const broker = this.brokers.get(target.port - FIRST_PORT)
    const isElsewhere = target.host !== `${broker?.host}${broker?.id}`
    if (broker === undefined || broker.network === 'refuses' || isElsewhere) {
      return Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
    }
    if (broker.network === 'silent') return Promise.reject(new Error('timed out'))
    return Promise.resolve(new RecordedChannel(this, broker))
  }

  record(to: number, api: string, body: unknown, text: string, epoch: number): void {
    this.requests.push({ to, api, body })
    this.#trace.push({ to, text, epoch })
  }

  #recordWrites(): void {
    const { processor } = this.zooKeeper
    const handle = processor.handle.bind(processor)
    processor.handle = (...args) => {
      const outcome = handle(...args)
      const change = outcome.txn?.change
      if (change?.kind === 'multi') this.#writes.push(...change.changes.flatMap(writeText))
      else if (change?.kind === 'create' || change?.kind === 'delete') {
        this.#writes.push(...writeText(change))
      } else if (change?.kind === 'set-data') this.#writes.push(...writeText(change))
      return outcome
    }
  }

  private async createPaths(): Promise<void> {
    await this.settle()
    for (const path of persistentPaths) {
      const names = path.split('/').slice(1)
      for (let depth = 1; depth <= names.length; depth++) {
        const part = `/${names.slice(0, depth).join('/')}`
        if ((await this.operator.exists(part)) === null) {
          await this.operator.create(part, null, 'persistent')
        }
      }
    }
  }
}

class RecordedChannel implements ControlChannel {
  readonly #cluster: ControllerCluster
  readonly #broker: TestBroker
  readonly #listeners: (() => void)[] = []
  readonly #rejects = new Set<(error: Error) => void>()
  #isClosed = false

  constructor(cluster: ControllerCluster, broker: TestBroker) {
    this.#cluster = cluster
    this.#broker = broker
    broker.channels.add(this)
  }

  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    if (this.#isClosed) return Promise.reject(new Error('closed'))
    // Through the codec, so that only what can be said on the wire is recorded.
    const body = decodeRequest(api, version, Buffer.concat(encodeRequest(api, version, request)))
    const answer = this.#answer(api, body) as ResponseOf<A>
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject)
      if (this.#broker.isHolding) this.#broker.held.push(() => resolve(answer))
      else queueMicrotask(() => resolve(answer))
    })
  }

  onClose(listener: () => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#broker.channels.delete(this)
    for (const reject of this.#rejects) reject(new Error('connection closed'))
    for (const listener of this.#listeners) listener()
  }

  #answer(api: Api, body: unknown): unknown {
    const { id, topLevelError: errorCode } = this.#broker
    const { controllerEpoch } = body as { controllerEpoch: number }
    const record = (name: string, text: string) =>
      this.#cluster.record(id, name, body, `${name} ${text}`, controllerEpoch)
    if (api === leaderAndIsr) {
      const request = body as LeaderAndIsr
      record('LAI', leaderAndIsrText(request))
      const topics = errorCode === 0 ? this.#leaderAndIsrErrors(request) : []
      return { errorCode, partitionErrors: [], topics }
    }
    if (api === updateMetadata) {
      record('UM', updateMetadataText(body as UpdateMetadata))
      return { errorCode }
    }
    assert(api === stopReplica)
    const request = body as StopReplica
    record('SR', stopReplicaText(request))
    return { errorCode, partitionErrors: errorCode === 0 ? this.#stopReplicaErrors(request) : [] }
  }

  #leaderAndIsrErrors({ topicStates }: LeaderAndIsr) {
    return topicStates.map(({ topicName, topicId, partitionStates }) => ({
      topicId,
      partitionErrors: partitionStates.map(({ partitionIndex }) => ({
        topicName: '',
        partitionIndex,
        errorCode: this.#broker.offlinePartitions.has(`${topicName}-${partitionIndex}`) ? 56 : 0,
      })),
    }))
  }

  #stopReplicaErrors({ topicStates }: StopReplica) {
    return topicStates.flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(({ partitionIndex, deletePartition }) => ({
        topicName,
        partitionIndex,
        errorCode: deletePartition
          ? (this.#broker.deleteErrors.get(`${topicName}-${partitionIndex}`) ?? 0)
          : 0,
      })),
    )
  }
}

interface ShownState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  readonly partitionEpoch: number
}

function stateText({ leader, leaderEpoch, isr, partitionEpoch }: ShownState): string {
  return `(${leader},${leaderEpoch},[${isr.join(',')}],${partitionEpoch})`
}

function leaderAndIsrText({ topicStates }: LeaderAndIsr): string {
  return topicStates
    .flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(
        (each) =>
          `${topicName}-${each.partitionIndex}${stateText(each)}${each.isNew ? ' new' : ''}`,
      ),
    )
    .join(' ')
}

function updateMetadataText({ topicStates }: UpdateMetadata): string {
  const partitions = topicStates.flatMap(({ topicName, partitionStates }) =>
    partitionStates.map((each) => {
      const state = stateText({ ...each, partitionEpoch: each.zkVersion })
      return `${topicName}-${each.partitionIndex}${state}`
    }),
  )
  return partitions.length === 0 ? 'brokers' : partitions.join(' ')
}

function stopReplicaText({ topicStates }: StopReplica): string {
  return topicStates
    .flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(
        (each) =>
          `${topicName}-${each.partitionIndex} epoch=${each.leaderEpoch}` +
          `${each.deletePartition ? ' delete' : ''}`,
      ),
    )
    .join(' ')
}

/** `t-0 (1,0,[1,2])` for a state, else `create /path`, `delete /path`, `set /path`. */
function writeText(change: NodeChange): string[] {
  if (change.kind === 'check' || change.kind === 'set-acl') return []
  const match = /^\/brokers\/topics\/([^/]+)\/partitions\/(\d+)\/state$/.exec(change.path)
  if (match === null || change.kind === 'delete') {
    return [`${change.kind === 'set-data' ? 'set' : change.kind} ${change.path}`]
  }
  const decoded = decodePartitionState(change.data)
  assert(decoded.kind === 'ok')
  const { leader, leaderEpoch, isr } = decoded.value
  return [`${match[1]}-${match[2]} (${leader},${leaderEpoch},[${isr.join(',')}])`]
}

/** Different bytes each time, the same in each run. */
function countingRandom(): Random {
  let count = 0
  return {
    nextInt: (bound) => count++ % bound,
    bytes: (length) => {
      const bytes = Buffer.alloc(length)
      bytes.writeUInt32BE(++count, length - 4)
      return bytes
    },
  }
}
