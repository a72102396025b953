/**
 * The cluster that `samsa up` runs, as the chaos engine sees it: brokers are children of ours, which get
 * signals; links go through the proxies that the caller hands in; a session expires by the broker's own
 * fault endpoint.
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import type { FaultKind } from '../dashboard/history/events.ts'
import type { LocalCluster } from '../devcluster/local-cluster.ts'
import { systemClock } from '../host/clock.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import type { BrokerSignal, ClusterTarget, ProxiedEdge } from './cluster-target.ts'
import { endFaults, type FaultEndpoint, findFaultEndpoint, postFault } from './fault-endpoint.ts'

/** Wakes a process that is stopped when ours ends, or when the returned function is called. */
export type WatchOver = (pid: number) => () => void

/** What is used of it. */
export type LocalProcesses = Pick<
  LocalCluster,
  | 'brokerIds'
  | 'isRunning'
  | 'pidOf'
  | 'signalBroker'
  | 'expectEnd'
  | 'startBroker'
  | 'zookeeperPid'
  | 'stopZooKeeper'
  | 'startZooKeeper'
>

export interface LocalTargetOptions {
  readonly edges?: readonly ProxiedEdge[]
  /** To find the brokers' fault endpoints; null: sessions cannot be expired. */
  readonly zk: Pick<ZkOperations, 'get'> | null
  /** Default `process.kill`. */
  readonly kill?: (pid: number, signal: BrokerSignal) => void
  /** Default one that outlives us. */
  readonly watchOver?: WatchOver
}

const OF_ENDPOINT = ['expire-session', 'disk-full'] as const
const NO_ENDPOINT = 'the brokers have no fault endpoint (samsa.http.listener, samsa.faults.enable)'

/** `cluster` has been started. */
export function localTarget(cluster: LocalProcesses, options: LocalTargetOptions): ClusterTarget {
  const { zk, edges = [] } = options
  const missing = new Map<FaultKind, string>()
  if (zk === null) for (const kind of OF_ENDPOINT) missing.set(kind, NO_ENDPOINT)
  const endpoints = new Endpoints(zk)
  const signals = new Signals(cluster, options)
  return {
    brokerIds: cluster.brokerIds,
    missing,
    edges,
    isRunning: (brokerId) => cluster.isRunning(brokerId),
    signal: (brokerId, signal) => signals.send(brokerId, signal),
    start: async (brokerId) => {
      if (!cluster.isRunning(brokerId)) cluster.startBroker(brokerId)
    },
    fillDisk: async (brokerId, forMs, logDir) => {
      const endpoint = await endpoints.find(brokerId)
      cluster.expectEnd(brokerId, true)
      try {
        await postFault(endpoint, { kind: 'disk-full', forMs, ...(logDir !== null && { logDir }) })
      } catch (error) {
        cluster.expectEnd(brokerId, false)
        throw error
      }
    },
    freeDisk: async (brokerId) => {
      // It may be cut off from ZooKeeper meanwhile, and not be registered.
      const failed = await endFaults(endpoints.latest(brokerId))
      cluster.expectEnd(brokerId, false)
      return failed.length > 0
    },
    expireSession: async (brokerId) => {
      await postFault(await endpoints.find(brokerId), { kind: 'expire-session' })
    },
    ...(cluster.zookeeperPid > 0 ? { zookeeper: zooKeeperOf(cluster) } : {}),
  }
}

/** Of the processes that run now. */
class Endpoints {
  readonly #zk: LocalTargetOptions['zk']
  readonly #latest = new Map<number, FaultEndpoint>()

  constructor(zk: LocalTargetOptions['zk']) {
    this.#zk = zk
  }

  async find(brokerId: number): Promise<FaultEndpoint> {
    if (this.#zk === null) throw new Error(NO_ENDPOINT)
    const endpoint = await findFaultEndpoint(this.#zk, systemClock, brokerId)
    this.#latest.set(brokerId, endpoint)
    return endpoint
  }

  /** As it was found last. */
  latest(brokerId: number): FaultEndpoint {
    const endpoint = this.#latest.get(brokerId)
    if (endpoint === undefined) throw new Error(NO_ENDPOINT)
    return endpoint
  }
}

class Signals {
  readonly #cluster: LocalProcesses
  readonly #kill: (pid: number, signal: BrokerSignal) => void
  /** Brokers on their way out, which the cluster does not count as its own any more. */
  readonly #leaving = new Map<number, { readonly pid: number; readonly out: Promise<void> }>()

  readonly #watchOver: WatchOver
  /** Of stopped brokers: ends the watch and wakes the process. */
  readonly #wakers = new Map<number, () => void>()

  constructor(cluster: LocalProcesses, { kill, watchOver }: LocalTargetOptions) {
    this.#cluster = cluster
    this.#kill = kill ?? process.kill
    this.#watchOver = watchOver ?? wakeAfterUs
  }

  async send(brokerId: number, signal: BrokerSignal): Promise<void> {
    const leaving = this.#leaving.get(brokerId)
    if (leaving !== undefined) {
      this.#kill(leaving.pid, signal)
      return signal === 'SIGKILL' || signal === 'SIGTERM' ? leaving.out : undefined
    }
    const pid = this.#cluster.pidOf(brokerId)
    if (signal === 'SIGSTOP' && pid > 0) this.#wakers.set(brokerId, this.#watchOver(pid))
    const out = this.#cluster.signalBroker(brokerId, signal)
    if (signal === 'SIGCONT') {
      this.#wakers.get(brokerId)?.()
      this.#wakers.delete(brokerId)
    }
    if (signal !== 'SIGTERM' || pid <= 0) return out
    this.#leaving.set(brokerId, { pid, out })
    const forget = () => this.#leaving.delete(brokerId)
    void out.then(forget, forget)
    return out
  }
}

/**
 * A stopped process does not notice that we are gone, and nobody would ever wake it: a small process of
 * its own does when its input ends, which it does whatever ends us.
 */
function wakeAfterUs(pid: number): () => void {
  const args = ['-c', 'read -r line; kill -CONT "$1"', 'sh', String(pid)]
  const child = spawn('sh', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.on('error', () => {})
  child.stdin!.on('error', () => {})
  child.unref()
  return () => child.stdin!.end()
}

function zooKeeperOf(cluster: LocalProcesses): NonNullable<ClusterTarget['zookeeper']> {
  return {
    stop: () => cluster.stopZooKeeper('SIGKILL'),
    start: async () => {
      if (cluster.zookeeperPid <= 0) cluster.startZooKeeper()
    },
  }
}
