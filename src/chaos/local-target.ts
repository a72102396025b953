/**
 * The cluster that `samsa up` runs, as the chaos engine sees it: brokers are children of ours, which get
 * signals; links go through the proxies that the caller hands in; a session expires by the broker's own
 * fault endpoint.
 */
import process from 'node:process'
import type { FaultKind } from '../dashboard/history/events.ts'
import type { LocalCluster } from '../devcluster/local-cluster.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import type { BrokerSignal, ClusterTarget, ProxiedEdge } from './cluster-target.ts'
import { findFaultEndpoint, postFault } from './fault-endpoint.ts'

export interface LocalTargetOptions {
  readonly edges?: readonly ProxiedEdge[]
  /** To find the brokers' fault endpoints; null: sessions cannot be expired. */
  readonly zk: Pick<ZkOperations, 'get'> | null
}

const NO_ENDPOINT = 'the brokers have no fault endpoint (samsa.http.listener, samsa.faults.enable)'

/** `cluster` has been started. */
export function localTarget(cluster: LocalCluster, options: LocalTargetOptions): ClusterTarget {
  const { zk, edges = [] } = options
  const missing = new Map<FaultKind, string>()
  if (zk === null) missing.set('expire-session', NO_ENDPOINT)
  const signals = new Signals(cluster)
  return {
    brokerIds: cluster.brokerIds,
    missing,
    edges,
    signal: (brokerId, signal) => signals.send(brokerId, signal),
    start: async (brokerId) => {
      if (!cluster.isRunning(brokerId)) cluster.startBroker(brokerId)
    },
    expireSession: async (brokerId) => {
      if (zk === null) throw new Error(NO_ENDPOINT)
      await postFault(await findFaultEndpoint(zk, brokerId), { kind: 'expire-session' })
    },
    ...(cluster.zookeeperPid > 0 ? { zookeeper: zooKeeperOf(cluster) } : {}),
  }
}

class Signals {
  readonly #cluster: LocalCluster
  /** Brokers on their way out, which the cluster does not count as its own any more. */
  readonly #leaving = new Map<number, { readonly pid: number; readonly out: Promise<void> }>()

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster
  }

  async send(brokerId: number, signal: BrokerSignal): Promise<void> {
    const leaving = this.#leaving.get(brokerId)
    if (leaving !== undefined) {
      process.kill(leaving.pid, signal)
      return signal === 'SIGKILL' || signal === 'SIGTERM' ? leaving.out : undefined
    }
    const pid = this.#cluster.pidOf(brokerId)
    const out = this.#cluster.signalBroker(brokerId, signal)
    if (signal !== 'SIGTERM' || pid <= 0) return out
    this.#leaving.set(brokerId, { pid, out })
    const forget = () => this.#leaving.delete(brokerId)
    void out.then(forget, forget)
    return out
  }
}

function zooKeeperOf(cluster: LocalCluster): NonNullable<ClusterTarget['zookeeper']> {
  return {
    stop: () => cluster.stopZooKeeper('SIGKILL'),
    start: async () => {
      if (cluster.zookeeperPid <= 0) cluster.startZooKeeper()
    },
  }
}
