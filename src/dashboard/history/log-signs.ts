/**
 * The log lines that tell of a failover: Kafka's where there are such, and ours. A line that is
 * worded differently is no sign; nothing is concluded from its absence.
 */
import type { BrokerLogEvent } from './events.ts'

export type LogSign =
  /** Somebody found that the broker's host refuses connections, and removes its registration. */
  | { readonly kind: 'proof-of-death'; readonly brokerId: number }
  | { readonly kind: 'shutting-down' }
  /** Its disk fails, or is full. */
  | { readonly kind: 'log-dir-failed'; readonly directory: string }
  /** The broker has done what the controller asked for. */
  | { readonly kind: 'leader-and-isr'; readonly controllerId: number }
  | { readonly kind: 'update-metadata'; readonly controllerId: number }
  /** The broker leads or follows a partition from a leader epoch on. */
  | { readonly kind: 'became'; readonly partition: string; readonly leaderEpoch: number }

const PROOF = /\b(?:Broker|Controller) (\d+) refuses connections\b/
const SHUTDOWN = /(?:^|\] )(?:Starting controlled shutdown|shutting down)/
const LOG_DIR_FAILED = /^Stopping serving logs in dir (\S+)/
const LEADER_AND_ISR = /Finished LeaderAndIsr request in .* from controller (\d+)/
const UPDATE_METADATA = /in response to UpdateMetadata request sent by controller (\d+)/
const BECAME = /\b(?:Leader|Follower) (\S+) (?:with topic id \S+ )?starts at leader epoch (\d+)/

export function signOf({ message }: BrokerLogEvent): LogSign | null {
  const proof = PROOF.exec(message)
  if (proof !== null) return { kind: 'proof-of-death', brokerId: Number(proof[1]) }
  if (SHUTDOWN.test(message)) return { kind: 'shutting-down' }
  const failed = LOG_DIR_FAILED.exec(message)
  if (failed !== null) return { kind: 'log-dir-failed', directory: failed[1]! }
  const done = LEADER_AND_ISR.exec(message)
  if (done !== null) return { kind: 'leader-and-isr', controllerId: Number(done[1]) }
  const told = UPDATE_METADATA.exec(message)
  if (told !== null) return { kind: 'update-metadata', controllerId: Number(told[1]) }
  const became = BECAME.exec(message)
  if (became === null) return null
  return { kind: 'became', partition: became[1]!, leaderEpoch: Number(became[2]) }
}
