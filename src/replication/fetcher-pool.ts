/** The fetchers of this broker: `num.replica.fetchers` for each leader, made and dropped as needed. */

import type { Loggers } from '../base/ports.ts'
import { Fetcher, type FetcherPorts, type ReplicaChannel } from './fetcher.ts'
import type { Partition } from './partition.ts'

export interface FetcherPoolPorts extends Omit<FetcherPorts, 'logger' | 'connect'> {
  readonly loggers: Loggers
  /** To the inter-broker endpoint that the broker has now; rejects when it has none or is down. */
  connectToBroker(brokerId: number, clientId: string): Promise<ReplicaChannel>
}

export class FetcherPool {
  readonly #ports: FetcherPoolPorts
  readonly #fetchersPerLeader: number
  /** By leader, then by number. */
  readonly #fetchers = new Map<number, (Fetcher | undefined)[]>()
  readonly #assigned = new Map<Partition, Fetcher>()
  #isStopped = false

  constructor(ports: FetcherPoolPorts, fetchersPerLeader: number) {
    this.#ports = ports
    this.#fetchersPerLeader = fetchersPerLeader
  }

  get maxLag(): number {
    let max = 0
    for (const fetcher of new Set(this.#assigned.values())) max = Math.max(max, fetcher.maxLag)
    return max
  }

  /** Follows the leader that the partition has now, from the end of its log on. */
  follow(partition: Partition): void {
    if (this.#isStopped) return
    const fetcher = this.#fetcherFor(partition)
    if (this.#assigned.get(partition) !== fetcher) this.unfollow(partition)
    this.#assigned.set(partition, fetcher)
    fetcher.add(partition)
  }

  unfollow(partition: Partition): void {
    this.#assigned.get(partition)?.remove(partition)
    this.#assigned.delete(partition)
  }

  onLogStart(partition: Partition): void {
    this.#assigned.get(partition)?.touch(partition)
  }

  dropIdle(): void {
    for (const [leader, fetchers] of this.#fetchers) {
      for (const [number, fetcher] of fetchers.entries()) {
        if (fetcher === undefined || fetcher.size > 0) continue
        fetcher.stop()
        fetchers[number] = undefined
      }
      if (fetchers.every((fetcher) => fetcher === undefined)) this.#fetchers.delete(leader)
    }
  }

  stop(): void {
    this.#isStopped = true
    for (const fetchers of this.#fetchers.values()) {
      for (const fetcher of fetchers) fetcher?.stop()
    }
    this.#fetchers.clear()
    this.#assigned.clear()
  }

  #fetcherFor({ topic, index, leader }: Partition): Fetcher {
    const number = fetcherNumber(topic, index, this.#fetchersPerLeader)
    let fetchers = this.#fetchers.get(leader)
    if (fetchers === undefined) {
      fetchers = []
      this.#fetchers.set(leader, fetchers)
    }
    const existing = fetchers[number]
    if (existing !== undefined) return existing
    const fetcher = this.#create(leader, number)
    fetchers[number] = fetcher
    return fetcher
  }

  #create(leader: number, number: number): Fetcher {
    const { loggers, options } = this.#ports
    const who = `replicaId=${options.brokerId}, leaderId=${leader}, fetcherId=${number}`
    const clientId = `broker-${options.brokerId}-fetcher-${number}`
    const fetcher = new Fetcher(leader, {
      ...this.#ports,
      logger: loggers.get('kafka.server.ReplicaFetcherThread', `[ReplicaFetcher ${who}] `),
      connect: () => this.#ports.connectToBroker(leader, clientId),
    })
    fetcher.start()
    return fetcher
  }
}

/** Kafka's distribution: `abs(31 * hash(topic) + partition) % n` in 32-bit arithmetic. */
export function fetcherNumber(topic: string, partition: number, count: number): number {
  let hash = 0
  for (let at = 0; at < topic.length; at++) {
    hash = (Math.imul(31, hash) + topic.charCodeAt(at)) | 0
  }
  const mixed = (Math.imul(31, hash) + partition) | 0
  return mixed === -0x8000_0000 ? 0 : Math.abs(mixed) % count
}
