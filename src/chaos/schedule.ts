/**
 * A random run of faults from a seed: the same seed on the same cluster gives the same run. Pure. As
 * many brokers stay unharmed as asked (all but one unless told), a cluster gets time to recover between
 * two faults, and the last one is healed before the end.
 */
import type { FaultKind } from '../dashboard/history/events.ts'
import type { FaultOption, FaultTarget } from './faults.ts'
import { SeededNumbers } from './seeded-random.ts'

export interface ScheduledFault {
  /** Since the beginning of the run. */
  readonly atMs: number
  readonly kind: FaultKind
  readonly target: FaultTarget
  readonly forMs: number
  /** Of `slow`. */
  readonly latencyMs?: number
  readonly jitterMs?: number
}

export interface ScheduleOptions {
  readonly seed: number
  /** Of the whole run. */
  readonly forMs: number
  /** What is possible on the cluster. */
  readonly options: readonly FaultOption[]
  /** Brokers that may be harmed at the same time; default 1. */
  readonly brokersAtOnce?: number
}

interface Span {
  readonly minMs: number
  readonly maxMs: number
}

/** How long a fault lasts: from what nobody notices to what every timeout notices. */
const SPANS: Readonly<Record<FaultKind, Span>> = {
  kill: { minMs: 1_000, maxMs: 12_000 },
  terminate: { minMs: 1_000, maxMs: 10_000 },
  pause: { minMs: 500, maxMs: 12_000 },
  restart: { minMs: 0, maxMs: 0 },
  'disk-full': { minMs: 1_000, maxMs: 12_000 },
  'cut-zookeeper': { minMs: 2_000, maxMs: 15_000 },
  'cut-peers': { minMs: 2_000, maxMs: 15_000 },
  'cut-clients': { minMs: 1_000, maxMs: 8_000 },
  slow: { minMs: 3_000, maxMs: 15_000 },
  'expire-session': { minMs: 0, maxMs: 0 },
  'stop-zookeeper': { minMs: 1_000, maxMs: 8_000 },
}
/** What a fault without a length of its own takes of the run. */
const SHORT_FAULT_MS = 3_000
const FIRST_AT: Span = { minMs: 1_000, maxMs: 3_000 }
/** Between the end of a fault and the next one in its lane. */
const REST: Span = { minMs: 4_000, maxMs: 8_000 }
/** Kept free at the end. */
const TAIL_MS = 3_000

export function makeSchedule(options: ScheduleOptions): ScheduledFault[] {
  const random = new SeededNumbers(options.seed)
  const kinds = options.options.filter(({ targets }) => targets.length > 0)
  const lanes = Array.from({ length: Math.max(1, options.brokersAtOnce ?? 1) }, () => ({
    freeAtMs: random.between(FIRST_AT.minMs, FIRST_AT.maxMs),
  }))
  const lastEndMs = options.forMs - TAIL_MS
  const faults: ScheduledFault[] = []
  /** Kinds that have not come yet: each comes once before one comes again. */
  let deck = new Set<FaultKind>()
  for (;;) {
    const lane = lanes.reduce((first, each) => (each.freeAtMs < first.freeAtMs ? each : first))
    if (lane.freeAtMs + SHORT_FAULT_MS > lastEndMs) return faults
    const free = freeKinds(kinds, faults, lane.freeAtMs)
    if (free.length === 0) {
      lane.freeAtMs += REST.minMs
      continue
    }
    if (!free.some(({ kind }) => deck.has(kind))) deck = new Set(kinds.map(({ kind }) => kind))
    const fresh = free.filter(({ kind }) => deck.has(kind))
    const fault = pickFault(random, fresh, lane.freeAtMs, lastEndMs)
    deck.delete(fault.kind)
    const endMs = fault.atMs + takes(fault)
    faults.push(fault)
    lane.freeAtMs = endMs + random.between(REST.minMs, REST.maxMs)
    // Without ZooKeeper nothing else shall happen: what follows would only be a part of it.
    if (fault.target !== 'zookeeper') continue
    for (const each of lanes) each.freeAtMs = Math.max(each.freeAtMs, endMs + REST.minMs)
  }
}

/** How long it occupies its broker. */
export function takes({ forMs }: Pick<ScheduledFault, 'forMs'>): number {
  return Math.max(forMs, SHORT_FAULT_MS)
}

type FreeKind = Pick<FaultOption, 'kind' | 'targets'>

/** What may begin now: on targets that are well, and on ZooKeeper only while all is well. */
function freeKinds(
  kinds: readonly FaultOption[],
  earlier: readonly ScheduledFault[],
  atMs: number,
): FreeKind[] {
  const busy = earlier.filter((fault) => fault.atMs + takes(fault) + REST.minMs > atMs)
  const isFree = (target: FaultTarget): boolean =>
    target === 'zookeeper' ? busy.length === 0 : !busy.some((fault) => fault.target === target)
  return kinds
    .map(({ kind, targets }) => ({ kind, targets: targets.filter(isFree) }))
    .filter(({ targets }) => targets.length > 0)
}

function pickFault(
  random: SeededNumbers,
  free: readonly FreeKind[],
  atMs: number,
  lastEndMs: number,
): ScheduledFault {
  const { kind, targets } = random.pick(free)
  const target = random.pick(targets)
  const span = SPANS[kind]
  const forMs = Math.min(random.between(span.minMs, span.maxMs), lastEndMs - atMs)
  if (kind !== 'slow') return { atMs, kind, target, forMs }
  const latencyMs = random.between(20, 400)
  return { atMs, kind, target, forMs, latencyMs, jitterMs: random.between(0, 100) }
}
