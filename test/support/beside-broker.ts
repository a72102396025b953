/** A broker process of its own beside those of a test cluster, with log directories where one likes. */
import fs from 'node:fs'
import path from 'node:path'
import type { LocalProcesses } from '../../src/chaos/local-target.ts'
import { brokerSettings, propertiesText } from '../../src/devcluster/broker-properties.ts'
import { ServerChild } from '../../src/devcluster/child.ts'
import { freePorts } from '../../src/devcluster/ports.ts'
import type { TestCluster } from '../../src/devcluster/start-cluster.ts'

export interface BesideOptions {
  readonly cluster: TestCluster
  readonly brokerId: number
  readonly logDirs: readonly string[]
  readonly overrides: readonly string[]
}

export class BesideBroker {
  readonly id: number
  readonly logFile: string
  /** How each life of it ended: `exit code 1`, or a signal. */
  readonly ends: string[] = []
  readonly #file: string
  readonly #options: BesideOptions
  #child: ServerChild | null = null

  constructor(options: BesideOptions) {
    const { cluster, brokerId } = options
    this.id = brokerId
    this.#options = options
    this.#file = path.join(cluster.dataDir, `broker-${brokerId}.properties`)
    this.logFile = path.join(cluster.dataDir, 'logs', `broker-${brokerId}.log`)
  }

  get isRunning(): boolean {
    return this.#child?.isRunning ?? false
  }

  /** What it has logged so far. */
  get log(): string {
    return fs.readFileSync(this.logFile, 'utf8')
  }

  /** As the chaos engine wants it: the only broker that can be hurt. */
  get processes(): LocalProcesses {
    return {
      brokerIds: [this.id],
      isRunning: () => this.isRunning,
      pidOf: () => (this.isRunning ? this.#child!.pid : -1),
      signalBroker: async (_id, signal) => {
        this.#child?.kill(signal)
        await this.#child?.ended
      },
      expectEnd: () => {},
      startBroker: () => void this.start(),
      zookeeperPid: -1,
      stopZooKeeper: async () => {},
      startZooKeeper: () => {},
    }
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { cluster, brokerId, logDirs, overrides } = this.#options
    if (!fs.existsSync(this.#file)) {
      const [port] = await freePorts('127.0.0.1', 1)
      const settings = brokerSettings({
        brokerId,
        host: '127.0.0.1',
        port: port!,
        logDir: logDirs.join(','),
        zookeeper: cluster.zookeeperAddress,
        replicationFactor: 3,
        overrides,
      })
      fs.writeFileSync(this.#file, propertiesText(settings))
    }
    const { logFile } = this
    this.#child = new ServerChild({ name: 'broker', args: ['broker', this.#file], logFile })
    void this.#child.ended.then((how) => this.ends.push(how))
    await this.#child.ready
  }

  async stop(): Promise<void> {
    await this.#child?.stop(10_000)
  }
}
