/** Brokers, their hosts and their ZooKeeper, and what can befall them. */

import { fillableDisk } from '../../src/host/fillable-disk.ts'
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
  /** Directories without room for more. */
  readonly full: Set<string>
  /** Somebody starts it again whenever it ends by a full disk. */
  isRestarted: boolean
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
      full: new Set(),
      isRestarted: false,
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

  get logDirs(): string[] {
    return (this.#options.settings['log.dirs'] ?? LOG_DIR).split(',')
  }

  /** A broker that has no other directory ends when it notices, and is started again if it is `isRestarted`. */
  fillDisk(id: number, logDirs: readonly string[], isRestarted: boolean): void {
    const host = this.#host(id)
    for (const directory of logDirs) host.full.add(directory)
    host.isRestarted = isRestarted
  }

  /** There is room again. What has ended by the lack of it, or lost a directory, is started again. */
  freeDisk(id: number): void {
    const host = this.#host(id)
    host.full.clear()
    if ((host.broker?.offlineLogDirs ?? []).length > 0) this.kill(id)
    this.keepStarting(id)
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
    const directories = this.logDirs.map((each) => `${each}/${topic}-${partition}/`)
    const segments = [...this.#host(id).disk.contents()]
      .filter(([path]) => directories.some((each) => path.startsWith(each)))
      .filter(([path]) => path.endsWith('.log'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return Buffer.concat(segments.map(([, bytes]) => bytes))
  }

  #makeBroker(host: Host, process: SimProcess): SimBroker {
    const { id, disk, full } = host
    const random = this.#random.fork()
    const isFull = (path: string) =>
      [...full].some((directory) => `${path}/`.startsWith(`${directory}/`))
    const fitting = (bytes: number) => random.nextInt(bytes)
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
        disk: fillableDisk(disk.viewOf(process), { isFull, fitting }),
        transport: this.network.transportOf(process),
        loggers: this.#trace.loggersOf(hostOf(id)),
        hostName: hostOf(id),
        connectZooKeeper: (connect, sessionTimeoutMs) =>
          this.zookeeper.clientFor(process, random, sessionTimeoutMs, connect),
        onFatal: (reason, cause) => {
          if (full.size > 0) this.#endByFullDisk(host, process)
          else this.network.world.fail(new Error(`${hostOf(id)}: ${reason}`, { cause }))
        },
      },
      settings,
    )
  }

  #endByFullDisk(host: Host, process: SimProcess): void {
    if (host.process !== process) return
    this.#trace.say(hostOf(host.id), 'ended by a full disk')
    this.kill(host.id)
    if (host.isRestarted) {
      this.network.world.plan(RESTART_PAUSE_MS, () => this.keepStarting(host.id))
    }
  }

  #host(id: number): Host {
    const host = this.#hosts[id]
    if (host === undefined) throw new Error(`no broker ${id}`)
    return host
  }
}
