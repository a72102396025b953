/** When a log goes on in a new segment. Pure. */
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

export interface NextBatch {
  readonly bytes: number
  readonly lastOffset: number
  readonly maxTimestamp: number
}

/** An index holds offsets relative to the segment's first as int32. */
const RELATIVE_OFFSET_MAX = 0x7fff_ffff

/** Before `batch`: the segment is full, old by the batches' own time, or out of relative offsets. */
export function mustRoll(
  { size, firstTimestamp, baseOffset }: Segment,
  { segmentBytes, segmentMs }: LogConfig,
  { bytes, lastOffset, maxTimestamp }: NextBatch,
): boolean {
  const isFull = size > segmentBytes - bytes
  const isOld = maxTimestamp - (firstTimestamp ?? maxTimestamp) > segmentMs
  return size > 0 && (isFull || isOld || !isWithinSegment(baseOffset, lastOffset))
}

/** Whether a segment that begins at `baseOffset` can hold `offset`. */
export function isWithinSegment(baseOffset: number, offset: number): boolean {
  return offset - baseOffset <= RELATIVE_OFFSET_MAX
}
