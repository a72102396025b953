/**
 * A whole cluster in virtual time. One seed decides everything; the same seed is the same run.
 *
 *     const t = await simulate({ seed: 7, brokers: 3, createBroker })
 *     await t.createTopic('orders', { replicas: 3, minInSyncReplicas: 2 })
 *     await t.produce('orders', 0, 'a')
 *     t.crash(t.leaderOf('orders', 0))
 *     await t.settle()
 *     assert.deepEqual(await t.consume('orders', 0), ['a'])
 */

import { SeededRandom } from '../support/seeded-random.ts'
import { AckedRecords } from './checkers/acked-records.ts'
import type { Checker, FinalState } from './checkers/checker.ts'
import { Violation } from './checkers/checker.ts'
import { ControllerEpochs } from './checkers/controller-epochs.ts'
import { HighWatermark } from './checkers/high-watermark.ts'
import { IsrJoins } from './checkers/isr-joins.ts'
import { KnownEpochs } from './checkers/known-epochs.ts'
import { LeaderEpochs } from './checkers/leader-epochs.ts'
import { complaints, leftovers } from './checkers/liveness.ts'
import { metadataComplaints } from './checkers/metadata-agreement.ts'
import { OneOffsetOneValue } from './checkers/one-offset-one-value.ts'
import { parseState } from './checkers/partition-state.ts'
import { ZnodeShapes } from './checkers/znode-shapes.ts'
import { SimCluster } from './cluster.ts'
import { type FaultOptions, FaultSchedule } from './faults.ts'
import { DEFAULT_NETWORK, type NetworkOptions, SimNetwork } from './network.ts'
import { keyOf, Operations, type Partition } from './operations.ts'
import { RequestTap } from './request-tap.ts'
import { BROKER_PORT, hostOf, type SimBrokerFactory } from './sim-broker.ts'
import { SimClient } from './sim-client.ts'
import { type LogLevel, Trace } from './sim-loggers.ts'
import { SimZooKeeper, ZOOKEEPER_HOST } from './sim-zookeeper.ts'
import type { TinyRecord } from './tiny-batch.ts'
import { Workload } from './workload.ts'
import { SimWorld } from './world.ts'

export interface SimulateOptions {
  readonly seed: number
  readonly brokers?: number
  readonly createBroker: SimBrokerFactory
  /** Broker settings beside those of `DEFAULT_SETTINGS`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly network?: NetworkOptions
  readonly logLevel?: LogLevel
}

export interface TopicOptions {
  readonly replicas: number
  readonly minInSyncReplicas?: number
  readonly partitions?: number
}

export interface FaultRunOptions {
  readonly durationMs: number
  readonly produceEveryMs?: number
  readonly faults?: Partial<FaultOptions>
  /** Stops whoever else is at work when the faults end; resolves with the topics they leave. */
  readonly settleOthers?: () => Promise<Iterable<string>>
}

/** The defaults of the fault catalogue: a session of 6 s, a lag of some seconds. */
export const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  'zookeeper.session.timeout.ms': '6000',
  'replica.lag.time.max.ms': '4000',
  'replica.socket.timeout.ms': '5000',
  'controller.socket.timeout.ms': '5000',
  'controlled.shutdown.retry.backoff.ms': '500',
  'controlled.shutdown.max.retries': '2',
}

const START_MS_MAX = 60_000
/** After the last fault everything must be well again in this time. */
const HEAL_MS_MAX = 60_000
const SETTLE_MS_MAX = 30_000
const CALL_MS_MAX = 30_000
const POLL_MS = 50
const METADATA_POLL_MS = 500
/** Of the history, with a failure. */
const LINES_SHOWN = 80

/** What went wrong, and all that led to it. */
export class SimulationError extends Error {
  readonly summary: string
  readonly trace: readonly string[]

  constructor(summary: string, trace: readonly string[], stack: string) {
    const last = trace.slice(-LINES_SHOWN)
    super(
      `${summary}\n${stack}\nThe last ${last.length} of ${trace.length} lines:\n${last.join('\n')}`,
    )
    this.name = 'SimulationError'
    this.summary = summary
    this.trace = trace
  }
}

export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const simulation = new Simulation(options)
  await simulation.start()
  return simulation
}

export class Simulation {
  readonly seed: number
  readonly world = new SimWorld()
  readonly trace: Trace
  readonly network: SimNetwork
  readonly zookeeper: SimZooKeeper
  readonly cluster: SimCluster
  readonly operations = new Operations()
  readonly #random: SeededRandom
  readonly #checkers: readonly Checker[]
  readonly #partitions: Partition[] = []
  readonly #admin: SimClient
  readonly #clients: SimClient[] = []
  readonly #onRejection = (reason: unknown) => this.world.fail(reason)

  constructor(options: SimulateOptions) {
    this.seed = options.seed
    this.#random = new SeededRandom(options.seed)
    this.trace = new Trace(this.world, options.logLevel)
    const network = options.network ?? DEFAULT_NETWORK
    this.network = new SimNetwork(this.world, this.#random.fork(), network)
    this.zookeeper = new SimZooKeeper(this.network, this.#random.fork(), this.trace)
    const random = this.#random.fork()
    this.cluster = new SimCluster(this.network, this.zookeeper, random, this.trace, {
      brokers: options.brokers ?? 3,
      createBroker: options.createBroker,
      settings: { ...DEFAULT_SETTINGS, ...options.settings },
    })
    this.#checkers = [
      new AckedRecords(),
      new OneOffsetOneValue(),
      new HighWatermark(),
      new LeaderEpochs(),
      new ControllerEpochs(),
      new ZnodeShapes(),
      new IsrJoins((id, topic, partition) => this.cluster.logOf(id, topic, partition)),
      new KnownEpochs(),
    ]
    for (const checker of this.#checkers) this.#watch(checker)
    this.#listenIn()
    this.zookeeper.history.onChange(({ kind, path, data, version }) => {
      const content = data === null ? '' : ` ${String(data)}`
      this.trace.say('znode', `${kind} ${path} v${version}${content}`)
    })
    this.#admin = this.#client('admin')
  }

  async start(): Promise<void> {
    process.on('unhandledRejection', this.#onRejection)
    await this.#explain(async () => {
      await this.world.settle(this.zookeeper.start(), 1000, 'the start of ZooKeeper')
      const starts = this.cluster.brokerIds.map((id) => this.cluster.start(id))
      await this.world.settle(Promise.all(starts), START_MS_MAX, 'the start of the brokers')
    })
    await this.untilHealthy()
  }

  async createTopic(name: string, options: TopicOptions): Promise<void> {
    const { replicas, minInSyncReplicas = 1, partitions = 1 } = options
    const configs = [['min.insync.replicas', String(minInSyncReplicas)]] as const
    const topic = { name, partitions, replicationFactor: replicas, configs }
    this.expectTopic(name, partitions)
    await this.finish(this.#admin.admin.createTopics([topic]), 'the creation of the topic')
    await this.settle()
  }

  /** From now on these partitions are to be well. */
  expectTopic(name: string, partitions: number): void {
    for (let partition = 0; partition < partitions; partition++) {
      this.#partitions.push({ topic: name, partition })
    }
  }

  /** Acknowledged by all, with retries of what was refused. */
  async produce(topic: string, partition: number, value: string): Promise<void> {
    await this.finish(this.#produceSurely({ topic, partition }, value), `produce ${value}`)
  }

  /** All values that the leader serves. */
  async consume(topic: string, partition: number): Promise<string[]> {
    const records = await this.finish(this.#readAll({ topic, partition }), 'consume')
    return records.map(({ value }) => value)
  }

  crash(brokerId: number): void {
    this.cluster.kill(brokerId)
  }

  restart(brokerId: number): void {
    this.cluster.kill(brokerId)
    this.cluster.keepStarting(brokerId)
  }

  /** Both ways. `zookeeper` is the name of its host. */
  cut(from: number | 'zookeeper', to: number | 'zookeeper'): void {
    this.network.block(nameOf(from), nameOf(to))
    this.network.block(nameOf(to), nameOf(from))
  }

  mend(from: number | 'zookeeper', to: number | 'zookeeper'): void {
    this.network.unblock(nameOf(from), nameOf(to))
    this.network.unblock(nameOf(to), nameOf(from))
  }

  leaderOf(topic: string, partition: number): number {
    return this.#state(topic, partition).leader
  }

  isrOf(topic: string, partition: number): readonly number[] {
    return this.#state(topic, partition).isr
  }

  controllerId(): number {
    const data = this.zookeeper.history.data('/controller')
    return data ? (JSON.parse(String(data)) as { brokerid: number }).brokerid : -1
  }

  runFor(ms: number): Promise<void> {
    return this.#explain(() => this.world.runFor(ms))
  }

  async runUntil(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
    await this.#explain(async () => {
      if (await this.world.runUntil(condition, timeoutMs)) return
      throw new Violation('I10', `not within ${timeoutMs} ms: ${what}`)
    })
  }

  /** Until every partition has a leader and all its live replicas in the ISR. */
  async settle(timeoutMs = SETTLE_MS_MAX): Promise<void> {
    const live = this.cluster.brokerIds.filter((id) => this.cluster.isRunning(id))
    const look = () =>
      complaints(this.zookeeper.history, this.#topics(), live).filter(
        (each) => !this.#isExcused(each),
      )
    await this.#until(() => look().length === 0, timeoutMs, look)
  }

  /** Producers, consumers and faults for a while; then everything must be well, and all is checked. */
  async runFaults(options: FaultRunOptions): Promise<FaultSchedule> {
    const { durationMs, produceEveryMs = 100 } = options
    const workload = new Workload(this.#random.fork(), { produceEveryMs })
    workload.start(this.#partitions, (name) => this.#client(name))
    const faults = this.startFaults(options.faults)
    await this.runFor(durationMs)
    faults.heal()
    const others = await this.finish(options.settleOthers?.() ?? Promise.resolve([]), 'others')
    await this.untilHealthy([...this.#topics(), ...others])
    const before = new Map(workload.acked)
    const hasProgress = () =>
      [...workload.acked].every(([key, count]) => count > (before.get(key) ?? 0))
    await this.runUntil(hasProgress, HEAL_MS_MAX, 'progress of all producers')
    workload.stopProducing()
    await this.runFor(3000)
    await this.#explain(() => this.world.settle(workload.stop(), SETTLE_MS_MAX, 'the workload'))
    await this.check()
    return faults
  }

  startFaults(options: Partial<FaultOptions> = {}): FaultSchedule {
    const faults = new FaultSchedule(this.cluster, this.#random.fork(), this.trace, options)
    faults.start()
    return faults
  }

  /** Everybody registered, one controller, a leader for each partition and its full ISR. */
  async untilHealthy(topics: Iterable<string> = this.#topics()): Promise<void> {
    const { history } = this.zookeeper
    const expected = [...topics]
    const look = () => [
      ...complaints(history, expected, this.cluster.brokerIds),
      ...leftovers(history, expected),
    ]
    await this.#until(() => look().length === 0, HEAL_MS_MAX, look)
  }

  /** Runs until the promise is settled. */
  finish<T>(promise: Promise<T>, what: string): Promise<T> {
    return this.#explain(() => this.world.settle(promise, CALL_MS_MAX, what))
  }

  /** All replicas are to be in sync and nobody producing. */
  async check(): Promise<void> {
    const logsAgree = () =>
      this.#partitions.every((at) => {
        const [first, ...others] = this.#logsOf(at).values()
        return others.every((log) => first?.equals(log))
      })
    await this.#explain(() => this.#untilMetadataAgrees())
    await this.#explain(async () => {
      // Should they not agree in time, the checkers say how.
      await this.#poll(logsAgree, SETTLE_MS_MAX)
      const served = new Map<string, TinyRecord[]>()
      const logs = new Map<string, Map<number, Buffer>>()
      for (const at of this.#partitions) {
        const reading = this.#readAll(at)
        served.set(keyOf(at), await this.world.settle(reading, CALL_MS_MAX, 'the final reading'))
        logs.set(keyOf(at), this.#logsOf(at))
      }
      const state: FinalState = { partitions: this.#partitions, served, logs }
      for (const checker of this.#checkers) checker.atEnd?.(state)
    })
  }

  async #untilMetadataAgrees(): Promise<void> {
    const look = async () => {
      const { history } = this.zookeeper
      const live = this.cluster.brokerIds.filter((id) => this.cluster.isRunning(id))
      const told = await Promise.all(live.map((id) => this.#admin.metadataOf(id)))
      return live.flatMap((id, at) => {
        const answer = told[at]
        return answer ? metadataComplaints(history, id, answer) : [`broker ${id} does not answer`]
      })
    }
    for (
      const untilMs = this.world.nowMs + SETTLE_MS_MAX;
      ;
      await this.world.runFor(METADATA_POLL_MS)
    ) {
      const found = await this.world.settle(look(), CALL_MS_MAX, 'metadata of all brokers')
      if (found.length === 0) return
      if (this.world.nowMs >= untilMs) throw new Violation('I10', found.join('; '))
    }
  }

  close(): void {
    process.off('unhandledRejection', this.#onRejection)
    for (const id of this.cluster.brokerIds) this.cluster.kill(id)
    for (const client of this.#clients) client.process.die()
    this.zookeeper.stop()
  }

  #watch(checker: Checker): void {
    this.operations.listen({
      onAck: (ack) => this.#guarded(() => checker.onAck?.(ack)),
      onFetch: (fetch) => this.#guarded(() => checker.onFetch?.(fetch)),
    })
    this.zookeeper.history.onChange((change) =>
      this.#guarded(() => checker.onZnodeChange?.(change)),
    )
  }

  #listenIn(): void {
    const tap = new RequestTap({
      onControlTaken: (taken) => {
        for (const each of this.#checkers) this.#guarded(() => each.onControlTaken?.(taken))
      },
      onFollowerFetch: (fetch) => {
        for (const each of this.#checkers) this.#guarded(() => each.onFollowerFetch?.(fetch))
      },
    })
    this.network.tap(BROKER_PORT, tap)
  }

  /** A violation must not be swallowed by whoever happens to be on the stack. */
  #guarded(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.world.fail(error)
    }
  }

  async #until(isWell: () => boolean, timeoutMs: number, what: () => string[]): Promise<void> {
    await this.#explain(async () => {
      if (await this.#poll(isWell, timeoutMs)) return
      throw new Violation('I10', `after ${timeoutMs} ms: ${what().join('; ')}`)
    })
  }

  /** For conditions too costly to be looked at after every event. */
  async #poll(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    for (const untilMs = this.world.nowMs + timeoutMs; !condition(); ) {
      if (this.world.nowMs >= untilMs) return false
      await this.world.runFor(POLL_MS)
    }
    return true
  }

  #topics(): Set<string> {
    return new Set(this.#partitions.map(({ topic }) => topic))
  }

  /** Replicas on brokers that are down cannot be in an ISR. */
  #isExcused(complaint: string): boolean {
    const missing = /: (.*) not in ISR/.exec(complaint)?.[1]
    if (missing === undefined) return false
    return missing.split(',').every((id) => !this.cluster.isRunning(Number(id)))
  }

  #state(topic: string, partition: number) {
    const path = `/brokers/topics/${topic}/partitions/${partition}/state`
    return parseState(this.zookeeper.history.data(path) ?? null)
  }

  #logsOf({ topic, partition }: Partition): Map<number, Buffer> {
    const topicData = this.zookeeper.history.data(`/brokers/topics/${topic}`)
    const { partitions } = JSON.parse(String(topicData)) as { partitions: Record<string, number[]> }
    const replicas = partitions[String(partition)] ?? []
    return new Map(replicas.map((id) => [id, this.cluster.logOf(id, topic, partition)]))
  }

  async #produceSurely(at: Partition, value: string): Promise<void> {
    while (!(await this.#admin.produce(at, value))) await this.#admin.pause(100)
  }

  async #readAll(at: Partition): Promise<TinyRecord[]> {
    const records: TinyRecord[] = []
    for (;;) {
      const offset = (records.at(-1)?.offset ?? -1) + 1
      const seen = await this.#admin.fetch(at, offset, 0)
      if (seen === null) await this.#admin.pause(100)
      else if (offset >= seen.highWatermark) return records
      else records.push(...seen.records)
    }
  }

  #client(name: string): SimClient {
    const { bootstrap } = this.cluster
    const client = new SimClient(this.network, this.operations, { name, bootstrap })
    this.#clients.push(client)
    return client
  }

  /** Puts the seed, the time and the trace beside an error. */
  async #explain<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      if (error instanceof SimulationError) throw error
      const { message, stack } = error as Error
      const at = `seed ${this.seed}, ${this.world.nowMs.toFixed(1)} ms`
      throw new SimulationError(`${at}: ${message}`, this.trace.lines, stack ?? '')
    }
  }
}

function nameOf(place: number | 'zookeeper'): string {
  return place === 'zookeeper' ? ZOOKEEPER_HOST : hostOf(place)
}
