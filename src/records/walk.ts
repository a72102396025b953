/**
 * Walks the plain records of a v2 batch without making an object for any: framing, deltas, and what
 * a leader wants to know of all of them together. Costs less than the checksum of the same bytes: the
 * usual record, whose numbers take one byte or two, is read with local variables alone, and all others
 * with a cursor.
 */
import { CorruptRecordError } from './batches.ts'
import { RecordCursor } from './varint.ts'

/**
 * Throws `CorruptRecordError` when `buffer[at, end)` is not exactly `count` well-formed records.
 */
export function walkRecords(buffer: Buffer, at: number, end: number, count: number): RecordWalk {
  const walk = new RecordWalk()
  let next = at
  for (let index = 0; index < count; index++) {
    const recordEnd = walk.shortRecord(buffer, next, index)
    next = recordEnd < 0 ? walk.anyRecord(buffer, next, end, index) : recordEnd
    if (next > end) throw new CorruptRecordError(`record ${index} of ${count} passes the end`)
  }
  if (next !== end) {
    throw new CorruptRecordError(`${end - next} bytes after the last of ${count} records`)
  }
  return walk
}

/** What a walk has found so far. Deltas are to the batch's base timestamp. */
export class RecordWalk {
  minTimestampDelta = Number.POSITIVE_INFINITY
  maxTimestampDelta = Number.NEGATIVE_INFINITY
  hasNullKey = false
  /** Offset deltas are 0, 1, 2 ... */
  isInOrder = true

  /** Where the record at `at` ends; -1 when it is not of the usual kind. May pass the end. */
  shortRecord(buffer: Buffer, at: number, index: number): number {
    const length = shortVarint(buffer, at)
    if (length < 0 || (length & 1) !== 0) return -1
    const body = at + sizeOf(length)
    const timestamp = shortVarint(buffer, body + 1)
    if (timestamp < 0) return -1
    const offsetAt = body + 1 + sizeOf(timestamp)
    const offset = shortVarint(buffer, offsetAt)
    if (offset < 0) return -1
    const keyAt = offsetAt + sizeOf(offset)
    const key = shortVarint(buffer, keyAt)
    if (key < 0 || isNegative(key)) return -1
    const valueAt = keyAt + sizeOf(key) + (key >>> 1)
    const value = shortVarint(buffer, valueAt)
    if (value < 0 || isNegative(value)) return -1
    const headersAt = valueAt + sizeOf(value) + (value >>> 1)
    const recordEnd = body + (length >>> 1)
    if (headersAt + 1 !== recordEnd || buffer[headersAt] !== 0) return -1
    const delta = (timestamp >>> 1) ^ -(timestamp & 1)
    if (delta < this.minTimestampDelta) this.minTimestampDelta = delta
    if (delta > this.maxTimestampDelta) this.maxTimestampDelta = delta
    if (key === NULL_LENGTH) this.hasNullKey = true
    if (offset !== index << 1) this.isInOrder = false
    return recordEnd
  }

  /** The same for every record; throws `CorruptRecordError` for what is none. */
  anyRecord(buffer: Buffer, at: number, end: number, index: number): number {
    const cursor = new RecordCursor(buffer, at, end)
    const recordEnd = enterRecord(cursor)
    const delta = cursor.varlong()
    if (delta < this.minTimestampDelta) this.minTimestampDelta = delta
    if (delta > this.maxTimestampDelta) this.maxTimestampDelta = delta
    if (cursor.varint() !== index) this.isInOrder = false
    if (cursor.skipField() < 0) this.hasNullKey = true
    cursor.skipField()
    for (let left = enterHeaders(cursor); left > 0; left--) {
      if (cursor.skipField() < 0) throw new CorruptRecordError('a header without a key')
      cursor.skipField()
    }
    if (cursor.at !== recordEnd) throw wrongEnd(cursor.at, recordEnd)
    return recordEnd
  }
}

/** One or two bytes before the zig-zag is undone; -1 for more, or more than it needs. */
function shortVarint(buffer: Buffer, at: number): number {
  const first = buffer[at]!
  if (first < 0x80) return first
  const second = buffer[at + 1]!
  return second < 0x80 && second > 0 ? (first & 0x7f) | (second << 7) : -1
}

/** -1 before the zig-zag is undone; half of it is no byte. */
const NULL_LENGTH = 1

/** Of the length of a field: negative, but not the one that stands for null. */
function isNegative(length: number): boolean {
  return (length & 1) !== 0 && length !== NULL_LENGTH
}

function sizeOf(short: number): number {
  return short < 0x80 ? 1 : 2
}

/** Calls back for each record, with its place in the batch. For records that a walk has found good. */
export function forEachRecord(
  buffer: Buffer,
  at: number,
  end: number,
  visit: (index: number, timestampDelta: number, hasKey: boolean) => void,
): void {
  const cursor = new RecordCursor(buffer, at, end)
  for (let index = 0; cursor.at < end; index++) {
    const recordEnd = enterRecord(cursor)
    const timestampDelta = cursor.varlong()
    cursor.varint()
    visit(index, timestampDelta, cursor.varint() >= 0)
    cursor.at = recordEnd
  }
}

/** Past length and attributes; returns where the record ends. */
export function enterRecord(cursor: RecordCursor): number {
  const length = cursor.varint()
  const recordEnd = cursor.at + length
  if (length < 1 || recordEnd > cursor.end) {
    throw new CorruptRecordError(`a record of ${length} bytes, ${cursor.remaining} left`)
  }
  cursor.at += 1
  return recordEnd
}

/** The number of headers, checked against what is left. */
export function enterHeaders(cursor: RecordCursor): number {
  const count = cursor.varint()
  if (count < 0 || count > cursor.remaining) {
    throw new CorruptRecordError(`${count} headers, ${cursor.remaining} bytes left`)
  }
  return count
}

export function wrongEnd(at: number, expected: number): CorruptRecordError {
  const bytes = Math.abs(at - expected)
  const word = at > expected ? 'longer' : 'shorter'
  return new CorruptRecordError(`a record is ${bytes} bytes ${word} than it says`)
}
