/** The phases of a failover out of what was gathered about it. */
import type { ClientGap, FailoverRecord } from './failover-record.ts'
import type { HowGone, Phase, PhaseKind } from './failovers.ts'

type Rest = Omit<Phase, 'kind' | 'startMs' | 'endMs'>

/**
 * A success may be heard of before the election that made it possible: so long at most, and not longer
 * than this share of the pause that it ended. One that came earlier needed no election.
 */
const BEFORE_ELECTION_MS = 250
const BEFORE_ELECTION_SHARE = 0.75
/** Without an election a pause between successes counts from here on. */
const OUTAGE_MS_MIN = 250

/** In the order of their ends. */
export function phasesOf(record: FailoverRecord): Phase[] {
  const phases: Phase[] = []
  const add = (kind: PhaseKind, fromMs: number, toMs: number | null, rest: Rest): void => {
    if (toMs === null) return
    // What led to it may have been heard of later.
    const startMs = Math.min(fromMs, toMs) - record.startMs
    phases.push({ kind, startMs, endMs: toMs - record.startMs, ...rest })
  }
  const { startMs, linkDownMs, linkUpMs, brokerId, controllerGoneMs } = record
  // Who leaves in order is gone before its connections are.
  const goneMs = record.gone[0]?.atMs ?? Number.POSITIVE_INFINITY
  const lostMs = linkDownMs !== null && linkDownMs <= goneMs ? linkDownMs : startMs
  const who = brokerId === null ? 'ZooKeeper' : `broker ${brokerId}`
  const { logDirFailed } = record
  add('log-dir-failed', startMs, logDirFailed?.atMs ?? null, {
    text: `${logDirFailed?.directory} takes no more writes`,
  })
  add('connection-lost', startMs, linkDownMs, { text: `${who} no longer heard` })
  if (brokerId === null) add('zookeeper-back', lostMs, linkUpMs, { text: 'ZooKeeper answers' })
  addGone(record, lostMs, add)
  add('controller-gone', lostMs, controllerGoneMs, { text: '/controller deleted' })
  const sinceMs = controllerGoneMs ?? lostMs
  const { controllerNew, epochNew, backMs, gone } = record
  add('controller-elected', sinceMs, controllerNew?.atMs ?? null, {
    text: `broker ${controllerNew?.brokerId} is controller`,
  })
  add('epoch-bumped', sinceMs, epochNew?.atMs ?? null, {
    text: `controller epoch ${epochNew?.epoch}`,
  })
  addElections(record, add)
  addTold(record, add)
  addFirstWrite(record, add)
  addFirstFetch(record, add)
  add('registered-again', gone[0]?.atMs ?? lostMs, backMs, { text: `${who} registered again` })
  add('isr-full', record.isrShrunkMs ?? startMs, record.isrFullMs, {
    text: 'every ISR as it was before',
  })
  return phases.sort((a, b) => a.endMs - b.endMs)
}

type Add = (kind: PhaseKind, fromMs: number, toMs: number | null, rest: Rest) => void

function addGone(record: FailoverRecord, lostMs: number, add: Add): void {
  const { gone } = record
  const last = gone.at(-1)
  if (last === undefined) return
  const how = howGone(record)
  const names = gone.map(({ brokerId }) => brokerId).join(', ')
  const why = {
    'session-expired': 'session expired',
    'proof-of-death': `proof of death by broker ${record.proof?.byBrokerId}`,
    closed: 'session closed in order',
    unknown: 'no log tells why',
  }[how]
  add('registration-gone', lostMs, last.atMs, { how, text: `/brokers/ids/${names}: ${why}` })
}

function howGone({ proof, isOrderly, isWitnessed, cause }: FailoverRecord): HowGone {
  if (proof !== null) return 'proof-of-death'
  if (isOrderly) return 'closed'
  const isExpired = cause.kind === 'fault' && cause.fault === 'expire-session'
  return isExpired || isWitnessed ? 'session-expired' : 'unknown'
}

function addElections({ elections, before }: FailoverRecord, add: Add): void {
  if (elections.size === 0) return
  const times = [...elections.values()].map(({ atMs }) => atMs)
  const total = Math.max(elections.size, [...before.values()].filter(({ isLed }) => isLed).length)
  const count = elections.size
  const text = `${count} of ${total} partitions have a new leader`
  add('partitions-elected', Math.min(...times), Math.max(...times), { count, total, text })
}

function addTold({ told, startMs }: FailoverRecord, add: Add): void {
  if (told.size === 0) return
  const all = [...told].sort(([a], [b]) => a - b)
  const brokers = all.map(([brokerId, { lastMs }]) => ({ brokerId, atMs: lastMs - startMs }))
  const firstMs = Math.min(...all.map(([, each]) => each.firstMs))
  const lastMs = Math.max(...all.map(([, each]) => each.lastMs))
  const text = `by their logs: ${brokers.map(({ brokerId }) => `broker ${brokerId}`).join(', ')}`
  add('brokers-told', firstMs, lastMs, { brokers, count: brokers.length, text })
}

function addFirstWrite({ gaps, elections }: FailoverRecord, add: Add): void {
  const first = firstSuccess(gaps.writes, elections)
  if (first === null) return
  add('first-write', first.lastMs, first.firstMs, { text: `acknowledged on ${first.name}` })
}

function addFirstFetch({ gaps, elections }: FailoverRecord, add: Add): void {
  const first = firstSuccess(gaps.reads, elections)
  if (first === null) return
  add('first-fetch', first.lastMs, first.firstMs, { text: `answered on ${first.name}` })
}

/** On partitions that the broker led, if there is a client of such. */
function firstSuccess(
  gaps: ReadonlyMap<string, ClientGap>,
  elections: FailoverRecord['elections'],
): { readonly name: string; readonly lastMs: number; readonly firstMs: number } | null {
  let first: { name: string; lastMs: number; firstMs: number } | null = null
  const all = [...gaps]
  const candidates = all.some(([, { isLed }]) => isLed) ? all.filter(([, gap]) => gap.isLed) : all
  for (const [name, { lastMs, firstMs }] of candidates) {
    if (firstMs === null) continue
    const election = elections.get(name)
    const gapMs = firstMs - lastMs
    const counts =
      election === undefined
        ? gapMs >= OUTAGE_MS_MIN
        : firstMs >= election.atMs - Math.min(BEFORE_ELECTION_MS, gapMs * BEFORE_ELECTION_SHARE)
    if (!counts || (first !== null && first.firstMs <= firstMs)) continue
    first = { name, lastMs, firstMs }
  }
  return first
}
