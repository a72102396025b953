/**
 * The message formats of before 0.11 (magic 0 and 1): what old producers send becomes one v2 batch, and
 * what old consumers fetch is made from v2 batches. Everything is stored as v2.
 */
import {
  BATCH_OVERHEAD,
  isControl,
  isLegacy,
  isLogAppendTime,
  LOG_OVERHEAD,
  readBaseOffset,
  readCompression,
  readMagic,
  readMaxTimestamp,
  writeInt32,
  writeInt64,
} from './batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from './batches.ts'
import { buildBatch } from './builder.ts'
import { Compression, DecompressionError } from './compression.ts'
import { InvalidRecordsError } from './invalid-records-error.ts'
import {
  codecOf,
  encodeLegacyMessage,
  hasAppendTime,
  type LegacyMessage,
  readLegacyMessage,
  unwrap,
  wrap,
} from './legacy-messages.ts'
import { readRecords } from './reader.ts'
import { ErrorCode } from './record-error-codes.ts'

const OVERFLOW_OFFSET = -1

/**
 * One v2 batch of all messages: any number of plain ones, or one compressed. Throws
 * `InvalidRecordsError`. What needs the topic's settings is checked when the batch is appended.
 */
export function upconvert(records: Buffer): Buffer {
  const messages = readSet(records)
  const first = messages[0]
  if (first === undefined) throw invalid('There is no message')
  const codec = codecOf(first)
  if (codec !== Compression.NONE && messages.length > 1) {
    throw invalid('Compressed outer record has more than one batch')
  }
  if (messages.some((each) => each.magic !== first.magic || codecOf(each) !== codec)) {
    throw invalid(`Messages of different kinds in one set, the first is of magic ${first.magic}`)
  }
  const plain = codec === Compression.NONE ? messages : unwrapped(first)
  return buildBatch(plain, { compression: codec, isLogAppendTime: messages.some(hasAppendTime) })
}

function readSet(records: Buffer): LegacyMessage[] {
  try {
    const messages: LegacyMessage[] = []
    let at = 0
    for (;;) {
      const size = sizeOfBatchAt(records, at, records.length)
      if (size < 0) return messages
      messages.push(readLegacyMessage(records, at, size))
      at += size
    }
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
    throw new InvalidRecordsError(ErrorCode.CORRUPT_MESSAGE, error.message)
  }
}

function unwrapped(wrapper: LegacyMessage): LegacyMessage[] {
  try {
    return unwrap(wrapper)
  } catch (error) {
    if (error instanceof DecompressionError) {
      throw new InvalidRecordsError(ErrorCode.UNKNOWN_SERVER_ERROR, error.message)
    }
    if (!(error instanceof CorruptRecordError)) throw error
    throw invalid(error.message)
  }
}

function invalid(message: string): InvalidRecordsError {
  return new InvalidRecordsError(ErrorCode.INVALID_RECORD, message)
}

export interface DownconvertOptions {
  readonly magic: 0 | 1
  /** Records below it are dropped from uncompressed batches. */
  readonly fetchOffset: number
}

export type Downconverted =
  | { readonly kind: 'ok'; readonly records: Buffer }
  | { readonly kind: 'unsupported-compression' }

/**
 * Control batches and headers are lost, codecs are kept. A partial batch at the end is dropped. Kafka
 * fills the room that conversion saved with the beginning of a message that never ends; here that is
 * done only when nothing else is left, so that an old client does not take it for an empty log.
 * Throws `CorruptRecordError`.
 */
export function downconvert(stored: Buffer, options: DownconvertOptions): Downconverted {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const size = sizeOfBatchAt(stored, at, stored.length)
    if (size < 0) break
    if (readCompression(stored, at) === Compression.ZSTD) {
      if (parts.length === 0) return { kind: 'unsupported-compression' }
      break
    }
    if (isLegacy(stored, at) && readMagic(stored, at) <= options.magic) {
      parts.push(stored.subarray(at, at + size))
    } else if (!isControl(stored, at)) {
      parts.push(...convertBatch(stored, at, options))
    }
    at += size
  }
  if (parts.length === 0 && at > 0) return { kind: 'ok', records: beginningOfMessage() }
  return { kind: 'ok', records: Buffer.concat(parts) }
}

function convertBatch(
  stored: Buffer,
  at: number,
  { magic, fetchOffset }: DownconvertOptions,
): Buffer[] {
  const codec = readCompression(stored, at)
  const isAppendTime = isLogAppendTime(stored, at)
  const records = readRecords(stored, at)
  if (codec === Compression.NONE) {
    return records
      .filter(({ offset }) => offset >= fetchOffset)
      .map((record) => encodeLegacyMessage({ ...record, magic, isAppendTime }, codec))
  }
  if (records.length === 0) return []
  // Only batches of magic 2 become magic 1.
  const base = magic === 0 ? 0 : readBaseOffset(stored, at)
  const inner = records.map((record) =>
    encodeLegacyMessage({ ...record, offset: record.offset - base, magic, isAppendTime }, 0),
  )
  const offset = records[records.length - 1]!.offset
  const timestamp = readMaxTimestamp(stored, at)
  return [wrap(inner, codec, { magic, offset, timestamp, isAppendTime })]
}

function beginningOfMessage(): Buffer {
  const message = Buffer.alloc(LOG_OVERHEAD)
  writeInt64(message, 0, OVERFLOW_OFFSET)
  writeInt32(message, 8, BATCH_OVERHEAD)
  return message
}
