/**
 * Where a cluster's brokers are, as the observer sees them, and a client that follows them: none while no
 * broker is known, another one when brokers have moved.
 */
import { connectOverTcp } from '../cli/open-cluster.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { PartitionClient } from '../client/partition-client.ts'
import { systemClock } from '../host/clock.ts'
import type { EventLog } from './event-log.ts'
import type { ClusterEvent } from './history/events.ts'
import { brokerIdInPath, parseRegistration } from './history/znode-data.ts'

/** A person waits for the answer. */
const TIMEOUT_MS = 5_000

export class ClusterFinder {
  /** By broker: all its endpoints, of which one at least can be reached from here. */
  readonly #endpoints = new Map<number, string>()
  readonly #endEvents: () => void
  #kept: { bootstrap: string; client: ClusterClient; partitions: PartitionClient } | null = null

  constructor(log: EventLog) {
    for (const event of log.events) this.#onEvent(event)
    this.#endEvents = log.onEvent((event) => this.#onEvent(event))
  }

  /** `host:port,host:port`; null: no broker was ever seen. */
  get bootstrap(): string | null {
    const all = [...this.#endpoints].sort(([a], [b]) => a - b).map(([, each]) => each)
    return all.length === 0 ? null : all.join(',')
  }

  /** Null: no broker was ever seen. */
  get partitions(): PartitionClient | null {
    const { bootstrap } = this
    if (bootstrap === null) return null
    if (this.#kept?.bootstrap === bootstrap) return this.#kept.partitions
    void this.#kept?.client.close()
    const timeouts = { connectTimeoutMs: TIMEOUT_MS, requestTimeoutMs: TIMEOUT_MS }
    const connect = connectOverTcp({ clientId: 'samsa-dashboard', ...timeouts })
    const options = { bootstrap, callTimeoutMs: TIMEOUT_MS }
    const client = new ClusterClient(connect, systemClock, options)
    this.#kept = { bootstrap, client, partitions: new PartitionClient(client) }
    return this.#kept.partitions
  }

  async close(): Promise<void> {
    this.#endEvents()
    await this.#kept?.client.close()
  }

  #onEvent(event: ClusterEvent): void {
    if (event.kind !== 'znode' || event.change === 'deleted') return
    const id = brokerIdInPath(event.path)
    if (id === null) return
    const endpoints = parseRegistration(event.data)?.endpoints ?? []
    const all = endpoints.map(
      ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
    )
    if (all.length > 0) this.#endpoints.set(id, all.join(','))
  }
}
