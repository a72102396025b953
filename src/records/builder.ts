/**
 * Makes v2 batches from records: for clients, tests, conversions, control batches. Sizes first, then
 * one buffer that everything is written into.
 */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_OVERHEAD,
  CONTROL_BIT,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  TIMESTAMP_TYPE_BIT,
  TRANSACTIONAL_BIT,
  writeAttributes,
  writeCrc,
  writeInt32,
  writeInt64,
} from './batch-header.ts'
import { Compression, compress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts'

export interface NewRecord {
  readonly key?: Buffer | string | null
  readonly value?: Buffer | string | null
  readonly timestamp?: number
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | string | null }[]
}

export interface BatchOptions {
  readonly baseOffset?: number
  readonly leaderEpoch?: number
  readonly compression?: number
  readonly level?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  /** Of records without a timestamp. */
  readonly timestamp?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  readonly isLogAppendTime?: boolean
}

/** One whole batch. Offset deltas are 0, 1, 2 ... */
export function buildBatch(records: readonly NewRecord[], options: BatchOptions = {}): Buffer {
  const compression = options.compression ?? Compression.NONE
  const timestamps = timestampsOf(records, options.timestamp ?? -1)
  const layouts = records.map((record, at) => layOut(record, at, timestamps.deltas[at]!))
  const payloadBytes = layouts.reduce((sum, { body }) => sum + sizeOfVarint(body) + body, 0)
  if (compression === Compression.NONE) {
    const batch = Buffer.allocUnsafe(BATCH_OVERHEAD + payloadBytes)
    writeRecords(batch, BATCH_OVERHEAD, layouts)
    return finish(batch, records.length, timestamps, options)
  }
  const plain = Buffer.allocUnsafe(payloadBytes)
  writeRecords(plain, 0, layouts)
  const payload = compress(compression, plain, options.level)
  const batch = Buffer.allocUnsafe(BATCH_OVERHEAD + payload.length)
  payload.copy(batch, BATCH_OVERHEAD)
  return finish(batch, records.length, timestamps, options)
}

/** After a change of anything from the attributes on. */
export function stampCrc(buffer: Buffer, at: number, end: number): void {
  writeCrc(buffer, at, crc32c(buffer, at + ATTRIBUTES_AT, end))
}

interface Timestamps {
  readonly base: number
  readonly max: number
  readonly deltas: readonly number[]
}

function timestampsOf(records: readonly NewRecord[], fallback: number): Timestamps {
  const base = records[0]?.timestamp ?? fallback
  let max = records.length === 0 ? -1 : base
  const deltas = records.map(({ timestamp = fallback }) => {
    if (timestamp > max) max = timestamp
    return timestamp - base
  })
  return { base, max, deltas }
}

function finish(
  batch: Buffer,
  count: number,
  timestamps: Timestamps,
  options: BatchOptions,
): Buffer {
  writeInt64(batch, BASE_OFFSET_AT, options.baseOffset ?? 0)
  writeInt32(batch, LENGTH_AT, batch.length - LOG_OVERHEAD)
  writeInt32(batch, LEADER_EPOCH_AT, options.leaderEpoch ?? -1)
  batch[MAGIC_AT] = 2
  const attributes =
    (options.compression ?? Compression.NONE) |
    (options.isLogAppendTime ? TIMESTAMP_TYPE_BIT : 0) |
    (options.isTransactional ? TRANSACTIONAL_BIT : 0) |
    (options.isControl ? CONTROL_BIT : 0)
  writeAttributes(batch, 0, attributes)
  writeInt32(batch, LAST_OFFSET_DELTA_AT, Math.max(0, count - 1))
  writeInt64(batch, BASE_TIMESTAMP_AT, timestamps.base)
  writeInt64(batch, MAX_TIMESTAMP_AT, timestamps.max)
  writeInt64(batch, PRODUCER_ID_AT, options.producerId ?? -1)
  batch.writeInt16BE(options.producerEpoch ?? -1, PRODUCER_EPOCH_AT)
  writeInt32(batch, BASE_SEQUENCE_AT, options.baseSequence ?? -1)
  writeInt32(batch, RECORD_COUNT_AT, count)
  stampCrc(batch, 0, batch.length)
  return batch
}

/** A record ready to be written: its parts as bytes, and how long its body is. */
interface RecordLayout {
  readonly timestampDelta: number
  readonly offsetDelta: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: Buffer, value: Buffer | null])[]
  readonly body: number
}

function layOut(record: NewRecord, offsetDelta: number, timestampDelta: number): RecordLayout {
  const key = bytesOf(record.key)
  const value = bytesOf(record.value)
  const headers = (record.headers ?? []).map(
    (header) => [Buffer.from(header.key), bytesOf(header.value)] as const,
  )
  let body = 1 + sizeOfVarlong(timestampDelta) + sizeOfVarint(offsetDelta)
  body += sizeOfField(key) + sizeOfField(value) + sizeOfVarint(headers.length)
  for (const [name, content] of headers) body += sizeOfField(name) + sizeOfField(content)
  return { timestampDelta, offsetDelta, key, value, headers, body }
}

function bytesOf(value: Buffer | string | null | undefined): Buffer | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? Buffer.from(value) : value
}

function sizeOfField(field: Buffer | null): number {
  return field === null ? 1 : sizeOfVarint(field.length) + field.length
}

function writeRecords(target: Buffer, start: number, layouts: readonly RecordLayout[]): void {
  let at = start
  for (const { timestampDelta, offsetDelta, key, value, headers, body } of layouts) {
    at = writeVarint(target, at, body)
    target[at++] = 0
    at = writeVarlong(target, at, timestampDelta)
    at = writeVarint(target, at, offsetDelta)
    at = writeField(target, at, key)
    at = writeField(target, at, value)
    at = writeVarint(target, at, headers.length)
    for (const [name, content] of headers) {
      at = writeField(target, at, name)
      at = writeField(target, at, content)
    }
  }
}

function writeField(target: Buffer, at: number, field: Buffer | null): number {
  if (field === null) return writeVarint(target, at, -1)
  const from = writeVarint(target, at, field.length)
  return from + field.copy(target, from)
}
