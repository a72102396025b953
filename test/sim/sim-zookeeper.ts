/** The ZooKeeper of a simulated cluster: the embedded server, whole, on a simulated host. */

import { assert } from '../../src/base/assert.ts'
import type { Random } from '../../src/base/ports.ts'
import { ZkJsClient } from '../../src/host/zk-js.ts'
import { startZkServer, type ZkServer } from '../../src/zkserver/server.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { ZnodeHistory } from './history.ts'
import type { SimNetwork } from './network.ts'
import { SimDisk } from './sim-disk.ts'
import type { Trace } from './sim-loggers.ts'
import { SimProcess } from './sim-process.ts'

export const ZOOKEEPER_HOST = 'zookeeper'
const PORT = 2181

export class SimZooKeeper {
  readonly history: ZnodeHistory
  readonly #network: SimNetwork
  readonly #trace: Trace
  readonly #disk: SimDisk
  readonly #tickMs: number
  #process: SimProcess | null = null
  #server: ZkServer | null = null

  constructor(network: SimNetwork, random: SeededRandom, trace: Trace, tickMs = 500) {
    this.#network = network
    this.#trace = trace
    this.#disk = new SimDisk(random)
    this.#tickMs = tickMs
    this.history = new ZnodeHistory(() => network.world.nowMs)
  }

  get isUp(): boolean {
    return this.#process !== null
  }

  get connectString(): string {
    return `${ZOOKEEPER_HOST}:${PORT}`
  }

  async start(): Promise<void> {
    if (this.#process !== null) return
    const process = new SimProcess(this.#network.world, ZOOKEEPER_HOST)
    this.#process = process
    this.#network.powerOn(ZOOKEEPER_HOST)
    const server = await startZkServer({
      transport: this.#network.transportOf(process),
      clock: process.clock,
      disk: this.#disk.viewOf(process),
      loggers: this.#trace.loggersOf(ZOOKEEPER_HOST),
      dataDir: '/zookeeper',
      host: ZOOKEEPER_HOST,
      port: PORT,
      tickMs: this.#tickMs,
      // The history would miss what is in a snapshot only.
      snapshotCount: 1_000_000,
      onTxn: (txn) => this.history.record(txn),
      onFailure: (error) => this.#network.world.fail(error),
    })
    const { lastZxid } = this.history
    assert(server.lastZxid >= lastZxid, `zxid ${lastZxid} was durable, ${server.lastZxid} is left`)
    this.#server = server
  }

  /** SIGKILL; with `powerLoss` what was not synced is gone too. */
  stop(powerLoss = false): void {
    if (powerLoss) this.#network.powerOff(ZOOKEEPER_HOST)
    this.#process?.die()
    if (powerLoss) this.#disk.losePower()
    this.#process = null
    this.#server = null
  }

  pause(): void {
    this.#process?.pause()
  }

  resume(): void {
    this.#process?.resume()
  }

  expireSession(sessionId: bigint): boolean {
    return this.#server?.expireSession(sessionId) ?? false
  }

  /** Somebody at a shell removes a node; nothing happens when that is not possible now. */
  deleteByHand(path: string, random: Random): void {
    const process = new SimProcess(this.#network.world, 'operator')
    const client = this.clientFor(process, random, 10_000)
    const leave = () => {
      void client.close().then(() => process.die())
    }
    client.delete(path, -1).then(leave, leave)
  }

  sessionIds(): bigint[] {
    return this.#server?.sessions().map(({ id }) => id) ?? []
  }

  /** The session whose connection comes from this host. */
  sessionOf(host: string): bigint | null {
    const session = this.#server?.sessions().find(({ address }) => address?.startsWith(`${host}:`))
    return session?.id ?? null
  }

  /** From where the connection of a session comes; null while it has none. */
  hostOf(sessionId: bigint): string | null {
    const session = this.#server?.sessions().find(({ id }) => id === sessionId)
    return session?.address?.split(':')[0] ?? null
  }

  /** The production client in a simulated process. */
  clientFor(
    process: SimProcess,
    random: Random,
    sessionTimeoutMs: number,
    connect = this.connectString,
  ): ZkJsClient {
    return new ZkJsClient(
      {
        transport: this.#network.transportOf(process),
        clock: process.clock,
        random,
        logger: this.#trace.loggersOf(process.host).get('zk.ZkJsClient'),
      },
      { connect, sessionTimeoutMs },
    )
  }
}
