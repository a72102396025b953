/**
 * The events of a run, bounded. When there are too many, the older ones are folded: what they left
 * behind takes their place (`found` znodes, links, faults under way, the last counts), so that who
 * comes later still gets the whole cluster. Numbers never have holes, and events that are kept keep
 * theirs; those before `firstKeptSeq` are rewritten by a fold.
 */
import { parseEventLines } from './event-lines.ts'
import type {
  ClusterEvent,
  FaultEvent,
  GapOfSpan,
  LinkEvent,
  PartitionReads,
  UnnumberedEvent,
  VerdictEvent,
  WritesEvent,
  ZnodeEvent,
} from './events.ts'

export const DEFAULT_CAPACITY = 20_000
/** Of znodes' data and log lines, all events together: few events can be much. */
export const DEFAULT_CHARACTERS_MAX = 32_000_000

export class HistoryStore {
  readonly #capacity: number
  #events: ClusterEvent[] = []
  #nextSeq = 0
  #firstKeptSeq = 0
  #characters = 0
  readonly #charactersMax: number
  /** More than the maximum when that is what a fold cannot take away. */
  #charactersLimit: number

  constructor(capacity = DEFAULT_CAPACITY, charactersMax = DEFAULT_CHARACTERS_MAX) {
    this.#capacity = capacity
    this.#charactersMax = charactersMax
    this.#charactersLimit = charactersMax
  }

  /** Oldest first, numbered without holes. The array is another one after a fold. */
  get events(): readonly ClusterEvent[] {
    return this.#events
  }

  /** From here on the events are as they came; those before are what a fold left. */
  get firstKeptSeq(): number {
    return this.#firstKeptSeq
  }

  add(event: UnnumberedEvent): ClusterEvent {
    // The union of events without numbers and a number is the union of events.
    const numbered = { ...event, seq: this.#nextSeq++ } as ClusterEvent
    this.#events.push(numbered)
    this.#characters += charactersOf(numbered)
    const isFull = this.#keptCount > this.#capacity
    if (isFull || this.#characters > this.#charactersLimit) this.#fold()
    return numbered
  }

  /** Half of what is kept goes: a fold costs as much as all events, and must be rare. */
  #fold(): void {
    const keptSeq = this.#nextSeq - Math.ceil(Math.min(this.#keptCount, this.#capacity) / 2)
    const at = keptSeq - (this.#events[0]?.seq ?? 0)
    const left = foldEvents(this.#events.slice(0, at))
    const first = keptSeq - left.length
    const renumbered = left.map((event, index) => ({ ...event, seq: first + index }))
    this.#events = [...renumbered, ...this.#events.slice(at)]
    this.#firstKeptSeq = keptSeq
    this.#characters = this.#events.reduce((sum, event) => sum + charactersOf(event), 0)
    const max = this.#charactersMax
    this.#charactersLimit = Math.max(max, this.#characters + max / 2)
  }

  get #keptCount(): number {
    return this.#nextSeq - this.#firstKeptSeq
  }
}

/** What was before is the same string as what the event before had. */
function charactersOf(event: ClusterEvent): number {
  if (event.kind === 'znode') return event.data?.length ?? 0
  return event.kind === 'broker-log' ? event.message.length : 0
}

/** Fewer events, or as many, that lead to the same cluster. */
export function foldEvents(events: readonly ClusterEvent[]): ClusterEvent[] {
  const znodes = new Map<string, ZnodeEvent>()
  const links = new Map<string, LinkEvent>()
  const faults = new Map<string, FaultEvent>()
  const writes = new Map<string, WritesEvent>()
  let verdict: VerdictEvent | null = null
  for (const event of events) {
    switch (event.kind) {
      case 'znode':
        if (event.change === 'deleted') znodes.delete(event.path)
        else znodes.set(event.path, { ...event, change: 'found', before: null })
        break
      case 'link':
        links.set(JSON.stringify(event.to), event)
        break
      case 'fault':
        if (event.phase === 'started') faults.set(event.id, event)
        else faults.delete(event.id)
        break
      case 'writes':
        writes.set(event.topic, addWrites(writes.get(event.topic), event))
        break
      case 'verdict':
        verdict = event
        break
      case 'broker-log':
        break
    }
  }
  const left: ClusterEvent[] = [znodes, links, faults, writes].flatMap((each) => [...each.values()])
  if (verdict !== null) left.push(verdict)
  return left.sort((a, b) => a.seq - b.seq)
}

function addWrites(so: WritesEvent | undefined, event: WritesEvent): WritesEvent {
  const partitions = new Map(so?.partitions.map((each) => [each.partition, each]))
  for (const each of event.partitions) {
    const old = partitions.get(each.partition)
    const reads = addReads(old?.reads, each.reads)
    partitions.set(each.partition, {
      partition: each.partition,
      acked: each.acked + (old?.acked ?? 0),
      failed: each.failed + (old?.failed ?? 0),
      lastAckAtMs: Math.max(each.lastAckAtMs, old?.lastAckAtMs ?? 0),
      ...longerGap(old, each),
      ...(reads === undefined ? {} : { reads }),
    })
  }
  return { ...event, partitions: [...partitions.values()] }
}

function addReads(
  so: PartitionReads | undefined,
  reads: PartitionReads | undefined,
): PartitionReads | undefined {
  if (so === undefined || reads === undefined) return reads ?? so
  return {
    answered: so.answered + reads.answered,
    failed: so.failed + reads.failed,
    lastAtMs: Math.max(so.lastAtMs, reads.lastAtMs),
    ...longerGap(so, reads),
  }
}

function longerGap(so: GapOfSpan | undefined, next: GapOfSpan): GapOfSpan {
  const { longestGapMs, longestGapEndedAtMs } =
    so !== undefined && so.longestGapMs > next.longestGapMs ? so : next
  return longestGapEndedAtMs === undefined
    ? { longestGapMs }
    : { longestGapMs, longestGapEndedAtMs }
}

/** Throws with the number of the first line that is no event. */
export function importHistory(text: string): ClusterEvent[] {
  const { events, problems } = parseEventLines(text)
  if (problems[0] !== undefined) throw new Error(problems[0])
  return events
}
