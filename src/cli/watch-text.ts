/** The events of a cluster as lines of a terminal, and its failovers as blocks with bars. Pure. */
import type {
  BrokerLogEvent,
  ClusterEvent,
  FaultEvent,
  LinkEvent,
  VerdictEvent,
  WritesEvent,
  ZnodeEvent,
  ZnodeWriter,
} from '../dashboard/history/events.ts'
import type { Failover, PartitionOutage, Phase, PhaseKind } from '../dashboard/history/failovers.ts'
import { dataDiff, timeText } from './zk-format.ts'

const KIND_WIDTH = 7
const BAR_WIDTH = 32
const NAME_WIDTH = 19
/** Writes that went on like this are not worth a line. */
const GAP_WORTH_TELLING_MS = 250

const PHASE_NAMES: Readonly<Record<PhaseKind, string>> = {
  'log-dir-failed': 'log dir failed',
  'connection-lost': 'connection lost',
  'registration-gone': 'registration gone',
  'controller-gone': '/controller gone',
  'controller-elected': 'new controller',
  'epoch-bumped': 'epoch bumped',
  'partitions-elected': 'partitions elected',
  'brokers-told': 'brokers told',
  'first-write': 'first write',
  'first-fetch': 'first fetch',
  'registered-again': 'registered again',
  'isr-full': 'ISR full again',
  'zookeeper-back': 'ZooKeeper back',
}

/** They take as long as the fault: a bar for them would leave none for the others. */
const LONG_PHASES: ReadonlySet<PhaseKind> = new Set(['registered-again', 'isr-full'])

/** Null: nothing that is worth a line of its own. */
export function eventLine(event: ClusterEvent): string | null {
  const text = describe(event)
  if (text === null) return null
  const [kind, rest] = text
  return `${timeText(event.atMs)} ${kind.padEnd(KIND_WIDTH)} ${oneLine(rest)}`
}

function describe(event: ClusterEvent): [kind: string, text: string] | null {
  switch (event.kind) {
    case 'znode':
      return event.change === 'found' ? null : ['znode', znodeText(event)]
    case 'broker-log':
      return [`log ${event.brokerId}`, logText(event)]
    case 'link':
      return ['link', linkText(event)]
    case 'fault':
      return ['fault', faultText(event)]
    case 'writes':
      return writesText(event)
    case 'verdict':
      return ['verdict', verdictText(event)]
  }
}

function znodeText(event: ZnodeEvent): string {
  const { path, change, data, before, version, writer } = event
  const by = writer === null ? '' : `  (${writerText(writer)})`
  if (change === 'deleted') return `- ${path}${by}`
  if (change === 'created') return `+ ${path}  ${data ?? ''}${by}`
  const diff = dataDiff(bytesOf(before), bytesOf(data))
  const isWhole = diff[0] === `- ${before}` && diff[1] === `+ ${data}`
  const changes = isWhole ? `${before} -> ${data}` : diff.join(', ')
  return `~ ${path}  ${diff.length === 0 ? `version ${version}, same data` : changes}${by}`
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text)
}

function writerText(writer: ZnodeWriter): string {
  switch (writer.kind) {
    case 'controller':
      return `controller ${writer.brokerId}, epoch ${writer.epoch}`
    case 'broker':
      return `broker ${writer.brokerId}`
    case 'session-end':
      return writer.brokerId === null
        ? 'its session ended'
        : `session of broker ${writer.brokerId} ended`
  }
}

function logText({ level, message, logger }: BrokerLogEvent): string {
  return `${level} ${message} (${logger})`
}

function linkText({ to, isUp }: LinkEvent): string {
  const who = to.kind === 'broker' ? `broker ${to.brokerId}` : 'ZooKeeper'
  return isUp ? `${who} is heard` : `${who} is no longer heard`
}

function faultText({ id, fault, brokerId, phase, endsAtMs, detail }: FaultEvent): string {
  const target = brokerId === null ? 'ZooKeeper' : `broker ${brokerId}`
  const until = endsAtMs === null ? '' : `, until ${timeText(endsAtMs)}`
  const more = detail === '' ? '' : `: ${detail}`
  return `${fault} of ${target} ${phase}${until}${more} (${id})`
}

function writesText({ topic, partitions }: WritesEvent): [string, string] | null {
  const told = partitions.flatMap(({ partition, acked, reads, ...writes }) => {
    const each = [
      isWorthTelling(writes) ? `${acked} acknowledged${troubleText(acked, writes)}` : null,
      reads !== undefined && isWorthTelling(reads)
        ? `${reads.answered} fetches answered${troubleText(reads.answered, reads)}`
        : null,
    ].filter((text) => text !== null)
    return each.length === 0 ? [] : [`${topic}-${partition} ${each.join(', ')}`]
  })
  return told.length === 0 ? null : ['writes', told.join('; ')]
}

interface Trouble {
  readonly failed: number
  readonly longestGapMs: number
}

function isWorthTelling({ failed, longestGapMs }: Trouble): boolean {
  return failed > 0 || longestGapMs >= GAP_WORTH_TELLING_MS
}

function troubleText(succeeded: number, { failed, longestGapMs }: Trouble): string {
  const gap = succeeded > 0 ? `, ${longestGapMs.toFixed(0)} ms without` : ''
  return `, ${failed} failed${gap}`
}

function verdictText(event: VerdictEvent): string {
  const { acked, failed, consumed, lost, duplicated, reordered, isRunning } = event
  const { longestGapMs, longestReadGapMs } = event
  const unreadable =
    longestReadGapMs === undefined ? '' : `, without reads ${longestReadGapMs.toFixed(0)} ms`
  return (
    `${isRunning ? 'so far' : 'final'}: ${acked} acknowledged, ${failed} failed, ` +
    `${consumed} read back, ${lost} lost, ${duplicated} duplicated, ${reordered} reordered, ` +
    `longest gap ${longestGapMs.toFixed(0)} ms${unreadable}`
  )
}

/** What brokers and znodes say must not steer a terminal. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' | ').replace(/\p{Cc}/gu, '\u{fffd}')
}

/** What stands above, a line per phase, what clients felt. */
export function failoverBlock(failover: Failover): string[] {
  const { title, startMs, phases, failure } = failover
  const head = `━━ ${title}  ${timeText(startMs)} `
  const scaleMs = Math.max(
    1,
    ...phases.filter(({ kind }) => !LONG_PHASES.has(kind)).map(({ endMs }) => endMs),
  )
  const lines = phases.map((phase) => phaseLine(phase, scaleMs))
  if (failure !== null) lines.push(`   the fault failed: ${failure}`)
  else if (phases.length === 0) lines.push('   nothing changed hands')
  const outages = outageTexts(failover).map((text) => `   ${text}`)
  return [head.padEnd(76, '━'), ...lines, ...outages]
}

export function phaseLine({ kind, startMs, endMs, text }: Phase, scaleMs: number): string {
  const name = PHASE_NAMES[kind].padEnd(NAME_WIDTH)
  return `   ${name} ${bar(startMs, endMs, scaleMs)} ${msText(endMs).padStart(10)}  ${text}`
}

/** What became known after the block. */
export function latePhaseLine({ title }: Failover, phase: Phase): string {
  return `━━ ${title}: ${PHASE_NAMES[phase.kind]} after ${msText(phase.endMs).trim()} (${phase.text})`
}

export function lateOutageLines(failover: Failover): string[] {
  return outageTexts(failover).map((text) => `━━ ${failover.title}: ${text}`)
}

function bar(startMs: number, endMs: number, scaleMs: number): string {
  const cell = (ms: number) => Math.min(BAR_WIDTH, Math.max(0, (ms / scaleMs) * BAR_WIDTH))
  const from = Math.min(BAR_WIDTH - 1, Math.floor(cell(startMs)))
  const to = Math.max(from + 1, Math.round(cell(endMs)))
  const isBeyond = endMs > scaleMs
  const filled = '█'.repeat(to - from - (isBeyond ? 1 : 0)) + (isBeyond ? '▶' : '')
  return `▕${' '.repeat(from)}${filled}${' '.repeat(BAR_WIDTH - to)}▏`
}

export function msText(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s `
  return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`
}

/** What clients felt; nothing when there were none. */
function outageTexts({ outages, readOutages }: Failover): string[] {
  return [outageText('write', outages), outageText('read', readOutages)].filter(
    (text) => text !== null,
  )
}

function outageText(what: string, outages: readonly PartitionOutage[]): string | null {
  if (outages.length === 0) return null
  const worst = outages.reduce((a, b) => (b.gapMs > a.gapMs ? b : a))
  const where = `${worst.topic}-${worst.partition}, where the broker was ${worst.role}`
  const time = `${worst.firstMs === null ? 'more than' : 'up to'} ${msText(worst.gapMs).trim()}`
  return `clients could not ${what} for ${time} (${where})`
}
