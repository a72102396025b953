/** Events as lines of text, and what they are about. */
import type { ClusterEvent, ZnodeEvent, ZnodeWriter } from '../history/events.ts'
import { brokerIdInPath, partitionOfPath } from '../history/znode-data.ts'

/** The words of an event, without its time. A broker's line is as the broker wrote it. */
export function wordsOf(event: ClusterEvent): string {
  switch (event.kind) {
    case 'broker-log':
      return event.message
    case 'znode':
      return `${event.path} ${event.change}${changeOf(event)}`
    case 'link': {
      const name = event.to.kind === 'broker' ? `broker ${event.to.brokerId}` : 'ZooKeeper'
      return event.isUp ? `${name} is heard` : `${name} is no longer heard`
    }
    case 'fault': {
      const whom = event.brokerId === null ? 'ZooKeeper' : `broker ${event.brokerId}`
      return `${event.fault} of ${whom} ${event.phase}: ${event.detail}`
    }
    case 'writes': {
      const acked = event.partitions.reduce((sum, each) => sum + each.acked, 0)
      const answered = event.partitions.reduce((sum, { reads }) => sum + (reads?.answered ?? 0), 0)
      return `${acked} writes acknowledged, ${answered} fetches answered`
    }
    case 'verdict':
      return `acknowledged ${event.acked}, consumed ${event.consumed}, lost ${event.lost}, duplicated ${event.duplicated}, reordered ${event.reordered}`
  }
}

/** The broker that an event comes from, or is about. */
export function brokerOf(event: ClusterEvent): number | null {
  switch (event.kind) {
    case 'broker-log':
      return event.brokerId
    case 'znode':
      return brokerIdInPath(event.path) ?? event.writer?.brokerId ?? null
    case 'link':
      return event.to.kind === 'broker' ? event.to.brokerId : null
    case 'fault':
      return event.brokerId
    default:
      return null
  }
}

/** Whether an event is about a partition, `orders-0`; a topic alone stands for all of its. */
export function isAbout(event: ClusterEvent, name: string): boolean {
  if (event.kind === 'znode') {
    const at = partitionOfPath(event.path)
    return at === null
      ? event.path.endsWith(`/topics/${name}`)
      : name === at.topic || name === `${at.topic}-${at.partition}`
  }
  if (event.kind !== 'broker-log') return false
  let at = event.message.indexOf(name)
  while (at >= 0) {
    const before = event.message[at - 1] ?? ' '
    const after = event.message[at + name.length] ?? ' '
    // `orders-1` is not `orders-12`, and not `my.orders-1`.
    if (!/[\w.-]/.test(before) && !/\d/.test(after)) return true
    at = event.message.indexOf(name, at + 1)
  }
  return false
}

/** As in a broker's log file, with who it was. */
export function lineOf(event: ClusterEvent): string {
  const atMs = event.kind === 'broker-log' ? event.brokerAtMs : event.atMs
  const time = new Date(atMs)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
  const stamp = `[${day} ${clock},${String(time.getMilliseconds()).padStart(3, '0')}]`
  if (event.kind !== 'broker-log') return `${stamp} ${event.kind.toUpperCase()} ${wordsOf(event)}`
  return `broker-${event.brokerId} ${stamp} ${event.level} ${event.message} (${event.logger})`
}

export function writerWords(writer: ZnodeWriter | null): string {
  if (writer === null) return 'not known'
  switch (writer.kind) {
    case 'controller':
      return `controller, broker ${writer.brokerId} in epoch ${writer.epoch}`
    case 'broker':
      return `broker ${writer.brokerId}`
    case 'session-end':
      return writer.brokerId === null
        ? 'the end of a session'
        : `the end of broker ${writer.brokerId}'s session`
  }
}

export interface FieldChange {
  /** Empty: the whole value. */
  readonly field: string
  /** Null: it was not there. */
  readonly before: string | null
  readonly after: string | null
}

/** Field by field when both are JSON objects, else as a whole. */
export function diffOf(before: string | null, after: string | null): FieldChange[] {
  if (before === after) return []
  const old = objectOf(before)
  const now = objectOf(after)
  if (old === null || now === null) return [{ field: '', before, after }]
  const changes: FieldChange[] = []
  for (const field of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const was = field in old ? JSON.stringify(old[field]) : null
    const is = field in now ? JSON.stringify(now[field]) : null
    if (was !== is) changes.push({ field, before: was, after: is })
  }
  return changes
}

function changeOf(event: ZnodeEvent): string {
  if (event.change === 'deleted') return ''
  if (event.change !== 'changed') return event.data === null ? '' : `: ${event.data}`
  const changes = diffOf(event.before, event.data).map(({ field, before, after }) => {
    return `${field === '' ? '' : `${field} `}${before ?? 'nothing'} → ${after ?? 'nothing'}`
  })
  return changes.length === 0 ? ', to the same' : `: ${changes.join(', ')}`
}

function objectOf(text: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text ?? '')
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
