/**
 * A cluster for a test: `await using cluster = await startCluster({ brokers: 3 })`. ZooKeeper runs in
 * this process, and so do the brokers unless the test wants to kill them. Free ports, a data directory
 * of its own, nothing left behind.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { connectOverTcp } from '../cli/open-cluster.ts'
import { Admin } from '../client/admin.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'
import { systemDisk } from '../host/disk.ts'
import { WinstonLoggers } from '../host/logging.ts'
import { systemTransport } from '../host/tcp.ts'
import { startZkServer, type ZkServer } from '../zkserver/server.ts'
import { type BrokerProcess, ChildBroker, InProcessBroker } from './broker-process.ts'
import { brokerSettings } from './broker-properties.ts'
import { type ClusterView, untilView } from './cluster-view.ts'
import { openLogFile } from './log-file.ts'
import { freePorts } from './ports.ts'
import { untilKnows } from './readiness.ts'

export interface TestTopic {
  readonly name: string
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string>>
}

export interface ClusterOptions {
  /** Default 3. */
  readonly brokers?: number
  /** `process`: each broker is a child, which can be killed and held. Default `in-process`. */
  readonly mode?: 'in-process' | 'process'
  /** `host:port[/chroot]` of a running one. Default `embedded`. */
  readonly zookeeper?: string
  /** Settings of every broker. */
  readonly config?: Readonly<Record<string, string>>
  readonly topics?: readonly TestTopic[]
  /** Kept at the end. Default: a temporary one, which is not. */
  readonly dataDir?: string
  /** Of the embedded ZooKeeper: sessions last at least two ticks. */
  readonly tickMs?: number
}

const HOST = '127.0.0.1'
const DEFAULT_TICK_MS = 500
const READY_TIMEOUT_MS = 30_000

/** Resolves when every broker knows every broker and the topics are there with full ISRs. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const count = options.brokers ?? 3
  const dataDir = options.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-cluster-'))
  const ports = await freePorts(HOST, count)
  const embedded = options.zookeeper ?? 'embedded'
  fs.mkdirSync(path.join(dataDir, 'logs'), { recursive: true })
  const zookeeper =
    embedded === 'embedded'
      ? await embedZooKeeper(dataDir, options.tickMs ?? DEFAULT_TICK_MS)
      : null
  const cluster = new TestCluster(options, {
    dataDir,
    ports,
    zookeeper,
    zookeeperAddress: zookeeper === null ? embedded : `${HOST}:${zookeeper.port}`,
  })
  try {
    await cluster.start()
  } catch (error) {
    await cluster.close()
    throw error
  }
  return cluster
}

function embedZooKeeper(dataDir: string, tickMs: number): Promise<ZkServer> {
  const { stream } = openLogFile(path.join(dataDir, 'logs', 'zookeeper.log'))
  return startZkServer({
    transport: systemTransport,
    disk: systemDisk,
    clock: systemClock,
    loggers: new WinstonLoggers({ stream }),
    dataDir: null,
    host: HOST,
    port: 0,
    tickMs,
  })
}

interface ClusterParts {
  readonly dataDir: string
  readonly ports: readonly number[]
  readonly zookeeper: ZkServer | null
  readonly zookeeperAddress: string
}

export class TestCluster implements AsyncDisposable {
  readonly zookeeperAddress: string
  readonly dataDir: string
  readonly client: ClusterClient
  readonly admin: Admin
  readonly #options: ClusterOptions
  readonly #ports: readonly number[]
  readonly #zookeeper: ZkServer | null
  readonly #brokers = new Map<number, TestBroker>()
  #failure: Error | null = null

  constructor(options: ClusterOptions, parts: ClusterParts) {
    this.#options = options
    this.#ports = parts.ports
    this.#zookeeper = parts.zookeeper
    this.zookeeperAddress = parts.zookeeperAddress
    this.dataDir = parts.dataDir
    this.client = new ClusterClient(
      connectOverTcp({ clientId: 'test', connectTimeoutMs: 1_000, requestTimeoutMs: 30_000 }),
      systemClock,
      { bootstrap: this.bootstrapServers, retryBackoffMs: 20, callTimeoutMs: READY_TIMEOUT_MS },
    )
    this.admin = new Admin(this.client)
    for (let id = 1; id <= this.#ports.length; id++) {
      this.#brokers.set(id, new TestBroker(id, this.#ports[id - 1]!, this.#makeProcess(id)))
    }
  }

  get bootstrapServers(): string {
    return this.#ports.map((port) => `${HOST}:${port}`).join(',')
  }

  get brokers(): TestBroker[] {
    return [...this.#brokers.values()]
  }

  broker(id: number): TestBroker {
    const broker = this.#brokers.get(id)
    if (broker === undefined) throw new Error(`there is no broker ${id}`)
    return broker
  }

  /** Part of `startCluster`. */
  async start(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.start()))
    const deadlineMs = systemClock.monotonicMs() + READY_TIMEOUT_MS
    await Promise.all(
      this.brokers.map(({ address }) => untilKnows(address, this.#ports.length, deadlineMs)),
    )
    const topics = this.#options.topics ?? []
    if (topics.length === 0) return
    await this.admin.createTopics(
      topics.map(({ configs, ...topic }) => ({ ...topic, configs: Object.entries(configs ?? {}) })),
    )
    await this.until(
      (view) => view.isFullyInSync && topics.every(({ name }) => view.partition(name, 0) !== null),
    )
  }

  /** Every broker is there, every ISR is full. */
  async ready(timeoutMs: number = READY_TIMEOUT_MS): Promise<void> {
    const count = this.#ports.length
    await this.until((view) => view.brokerIds.length === count && view.isFullyInSync, { timeoutMs })
  }

  until(
    condition: (view: ClusterView) => boolean,
    { timeoutMs = READY_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
  ): Promise<ClusterView> {
    return untilView(this.client, condition, timeoutMs)
  }

  /** Ends the session of a broker as if it had been silent for too long. */
  expireSession({ broker }: { readonly broker: number }): boolean {
    const znode = `/brokers/ids/${broker}`
    const sessions = this.#zookeeper?.sessions() ?? []
    const session = sessions.find(({ ephemeralPaths }) => ephemeralPaths.includes(znode))
    return session !== undefined && this.#zookeeper!.expireSession(session.id)
  }

  /** Rejects when a broker has given up in the meantime. */
  async close(): Promise<void> {
    await this.client.close()
    await Promise.all(this.brokers.map((broker) => broker.stop()))
    await this.#zookeeper?.close()
    if (this.#options.dataDir === undefined) systemDisk.removeDirectory(this.dataDir)
    if (this.#failure !== null) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #makeProcess(id: number): BrokerProcess {
    const overrides = Object.entries(this.#options.config ?? {})
    const settings = brokerSettings({
      brokerId: id,
      host: HOST,
      port: this.#ports[id - 1]!,
      logDir: path.join(this.dataDir, `broker-${id}`),
      zookeeper: this.zookeeperAddress,
      replicationFactor: Math.min(3, this.#ports.length),
      overrides: overrides.map(([key, value]) => `${key}=${value}`),
    })
    const files = {
      propertiesFile: path.join(this.dataDir, `broker-${id}.properties`),
      logFile: path.join(this.dataDir, 'logs', `broker-${id}.log`),
    }
    if (this.#options.mode === 'process') return new ChildBroker(`broker-${id}`, settings, files)
    return new InProcessBroker(settings, files, (reason) => {
      this.#failure ??= new Error(`broker ${id}: ${reason}`)
    })
  }
}

export class TestBroker {
  readonly id: number
  readonly port: number
  readonly #process: BrokerProcess

  constructor(id: number, port: number, process: BrokerProcess) {
    this.id = id
    this.port = port
    this.#process = process
  }

  get address(): string {
    return `${HOST}:${this.port}`
  }

  get isRunning(): boolean {
    return this.#process.isRunning
  }

  /** -1 in this process, and when it is not running. */
  get pid(): number {
    return this.#process.pid
  }

  start(): Promise<void> {
    return this.#process.start()
  }

  /** Controlled shutdown. */
  stop(): Promise<void> {
    return this.#process.stop()
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#process.kill(signal)
  }

  pause(): Promise<void> {
    return this.kill('SIGSTOP')
  }

  resume(): Promise<void> {
    return this.kill('SIGCONT')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }
}
