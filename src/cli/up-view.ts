/**
 * What `samsa up` runs beside its cluster: proxies on the ways between processes, the chaos engine, the
 * observer and the page that shows all of it. Loaded only when it is wanted.
 */
import { SILENT_LOGGER } from '../base/silent-logger.ts'
import type { ClusterTarget } from '../chaos/cluster-target.ts'
import { localTarget } from '../chaos/local-target.ts'
import { type ClusterEdges, startClusterEdges } from '../chaos/proxy/cluster-edges.ts'
import { type ProxyServer, startProxyServer } from '../chaos/proxy/proxy-server.ts'
import { openLiveCluster } from '../dashboard/live-cluster.ts'
import { openObserverClient } from '../dashboard/observer/observer-client.ts'
import { DEFAULT_PORT, startDashboard } from '../dashboard/start-dashboard.ts'
import type { LocalCluster } from '../devcluster/local-cluster.ts'
import { reservePorts } from '../devcluster/ports.ts'
import { systemClock } from '../host/clock.ts'
import { systemRandom } from '../host/random.ts'
import { ZkSession } from '../zk/zk-session.ts'

export interface ViewOptions {
  /** Null: 8080, or any free one when that is taken. */
  readonly dashboardPort: number | null
  /** Port of the Toxiproxy API; null: only the way to ZooKeeper has proxies. */
  readonly proxyPort: number | null
}

const HOST = '127.0.0.1'
const FOREVER_MS = 0x7fff_ffff

export class LocalView {
  readonly #cluster: LocalCluster
  readonly #options: ViewOptions
  /** What to end, the latest first. */
  readonly #endings: (() => Promise<unknown>)[] = []
  #proxies: ProxyServer | null = null
  #edges: ClusterEdges | null = null

  constructor(cluster: LocalCluster, options: ViewOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Of the Toxiproxy API; null unless it was asked for. */
  get proxyPort(): number | null {
    return this.#options.proxyPort === null ? null : (this.#proxies?.port ?? null)
  }

  /** Before the brokers start; resolves with what each needs on top of its settings. */
  async prepare(): Promise<(brokerId: number) => ReadonlyMap<string, string>> {
    const { brokerIds } = this.#cluster
    const { proxyPort } = this.#options
    this.#proxies = await startProxyServer({
      clock: systemClock,
      random: systemRandom,
      log: SILENT_LOGGER,
      host: HOST,
      port: proxyPort ?? 0,
    }).catch((error: Error) => {
      throw new Error(`the proxies' API: ${error.message} (--proxy-port)`)
    })
    const zookeeper = this.#cluster.zookeeperAddress
    const plan = { host: HOST, zookeeper, brokerIds }
    if (proxyPort === null) this.#edges = await startClusterEdges(this.#proxies, plan)
    else {
      // Held until the proxies have theirs: both are any free ones.
      const { ports, release } = await reservePorts(HOST, 2 * brokerIds.length)
      this.#edges = await startClusterEdges(this.#proxies, {
        ...plan,
        brokers: {
          portOf: (id) => this.#cluster.portOf(id),
          innerPortsOf: (id) => {
            const at = 2 * brokerIds.indexOf(id)
            return [ports[at]!, ports[at + 1]!]
          },
        },
      })
      await release()
    }
    const { settingsOf } = this.#edges
    return (brokerId) =>
      new Map([
        ...settingsOf(brokerId),
        ['samsa.http.listener', `${HOST}:0`],
        ['samsa.faults.enable', 'true'],
      ])
  }

  /** The cluster has started. Resolves with the address of the page. */
  async start(): Promise<string> {
    const zookeeper = this.#cluster.zookeeperAddress
    const live = await openLiveCluster({ zookeeper, target: await this.#target() })
    this.#endings.push(async () => {
      live.engine.abandon()
      await live.close()
    })
    const dashboard = await this.#startDashboard((port) =>
      startDashboard({ host: HOST, port, from: live.source }),
    )
    this.#endings.push(() => dashboard.close())
    return dashboard.url
  }

  /** Before the cluster stops. Never rejects. */
  async stop(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end().catch(() => {})
  }

  /** After the cluster has stopped: until then its brokers need them. */
  async stopProxies(): Promise<void> {
    await this.#proxies?.close()
  }

  async #target(): Promise<ClusterTarget> {
    const zookeeper = this.#cluster.zookeeperAddress
    const { connect } = await openObserverClient(systemClock, { zookeeper, prefer: 'js' })
    const zk = new ZkSession({ connect, clock: systemClock, logger: SILENT_LOGGER })
    zk.start(FOREVER_MS).catch(() => {})
    this.#endings.push(() => zk.close())
    return localTarget(this.#cluster, { zk, edges: this.#edges!.edges })
  }

  async #startDashboard<T>(start: (port: number) => Promise<T>): Promise<T> {
    const { dashboardPort } = this.#options
    if (dashboardPort === null) return start(DEFAULT_PORT).catch(() => start(0))
    return start(dashboardPort).catch((error: Error) => {
      throw new Error(error.message.replace('--port', '--dashboard-port'))
    })
  }
}
