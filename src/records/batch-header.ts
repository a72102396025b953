/**
 * The 61-byte header of a record batch (magic 2) read and written in place: known fields at known
 * places, so that nothing on the data path decodes a batch. `at` is the position of the batch in the
 * buffer. Offset and leader epoch lie before the range of the checksum.
 *
 * Logs that an old Kafka began hold messages of magic 0 and 1. The readers answer for those too, with
 * "none" for what they do not have; only the writers, the record count and the delta of the last
 * offset are for magic 2 alone.
 */

/** Offset and length, the part that every magic shares. */
export const LOG_OVERHEAD = 12
/** Enough to classify an entry: offset, length, leader epoch (or crc), magic. */
export const HEADER_SIZE_UP_TO_MAGIC = 17
export const BATCH_OVERHEAD = 61

export const BASE_OFFSET_AT = 0
export const LENGTH_AT = 8
export const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
export const CRC_AT = 17
/** The checksum covers everything from here on. */
export const ATTRIBUTES_AT = 21
export const LAST_OFFSET_DELTA_AT = 23
export const BASE_TIMESTAMP_AT = 27
export const MAX_TIMESTAMP_AT = 35
export const PRODUCER_ID_AT = 43
export const PRODUCER_EPOCH_AT = 51
export const BASE_SEQUENCE_AT = 53
export const RECORD_COUNT_AT = 57

/** In messages of magic 0 and 1, which have their checksum where batches have the leader epoch. */
export const LEGACY_CRC_AT = 12
export const LEGACY_ATTRIBUTES_AT = 17
/** Magic 1 only. */
export const LEGACY_TIMESTAMP_AT = 18
/** Codec and timestamp type; the other bits have no meaning there. */
const LEGACY_ATTRIBUTES_MASK = 0x0f

export const COMPRESSION_MASK = 0x07
export const TIMESTAMP_TYPE_BIT = 0x08
export const TRANSACTIONAL_BIT = 0x10
export const CONTROL_BIT = 0x20
const DELETE_HORIZON_BIT = 0x40

const TWO_TO_32 = 0x1_0000_0000

export function readInt32(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
}

/** Two 32-bit halves: exact up to 2^53. */
export function readInt64(buffer: Buffer, at: number): number {
  return readInt32(buffer, at) * TWO_TO_32 + (readInt32(buffer, at + 4) >>> 0)
}

export function writeInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >> 24
  buffer[at + 1] = value >> 16
  buffer[at + 2] = value >> 8
  buffer[at + 3] = value
}

export function writeInt64(buffer: Buffer, at: number, value: number): void {
  writeInt32(buffer, at, Math.floor(value / TWO_TO_32))
  writeInt32(buffer, at + 4, value)
}

export function readBaseOffset(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BASE_OFFSET_AT)
}

export function writeBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, at + BASE_OFFSET_AT, offset)
}

/** Bytes of the whole batch, the first 12 included. */
export function readSizeInBytes(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + LENGTH_AT) + LOG_OVERHEAD
}

/** -1 for old messages. */
export function readLeaderEpoch(buffer: Buffer, at: number): number {
  return isLegacy(buffer, at) ? -1 : readInt32(buffer, at + LEADER_EPOCH_AT)
}

export function writeLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  writeInt32(buffer, at + LEADER_EPOCH_AT, epoch)
}

/** At the same place in every format. */
export function readMagic(buffer: Buffer, at: number): number {
  return (buffer[at + MAGIC_AT]! << 24) >> 24
}

/** A message of the formats of before 0.11. */
export function isLegacy(buffer: Buffer, at: number): boolean {
  return buffer[at + MAGIC_AT]! < 2
}

/** Unsigned; magic 2 only. */
export function readCrc(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + CRC_AT) >>> 0
}

export function writeCrc(buffer: Buffer, at: number, crc: number): void {
  writeInt32(buffer, at + CRC_AT, crc)
}

export function readAttributes(buffer: Buffer, at: number): number {
  if (isLegacy(buffer, at)) return buffer[at + LEGACY_ATTRIBUTES_AT]! & LEGACY_ATTRIBUTES_MASK
  return (buffer[at + ATTRIBUTES_AT]! << 8) | buffer[at + ATTRIBUTES_AT + 1]!
}

export function writeAttributes(buffer: Buffer, at: number, attributes: number): void {
  buffer[at + ATTRIBUTES_AT] = attributes >> 8
  buffer[at + ATTRIBUTES_AT + 1] = attributes
}

/** Magic 2 only. */
export function readLastOffsetDelta(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + LAST_OFFSET_DELTA_AT)
}

/** Inclusive. */
export function readLastOffset(buffer: Buffer, at: number): number {
  const offset = readBaseOffset(buffer, at)
  return isLegacy(buffer, at) ? offset : offset + readLastOffsetDelta(buffer, at)
}

/** Magic 2 only: the timestamp of the first record, or the delete horizon. */
export function readBaseTimestamp(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BASE_TIMESTAMP_AT)
}

/** -1: none. */
export function readMaxTimestamp(buffer: Buffer, at: number): number {
  const magic = buffer[at + MAGIC_AT]!
  if (magic < 2) return magic === 0 ? -1 : readInt64(buffer, at + LEGACY_TIMESTAMP_AT)
  return readInt64(buffer, at + MAX_TIMESTAMP_AT)
}

export function writeMaxTimestamp(buffer: Buffer, at: number, timestampMs: number): void {
  writeInt64(buffer, at + MAX_TIMESTAMP_AT, timestampMs)
}

/** -1: none. */
export function readProducerId(buffer: Buffer, at: number): number {
  return isLegacy(buffer, at) ? -1 : readInt64(buffer, at + PRODUCER_ID_AT)
}

export function readProducerEpoch(buffer: Buffer, at: number): number {
  if (isLegacy(buffer, at)) return -1
  return ((buffer[at + PRODUCER_EPOCH_AT]! << 24) >> 16) | buffer[at + PRODUCER_EPOCH_AT + 1]!
}

/** -1: none. */
export function readBaseSequence(buffer: Buffer, at: number): number {
  return isLegacy(buffer, at) ? -1 : readInt32(buffer, at + BASE_SEQUENCE_AT)
}

/** Magic 2 only: how many a compressed old message holds stands nowhere. */
export function readRecordCount(buffer: Buffer, at: number): number {
  return readInt32(buffer, at + RECORD_COUNT_AT)
}

/** Sequence of the last record; sequences wrap from 2147483647 to 0. -1 without a base sequence. */
export function readLastSequence(buffer: Buffer, at: number): number {
  const base = readBaseSequence(buffer, at)
  return base < 0 ? -1 : addToSequence(base, readLastOffsetDelta(buffer, at))
}

export function addToSequence(base: number, delta: number): number {
  const max = 0x7fff_ffff
  return base > max - delta ? delta - (max - base) - 1 : base + delta
}

/** The codec number in the lowest three bits; 0 is none, 5 to 7 are illegal. */
export function readCompression(buffer: Buffer, at: number): number {
  return readAttributes(buffer, at) & COMPRESSION_MASK
}

export function isLogAppendTime(buffer: Buffer, at: number): boolean {
  return (readAttributes(buffer, at) & TIMESTAMP_TYPE_BIT) !== 0
}

export function isTransactional(buffer: Buffer, at: number): boolean {
  return (readAttributes(buffer, at) & TRANSACTIONAL_BIT) !== 0
}

export function isControl(buffer: Buffer, at: number): boolean {
  return (readAttributes(buffer, at) & CONTROL_BIT) !== 0
}

export function hasDeleteHorizon(buffer: Buffer, at: number): boolean {
  return (readAttributes(buffer, at) & DELETE_HORIZON_BIT) !== 0
}
