/** What the table of a failover shows, and on which line of time: the arithmetic of `failover-view.ts`. */
import type { Failover, PartitionOutage, Phase, PhaseKind } from '../history/failovers.ts'
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
/** What comes long after the failover itself would flatten its bars. */
const RECOVERY: ReadonlySet<PhaseKind> = new Set(['registered-again', 'isr-full', 'zookeeper-back'])

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
  const hasEnded = worst.firstMs !== null && worst.firstMs <= untilMs
  return {
    key: `no-${what}`,
    name: `Clients could not ${what}`,
    text: `${worst.topic}-${worst.partition}, the longest of ${plural(outages.length, 'partition')}`,
    startMs: worst.lastMs,
    endMs: hasEnded ? worst.firstMs : untilMs,
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

/** From before the fault to the end of the failover proper. */
export function axisOf(failover: Failover, untilMs: number): { startMs: number; endMs: number } {
  const proper = failover.phases.filter(({ kind }: Phase) => !RECOVERY.has(kind))
  const phases = proper.length > 0 ? proper : failover.phases
  const worst = [worstOf(failover.outages), worstOf(failover.readOutages)].filter(
    (each) => each !== null,
  )
  const ends = [
    ...phases.map(({ endMs }) => endMs),
    ...worst.map((each) => each.firstMs ?? untilMs),
  ]
  const endMs = Math.max(1, ...ends)
  const startMs = Math.min(0, ...worst.map(({ lastMs }) => lastMs))
  return { startMs, endMs: endMs + (endMs - startMs) * 0.02 }
}
