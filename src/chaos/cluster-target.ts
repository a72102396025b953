/**
 * What the chaos engine needs of a cluster. `samsa up` has everything; a cluster in containers has what
 * the brokers' fault endpoints and its proxies allow.
 */

import type { FaultKind } from '../dashboard/history/events.ts'

export type BrokerSignal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface ClusterTarget {
  readonly brokerIds: readonly number[]
  /** Why a kind of fault cannot be had here. */
  readonly missing?: ReadonlyMap<FaultKind, string>
  /** Absent: nobody knows. */
  readonly isRunning?: (brokerId: number) => boolean
  /**
   * Sends a signal; resolves when it is out, for signals that end the process when it has ended. `forMs`:
   * how long a SIGSTOP will last, for who cannot send a SIGCONT to a stopped process.
   */
  signal(brokerId: number, signal: BrokerSignal, forMs?: number): Promise<void>
  /** A stopped process goes on only when its time is over, whatever it is sent. */
  readonly wakesOnlyByItself?: boolean
  /** Starts a broker that ended. Absent: something else restarts it (a container's restart policy). */
  readonly start?: (brokerId: number) => Promise<void>
  /** All log directories of a broker, or one of them, take no more writes for so long. */
  fillDisk(brokerId: number, forMs: number, logDir: string | null): Promise<void>
  /**
   * They take writes again. True when one has failed meanwhile, which only another start of the broker
   * brings back. Rejects when the broker does not answer.
   */
  freeDisk(brokerId: number): Promise<boolean>
  /** Ends a broker's ZooKeeper session as an expiry does. */
  expireSession(brokerId: number): Promise<void>
  readonly zookeeper?: {
    stop(): Promise<void>
    start(): Promise<void>
  }
  /** Directed edges that run through a proxy; an edge that does not is not in the list. May grow. */
  readonly edges: readonly ProxiedEdge[]
}

export type EdgeKind = 'zookeeper' | 'peer' | 'client'

/** One directed edge: who connects, and to whom. */
export interface ProxiedEdge {
  readonly kind: EdgeKind
  /** The broker that connects; null for clients. */
  readonly from: number | null
  /** The broker that is connected to; null for ZooKeeper. */
  readonly to: number | null
  /** Name of the proxy in the Toxiproxy API: `broker-1-to-zookeeper`, `broker-1-to-broker-2`. */
  readonly proxy: string
  /** Nothing passes in either direction, connections stay open (no reset), new ones hang. */
  cut(): void
  /** Both directions later by this much. */
  slow(latencyMs: number, jitterMs: number): void
  heal(): void
}
