/**
 * Records as objects: for tools, clients, tests and conversions, never for the path of produce and
 * fetch.
 */
import {
  BATCH_OVERHEAD,
  isLogAppendTime,
  readBaseOffset,
  readBaseTimestamp,
  readCompression,
  readMaxTimestamp,
  readRecordCount,
  readSizeInBytes,
} from './batch-header.ts'
import { CorruptRecordError } from './batches.ts'
import { decompress } from './compression.ts'
import { RecordCursor } from './varint.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

export interface Record {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/** The records of the v2 batch at `at`, decompressed. Throws `CorruptRecordError`. */
export function readRecords(buffer: Buffer, at = 0): Record[] {
  const end = at + readSizeInBytes(buffer, at)
  const payload = buffer.subarray(at + BATCH_OVERHEAD, end)
  const plain = decompress(readCompression(buffer, at), payload)
  const cursor = new RecordCursor(plain, 0, plain.length)
  const baseOffset = readBaseOffset(buffer, at)
  const baseTimestamp = readBaseTimestamp(buffer, at)
  const appendTime = isLogAppendTime(buffer, at) ? readMaxTimestamp(buffer, at) : null
  const records: Record[] = []
  for (let left = readRecordCount(buffer, at); left > 0; left--) {
    records.push(readRecord(cursor, baseOffset, baseTimestamp, appendTime))
  }
  if (cursor.remaining > 0) throw new CorruptRecordError(`${cursor.remaining} bytes after records`)
  return records
}

function readRecord(
  cursor: RecordCursor,
  baseOffset: number,
  baseTimestamp: number,
  appendTime: number | null,
): Record {
  const length = cursor.varint()
  const end = cursor.at + length
  if (length < 0 || end > cursor.end) throw new CorruptRecordError(`a record of ${length} bytes`)
  cursor.skip(1)
  const timestamp = appendTime ?? baseTimestamp + cursor.varlong()
  if (appendTime !== null) cursor.varlong()
  const offset = baseOffset + cursor.varint()
  const key = cursor.nullableBytes()
  const value = cursor.nullableBytes()
  const count = cursor.varint()
  if (count < 0 || count > cursor.remaining) throw new CorruptRecordError(`${count} headers`)
  const headers: RecordHeader[] = []
  for (let at = 0; at < count; at++) {
    const name = cursor.nullableBytes()
    if (name === null) throw new CorruptRecordError('a header without a key')
    headers.push({ key: name.toString(), value: cursor.nullableBytes() })
  }
  if (cursor.at !== end) throw new CorruptRecordError('a record does not end where it says')
  return { offset, timestamp, key, value, headers }
}
