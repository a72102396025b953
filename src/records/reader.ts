/**
 * Records as objects, of every format: for tools, clients, tests and conversions, never for the path of
 * produce and fetch.
 */
import {
  BATCH_OVERHEAD,
  isLegacy,
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
import { readLegacyMessages } from './legacy-messages.ts'
import { RecordCursor } from './varint.ts'
import { enterHeaders, enterRecord, wrongEnd } from './walk.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

export interface Record {
  readonly offset: number
  /** -1: none. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

/**
 * The records of the batch or old message at `at`, decompressed. Keys and values are slices. The batch
 * is whole (`sizeOfBatchAt`); checksums are the caller's business. Throws `CorruptRecordError`.
 */
export function readRecords(buffer: Buffer, at = 0): Record[] {
  const end = at + readSizeInBytes(buffer, at)
  if (isLegacy(buffer, at)) return readLegacyRecords(buffer.subarray(at, end))
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

function readLegacyRecords(message: Buffer): Record[] {
  return readLegacyMessages(message).map(({ offset, timestamp, key, value }) => {
    return { offset, timestamp, key, value, headers: [] }
  })
}

function readRecord(
  cursor: RecordCursor,
  baseOffset: number,
  baseTimestamp: number,
  appendTime: number | null,
): Record {
  const end = enterRecord(cursor)
  const createTime = baseTimestamp + cursor.varlong()
  const offset = baseOffset + cursor.varint()
  const key = cursor.nullableBytes()
  const value = cursor.nullableBytes()
  const headers: RecordHeader[] = []
  for (let left = enterHeaders(cursor); left > 0; left--) {
    const name = cursor.nullableBytes()
    if (name === null) throw new CorruptRecordError('a header without a key')
    headers.push({ key: name.toString(), value: cursor.nullableBytes() })
  }
  if (cursor.at !== end) throw wrongEnd(cursor.at, end)
  return { offset, timestamp: appendTime ?? createTime, key, value, headers }
}
