/**
 * What is gathered about one failover while its events come in. All times are wall clock, absolute;
 * null or empty means that it did not happen, or that nobody saw it.
 */
import { type ClusterModel, partitionsOf } from './cluster-model.ts'
import type { FaultKind } from './events.ts'

export type FailoverCause =
  | { readonly kind: 'fault'; readonly id: string; readonly fault: FaultKind }
  | { readonly kind: 'observed'; readonly what: ObservedCause }

export type ObservedCause =
  | 'broker-gone'
  | 'controller-gone'
  | 'shutting-down'
  | 'log-dir-failed'
  | 'zookeeper-away'

/** As it was when it began. */
export interface PartitionBefore {
  readonly topic: string
  readonly partition: number
  readonly isLed: boolean
  readonly leaderEpoch: number
  readonly isr: readonly number[]
}

export interface FailoverRecord {
  /** Of the event that began it. */
  readonly seq: number
  cause: FailoverCause
  startMs: number
  /** Null: ZooKeeper's. */
  readonly brokerId: number | null
  readonly wasController: boolean
  /** Those the broker had a replica of, by name. */
  readonly before: ReadonlyMap<string, PartitionBefore>
  faultEndedMs: number | null
  failure: string | null
  linkDownMs: number | null
  linkUpMs: number | null
  /** The first log directory that the broker gave up. */
  logDirFailed: { readonly atMs: number; readonly directory: string } | null
  proof: { readonly atMs: number; readonly byBrokerId: number } | null
  isOrderly: boolean
  /** When the registration went, somebody was heard who would have told of a proof of death. */
  isWitnessed: boolean
  readonly gone: { readonly atMs: number; readonly brokerId: number }[]
  backMs: number | null
  controllerGoneMs: number | null
  controllerNew: { readonly atMs: number; readonly brokerId: number } | null
  epochNew: { readonly atMs: number; readonly epoch: number } | null
  /** By partition: the first new leader. */
  readonly elections: Map<string, { readonly atMs: number; readonly leader: number }>
  lastElectionMs: number | null
  readonly told: Map<number, { readonly firstMs: number; lastMs: number }>
  /** By partition, the longest. */
  readonly gaps: {
    readonly writes: Map<string, ClientGap>
    readonly reads: Map<string, ClientGap>
  }
  isrShrunkMs: number | null
  readonly shrunk: Set<string>
  isrFullMs: number | null
  /** When something was added last. */
  lastMs: number
  isOver: boolean
  /** Grows with every change. */
  revision: number
}

/** Between two acknowledgements, or two answers to fetches. */
export interface ClientGap {
  readonly topic: string
  readonly partition: number
  readonly isLed: boolean
  /** Of the last success before it, and of the first after it. */
  readonly lastMs: number
  /** Null: there was none yet, as of `untilMs`. */
  readonly firstMs: number | null
  readonly untilMs: number
}

export function partitionName(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

export function newRecord(
  model: ClusterModel,
  seq: number,
  cause: FailoverCause,
  brokerId: number | null,
  startMs: number,
): FailoverRecord {
  return {
    seq,
    cause,
    startMs,
    brokerId,
    wasController: brokerId !== null && model.controllerId === brokerId,
    before: partitionsBefore(model, brokerId),
    faultEndedMs: null,
    failure: null,
    linkDownMs: null,
    linkUpMs: null,
    logDirFailed: null,
    proof: null,
    isOrderly: false,
    isWitnessed: false,
    gone: [],
    backMs: null,
    controllerGoneMs: null,
    controllerNew: null,
    epochNew: null,
    elections: new Map(),
    lastElectionMs: null,
    told: new Map(),
    gaps: { writes: new Map(), reads: new Map() },
    isrShrunkMs: null,
    shrunk: new Set(),
    isrFullMs: null,
    lastMs: startMs,
    isOver: false,
    revision: 0,
  }
}

/** Something was added that happened then. */
export function mark(record: FailoverRecord, atMs: number): void {
  record.lastMs = Math.max(record.lastMs, atMs)
  record.revision += 1
}

function partitionsBefore(
  model: ClusterModel,
  brokerId: number | null,
): Map<string, PartitionBefore> {
  const before = new Map<string, PartitionBefore>()
  for (const { topic, partition, leader, leaderEpoch, isr, replicas } of partitionsOf(model)) {
    if (leader === null || leaderEpoch === null) continue
    const isHosted = brokerId === null || replicas.includes(brokerId) || isr.includes(brokerId)
    if (!isHosted) continue
    const isLed = brokerId === null || leader === brokerId
    before.set(partitionName(topic, partition), { topic, partition, isLed, leaderEpoch, isr })
  }
  return before
}
