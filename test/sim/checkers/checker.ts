/** Watches a run and throws `Violation` as soon as it sees that something must not be. */

import type { ZnodeChange } from '../history.ts'
import type { Ack, FetchSeen, Partition } from '../operations.ts'
import type { ControlTaken, FollowerFetch } from '../request-tap.ts'

export class Violation extends Error {
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.name = 'Violation'
  }
}

export interface FinalRecord {
  readonly offset: number
  readonly leaderEpoch: number
  readonly value: string
}

/** The cluster after all faults are over and time has passed. */
export interface FinalState {
  readonly partitions: readonly Partition[]
  /** What the leader serves, from the first offset to the last. */
  readonly served: ReadonlyMap<string, readonly FinalRecord[]>
  /** The bytes of each replica's log, by broker id. */
  readonly logs: ReadonlyMap<string, ReadonlyMap<number, Buffer>>
}

export interface Checker {
  onZnodeChange?(change: ZnodeChange): void
  onAck?(ack: Ack): void
  onFetch?(fetch: FetchSeen): void
  onControlTaken?(taken: ControlTaken): void
  onFollowerFetch?(fetch: FollowerFetch): void
  atEnd?(state: FinalState): void
}
