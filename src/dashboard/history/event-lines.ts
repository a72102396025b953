/**
 * A history as text: one event per line. What comes from a file is checked before anything folds it,
 * since a file may come from anywhere; lines that are no event are left out and told.
 */
import type { ClusterEvent } from './events.ts'

export interface ParsedLines {
  /** Numbered anew from 0 without holes, in the order of the lines. */
  readonly events: ClusterEvent[]
  /** At most `PROBLEMS_LIMIT`, with line numbers. */
  readonly problems: string[]
}

export const PROBLEMS_LIMIT = 20

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isFlag: Check = (value) => typeof value === 'boolean'
const isObject: Check = (value) => typeof value === 'object' && value !== null
const orNull = (check: Check): Check => {
  return (value) => value === null || check(value)
}
const oneOf = (...words: readonly string[]): Check => {
  return (value) => words.includes(value as string)
}
const optional = (check: Check): Check => {
  return (value) => value === undefined || check(value)
}
const COUNTERS = ['acked', 'failed', 'consumed', 'lost', 'duplicated', 'reordered', 'longestGapMs']

/** The fields that folding relies on. */
const FIELDS: Readonly<Record<ClusterEvent['kind'], Readonly<Record<string, Check>>>> = {
  znode: {
    path: (value) => typeof value === 'string' && value.startsWith('/'),
    change: oneOf('found', 'created', 'changed', 'deleted'),
    data: orNull(isText),
    before: orNull(isText),
    version: isNumber,
    czxid: isText,
    mzxid: isText,
    ephemeralOwner: isText,
    writer: orNull(isWriter),
  },
  'broker-log': {
    brokerId: isNumber,
    brokerAtMs: isNumber,
    level: isText,
    logger: isText,
    message: isText,
  },
  link: { to: isPeer, isUp: isFlag },
  fault: {
    id: isText,
    fault: isText,
    brokerId: orNull(isNumber),
    phase: oneOf('started', 'ended', 'failed'),
    endsAtMs: orNull(isNumber),
    detail: isText,
  },
  writes: { topic: isText, partitions: (value) => Array.isArray(value) && value.every(isWrites) },
  verdict: {
    ...Object.fromEntries(COUNTERS.map((name) => [name, isNumber])),
    longestReadGapMs: optional(isNumber),
    isRunning: isFlag,
  },
}

export function formatEventLine(event: ClusterEvent): string {
  return `${JSON.stringify(event)}\n`
}

export function parseEventLines(text: string): ParsedLines {
  const events: ClusterEvent[] = []
  const problems: string[] = []
  text.split('\n').forEach((line, at) => {
    if (line.trim() === '') return
    const problem = problemOf(line, (event) => events.push({ ...event, seq: events.length }))
    if (problem !== null && problems.length < PROBLEMS_LIMIT) {
      problems.push(`line ${at + 1}: ${problem}`)
    }
  })
  return { events, problems }
}

function problemOf(line: string, accept: (event: ClusterEvent) => void): string | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return 'not JSON'
  }
  if (!isObject(value)) return 'not an object'
  const event = value as Record<string, unknown>
  const fields = FIELDS[event.kind as ClusterEvent['kind']]
  if (!Object.hasOwn(FIELDS, String(event.kind)) || fields === undefined) {
    return `unknown kind of event: ${String(event.kind).slice(0, 40)}`
  }
  if (!isNumber(event.atMs)) return 'atMs is not a number'
  for (const [name, check] of Object.entries(fields)) {
    if (!check(event[name])) return `a ${event.kind} event with a wrong "${name}"`
  }
  // Checked field by field above.
  accept(event as unknown as ClusterEvent)
  return null
}

function isPeer(value: unknown): boolean {
  if (!isObject(value)) return false
  const { kind, brokerId } = value as Record<string, unknown>
  return kind === 'zookeeper' || (kind === 'broker' && isNumber(brokerId))
}

function isWriter(value: unknown): boolean {
  if (!isObject(value)) return false
  const { kind, brokerId } = value as Record<string, unknown>
  return oneOf('controller', 'broker', 'session-end')(kind) && orNull(isNumber)(brokerId)
}

function isWrites(value: unknown): boolean {
  const names = ['partition', 'acked', 'failed', 'lastAckAtMs']
  return isSpan(value, names) && optional(isReads)((value as Record<string, unknown>).reads)
}

function isReads(value: unknown): boolean {
  return isSpan(value, ['answered', 'failed', 'lastAtMs'])
}

function isSpan(value: unknown, names: readonly string[]): boolean {
  if (!isObject(value)) return false
  const each = value as Record<string, unknown>
  if (!optional(isNumber)(each.longestGapEndedAtMs)) return false
  return [...names, 'longestGapMs'].every((name) => isNumber(each[name]))
}
