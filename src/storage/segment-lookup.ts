/** Finds places in a list of segments, which ascend by base offset: by offset and by time. */
import {
  readBaseOffset,
  readBaseTimestamp,
  readCompression,
  readLeaderEpoch,
  readMaxTimestamp,
} from '../records/batch-header.ts'
import { readRecords } from '../records/reader.ts'
import type { Segment } from './segment.ts'

export interface TimedOffset {
  readonly timestamp: number
  readonly offset: number
  readonly leaderEpoch: number
}

export interface SegmentStart {
  readonly offset: number
  readonly bytes: number
  readonly modifiedMs: number
}

/** What of each segment can be read begins here. */
export function startsOf(segments: readonly Segment[], logStartOffset: number): SegmentStart[] {
  return segments.map(({ baseOffset, size, modifiedMs }) => {
    return { offset: Math.max(baseOffset, logStartOffset), bytes: size, modifiedMs }
  })
}

export interface RangeRequest {
  readonly startOffset: number
  /** Exclusive. */
  readonly limit: number
  readonly maxBytes: number
  /** The first batch comes whole whatever its size. */
  readonly minOneMessage: boolean
}

export interface FileRange {
  readonly segment: Segment
  readonly position: number
  readonly bytes: number
}

/** Bytes to read, within one segment as Kafka reads; null when there is nothing below the limit. */
export function findRange(segments: readonly Segment[], request: RangeRequest): FileRange | null {
  const { startOffset, limit, maxBytes, minOneMessage } = request
  for (let index = segmentIndexOf(segments, startOffset); index < segments.length; index++) {
    const segment = segments[index]!
    const found = segment.find(startOffset)
    if (found === null) continue
    const wanted = minOneMessage ? Math.max(maxBytes, found.sizeInBytes) : maxBytes
    const { position } = found
    // Most reads end long before the limit, as the index knows.
    const isFar = segment.offsetIndex.positionOf(limit) >= position + wanted
    const end = isFar ? position + wanted : endPosition(segments, index, limit)
    const bytes = Math.min(wanted, end - position)
    return bytes <= 0 ? null : { segment, position, bytes }
  }
  return null
}

/** Fewer bytes when the file has been cut meanwhile. */
export async function readRange({ segment, position, bytes }: FileRange): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(bytes)
  const got = await segment.file.readAsync(target, position)
  return target.subarray(0, got)
}

/** Position in a segment of the batch that holds `limit`: nothing from there on may be read. */
function endPosition(segments: readonly Segment[], index: number, limit: number): number {
  const segment = segments[index]!
  const next = segments[index + 1]
  if (next !== undefined && limit >= next.baseOffset) return segment.size
  return segment.find(limit)?.position ?? segment.size
}

/** Of the last segment that begins at or below `offset`; 0 when none does. */
export function segmentIndexOf(segments: readonly Segment[], offset: number): number {
  let low = 0
  let high = segments.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (segments[middle]!.baseOffset <= offset) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}

/** The first record at or past `timestamp` and `logStartOffset`; null when there is none. */
export function findTimestamp(
  segments: readonly Segment[],
  timestamp: number,
  logStartOffset: number,
): TimedOffset | null {
  for (const segment of segments) {
    if (segment.maxTimestamp < timestamp) continue
    const found = segment.findTimestamp(timestamp, logStartOffset)
    if (found !== null) return firstRecord(segment.readBatch(found), timestamp, logStartOffset)
  }
  return null
}

function firstRecord(batch: Buffer, timestamp: number, logStartOffset: number): TimedOffset {
  const leaderEpoch = readLeaderEpoch(batch, 0)
  const baseOffset = readBaseOffset(batch, 0)
  const baseTimestamp = readBaseTimestamp(batch, 0)
  const isPlain = readCompression(batch, 0) === 0
  if (isPlain && baseTimestamp >= timestamp && baseOffset >= logStartOffset) {
    return { timestamp: baseTimestamp, offset: baseOffset, leaderEpoch }
  }
  const record = readRecords(batch).find(
    (each) => each.timestamp >= timestamp && each.offset >= logStartOffset,
  )
  return {
    timestamp: record?.timestamp ?? readMaxTimestamp(batch, 0),
    offset: record?.offset ?? baseOffset,
    leaderEpoch,
  }
}
