/** Which segments are old enough to go. Pure; the log acts on the answer. */
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

export interface RetentionState {
  readonly nowMs: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
  readonly config: LogConfig
}

type Aged = Pick<Segment, 'baseOffset' | 'size' | 'maxTimestamp' | 'createdMs'>

/**
 * How many segments from the oldest on may be deleted: those below the log start, and, when the policy
 * includes `delete`, those too old or too many. Only what is committed goes; an empty active segment
 * never does.
 */
export function countDeletable(segments: readonly Aged[], state: RetentionState): number {
  const { config, highWatermark, logStartOffset, logEndOffset, nowMs } = state
  const deletes = config.cleanupPolicy.includes('delete')
  let excess = segments.reduce((sum, { size }) => sum + size, 0) - config.retentionBytes
  let count = 0
  for (const segment of segments) {
    const next = segments[count + 1]
    const end = next?.baseOffset ?? logEndOffset
    if (highWatermark < end || (next === undefined && segment.size === 0)) break
    const isBelowStart = next !== undefined && end <= logStartOffset
    const isTooMuch = deletes && config.retentionBytes >= 0 && excess - segment.size >= 0
    const newest = segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMs
    const isTooOld = deletes && config.retentionMs >= 0 && nowMs - newest > config.retentionMs
    if (!isBelowStart && !isTooMuch && !isTooOld) break
    excess -= segment.size
    count += 1
  }
  return count
}
