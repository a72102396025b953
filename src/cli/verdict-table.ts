/** What the verifier found, as text. */
import { isGood, type PartitionVerdict, type Verdict } from '../chaos/verifier.ts'

const COLUMNS = [
  'partition',
  'acked',
  'failed',
  'consumed',
  'lost',
  'duplicated',
  'reordered',
  'unchecked',
  'longest gap',
  'without reads',
] as const

/** Whether a cluster has passed: something was acknowledged, and all of that is well. */
export function hasPassed(verdict: Verdict): boolean {
  return verdict.acked > 0 && isGood(verdict)
}

export function verdictTable(verdict: Verdict): string {
  const rows = [
    [...COLUMNS],
    ...verdict.partitions.map((each) => rowOf(String(each.partition), each)),
    rowOf('all', verdict),
  ]
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const lines = rows.map((row) => row.map((cell, at) => cell.padStart(widths[at]!)).join('  '))
  return `${lines.join('\n')}\n\n${sentence(verdict)}\n`
}

/** One line while it runs. */
export function verdictLine(verdict: Verdict, elapsedMs: number): string {
  const { acked, failed, consumed, lost, duplicated, reordered } = verdict
  return (
    `${(elapsedMs / 1000).toFixed(0)} s  acked ${acked}  failed ${failed}  consumed ${consumed}  ` +
    `lost ${lost}  duplicated ${duplicated}  reordered ${reordered}  ` +
    `longest gap ${Math.round(verdict.longestGapMs)} ms  ` +
    `without reads ${Math.round(verdict.longestReadGapMs)} ms`
  )
}

function sentence(verdict: Verdict): string {
  const { acked, lost, duplicated, reordered, unchecked, lastError } = verdict
  const why = lastError === null ? '' : ` The last failure: ${lastError}`
  if (acked === 0) return `Nothing was acknowledged.${why}`
  const gap = Math.round(verdict.longestGapOfAllMs)
  if (isGood(verdict)) {
    const once = verdict.isReadTwice ? '' : ' It was read once only, not again at the end.'
    return `Nothing acknowledged was lost.${once} Longest time without any acknowledgement: ${gap} ms.`
  }
  const problems = [
    lost > 0 ? `${lost} lost` : '',
    duplicated > 0 ? `${duplicated} duplicated` : '',
    reordered > 0 ? `${reordered} out of order` : '',
    unchecked > 0 ? `${unchecked} could not be looked for in time` : '',
  ].filter((text) => text !== '')
  return `NOT GOOD: of ${acked} acknowledged, ${problems.join(', ')}.${why}`
}

function rowOf(name: string, verdict: Omit<PartitionVerdict, 'partition'>): string[] {
  const { acked, failed, consumed, lost, duplicated, reordered, unchecked } = verdict
  const numbers = [acked, failed, consumed, lost, duplicated, reordered, unchecked]
  const times = [verdict.longestGapMs, verdict.longestReadGapMs]
  return [name, ...numbers.map(String), ...times.map((ms) => `${Math.round(ms)} ms`)]
}
