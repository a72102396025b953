/** Brokers, their hosts and their ZooKeeper, and what can befall them. */

import type { SeededRandom } from '../support/seeded-random.ts'
import type { SimNetwork } from './network.ts'
import {
  BROKER_PORT,
  hostOf,
  LOG_DIR,
  type SimBroker,
  type SimBrokerFactory,
} from './sim-broker.ts'
import { SimDisk } from './sim-disk.ts'
import type { Trace } from './sim-loggers.ts'
import { SimProcess } from './sim-process.ts'
import type { SimZooKeeper } from './sim-zookeeper.ts'

export interface ClusterOptions {
  readonly brokers: number
  readonly createBroker: SimBrokerFactory
  readonly settings: Readonly<Record<string, string>>
}

interface Host {
  readonly id: number
  readonly disk: SimDisk
  process: SimProcess | null
  broker: SimBroker | null
}

/** A broker that cannot start now, such as while ZooKeeper is away, is started again. */
const RESTART_PAUSE_MS = 1000

export class SimCluster {
  readonly network: SimNetwork
  readonly zookeeper: SimZooKeeper
  readonly #random: SeededRandom
  readonly #trace: Trace
  readonly #options: ClusterOptions
  readonly #hosts: Host[]

  constructor(
    network: SimNetwork,
    zookeeper: SimZooKeeper,
    random: SeededRandom,
    trace: Trace,
    options: ClusterOptions,
  ) {
    this.network = network
    this.zookeeper = zookeeper
    this.#random = random
    this.#trace = trace
    this.#options = options
    this.#hosts = Array.from({ length: options.brokers }, (_, id) => ({
      id,
      disk: new SimDisk(random.fork()),
      process: null,
      broker: null,
    }))
  }

  get brokerIds(): number[] {
    return this.#hosts.map(({ id }) => id)
  }

  get bootstrap(): string {
    return this.brokerIds.map((id) => `${hostOf(id)}:${BROKER_PORT}`).join(',')
  }

  isRunning(id: number): boolean {
    return this.#host(id).process !== null
  }

  isPaused(id: number): boolean {
    return this.#host(id).process?.isPaused === true
  }

  /** Resolves when the broker says that it has started; rejects when it gives up. */
  async start(id: number): Promise<void> {
    const host = this.#host(id)
    if (host.process !== null) return
    const process = new SimProcess(this.network.world, hostOf(id))
    host.process = process
    this.network.powerOn(hostOf(id))
    const broker = this.#makeBroker(host, process)
    host.broker = broker
    try {
      await broker.start()
    } catch (error) {
      this.#trace.say(hostOf(id), `did not start: ${String(error)}`)
      if (host.process === process) this.kill(id)
      throw error
    }
  }

  /** Starts it, and again when it gives up, as whoever runs a broker would. */
  keepStarting(id: number): void {
    this.start(id).catch(() => {
      this.network.world.plan(RESTART_PAUSE_MS, () => this.keepStarting(id))
    })
  }

  /** SIGKILL: what was written stays. */
  kill(id: number): void {
    const host = this.#host(id)
    host.process?.die()
    host.process = null
    host.broker = null
  }

  /** The host goes off, and nobody is told. */
  powerOff(id: number): void {
    this.network.powerOff(hostOf(id))
    this.kill(id)
  }

  /** What a host that is off had not synced is gone. */
  loseUnsynced(id: number): void {
    this.#host(id).disk.losePower()
  }

  /** SIGTERM. */
  async shutdown(id: number): Promise<void> {
    const { broker, process } = this.#host(id)
    if (broker === null || process === null) return
    await broker.shutdown()
    if (this.#host(id).process === process) this.kill(id)
  }

  pause(id: number): void {
    this.#host(id).process?.pause()
  }

  resume(id: number): void {
    this.#host(id).process?.resume()
  }

  expireSession(id: number): void {
    const session = this.zookeeper.sessionOf(hostOf(id))
    if (session !== null) this.zookeeper.expireSession(session)
  }

  /** What stands in the segment files of a partition, one after the other. */
  logOf(id: number, topic: string, partition: number): Buffer {
    const directory = `${LOG_DIR}/${topic}-${partition}/`
    const segments = [...this.#host(id).disk.contents()]
      .filter(([path]) => path.startsWith(directory) && path.endsWith('.log'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return Buffer.concat(segments.map(([, bytes]) => bytes))
  }

  #makeBroker({ id, disk }: Host, process: SimProcess): SimBroker {
    const random = this.#random.fork()
    const settings = new Map<string, string>([
      ['broker.id', String(id)],
      ['listeners', `PLAINTEXT://${hostOf(id)}:${BROKER_PORT}`],
      ['log.dirs', LOG_DIR],
      ['zookeeper.connect', this.zookeeper.connectString],
      ...Object.entries(this.#options.settings),
    ])
    return this.#options.createBroker(
      {
        clock: process.clock,
        random,
        disk: disk.viewOf(process),
        transport: this.network.transportOf(process),
        loggers: this.#trace.loggersOf(hostOf(id)),
        hostName: hostOf(id),
        connectZooKeeper: (connect, sessionTimeoutMs) =>
          this.zookeeper.clientFor(process, random, sessionTimeoutMs, connect),
        onFatal: (reason, cause) => {
          this.network.world.fail(new Error(`${hostOf(id)}: ${reason}`, { cause }))
        },
      },
      settings,
    )
  }

  #host(id: number): Host {
    const host = this.#hosts[id]
    if (host === undefined) throw new Error(`no broker ${id}`)
    return host
  }
}
