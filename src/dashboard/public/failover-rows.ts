/** What the table of a failover shows, and on which line of time: the arithmetic of `failover-view.ts`. */
import type { Failover, PartitionOutage, PhaseKind } from '../history/failovers.ts'
import { duration, plural } from './format.ts'

export interface PhaseRow {
  readonly key: string
  readonly name: string
  readonly text: string
  /** Since the fault; null: not yet, or nobody saw it. */
  readonly startMs: number | null
  readonly endMs: number | null
  readonly kind: 'fault' | 'gap' | 'phase'
  /** Of the controller in force when it was done. */
  readonly epoch: number | null
}

const NAMES: Readonly<Record<PhaseKind, string>> = {
  'log-dir-failed': 'Log directory failed',
  'connection-lost': 'Connection lost',
  'registration-gone': 'Registration gone',
  'controller-gone': '/controller gone',
  'controller-elected': 'New controller',
  'epoch-bumped': 'Controller epoch bumped',
  'partitions-elected': 'Partitions re-elected',
  'brokers-told': 'Brokers told',
  'first-write': 'First write acknowledged',
  'first-fetch': 'First fetch answered',
  'registered-again': 'Registered again',
  'isr-full': 'ISR full again',
  'zookeeper-back': 'ZooKeeper back',
}
/** What may come long after the failover itself, and would flatten its bars. */
const RECOVERY: ReadonlySet<PhaseKind> = new Set(['registered-again', 'isr-full', 'zookeeper-back'])

/** A line of time. When it is broken, what is after the break has a smaller scale. */
export interface Axis {
  /** Since the fault. */
  readonly startMs: number
  /** End of the failover proper, and the place of the break. */
  readonly properMs: number
  readonly endMs: number
  /** Share of the line before the break; null: it is not broken. */
  readonly breakAt: number | null
}

const BREAK_AT = 0.74
/** No time lies so close to the break, where it could not be seen. */
const BREAK_HALF = 0.025
/** A line so much longer than the failover proper is broken. */
const LONG_TAIL = 1.4

/** `untilMs`: the shown moment since the fault; what ended later has not happened yet. */
export function rowsOf(
  failover: Failover,
  untilMs: number,
  epochAt: (ms: number) => number | null,
): PhaseRow[] {
  const fault = { key: 'fault', name: 'Fault', text: failover.title } as const
  const rows: PhaseRow[] = [{ ...fault, startMs: 0, endMs: 0, kind: 'fault', epoch: null }]
  for (const { kind, startMs, endMs, text, brokers = [] } of failover.phases) {
    const hasEnded = endMs <= untilMs
    const each = brokers
      .map(({ brokerId, atMs }) => `broker ${brokerId} +${duration(Math.max(0, atMs))}`)
      .join(', ')
    rows.push({
      key: kind,
      name: NAMES[kind],
      text: hasEnded ? each || text : 'not yet at the shown moment',
      startMs: hasEnded ? startMs : null,
      endMs: hasEnded ? endMs : null,
      kind: 'phase',
      epoch: epochAt(endMs),
    })
  }
  const gaps = [
    gapRow('write', failover.outages, untilMs),
    gapRow('read', failover.readOutages, untilMs),
  ]
  return [...rows, ...gaps.filter((row) => row !== null)]
}

/** The longest; null when there was no such client. */
function gapRow(
  what: 'write' | 'read',
  outages: readonly PartitionOutage[],
  untilMs: number,
): PhaseRow | null {
  const worst = worstOf(outages)
  if (worst === null) return null
  const hasBegun = worst.lastMs <= untilMs
  const hasEnded = worst.firstMs !== null && worst.firstMs <= untilMs
  return {
    key: `no-${what}`,
    name: `Clients could not ${what}`,
    text: `${worst.topic}-${worst.partition}, the longest of ${plural(outages.length, 'partition')}`,
    startMs: hasBegun ? worst.lastMs : null,
    endMs: hasEnded ? worst.firstMs : hasBegun ? untilMs : null,
    kind: 'gap',
    epoch: null,
  }
}

function worstOf(outages: readonly PartitionOutage[]): PartitionOutage | null {
  return outages.reduce<PartitionOutage | null>(
    (worst, each) => (worst === null || each.gapMs > worst.gapMs ? each : worst),
    null,
  )
}

/** When the waiting was over and the others could act; null: nothing had to go first. */
export function takeoverMs({ phases }: Failover): number | null {
  const gone = phases.filter(
    ({ kind }) => kind === 'registration-gone' || kind === 'controller-gone',
  )
  return gone.length === 0 ? null : Math.min(...gone.map(({ endMs }) => endMs))
}

/** The whole failover; what the others had to wait for is as long as it was. */
export function axisOf(failover: Failover, untilMs: number): Axis {
  const worst = [worstOf(failover.outages), worstOf(failover.readOutages)].filter(
    (each) => each !== null,
  )
  const proper = failover.phases.filter(({ kind }) => !RECOVERY.has(kind))
  const ends = [
    ...(proper.length > 0 ? proper : failover.phases).map(({ endMs }) => endMs),
    ...worst.map((each) => each.firstMs ?? untilMs),
  ]
  const startMs = Math.min(0, ...worst.map(({ lastMs }) => lastMs))
  const properMs = Math.max(1, ...ends)
  const recoveredMs = Math.max(...failover.phases.map(({ endMs }) => endMs), properMs)
  return axisBetween(startMs, properMs, recoveredMs)
}

/** What came after the waiting, on the same line. */
export function takeoverAxisOf({ properMs, endMs }: Axis, goneMs: number): Axis {
  return axisBetween(goneMs - (properMs - goneMs) * 0.1, properMs, endMs)
}

function axisBetween(startMs: number, properMs: number, endMs: number): Axis {
  const isTailLong = endMs - startMs > (properMs - startMs) * LONG_TAIL
  return { startMs, properMs, endMs, breakAt: isTailLong ? BREAK_AT : null }
}

/** Where a time is on the line: 0 to 1. */
export function shareOf({ startMs, properMs, endMs, breakAt }: Axis, ms: number): number {
  const part = (fromMs: number, toMs: number): number =>
    Math.min(1, Math.max(0, (ms - fromMs) / (toMs - fromMs)))
  if (breakAt === null) return part(startMs, endMs)
  return ms <= properMs
    ? part(startMs, properMs) * (breakAt - BREAK_HALF)
    : 1 - part(endMs, properMs) * (1 - breakAt - BREAK_HALF)
}
