/**
 * The failovers of a history, each with its phases in milliseconds since the fault. A phase that
 * nobody saw is not there. Pure, for the page, the terminal and the tests alike; events are applied
 * once, in order.
 */

import type { ClusterEvent } from './events.ts'
import { createFold, type FailoverFold, onFailoverEvent } from './failover-fold.ts'
import { phasesOf } from './failover-phases.ts'
import type { ClientGap, FailoverCause, FailoverRecord } from './failover-record.ts'

export type { FailoverFold } from './failover-fold.ts'
export type { FailoverCause, ObservedCause } from './failover-record.ts'

export type PhaseKind =
  | 'log-dir-failed'
  | 'connection-lost'
  | 'registration-gone'
  | 'controller-gone'
  | 'controller-elected'
  | 'epoch-bumped'
  | 'partitions-elected'
  | 'brokers-told'
  | 'first-write'
  | 'first-fetch'
  | 'registered-again'
  | 'isr-full'
  | 'zookeeper-back'

export interface Phase {
  readonly kind: PhaseKind
  /** Milliseconds since the failover's start, with fractions; `endMs` is when it was done. */
  readonly startMs: number
  readonly endMs: number
  /** For people: `broker 2, proof of death by broker 1`. */
  readonly text: string
  /** How many of how many, where that is what the phase is about. */
  readonly count?: number
  readonly total?: number
  /** Of brokers that were told: when each had heard. */
  readonly brokers?: readonly { readonly brokerId: number; readonly atMs: number }[]
  /** Of a registration that went. */
  readonly how?: HowGone
}

/** Unknown: no other broker's log is heard that would have told of a proof of death. */
export type HowGone = 'session-expired' | 'proof-of-death' | 'closed' | 'unknown'

/** How long a partition could not be written to, or not be read from. */
export interface PartitionOutage {
  readonly topic: string
  readonly partition: number
  /** What the broker was to it. */
  readonly role: 'leader' | 'follower'
  /** The last success, since the failover's start: negative when it was before. */
  readonly lastMs: number
  /** Null: none yet. */
  readonly firstMs: number | null
  /** Between the two; while there is none yet, so far. */
  readonly gapMs: number
}

export interface Failover {
  /** Stable in one history. */
  readonly id: string
  readonly cause: FailoverCause
  /** For people: `kill of broker 2`. */
  readonly title: string
  /** Null: ZooKeeper's. */
  readonly brokerId: number | null
  readonly wasController: boolean
  /** Wall clock of the fault, or of the first sign. */
  readonly startMs: number
  /** Why the fault could not be injected. */
  readonly failure: string | null
  /** In the order of their ends. */
  readonly phases: readonly Phase[]
  /** Longest time without acknowledgement of one partition, so far; null when nobody wrote. */
  readonly unavailableMs: number | null
  /** Of writes, by topic and partition. */
  readonly outages: readonly PartitionOutage[]
  /** Longest time without an answered fetch of one partition, so far; null when nobody read. */
  readonly unreadableMs: number | null
  /** Of reads, by topic and partition. */
  readonly readOutages: readonly PartitionOutage[]
  /** End of the last phase so far, since the start. */
  readonly durationMs: number
  /** Nothing more will be added. */
  readonly isOver: boolean
}

export function createFailovers(): FailoverFold {
  return createFold()
}

export function applyToFailovers(fold: FailoverFold, event: ClusterEvent): void {
  onFailoverEvent(fold, event)
}

export function foldFailovers(events: Iterable<ClusterEvent>): Failover[] {
  const fold = createFailovers()
  for (const event of events) applyToFailovers(fold, event)
  return failoversOf(fold)
}

/** Oldest first. One that did not change is the same object as before. */
export function failoversOf({ records, views }: FailoverFold): Failover[] {
  return records.map((record) => {
    const view = views.get(record)
    if (view?.revision === record.revision) return view.failover as Failover
    const failover = failoverOf(record)
    views.set(record, { revision: record.revision, failover })
    return failover
  })
}

function failoverOf(record: FailoverRecord): Failover {
  const phases = phasesOf(record)
  const outages = outagesOf(record.gaps.writes, record.startMs)
  const readOutages = outagesOf(record.gaps.reads, record.startMs)
  return {
    id: `failover-${record.seq}`,
    cause: record.cause,
    title: titleOf(record),
    brokerId: record.brokerId,
    wasController: record.wasController,
    startMs: record.startMs,
    failure: record.failure,
    phases,
    unavailableMs: longestMs(outages),
    outages,
    unreadableMs: longestMs(readOutages),
    readOutages,
    durationMs: Math.max(0, ...phases.map(({ endMs }) => endMs)),
    isOver: record.isOver,
  }
}

function longestMs(outages: readonly PartitionOutage[]): number | null {
  return outages.length === 0 ? null : Math.max(...outages.map(({ gapMs }) => gapMs))
}

function outagesOf(gaps: ReadonlyMap<string, ClientGap>, startMs: number): PartitionOutage[] {
  const outages = [...gaps.values()].map(
    ({ topic, partition, isLed, lastMs, firstMs, untilMs }): PartitionOutage => ({
      topic,
      partition,
      role: isLed ? 'leader' : 'follower',
      lastMs: lastMs - startMs,
      firstMs: firstMs === null ? null : firstMs - startMs,
      gapMs: untilMs - lastMs,
    }),
  )
  return outages.sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  )
}

const FAULT_WORDS: Readonly<Record<string, string>> = {
  kill: 'kill -9 of',
  terminate: 'SIGTERM to',
  pause: 'SIGSTOP of',
  restart: 'restart of',
  'disk-full': 'full disk of',
  'cut-zookeeper': 'ZooKeeper cut off from',
  'cut-peers': 'peers cut off from',
  'cut-clients': 'clients cut off from',
  slow: 'slow links of',
  'expire-session': 'session expiry of',
  'stop-zookeeper': 'ZooKeeper stopped',
}
const OBSERVED_WORDS: Readonly<Record<string, string>> = {
  'broker-gone': 'lost:',
  'controller-gone': 'controller lost:',
  'shutting-down': 'shutdown of',
  'log-dir-failed': 'log directory failed on',
  'zookeeper-away': 'ZooKeeper away',
}

function titleOf({ cause, brokerId, wasController }: FailoverRecord): string {
  const words = cause.kind === 'fault' ? FAULT_WORDS[cause.fault] : OBSERVED_WORDS[cause.what]
  if (brokerId === null) return words ?? 'fault'
  return `${words ?? 'fault of'} broker ${brokerId}${wasController ? ', the controller' : ''}`
}
