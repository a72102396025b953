/**
 * The message formats of before 0.11 (magic 0 and 1): what old producers send becomes one v2 batch, and
 * what old consumers fetch is made from v2 batches. Everything is stored as v2.
 */
import zlib from 'node:zlib'
import {
  BATCH_OVERHEAD,
  isControl,
  isLogAppendTime,
  LOG_OVERHEAD,
  readCompression,
  readInt32,
  readInt64,
  readLastOffset,
  readMagic,
  readSizeInBytes,
  writeInt32,
  writeInt64,
} from './batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from './batches.ts'
import { buildBatch, type NewRecord } from './builder.ts'
import { Compression, compress, decompress } from './compression.ts'
import { type Record, readRecords } from './reader.ts'
import { ErrorCode } from './record-error-codes.ts'
import { InvalidRecordsError } from './validate.ts'

const CRC_AT = 12
const MAGIC_AT = 16
const ATTRIBUTES_AT = 17
const TIMESTAMP_AT = 18
const CODEC_MASK = 0x07
const APPEND_TIME_BIT = 0x08
const OVERFLOW_OFFSET = -1

interface LegacyMessage {
  readonly offset: number
  readonly magic: number
  readonly attributes: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** One v2 batch of all messages. Throws `InvalidRecordsError`. */
export function upconvert(records: Buffer): Buffer {
  try {
    return upconvertUnchecked(records)
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
    throw new InvalidRecordsError(ErrorCode.CORRUPT_MESSAGE, error.message)
  }
}

function upconvertUnchecked(records: Buffer): Buffer {
  const converted: NewRecord[] = []
  let codec: number = Compression.NONE
  let at = 0
  for (let size = sizeOfBatchAt(records, at, records.length); size > 0; ) {
    const message = readMessage(records, at, size)
    const messageCodec = message.attributes & CODEC_MASK
    if (messageCodec === Compression.NONE) converted.push(newRecord(message, message.timestamp))
    else {
      codec = messageCodec
      for (const inner of innerMessages(message)) converted.push(newRecord(inner, inner.timestamp))
    }
    at += size
    size = sizeOfBatchAt(records, at, records.length)
  }
  if (converted.length === 0) {
    throw new InvalidRecordsError(ErrorCode.INVALID_RECORD, 'there is no message')
  }
  return buildBatch(converted, { compression: codec })
}

function newRecord({ key, value }: LegacyMessage, timestamp: number): NewRecord {
  return { key, value, timestamp }
}

function readMessage(buffer: Buffer, at: number, size: number): LegacyMessage {
  const magic = readMagic(buffer, at)
  if (magic > 1) throw new CorruptRecordError(`magic ${magic} among older messages`)
  const end = at + size
  const stored = readInt32(buffer, at + CRC_AT) >>> 0
  if (zlib.crc32(buffer.subarray(at + MAGIC_AT, end)) !== stored) {
    throw new CorruptRecordError('the checksum of a message is not that of its bytes')
  }
  let cursor = at + (magic === 0 ? TIMESTAMP_AT : TIMESTAMP_AT + 8)
  const field = (): Buffer | null => {
    if (cursor + 4 > end) throw new CorruptRecordError('a message ends too early')
    const length = readInt32(buffer, cursor)
    cursor += 4
    if (length === -1) return null
    if (length < 0 || cursor + length > end) {
      throw new CorruptRecordError(`a field of ${length} bytes does not fit its message`)
    }
    cursor += length
    return buffer.subarray(cursor - length, cursor)
  }
  return {
    offset: readInt64(buffer, at),
    magic,
    attributes: buffer[at + ATTRIBUTES_AT]!,
    timestamp: magic === 0 ? -1 : readInt64(buffer, at + TIMESTAMP_AT),
    key: field(),
    value: field(),
  }
}

/** What a compressed wrapper holds, in order. */
function innerMessages(wrapper: LegacyMessage): LegacyMessage[] {
  const codec = wrapper.attributes & CODEC_MASK
  if (codec === Compression.ZSTD) {
    throw new InvalidRecordsError(ErrorCode.INVALID_RECORD, 'zstd needs message format 2')
  }
  if (wrapper.value === null) throw new CorruptRecordError('a compressed message without a value')
  const plain = decompress(codec, wrapper.value)
  const messages: LegacyMessage[] = []
  let at = 0
  for (let size = sizeOfBatchAt(plain, at, plain.length); size > 0; ) {
    const inner = readMessage(plain, at, size)
    if ((inner.attributes & CODEC_MASK) !== Compression.NONE) {
      throw new InvalidRecordsError(ErrorCode.INVALID_RECORD, 'a compressed message in another')
    }
    const isAppendTime = wrapper.magic === 1 && (wrapper.attributes & APPEND_TIME_BIT) !== 0
    messages.push(isAppendTime ? { ...inner, timestamp: wrapper.timestamp } : inner)
    at += size
    size = sizeOfBatchAt(plain, at, plain.length)
  }
  return messages
}

export interface DownconvertOptions {
  readonly magic: 0 | 1
  /** Records below it are dropped from uncompressed batches. */
  readonly fetchOffset: number
}

export type Downconverted =
  | { readonly kind: 'ok'; readonly records: Buffer }
  | { readonly kind: 'unsupported-compression' }

/** Control batches and headers are lost, codecs are kept. A partial batch at the end is dropped. */
export function downconvert(stored: Buffer, options: DownconvertOptions): Downconverted {
  const parts: Buffer[] = []
  let at = 0
  for (let size = sizeOfBatchAt(stored, at, stored.length); size > 0; ) {
    if (readMagic(stored, at) < 2) parts.push(stored.subarray(at, at + size))
    else if (readCompression(stored, at) === Compression.ZSTD) {
      if (parts.length === 0) return { kind: 'unsupported-compression' }
      break
    } else if (!isControl(stored, at)) {
      const part = convertBatch(stored, at, options)
      if (part.length > 0) parts.push(part)
    }
    at += size
    size = sizeOfBatchAt(stored, at, stored.length)
  }
  if (parts.length === 0 && at > 0) return { kind: 'ok', records: overflowMessage() }
  return { kind: 'ok', records: Buffer.concat(parts) }
}

function convertBatch(stored: Buffer, at: number, options: DownconvertOptions): Buffer {
  const codec = readCompression(stored, at)
  const records = readRecords(stored, at)
  const appendTime = isLogAppendTime(stored, at)
  if (codec === Compression.NONE) {
    return Buffer.concat(
      records
        .filter(({ offset }) => offset >= options.fetchOffset)
        .map((record) => encodeMessage(record.offset, record, options.magic, 0, appendTime)),
    )
  }
  const base = records[0]?.offset ?? 0
  const inner = records.map((record) => {
    const offset = options.magic === 0 ? record.offset : record.offset - base
    return encodeMessage(offset, record, options.magic, 0, appendTime)
  })
  const value = compress(codec, Buffer.concat(inner))
  const timestamp = Math.max(...records.map((record) => record.timestamp))
  const wrapper = { key: null, value, timestamp }
  return encodeMessage(readLastOffset(stored, at), wrapper, options.magic, codec, appendTime)
}

function encodeMessage(
  offset: number,
  { key, value, timestamp }: Pick<Record, 'key' | 'value' | 'timestamp'>,
  magic: 0 | 1,
  codec: number,
  isAppendTime: boolean,
): Buffer {
  const headBytes = magic === 0 ? TIMESTAMP_AT : TIMESTAMP_AT + 8
  const size = headBytes + 8 + (key?.length ?? 0) + (value?.length ?? 0)
  const message = Buffer.alloc(size)
  writeInt64(message, 0, offset)
  writeInt32(message, 8, size - LOG_OVERHEAD)
  message[MAGIC_AT] = magic
  message[ATTRIBUTES_AT] = codec | (magic === 1 && isAppendTime ? APPEND_TIME_BIT : 0)
  if (magic === 1) writeInt64(message, TIMESTAMP_AT, timestamp)
  let at = headBytes
  for (const field of [key, value]) {
    writeInt32(message, at, field === null ? -1 : field.length)
    at += 4
    if (field !== null) at += field.copy(message, at)
  }
  writeInt32(message, CRC_AT, zlib.crc32(message.subarray(MAGIC_AT)))
  return message
}

/** An incomplete message: an old client sees that there is more and stops cleanly. */
function overflowMessage(): Buffer {
  const message = Buffer.alloc(LOG_OVERHEAD)
  writeInt64(message, 0, OVERFLOW_OFFSET)
  writeInt32(message, 8, Math.max(BATCH_OVERHEAD, readSizeInBytes(message, 0)))
  return message
}
