/**
 * How long clients could not write to a partition or read from it, for the failovers that they fall
 * into: of each partition the longest time between two successes.
 */
import type { ClusterModel } from './cluster-model.ts'
import type { GapOfSpan, WritesEvent } from './events.ts'
import { type ClientGap, type FailoverRecord, mark, partitionName } from './failover-record.ts'

/** A gap that begins so much after the last thing that happened has other reasons. */
const GAP_BEGINS_MS = 250

interface Successes extends GapOfSpan {
  readonly count: number
  /** Wall clock of the last one, and of the last one before the span; 0: none yet. */
  readonly lastAtMs: number
  readonly knownAtMs: number
}

type Times = Pick<ClientGap, 'lastMs' | 'firstMs' | 'untilMs'>

/** `model`: as it was before the event. */
export function addClientGaps(
  open: readonly FailoverRecord[],
  model: ClusterModel,
  { topic, partitions, atMs }: WritesEvent,
): void {
  for (const { partition, acked, lastAckAtMs, reads, ...gap } of partitions) {
    const known = model.writes.get(topic)?.get(partition)
    const acks = { count: acked, lastAtMs: lastAckAtMs, knownAtMs: known?.lastAckAtMs ?? 0, ...gap }
    const where = { topic, partition }
    addGap(open, 'writes', where, gapOf(acks, atMs))
    if (reads === undefined) continue
    const answers = { ...reads, count: reads.answered, knownAtMs: known?.lastReadAtMs ?? 0 }
    addGap(open, 'reads', where, gapOf(answers, atMs))
  }
}

/** Null: nobody had success before, so that this is no gap. */
function gapOf(successes: Successes, atMs: number): Times | null {
  const { count, lastAtMs, knownAtMs, longestGapMs, longestGapEndedAtMs } = successes
  if (count === 0) return lastAtMs === 0 ? null : { lastMs: lastAtMs, firstMs: null, untilMs: atMs }
  if (knownAtMs === 0) return null
  const firstMs = longestGapEndedAtMs ?? knownAtMs + longestGapMs
  return { lastMs: firstMs - longestGapMs, firstMs, untilMs: firstMs }
}

function addGap(
  open: readonly FailoverRecord[],
  what: 'writes' | 'reads',
  { topic, partition }: { readonly topic: string; readonly partition: number },
  times: Times | null,
): void {
  if (times === null) return
  const name = partitionName(topic, partition)
  for (const record of open) {
    const was = record.before.get(name)
    if (was === undefined) continue
    const gaps = record.gaps[what]
    const old = gaps.get(name)
    // Clocks differ by a millisecond: what ends a gap need not be as long as it was said to be so far.
    const hasEnded = old?.firstMs === null && times.firstMs !== null
    if (!isOfRecord(record, times)) {
      if (!hasEnded) continue
      gaps.set(name, { ...old, firstMs: old.untilMs })
      record.revision += 1
      continue
    }
    const lastedMs = times.untilMs - times.lastMs
    if (old !== undefined && !hasEnded && old.untilMs - old.lastMs > lastedMs) continue
    gaps.set(name, { topic, partition, isLed: was.isLed, ...times })
    if (times.firstMs !== null) mark(record, times.firstMs)
    else record.revision += 1
  }
}

function isOfRecord(record: FailoverRecord, { lastMs, untilMs }: Times): boolean {
  const turmoilMs = Math.max(
    record.startMs,
    record.linkDownMs ?? 0,
    record.gone.at(-1)?.atMs ?? 0,
    record.controllerNew?.atMs ?? 0,
    record.isrShrunkMs ?? 0,
    record.lastElectionMs ?? 0,
  )
  return untilMs > record.startMs && lastMs <= turmoilMs + GAP_BEGINS_MS
}
