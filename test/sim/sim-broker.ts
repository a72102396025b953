/** What the simulator needs of a broker, and what it gives to it. */

import type { Clock, Disk, Loggers, Random, Transport } from '../../src/base/ports.ts'
import type { ZkClient } from '../../src/zk/zk-client.ts'

export interface SimBrokerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: Transport
  readonly loggers: Loggers
  /** The name of its host. */
  readonly hostName: string
  /** A new client with a new session, each time. */
  readonly connectZooKeeper: (connect: string, sessionTimeoutMs: number) => ZkClient
  /** It cannot go on; while it has a disk with room that is a fault of the broker. */
  readonly onFatal: (reason: string, cause?: unknown) => void
}

export interface SimBroker {
  /** Log directories that have failed. Absent: it has no disk. */
  readonly offlineLogDirs?: readonly string[]
  start(): Promise<void>
  shutdown(): Promise<void>
}

/** Settings are those of `server.properties`. */
export type SimBrokerFactory = (
  ports: SimBrokerPorts,
  settings: ReadonlyMap<string, string>,
) => SimBroker

export const BROKER_PORT = 9092
export const LOG_DIR = '/data'

export function hostOf(brokerId: number): string {
  return `broker-${brokerId}`
}
