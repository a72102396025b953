/**
 * Messages of before 0.11: magic 0 has no timestamp, magic 1 has one. A compressed set of them is the
 * value of a wrapper message. Offsets in a wrapper of magic 0 are absolute; in one of magic 1 they are
 * relative, and the wrapper has the last absolute one.
 */
import zlib from 'node:zlib'
import { hasValidChecksum } from './batch-checksum.ts'
import {
  COMPRESSION_MASK,
  LEGACY_ATTRIBUTES_AT,
  LEGACY_CRC_AT,
  LEGACY_TIMESTAMP_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  readBaseOffset,
  readInt32,
  readInt64,
  readMagic,
  TIMESTAMP_TYPE_BIT,
  writeInt32,
  writeInt64,
} from './batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from './batches.ts'
import { Compression, compress, decompress } from './compression.ts'
import { withMagic0HeaderChecksum, withRightHeaderChecksum } from './lz4-frame.ts'

export interface LegacyMessage {
  readonly offset: number
  readonly magic: number
  readonly attributes: number
  /** -1: none. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export function codecOf({ attributes }: LegacyMessage): number {
  return attributes & COMPRESSION_MASK
}

export function hasAppendTime({ magic, attributes }: LegacyMessage): boolean {
  return magic === 1 && (attributes & TIMESTAMP_TYPE_BIT) !== 0
}

/** What the one message in `buffer` stands for: itself, or what it wraps, with absolute offsets. */
export function readLegacyMessages(buffer: Buffer): LegacyMessage[] {
  const message = readLegacyMessage(buffer, 0, buffer.length)
  return codecOf(message) === Compression.NONE ? [message] : unwrap(message)
}

/** The message at `at`, with its checksum checked. Throws `CorruptRecordError`. */
export function readLegacyMessage(buffer: Buffer, at: number, size: number): LegacyMessage {
  const magic = readMagic(buffer, at)
  if (magic > 1) throw new CorruptRecordError(`magic ${magic} among older messages`)
  const fieldsAt = at + (magic === 0 ? LEGACY_TIMESTAMP_AT : LEGACY_TIMESTAMP_AT + 8)
  const end = at + size
  if (fieldsAt > end) throw new CorruptRecordError(`a message of ${size} bytes`)
  if (!hasValidChecksum(buffer, at, size)) {
    throw new CorruptRecordError('the checksum of a message is not that of its bytes')
  }
  const key = readField(buffer, fieldsAt, end)
  const value = readField(buffer, fieldsAt + 4 + (key?.length ?? 0), end)
  return {
    offset: readBaseOffset(buffer, at),
    magic,
    attributes: buffer[at + LEGACY_ATTRIBUTES_AT]!,
    timestamp: magic === 0 ? -1 : readInt64(buffer, at + LEGACY_TIMESTAMP_AT),
    key,
    value,
  }
}

function readField(buffer: Buffer, at: number, end: number): Buffer | null {
  if (at + 4 > end) throw new CorruptRecordError('a message ends too early')
  const length = readInt32(buffer, at)
  if (length === -1) return null
  if (length < 0 || at + 4 + length > end) {
    throw new CorruptRecordError(`a field of ${length} bytes does not fit its message`)
  }
  return buffer.subarray(at + 4, at + 4 + length)
}

/** What a wrapper holds, in order, with absolute offsets. Throws `CorruptRecordError`. */
export function unwrap(wrapper: LegacyMessage): LegacyMessage[] {
  const inner = innerMessages(wrapper)
  const last = inner[inner.length - 1]?.offset
  if (last === undefined) throw new CorruptRecordError('a compressed message that holds nothing')
  // Old librdkafka sends a wrapper of offset 0, whatever it holds.
  const base = wrapper.magic === 0 || wrapper.offset === 0 ? 0 : wrapper.offset - last
  if (base < 0) {
    throw new CorruptRecordError(`offset ${wrapper.offset} on a message that holds ${last}`)
  }
  const appendTime = hasAppendTime(wrapper) ? wrapper.timestamp : null
  return inner.map((message) => ({
    ...message,
    offset: base + message.offset,
    timestamp: appendTime ?? message.timestamp,
  }))
}

function innerMessages(wrapper: LegacyMessage): LegacyMessage[] {
  const codec = codecOf(wrapper)
  if (codec === Compression.ZSTD) throw new CorruptRecordError('zstd came only with magic 2')
  if (wrapper.value === null) throw new CorruptRecordError('a compressed message without a value')
  const isOldLz4 = codec === Compression.LZ4 && wrapper.magic === 0
  const value = isOldLz4 ? withRightHeaderChecksum(wrapper.value) : wrapper.value
  const plain = decompress(codec, value)
  const messages: LegacyMessage[] = []
  let at = 0
  for (;;) {
    const size = sizeOfBatchAt(plain, at, plain.length)
    if (size < 0) break
    const message = readLegacyMessage(plain, at, size)
    if (message.magic !== wrapper.magic || codecOf(message) !== Compression.NONE) {
      throw new CorruptRecordError('a wrapper holds what it may not')
    }
    messages.push(message)
    at += size
  }
  if (at < plain.length) throw new CorruptRecordError('a compressed message ends too early')
  return messages
}

export interface NewLegacyMessage {
  readonly magic: 0 | 1
  readonly offset: number
  readonly timestamp: number
  readonly isAppendTime: boolean
  readonly key: Buffer | null
  readonly value: Buffer | null
}

export function encodeLegacyMessage(message: NewLegacyMessage, codec: number): Buffer {
  const { magic, key, value } = message
  const fieldsAt = magic === 0 ? LEGACY_TIMESTAMP_AT : LEGACY_TIMESTAMP_AT + 8
  const size = fieldsAt + 8 + (key?.length ?? 0) + (value?.length ?? 0)
  const buffer = Buffer.allocUnsafe(size)
  writeInt64(buffer, 0, message.offset)
  writeInt32(buffer, 8, size - LOG_OVERHEAD)
  buffer[MAGIC_AT] = magic
  const typeBit = magic === 1 && message.isAppendTime ? TIMESTAMP_TYPE_BIT : 0
  buffer[LEGACY_ATTRIBUTES_AT] = codec | typeBit
  if (magic === 1) writeInt64(buffer, LEGACY_TIMESTAMP_AT, message.timestamp)
  const valueAt = writeField(buffer, fieldsAt, key)
  writeField(buffer, valueAt, value)
  writeInt32(buffer, LEGACY_CRC_AT, zlib.crc32(buffer.subarray(MAGIC_AT)))
  return buffer
}

function writeField(buffer: Buffer, at: number, field: Buffer | null): number {
  writeInt32(buffer, at, field === null ? -1 : field.length)
  return at + 4 + (field === null ? 0 : field.copy(buffer, at + 4))
}

/** One wrapper around messages whose offsets are already what they must be inside. */
export function wrap(
  messages: readonly Buffer[],
  codec: number,
  wrapper: Omit<NewLegacyMessage, 'key' | 'value'>,
): Buffer {
  const compressed = compress(codec, Buffer.concat(messages))
  const isOldLz4 = codec === Compression.LZ4 && wrapper.magic === 0
  const value = isOldLz4 ? withMagic0HeaderChecksum(compressed) : compressed
  return encodeLegacyMessage({ ...wrapper, key: null, value }, codec)
}
