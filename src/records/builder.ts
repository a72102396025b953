/** Makes v2 batches from records: for clients, tests, conversions, control batches. */
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_OVERHEAD,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORD_COUNT_AT,
  writeAttributes,
  writeCrc,
  writeInt32,
  writeInt64,
} from './batch-header.ts'
import { Compression, compress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { pushVarint, pushVarlong } from './varint.ts'

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
  const fallback = options.timestamp ?? -1
  const timestamps = records.map(({ timestamp }) => timestamp ?? fallback)
  const baseTimestamp = timestamps[0] ?? -1
  const parts = records.map((record, at) =>
    encodeRecord(record, at, timestamps[at]! - baseTimestamp),
  )
  const compression = options.compression ?? Compression.NONE
  const payload = compress(compression, Buffer.concat(parts), options.level)
  const batch = Buffer.alloc(BATCH_OVERHEAD + payload.length)
  payload.copy(batch, BATCH_OVERHEAD)
  writeInt64(batch, BASE_OFFSET_AT, options.baseOffset ?? 0)
  writeInt32(batch, LENGTH_AT, batch.length - LOG_OVERHEAD)
  writeInt32(batch, LEADER_EPOCH_AT, options.leaderEpoch ?? -1)
  batch[MAGIC_AT] = 2
  writeAttributes(
    batch,
    0,
    compression |
      (options.isLogAppendTime ? 0x08 : 0) |
      (options.isTransactional ? 0x10 : 0) |
      (options.isControl ? 0x20 : 0),
  )
  writeInt32(batch, LAST_OFFSET_DELTA_AT, Math.max(0, records.length - 1))
  writeInt64(batch, BASE_TIMESTAMP_AT, baseTimestamp)
  writeInt64(batch, MAX_TIMESTAMP_AT, timestamps.length === 0 ? -1 : Math.max(...timestamps))
  writeInt64(batch, PRODUCER_ID_AT, options.producerId ?? -1)
  batch.writeInt16BE(options.producerEpoch ?? -1, PRODUCER_EPOCH_AT)
  writeInt32(batch, BASE_SEQUENCE_AT, options.baseSequence ?? -1)
  writeInt32(batch, RECORD_COUNT_AT, records.length)
  stampCrc(batch, 0, batch.length)
  return batch
}

/** After a change of anything from the attributes on. */
export function stampCrc(buffer: Buffer, at: number, end: number): void {
  writeCrc(buffer, at, crc32c(buffer, at + ATTRIBUTES_AT, end))
}

function encodeRecord(record: NewRecord, offsetDelta: number, timestampDelta: number): Buffer {
  const head: number[] = [0]
  pushVarlong(head, timestampDelta)
  pushVarint(head, offsetDelta)
  const parts: Buffer[] = [Buffer.from(head)]
  pushNullable(parts, record.key ?? null)
  pushNullable(parts, record.value ?? null)
  const headers = record.headers ?? []
  const count: number[] = []
  pushVarint(count, headers.length)
  parts.push(Buffer.from(count))
  for (const { key, value } of headers) {
    pushNullable(parts, key)
    pushNullable(parts, value)
  }
  const body = Buffer.concat(parts)
  const length: number[] = []
  pushVarint(length, body.length)
  return Buffer.concat([Buffer.from(length), body])
}

function pushNullable(parts: Buffer[], value: Buffer | string | null): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  const length: number[] = []
  pushVarint(length, bytes === null ? -1 : bytes.length)
  parts.push(Buffer.from(length))
  if (bytes !== null) parts.push(bytes)
}
