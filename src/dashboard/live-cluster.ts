/**
 * A live cluster for the dashboard: the observer, the chaos engine and the verifier around it, and clients
 * that follow the brokers. Nothing has to be up when it starts, and all of it may go and come back.
 */
import { SILENT_LOGGER } from '../base/silent-logger.ts'
import type { ClusterTarget } from '../chaos/cluster-target.ts'
import { ChaosEngine } from '../chaos/engine.ts'
import { chaosHandler } from '../chaos/http-api.ts'
import { HttpTarget } from '../chaos/http-target.ts'
import { remoteEdges } from '../chaos/proxy/remote-edges.ts'
import { systemVerifier } from '../chaos/system-verifier.ts'
import { VerifierSwitch } from '../chaos/verifier-switch.ts'
import { systemClock } from '../host/clock.ts'
import { ZkSession } from '../zk/zk-session.ts'
import { ClusterFinder } from './bootstrap.ts'
import { Observer } from './observer/observer.ts'
import { type ObserverClient, openObserverClient } from './observer/observer-client.ts'
import type { LiveSource } from './start-dashboard.ts'

export interface LiveOptions {
  /** `host:port,host:port/chroot`. */
  readonly zookeeper: string
  /** `js` when ZooKeeper runs in this process: the native client's good-bye blocks. */
  readonly prefer?: 'native' | 'js'
  /** What faults act on; absent: the brokers' own fault endpoints, as ZooKeeper tells them. */
  readonly target?: ClusterTarget
  /**
   * Without a target: `http://host:8474`, the API of a `samsa proxy` whose proxies the links of the
   * cluster run through, named `broker-1-to-zookeeper`, `broker-1-to-broker-2` and so on.
   */
  readonly proxies?: string
}

export interface LiveCluster {
  readonly source: LiveSource
  readonly observer: Observer
  readonly engine: ChaosEngine
  readonly verifier: VerifierSwitch
  /** For people: why the observer uses not the native client; null when it does. */
  readonly clientNote: string | null
  /** Ends every fault first, but those that end without us. */
  close(): Promise<void>
}

/** Waits for a ZooKeeper that is not there yet. */
const FOREVER_MS = 0x7fff_ffff

/** Rejects when the connect string is malformed. */
export async function openLiveCluster(options: LiveOptions): Promise<LiveCluster> {
  const { zookeeper, prefer, proxies = null } = options
  const clientOptions = { zookeeper, ...(prefer === undefined ? {} : { prefer }) }
  const client = await openObserverClient(systemClock, clientOptions)
  const observer = new Observer({ clock: systemClock, client })
  const finder = new ClusterFinder(observer)
  const own = options.target === undefined ? ownTarget(client, proxies) : null
  const target = options.target ?? own!.target
  const engine = new ChaosEngine(target, systemClock, (event) => observer.add(event))
  const verifier = new VerifierSwitch(() => {
    const { bootstrap } = finder
    if (bootstrap === null) throw new Error('no broker is known')
    return systemVerifier(bootstrap, { onEvent: (event) => observer.add(event) })
  })
  // It waits for its ZooKeeper as long as that takes; the page shows that it is not heard.
  observer.start().catch(() => {})
  return {
    source: {
      kind: 'live',
      log: observer,
      name: `ZooKeeper at ${zookeeper}`,
      partitions: () => finder.partitions,
      chaos: chaosHandler(engine, verifier),
    },
    observer,
    engine,
    verifier,
    clientNote: client.kind === 'native' ? null : client.reason,
    async close() {
      // Brokers that hurt themselves also end it themselves; a pause is not waited for.
      if (own === null) await engine.close()
      else engine.abandon()
      verifier.abandon()
      await Promise.all([own?.close(), finder.close(), observer.stop()])
    },
  }
}

function ownTarget(client: ObserverClient, proxies: string | null) {
  const { connect } = client
  const zk = new ZkSession({ connect, clock: systemClock, logger: SILENT_LOGGER })
  const ports = { clock: systemClock, log: SILENT_LOGGER }
  const findEdges = proxies === null ? null : () => remoteEdges(ports, proxies)
  const target = new HttpTarget(zk, systemClock, findEdges)
  const started = zk.start(FOREVER_MS).then(() => target.open())
  started.catch(() => {})
  return {
    target,
    async close() {
      await zk.close()
      await target.close()
    },
  }
}
