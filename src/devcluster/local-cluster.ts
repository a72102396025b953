/**
 * A cluster on this machine: the built-in ZooKeeper (or a running one) and brokers as child processes.
 * All start at the same time; ready means that every broker names every broker in its Metadata.
 */
import fs from 'node:fs'
import path from 'node:path'
import { connectOverTcp } from '../cli/open-cluster.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'
import { systemTransport } from '../host/tcp.ts'
import { ServerChild } from './child.ts'

export interface LocalClusterOptions {
  readonly brokers: number
  /** Of the first broker; the others take the ports after it. */
  readonly port: number
  readonly zookeeperPort: number
  /** `host:port[/chroot]` of a running ZooKeeper, in place of the built-in one. */
  readonly zookeeper?: string | undefined
  readonly dataDir: string
  readonly tickMs?: number
  /** `key=value` for every broker. */
  readonly overrides: readonly string[]
  /** Told when a child ends that nobody asked to. */
  readonly onUnexpectedEnd?: (name: string, how: string) => void
}

const HOST = '127.0.0.1'
const READY_TIMEOUT_MS = 60_000
const POLL_MS = 10
/** Ctrl-C ends everything within five seconds. */
const STOP_GRACE_MS = 4_000
const DEFAULT_TICK_MS = 1_000

export class LocalCluster {
  readonly #options: LocalClusterOptions
  #zookeeper: ServerChild | null = null
  readonly #brokers = new Map<number, ServerChild>()
  #stopping = false

  constructor(options: LocalClusterOptions) {
    this.#options = options
  }

  get brokerIds(): number[] {
    return Array.from({ length: this.#options.brokers }, (_, at) => at + 1)
  }

  get bootstrap(): string {
    return this.brokerIds.map((id) => `${HOST}:${this.portOf(id)}`).join(',')
  }

  get zookeeperAddress(): string {
    return this.#options.zookeeper ?? `${HOST}:${this.#options.zookeeperPort}`
  }

  /** -1 when it is not ours. */
  get zookeeperPid(): number {
    return this.#zookeeper?.pid ?? -1
  }

  portOf(brokerId: number): number {
    return this.#options.port + brokerId - 1
  }

  pidOf(brokerId: number): number {
    return this.#brokers.get(brokerId)?.pid ?? -1
  }

  isRunning(brokerId: number): boolean {
    return this.#brokers.get(brokerId)?.isRunning ?? false
  }

  logFileOf(name: string): string {
    return path.join(this.#options.dataDir, 'logs', `${name}.log`)
  }

  /** Rejects when a port is taken or a child fails; everything is stopped then. */
  async start(): Promise<void> {
    await this.#checkPorts()
    fs.mkdirSync(path.join(this.#options.dataDir, 'logs'), { recursive: true })
    try {
      if (this.#options.zookeeper === undefined) this.startZooKeeper()
      for (const id of this.brokerIds) this.startBroker(id)
      await this.untilReady()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  startZooKeeper(): void {
    const { zookeeperPort, dataDir, tickMs } = this.#options
    const data = path.join(dataDir, 'zookeeper')
    const args = ['zookeeper', '--port', String(zookeeperPort), '--data', data]
    args.push('--tick-ms', String(tickMs ?? DEFAULT_TICK_MS))
    this.#zookeeper = this.#fork('zookeeper', args)
  }

  startBroker(brokerId: number): void {
    const factor = Math.min(3, this.#options.brokers)
    const settings = [
      `broker.id=${brokerId}`,
      `listeners=PLAINTEXT://${HOST}:${this.portOf(brokerId)}`,
      `log.dirs=${path.join(this.#options.dataDir, `broker-${brokerId}`)}`,
      `zookeeper.connect=${this.zookeeperAddress}`,
      `default.replication.factor=${factor}`,
      `offsets.topic.replication.factor=${factor}`,
      ...this.#options.overrides,
    ]
    const args = ['broker', ...settings.flatMap((setting) => ['--override', setting])]
    this.#brokers.set(brokerId, this.#fork(`broker-${brokerId}`, args))
  }

  /** Sends a signal to a broker; resolves when it is out, for signals that end it. */
  async signalBroker(brokerId: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#brokers.get(brokerId)
    if (child === undefined) return
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') {
      child.kill(signal)
      return
    }
    this.#brokers.delete(brokerId)
    child.kill(signal)
    await child.ended
  }

  async stopZooKeeper(signal: NodeJS.Signals): Promise<void> {
    const child = this.#zookeeper
    this.#zookeeper = null
    child?.kill(signal)
    await child?.ended
  }

  /** Every running broker names every running broker. */
  async untilReady(): Promise<void> {
    const children = [...this.#brokers.values()]
    await Promise.all([this.#zookeeper?.ready, ...children.map((child) => child.ready)])
    const deadlineMs = performance.now() + READY_TIMEOUT_MS
    const running = this.brokerIds.filter((id) => this.isRunning(id))
    await Promise.all(running.map((id) => this.#untilKnows(id, running.length, deadlineMs)))
  }

  async stop(): Promise<void> {
    this.#stopping = true
    // Brokers first: they still need ZooKeeper to hand over.
    await Promise.all([...this.#brokers.values()].map((child) => child.stop(STOP_GRACE_MS)))
    await this.#zookeeper?.stop(STOP_GRACE_MS)
  }

  async #untilKnows(brokerId: number, count: number, deadlineMs: number): Promise<void> {
    const client = new ClusterClient(
      connectOverTcp({ clientId: 'samsa-up', connectTimeoutMs: 1000, requestTimeoutMs: 5000 }),
      systemClock,
      { bootstrap: `${HOST}:${this.portOf(brokerId)}`, retryBackoffMs: POLL_MS },
    )
    try {
      for (;;) {
        const { brokers, controllerId } = await client.metadata([])
        if (brokers.length >= count && controllerId >= 0) return
        if (performance.now() > deadlineMs) {
          throw new Error(`broker ${brokerId} knows ${brokers.length} of ${count} brokers`)
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    } finally {
      await client.close()
    }
  }

  #fork(name: string, args: readonly string[]): ServerChild {
    const child = new ServerChild({ name, args, logFile: this.logFileOf(name) })
    void child.ended.then((how) => {
      const isWanted =
        this.#stopping ||
        (child !== this.#zookeeper && ![...this.#brokers.values()].includes(child))
      if (!isWanted) this.#options.onUnexpectedEnd?.(name, how)
    })
    return child
  }

  async #checkPorts(): Promise<void> {
    const ports = this.brokerIds.map((id) => this.portOf(id))
    if (this.#options.zookeeper === undefined) ports.push(this.#options.zookeeperPort)
    for (const port of ports) {
      const listener = await systemTransport.listen(HOST, port, (socket) => socket.destroy())
      await listener.close()
    }
  }
}
