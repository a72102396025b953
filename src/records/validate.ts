/**
 * What a leader checks before it appends a batch (Kafka's `LogValidator`, in the order of its checks),
 * and what it changes: the true largest timestamp, the time of the append where the topic wants it, the
 * codec where the topic names one. The records of an uncompressed batch are walked without making
 * objects, and a good one is not copied.
 */

import { hasValidChecksum } from './batch-checksum.ts'
import {
  BATCH_OVERHEAD,
  isControl,
  isLogAppendTime,
  isTransactional,
  readAttributes,
  readBaseOffset,
  readBaseSequence,
  readBaseTimestamp,
  readCompression,
  readLastOffsetDelta,
  readMagic,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
  TIMESTAMP_TYPE_BIT,
  writeAttributes,
  writeMaxTimestamp,
} from './batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from './batches.ts'
import { buildBatch, stampCrc } from './builder.ts'
import { COMPRESSION_NAMES, Compression, DecompressionError, decompress } from './compression.ts'
import { InvalidRecordsError, type RecordError } from './invalid-records-error.ts'
import { readRecords } from './reader.ts'
import { ErrorCode } from './record-error-codes.ts'
import { forEachRecord, type RecordWalk, walkRecords } from './walk.ts'

/** The settings of a topic that matter here. */
export interface ValidationConfig {
  readonly maxMessageBytes: number
  readonly cleanupPolicy: readonly string[]
  readonly compressionType: string
  readonly compressionGzipLevel: number
  readonly compressionLz4Level: number
  readonly compressionZstdLevel: number
  readonly messageTimestampType: string
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  /** Deprecated; holds where the two above have their default. */
  readonly messageTimestampDifferenceMaxMs: number
}

export interface ValidBatch {
  /** The bytes to append: those that came, unless they had to be made anew. */
  readonly batch: Buffer
  readonly maxTimestamp: number
  /** -1 unless the topic stamps the time of the append. */
  readonly logAppendTimeMs: number
}

/** Coordinators may write control batches and batches without sequences; clients may not. */
export type RecordsOrigin = 'client' | 'coordinator'

const LONG_MAX = 2 ** 63

/**
 * Throws `InvalidRecordsError`. May change timestamps and checksum in place. The errors of records
 * name the partition, which is the end of `directory`.
 */
export function validateForAppend(
  records: Buffer,
  config: ValidationConfig,
  nowMs: number,
  origin: RecordsOrigin = 'client',
  directory = '',
): ValidBatch {
  const size = checkBytes(records, config, origin)
  const batch = size === records.length ? records : records.subarray(0, size)
  if (origin === 'client') checkClientHeader(batch)
  return checkRecords(batch, config, nowMs, directory)
}

/** The bytes hold one whole batch as it was sent. Returns its size. */
function checkBytes(records: Buffer, config: ValidationConfig, origin: RecordsOrigin): number {
  const size = wholeSizeAt(records, 0)
  if (size < 0) throw corrupt('The record batch is cut off')
  if (readMagic(records, 0) !== 2) throw invalid(`Magic ${readMagic(records, 0)}, expected 2`)
  const baseOffset = readBaseOffset(records, 0)
  if (baseOffset !== 0 && origin === 'client') {
    throw invalid(
      `The baseOffset of the record batch in the append should be 0, but it is ${baseOffset}`,
    )
  }
  if (size > config.maxMessageBytes) {
    throw tooLarge('The record batch size in the append', size, config)
  }
  if (!hasValidChecksum(records, 0, size)) {
    throw corrupt('Record is corrupt: the stored checksum is not that of its bytes')
  }
  if (wholeSizeAt(records, size) > 0) {
    throw invalid('Compressed outer record has more than one batch')
  }
  return size
}

function wholeSizeAt(records: Buffer, at: number): number {
  try {
    return sizeOfBatchAt(records, at, records.length)
  } catch (error) {
    if (error instanceof CorruptRecordError) throw corrupt(error.message)
    throw error
  }
}

function checkClientHeader(batch: Buffer): void {
  const count = readRecordCount(batch, 0)
  const lastOffsetDelta = readLastOffsetDelta(batch, 0)
  if (lastOffsetDelta < 0) {
    throw invalid(`Batch has an invalid offset range: [0, ${lastOffsetDelta}]`)
  }
  if (count < 1) throw invalid(`Invalid reported count for record batch: ${count}`)
  if (count !== lastOffsetDelta + 1) {
    throw invalid(
      `Inconsistent batch offset range [0, ${lastOffsetDelta}] and count of records ${count}`,
    )
  }
  if (isControl(batch, 0)) throw invalid('Clients are not allowed to write control records')
  const sequence = readBaseSequence(batch, 0)
  if (readProducerId(batch, 0) >= 0 && sequence < 0) {
    throw invalid(`Invalid sequence number ${sequence} in record batch with producerId`)
  }
}

function checkRecords(
  batch: Buffer,
  config: ValidationConfig,
  nowMs: number,
  directory: string,
): ValidBatch {
  const codec = readCompression(batch, 0)
  const isPlain = codec === Compression.NONE
  const plain = isPlain ? batch : decompressed(batch, codec)
  const plainAt = isPlain ? BATCH_OVERHEAD : 0
  const walk = walked(plain, plainAt, readRecordCount(batch, 0))
  const times = timesOf(batch, walk)
  const problem = new RecordRules(batch, config, nowMs)
  if (problem.isPossible(walk, times)) problem.check(plain, plainAt, directory)
  const target = isControl(batch, 0) ? codec : targetCodec(config.compressionType, codec)
  // A consumer computes the offsets of a compressed batch from its deltas.
  const mustRebuild = target !== codec || (!isPlain && !walk.isInOrder)
  const valid = mustRebuild ? rebuilt(batch, target, config) : batch
  const stampsAppendTime = config.messageTimestampType === 'LogAppendTime'
  const maxTimestamp = stampsAppendTime ? nowMs : times.max
  stampTime(valid, stampsAppendTime, maxTimestamp)
  return { batch: valid, maxTimestamp, logAppendTimeMs: stampsAppendTime ? nowMs : -1 }
}

function decompressed(batch: Buffer, codec: number): Buffer {
  try {
    return decompress(codec, batch.subarray(BATCH_OVERHEAD))
  } catch (error) {
    if (!(error instanceof DecompressionError)) throw error
    // No client sends such a batch again, as it would do with CORRUPT_MESSAGE.
    throw new InvalidRecordsError(ErrorCode.UNKNOWN_SERVER_ERROR, error.message)
  }
}

function walked(plain: Buffer, plainAt: number, count: number): RecordWalk {
  try {
    return walkRecords(plain, plainAt, plain.length, count)
  } catch (error) {
    if (error instanceof CorruptRecordError) throw invalid(`Found invalid record: ${error.message}`)
    throw error
  }
}

interface Times {
  readonly min: number
  readonly max: number
}

/** A batch that claims the time of an append has one time for all its records. */
function timesOf(batch: Buffer, walk: RecordWalk): Times {
  if (isLogAppendTime(batch, 0)) {
    const claimed = readMaxTimestamp(batch, 0)
    return { min: claimed, max: claimed }
  }
  const base = readBaseTimestamp(batch, 0)
  return {
    min: base + walk.minTimestampDelta,
    max: Math.max(-1, base + walk.maxTimestampDelta),
  }
}

/** What the topic wants of each record. */
class RecordRules {
  readonly #batch: Buffer
  readonly #nowMs: number
  readonly #needsKeys: boolean
  readonly #stampsAppendTime: boolean
  readonly #beforeMaxMs: number
  readonly #afterMaxMs: number

  constructor(batch: Buffer, config: ValidationConfig, nowMs: number) {
    const difference = config.messageTimestampDifferenceMaxMs
    const before = config.messageTimestampBeforeMaxMs
    const after = config.messageTimestampAfterMaxMs
    this.#batch = batch
    this.#nowMs = nowMs
    this.#needsKeys = config.cleanupPolicy.includes('compact')
    this.#stampsAppendTime = config.messageTimestampType === 'LogAppendTime'
    this.#beforeMaxMs = before === LONG_MAX ? difference : before
    this.#afterMaxMs = after === LONG_MAX ? difference : after
  }

  /** False: no record of the batch breaks a rule. */
  isPossible(walk: RecordWalk, times: Times): boolean {
    return (
      (this.#needsKeys && walk.hasNullKey) ||
      isLogAppendTime(this.#batch, 0) ||
      (!this.#stampsAppendTime && (this.#isOutside(times.min) || this.#isOutside(times.max)))
    )
  }

  /** Throws `InvalidRecordsError` that names each record at fault. */
  check(plain: Buffer, plainAt: number, directory: string): void {
    const partition = directory.slice(directory.lastIndexOf('/') + 1)
    const base = readBaseTimestamp(this.#batch, 0)
    const claimed = isLogAppendTime(this.#batch, 0) ? readMaxTimestamp(this.#batch, 0) : null
    const errors: RecordError[] = []
    let hasBadTimestamp = false
    forEachRecord(plain, plainAt, plain.length, (batchIndex, timestampDelta, hasKey) => {
      if (this.#needsKeys && !hasKey) {
        const batchIndexErrorMessage = `${MISSING_KEY} in topic partition ${partition}`
        errors.push({ batchIndex, batchIndexErrorMessage })
        return
      }
      const message = this.#timestampProblem(batchIndex, claimed ?? base + timestampDelta)
      if (message === null) return
      hasBadTimestamp = true
      errors.push({ batchIndex, batchIndexErrorMessage: message })
    })
    if (errors.length > 0) throw refused(errors, hasBadTimestamp)
  }

  #timestampProblem(index: number, timestamp: number): string | null {
    if (!this.#stampsAppendTime && timestamp !== -1) {
      if (!this.#isOutside(timestamp)) return null
      const earliest = printedLong(this.#nowMs - this.#beforeMaxMs)
      const latest = printedLong(this.#nowMs + this.#afterMaxMs)
      return `Timestamp ${timestamp} of message with offset ${index} is out of range. The timestamp should be within [${earliest}, ${latest}]`
    }
    return isLogAppendTime(this.#batch, 0) ? CLAIMS_APPEND_TIME : null
  }

  #isOutside(timestamp: number): boolean {
    return this.#nowMs - timestamp > this.#beforeMaxMs || timestamp - this.#nowMs > this.#afterMaxMs
  }
}

/** Bounds of "for ever" are beyond what a number can hold. */
function printedLong(value: number): string {
  if (Number.isSafeInteger(value)) return String(value)
  return value < 0 ? '-9223372036854775808' : '9223372036854775807'
}

const MISSING_KEY = 'Compacted topic cannot accept message without key'
const CLAIMS_APPEND_TIME =
  'Invalid timestamp type in message record. Producer should not set timestamp type to LogAppendTime.'

function refused(errors: readonly RecordError[], hasBadTimestamp: boolean): InvalidRecordsError {
  if (hasBadTimestamp) {
    const message = 'One or more records have been rejected due to invalid timestamp'
    return new InvalidRecordsError(ErrorCode.INVALID_TIMESTAMP, message, errors)
  }
  const first = errors
    .slice(0, 3)
    .map((each) => {
      const { batchIndex, batchIndexErrorMessage: text } = each
      return `RecordError(batchIndex=${batchIndex}, message='${text}')`
    })
    .join(', ')
  return new InvalidRecordsError(
    ErrorCode.INVALID_RECORD,
    `One or more records have been rejected due to ${errors.length} record errors in total, and only showing the first three errors at most: [${first}]`,
    errors,
  )
}

function targetCodec(compressionType: string, codec: number): number {
  if (compressionType === 'producer') return codec
  if (compressionType === 'uncompressed') return Compression.NONE
  return (COMPRESSION_NAMES as readonly string[]).indexOf(compressionType)
}

function rebuilt(batch: Buffer, codec: number, config: ValidationConfig): Buffer {
  const level = levelOf(codec, config)
  const made = buildBatch(readRecords(batch), {
    compression: codec,
    ...(level === null ? {} : { level }),
    producerId: readProducerId(batch, 0),
    producerEpoch: readProducerEpoch(batch, 0),
    baseSequence: readBaseSequence(batch, 0),
    isTransactional: isTransactional(batch, 0),
  })
  if (made.length > config.maxMessageBytes) {
    throw tooLarge('The record batch size after conversion', made.length, config)
  }
  return made
}

function levelOf(codec: number, config: ValidationConfig): number | null {
  switch (codec) {
    case Compression.GZIP:
      return config.compressionGzipLevel
    case Compression.ZSTD:
      return config.compressionZstdLevel
    default:
      // The other codecs here have one level.
      return null
  }
}

/** Beyond 2^53 a number is not exact: a difference that is only rounding is none. */
const ROUNDING = 4096

/** Writes time and checksum again only where they are not right already. */
function stampTime(batch: Buffer, isAppendTime: boolean, maxTimestamp: number): void {
  const difference = Math.abs(readMaxTimestamp(batch, 0) - maxTimestamp)
  const isExact = Number.isSafeInteger(maxTimestamp)
  const isRight = difference === 0 || (!isExact && difference <= ROUNDING)
  if (isRight && isLogAppendTime(batch, 0) === isAppendTime) return
  writeMaxTimestamp(batch, 0, Math.min(maxTimestamp, LONG_MAX - 1024))
  const attributes = readAttributes(batch, 0) & ~TIMESTAMP_TYPE_BIT
  writeAttributes(batch, 0, isAppendTime ? attributes | TIMESTAMP_TYPE_BIT : attributes)
  stampCrc(batch, 0, batch.length)
}

function corrupt(message: string): InvalidRecordsError {
  return new InvalidRecordsError(ErrorCode.CORRUPT_MESSAGE, message)
}

function invalid(message: string): InvalidRecordsError {
  return new InvalidRecordsError(ErrorCode.INVALID_RECORD, message)
}

function tooLarge(what: string, size: number, config: ValidationConfig): InvalidRecordsError {
  return new InvalidRecordsError(
    ErrorCode.MESSAGE_TOO_LARGE,
    `${what} is ${size} bytes which exceeds the maximum configured value of ${config.maxMessageBytes}.`,
  )
}
