/**
 * What a leader checks before it appends a batch of a client (Kafka's `LogValidator`, in the order of
 * its checks), and what it changes: the true largest timestamp, the time of the append where the topic
 * wants it, the codec where the topic names one. The records of an uncompressed batch are walked
 * without making objects.
 */

import {
  BATCH_OVERHEAD,
  isControl,
  isLogAppendTime,
  isTransactional,
  MAGIC_AT,
  readAttributes,
  readBaseOffset,
  readBaseSequence,
  readBaseTimestamp,
  readCompression,
  readCrc,
  readLastOffsetDelta,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
  writeAttributes,
  writeMaxTimestamp,
} from './batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from './batches.ts'
import { buildBatch, stampCrc } from './builder.ts'
import { COMPRESSION_NAMES, Compression, decompress } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { readRecords } from './reader.ts'
import { ErrorCode, type RecordErrorCode } from './record-error-codes.ts'
import { RecordCursor } from './varint.ts'

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
  readonly messageTimestampDifferenceMaxMs: number
}

export interface RecordError {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** The batch is refused; `code` is what the client hears. */
export class InvalidRecordsError extends Error {
  readonly code: RecordErrorCode
  readonly recordErrors: readonly RecordError[]

  constructor(code: RecordErrorCode, message: string, recordErrors: readonly RecordError[] = []) {
    super(message)
    this.name = 'InvalidRecordsError'
    this.code = code
    this.recordErrors = recordErrors
  }
}

export interface ValidBatch {
  /** The bytes to append: those that came, unless they had to be made anew. */
  readonly batch: Buffer
  readonly maxTimestamp: number
  /** -1 unless the topic stamps the time of the append. */
  readonly logAppendTimeMs: number
}

const LONG_MAX = 2 ** 63

/** Throws `InvalidRecordsError`. May change timestamps and checksum in place. */
export function validateForAppend(
  records: Buffer,
  config: ValidationConfig,
  nowMs: number,
): ValidBatch {
  try {
    const size = checkHeader(records, config)
    return checkRecords(records.subarray(0, size), config, nowMs)
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
    throw new InvalidRecordsError(ErrorCode.CORRUPT_MESSAGE, error.message)
  }
}

/** Everything that needs no record. Returns the size of the one batch. */
function checkHeader(records: Buffer, config: ValidationConfig): number {
  const invalid = (message: string) => new InvalidRecordsError(ErrorCode.INVALID_RECORD, message)
  const size = sizeOfBatchAt(records, 0, records.length)
  if (size < 0) throw new CorruptRecordError('the batch is cut off')
  if (records[MAGIC_AT] !== 2) throw invalid(`magic ${records[MAGIC_AT]}, expected 2`)
  const baseOffset = readBaseOffset(records, 0)
  if (baseOffset !== 0) {
    throw invalid(
      `The baseOffset of the record batch in the append should be 0, but it is ${baseOffset}`,
    )
  }
  if (size > config.maxMessageBytes) {
    throw new InvalidRecordsError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The record batch size in the append is ${size} bytes which exceeds the maximum configured value of ${config.maxMessageBytes}`,
    )
  }
  if (crc32c(records, MAGIC_AT + 5, size) !== readCrc(records, 0)) {
    throw new InvalidRecordsError(
      ErrorCode.CORRUPT_MESSAGE,
      'Record is corrupt (stored crc is not that of its bytes)',
    )
  }
  if (sizeOfBatchAt(records, size, records.length) > 0) {
    throw invalid('Compressed outer record has more than one batch')
  }
  const count = readRecordCount(records, 0)
  const lastOffsetDelta = readLastOffsetDelta(records, 0)
  if (lastOffsetDelta < 0 || count < 1 || count !== lastOffsetDelta + 1) {
    throw invalid(`Inconsistent batch: ${count} records, last offset delta ${lastOffsetDelta}`)
  }
  if (isControl(records, 0)) {
    throw invalid('Clients are not allowed to write control records')
  }
  if (readProducerId(records, 0) >= 0 && readBaseSequence(records, 0) < 0) {
    throw invalid('Invalid sequence number in record batch with a producer id')
  }
  return size
}

function checkRecords(batch: Buffer, config: ValidationConfig, nowMs: number): ValidBatch {
  const codec = readCompression(batch, 0)
  const stampsAppendTime = config.messageTimestampType === 'LogAppendTime'
  if (isLogAppendTime(batch, 0)) {
    throw new InvalidRecordsError(
      ErrorCode.INVALID_TIMESTAMP,
      'Invalid timestamp type in message: clients may not set LogAppendTime',
    )
  }
  const payload = batch.subarray(BATCH_OVERHEAD)
  const plain = codec === Compression.NONE ? payload : decompress(codec, payload)
  const walk = walkRecords(batch, plain, config, nowMs, stampsAppendTime)
  const target = targetCodec(config.compressionType, codec)
  const mustRebuild = target !== codec || (codec !== Compression.NONE && !walk.inOrder)
  const valid = mustRebuild ? rebuilt(batch, target, config) : batch
  const maxTimestamp = stampsAppendTime ? nowMs : walk.maxTimestamp
  if (stampsAppendTime || readMaxTimestamp(valid, 0) !== maxTimestamp) {
    writeMaxTimestamp(valid, 0, maxTimestamp)
    if (stampsAppendTime) writeAttributes(valid, 0, readAttributes(valid, 0) | 0x08)
    stampCrc(valid, 0, valid.length)
  }
  return { batch: valid, maxTimestamp, logAppendTimeMs: stampsAppendTime ? nowMs : -1 }
}

interface Walk {
  readonly maxTimestamp: number
  /** Offset deltas are 0, 1, 2 ... */
  readonly inOrder: boolean
}

function walkRecords(
  batch: Buffer,
  plain: Buffer,
  config: ValidationConfig,
  nowMs: number,
  stampsAppendTime: boolean,
): Walk {
  const cursor = new RecordCursor(plain, 0, plain.length)
  const baseTimestamp = readBaseTimestamp(batch, 0)
  const needsKeys = config.cleanupPolicy.includes('compact')
  const difference = config.messageTimestampDifferenceMaxMs
  const pick = (bound: number) => (bound === LONG_MAX ? difference : bound)
  const beforeMaxMs = pick(config.messageTimestampBeforeMaxMs)
  const afterMaxMs = pick(config.messageTimestampAfterMaxMs)
  const checksTime = !stampsAppendTime && (beforeMaxMs < LONG_MAX || afterMaxMs < LONG_MAX)
  const errors: RecordError[] = []
  let badTimestamps = 0
  let maxTimestamp = -1
  let inOrder = true
  const count = readRecordCount(batch, 0)
  for (let index = 0; index < count; index++) {
    const length = cursor.varint()
    const end = cursor.at + length
    if (length < 0 || end > cursor.end) throw malformed(`a record of ${length} bytes`)
    cursor.at += 1
    const timestamp = baseTimestamp + cursor.varlong()
    if (timestamp > maxTimestamp) maxTimestamp = timestamp
    if (cursor.varint() !== index) inOrder = false
    const keyLength = skipField(cursor)
    skipField(cursor)
    skipHeaders(cursor)
    if (cursor.at !== end) throw malformed('a record does not end where it says')
    if (needsKeys && keyLength < 0) errors.push(missingKey(index))
    if (checksTime && timestamp !== -1 && isOutside(timestamp, nowMs, beforeMaxMs, afterMaxMs)) {
      badTimestamps += 1
      errors.push(badTimestamp(index, timestamp))
    }
  }
  if (cursor.remaining > 0) throw malformed(`${cursor.remaining} bytes after the last record`)
  if (errors.length > 0) throw recordsRefused(errors, badTimestamps > 0)
  return { maxTimestamp, inOrder }
}

function skipField(cursor: RecordCursor): number {
  const length = cursor.varint()
  if (length > 0) cursor.skip(length)
  else if (length < -1) throw malformed(`a field of ${length} bytes`)
  return length
}

function skipHeaders(cursor: RecordCursor): void {
  const count = cursor.varint()
  if (count < 0 || count > cursor.remaining) throw malformed(`${count} headers`)
  for (let at = 0; at < count; at++) {
    const keyLength = cursor.varint()
    if (keyLength < 0) throw malformed('a header without a key')
    cursor.skip(keyLength)
    skipField(cursor)
  }
}

function isOutside(timestamp: number, nowMs: number, beforeMs: number, afterMs: number): boolean {
  return nowMs - timestamp > beforeMs || timestamp - nowMs > afterMs
}

function missingKey(batchIndex: number): RecordError {
  const batchIndexErrorMessage =
    'Compacted topic cannot accept message without key in topic partition.'
  return { batchIndex, batchIndexErrorMessage }
}

function badTimestamp(batchIndex: number, timestamp: number): RecordError {
  const batchIndexErrorMessage = `Timestamp ${timestamp} of message with offset ${batchIndex} is out of range.`
  return { batchIndex, batchIndexErrorMessage }
}

function recordsRefused(errors: readonly RecordError[], hasBadTimestamp: boolean) {
  const first = errors[0]!.batchIndexErrorMessage
  return hasBadTimestamp
    ? new InvalidRecordsError(
        ErrorCode.INVALID_TIMESTAMP,
        'One or more records have been rejected due to invalid timestamp',
        errors,
      )
    : new InvalidRecordsError(
        ErrorCode.INVALID_RECORD,
        `One or more records have been rejected due to ${errors.length} record errors in total, and only showing the first three errors at most: ${first}`,
        errors,
      )
}

function malformed(message: string): InvalidRecordsError {
  return new InvalidRecordsError(ErrorCode.INVALID_RECORD, `Found invalid record: ${message}`)
}

function targetCodec(compressionType: string, codec: number): number {
  if (compressionType === 'producer') return codec
  if (compressionType === 'uncompressed') return Compression.NONE
  return (COMPRESSION_NAMES as readonly string[]).indexOf(compressionType)
}

function rebuilt(batch: Buffer, codec: number, config: ValidationConfig): Buffer {
  const levels = [
    undefined,
    config.compressionGzipLevel,
    undefined,
    config.compressionLz4Level,
    config.compressionZstdLevel,
  ]
  const made = buildBatch(readRecords(batch), {
    compression: codec,
    ...(levels[codec] === undefined ? {} : { level: levels[codec] }),
    producerId: readProducerId(batch, 0),
    producerEpoch: readProducerEpoch(batch, 0),
    baseSequence: readBaseSequence(batch, 0),
    isTransactional: isTransactional(batch, 0),
  })
  if (made.length > config.maxMessageBytes) {
    throw new InvalidRecordsError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The recompressed batch has ${made.length} bytes, allowed are ${config.maxMessageBytes}`,
    )
  }
  return made
}
