/**
 * A cluster whose processes are out of reach, in containers: the brokers do to themselves what they are
 * asked for at their fault endpoints, and whoever runs the containers starts them again. The brokers are
 * those that have been registered in ZooKeeper since the beginning.
 */
import type { Clock } from '../base/ports.ts'
import type { FaultKind } from '../dashboard/history/events.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { brokerIdsPath } from '../zk/znode-paths.ts'
import type { BrokerSignal, ClusterTarget, ProxiedEdge } from './cluster-target.ts'
import {
  endFaults,
  type FaultEndpoint,
  findFaultEndpoint,
  type OwnFault,
  postFault,
} from './fault-endpoint.ts'
import type { RemoteEdges } from './proxy/remote-edges.ts'
import { StopSignal } from './stop-signal.ts'

const REFRESH_MS = 2_000
/** For proxies that are gone when we go. */
const HEAL_MS = 2_000
const DEFAULT_PAUSE_MS = 10_000

export class HttpTarget implements ClusterTarget {
  readonly wakesOnlyByItself = true
  readonly missing: ReadonlyMap<FaultKind, string> = new Map()
  readonly #zk: Pick<ZkOperations, 'get' | 'children'>
  readonly #clock: Clock
  readonly #stop: StopSignal
  /** Of every broker seen so far; null: without an endpoint. */
  readonly #endpoints = new Map<number, FaultEndpoint | null>()
  /** Monotonic: when the pause of a broker ends. */
  readonly #pausedUntilMs = new Map<number, number>()
  readonly #findEdges: (() => Promise<RemoteEdges>) | null
  #found: RemoteEdges | null = null
  #running: Promise<void> = Promise.resolve()

  /** `findEdges` is asked until it knows: the proxies may not be there yet. */
  constructor(
    zk: Pick<ZkOperations, 'get' | 'children'>,
    clock: Clock,
    findEdges: (() => Promise<RemoteEdges>) | null = null,
  ) {
    this.#zk = zk
    this.#clock = clock
    this.#findEdges = findEdges
    this.#stop = new StopSignal(clock)
  }

  /**
   * Resolves when the brokers that are there are known. Not `start`: that of a target starts a broker,
   * which is not ours to do.
   */
  async open(): Promise<void> {
    await this.#refresh()
    this.#running = this.#follow()
  }

  /** Heals the links: their proxies live on. */
  async close(): Promise<void> {
    this.#stop.stop()
    await this.#running
    if (this.#found === null) return
    for (const edge of this.edges) edge.heal()
    const late = Promise.withResolvers<void>()
    const cancel = this.#clock.after(HEAL_MS, late.resolve)
    await Promise.race([this.#found.settled(), late.promise])
    cancel()
  }

  get edges(): readonly ProxiedEdge[] {
    return this.#found?.edges ?? []
  }

  /** With an endpoint, in ascending order. */
  get brokerIds(): number[] {
    return [...this.#endpoints]
      .filter(([, endpoint]) => endpoint !== null)
      .map(([id]) => id)
      .sort((a, b) => a - b)
  }

  async signal(brokerId: number, signal: BrokerSignal, forMs = DEFAULT_PAUSE_MS): Promise<void> {
    switch (signal) {
      case 'SIGKILL':
        return this.#post(brokerId, { kind: 'kill' })
      case 'SIGTERM':
        return this.#post(brokerId, { kind: 'terminate' })
      case 'SIGSTOP':
        await this.#post(brokerId, { kind: 'pause', forMs })
        this.#pausedUntilMs.set(brokerId, this.#clock.monotonicMs() + forMs)
        return
      case 'SIGCONT':
        return this.#untilAwake(brokerId)
    }
  }

  expireSession(brokerId: number): Promise<void> {
    return this.#post(brokerId, { kind: 'expire-session' })
  }

  fillDisk(brokerId: number, forMs: number, logDir: string | null): Promise<void> {
    return this.#post(brokerId, { kind: 'disk-full', forMs, ...(logDir !== null && { logDir }) })
  }

  async freeDisk(brokerId: number): Promise<boolean> {
    return (await endFaults(await this.#find(brokerId))).length > 0
  }

  /** A stopped process takes no requests: it wakes when it was told to at the beginning. */
  async #untilAwake(brokerId: number): Promise<void> {
    const untilMs = this.#pausedUntilMs.get(brokerId) ?? 0
    this.#pausedUntilMs.delete(brokerId)
    await this.#stop.sleep(Math.max(0, untilMs - this.#clock.monotonicMs()))
  }

  async #post(brokerId: number, fault: OwnFault): Promise<void> {
    await postFault(await this.#find(brokerId), fault)
  }

  /** It may have moved; while ZooKeeper is away the one that is known must do. */
  #find(brokerId: number): Promise<FaultEndpoint> {
    const known = this.#endpoints.get(brokerId)
    return findFaultEndpoint(this.#zk, this.#clock, brokerId).catch((error: unknown) => {
      if (known === undefined || known === null) throw error
      return known
    })
  }

  async #follow(): Promise<void> {
    for (;;) {
      await this.#stop.sleep(REFRESH_MS)
      if (this.#stop.isStopped) return
      await this.#refresh()
    }
  }

  async #refresh(): Promise<void> {
    if (this.#findEdges !== null && this.#found === null) {
      this.#found = await this.#findEdges().catch(() => null)
      // One who had no time to say good-bye may have left them cut.
      for (const edge of this.edges) edge.heal()
    }
    try {
      const { children } = await this.#zk.children(brokerIdsPath)
      for (const id of children.map(Number).filter(Number.isSafeInteger)) {
        const endpoint = await findFaultEndpoint(this.#zk, this.#clock, id).catch(() => null)
        if (endpoint !== null || !this.#endpoints.has(id)) this.#endpoints.set(id, endpoint)
      }
    } catch {
      // ZooKeeper is away; what is known stays.
    }
  }
}
