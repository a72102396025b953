/**
 * A cluster on this machine: the built-in ZooKeeper (or a running one) and brokers as child processes.
 * All start at the same time; ready means that every broker names every broker in its Metadata.
 */
import fs from 'node:fs'
import path from 'node:path'
import { systemDisk } from '../host/disk.ts'
import { brokerSettings, propertiesText } from './broker-properties.ts'
import { ServerChild } from './child.ts'
import { checkPorts, type WantedPort } from './ports.ts'

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
  /** Called once the ports are known to be free; what each broker needs on top of its settings. */
  readonly prepare?: () => Promise<SettingsOf>
  /** Told when a child ends that nobody asked to. */
  readonly onUnexpectedEnd?: (end: UnexpectedEnd) => void
}

export type SettingsOf = (brokerId: number) => ReadonlyMap<string, string>

export interface UnexpectedEnd {
  readonly name: string
  /** `SIGKILL`, `exit code 1`. */
  readonly how: string
  readonly logFile: string
  /** Words after `samsa` that start it again. */
  readonly args: readonly string[]
  /** Children that still run. */
  readonly left: number
}

const HOST = '127.0.0.1'
const READY_TIMEOUT_MS = 60_000
/** Ctrl-C ends everything within five seconds: brokers first, they still need ZooKeeper. */
const BROKER_GRACE_MS = 3_500
const ZOOKEEPER_GRACE_MS = 1_000
const DEFAULT_TICK_MS = 1_000

export class LocalCluster {
  readonly #options: LocalClusterOptions
  #zookeeper: ServerChild | null = null
  readonly #brokers = new Map<number, ServerChild>()
  #settingsOf: SettingsOf = () => new Map()
  #unlock: () => void = () => {}
  readonly #doomed = new WeakSet<ServerChild>()
  #isUp = false
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

  get logDirectory(): string {
    return path.join(this.#options.dataDir, 'logs')
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
    return path.join(this.logDirectory, `${name}.log`)
  }

  /**
   * Resolves with the id of the controller. Rejects when a port is taken, the data are in use or a
   * child fails; everything is stopped then.
   */
  async start(): Promise<number> {
    const { dataDir } = this.#options
    await checkPorts(HOST, this.#wantedPorts())
    systemDisk.makeDirectory(this.logDirectory)
    const unlock = systemDisk.lock(path.join(dataDir, '.lock'))
    if (unlock === null) throw new Error(`another samsa up uses the data in ${dataDir} (--data)`)
    this.#unlock = unlock
    try {
      if (this.#options.prepare !== undefined) this.#settingsOf = await this.#options.prepare()
      if (this.#options.zookeeper === undefined) this.startZooKeeper()
      for (const id of this.brokerIds) this.startBroker(id)
      const controllerId = await this.untilReady()
      this.#isUp = true
      return controllerId
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
    const { dataDir, overrides } = this.#options
    const settings = brokerSettings({
      brokerId,
      host: HOST,
      port: this.portOf(brokerId),
      logDir: path.join(dataDir, `broker-${brokerId}`),
      zookeeper: this.zookeeperAddress,
      replicationFactor: Math.min(3, this.#options.brokers),
      isAgain: this.#isUp,
      more: this.#settingsOf(brokerId),
      overrides,
    })
    const file = path.join(dataDir, `broker-${brokerId}.properties`)
    fs.writeFileSync(file, propertiesText(settings))
    this.#brokers.set(brokerId, this.#fork(`broker-${brokerId}`, ['broker', file]))
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

  /** Whether a broker that runs is about to end by what was done to it: `onUnexpectedEnd` is not told then. */
  expectEnd(brokerId: number, isExpected: boolean): void {
    const child = this.#brokers.get(brokerId)
    if (child === undefined) return
    if (isExpected) this.#doomed.add(child)
    else this.#doomed.delete(child)
  }

  async stopZooKeeper(signal: NodeJS.Signals): Promise<void> {
    const child = this.#zookeeper
    this.#zookeeper = null
    child?.kill(signal)
    await child?.ended
  }

  /** Every running broker names every running broker; resolves with the id of the controller. */
  async untilReady(): Promise<number> {
    // Loaded while the children start.
    const { untilKnows } = await import('./readiness.ts')
    const deadlineMs = performance.now() + READY_TIMEOUT_MS
    const running = this.brokerIds.filter((id) => this.isRunning(id))
    const controllers = await Promise.all([
      this.#zookeeper?.ready.then(() => -1),
      ...running.map(async (id) => {
        await this.#brokers.get(id)?.ready
        return untilKnows(`${HOST}:${this.portOf(id)}`, running.length, deadlineMs)
      }),
    ])
    return controllers.at(-1) ?? -1
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#brokers.values()].map((child) => child.stop(BROKER_GRACE_MS)))
    await this.#zookeeper?.stop(ZOOKEEPER_GRACE_MS)
    this.#unlock()
  }

  #fork(name: string, args: readonly string[]): ServerChild {
    const logFile = this.logFileOf(name)
    const child = new ServerChild({ name, args, logFile })
    void child.ended.then((how) => {
      const ours = [...this.#brokers.values(), ...(this.#zookeeper ? [this.#zookeeper] : [])]
      if (this.#stopping || !ours.includes(child) || this.#doomed.has(child)) return
      const left = ours.filter(({ isRunning }) => isRunning).length
      this.#options.onUnexpectedEnd?.({ name, how, logFile, args, left })
    })
    return child
  }

  #wantedPorts(): WantedPort[] {
    const wanted = this.brokerIds.map((id) => ({
      name: `broker ${id}`,
      port: this.portOf(id),
      flag: '--port',
    }))
    if (this.#options.zookeeper !== undefined) return wanted
    const { zookeeperPort: port } = this.#options
    return [...wanted, { name: 'ZooKeeper', port, flag: '--zookeeper-port' }]
  }
}
