/**
 * The frame around lz4 blocks, as far as Kafka cares: what its readers refuse is refused here, since
 * consumers get batches as they came; and the header checksum that its oldest format gets wrong.
 */
import { CorruptRecordError } from './batches.ts'

const MAGIC = 0x184d2204
const FLAGS_AT = 4
const BLOCK_SIZE_AT = 5
const DESCRIPTOR_AT = 6

const VERSION_MASK = 0xc0
const VERSION_1 = 0x40
const INDEPENDENT_BIT = 0x20
const BLOCK_CHECKSUM_BIT = 0x10
const CONTENT_SIZE_BIT = 0x08
const CONTENT_CHECKSUM_BIT = 0x04
const RESERVED_FLAGS = 0x03
const RESERVED_BLOCK_SIZE = 0x8f
/** Set when a block is stored as it is. */
const STORED_BIT = 0x8000_0000
/** No byte of a block can stand for more than this many. */
const LARGEST_RATIO = 255

const MAX_BLOCK_BYTES: readonly number[] = [4, 5, 6, 7].map((id) => 2 ** (8 + 2 * id))

export interface Lz4Frame {
  /** Where the frame ends in the input. */
  readonly end: number
  /** What it may decompress to at most. */
  readonly largestOutput: number
}

/** Throws `CorruptRecordError` for what is no whole frame of a kind that Kafka reads. */
export function inspectLz4Frame(input: Buffer): Lz4Frame {
  if (input.length < DESCRIPTOR_AT + 1 || input.readUInt32LE(0) !== MAGIC) {
    throw new CorruptRecordError('not an lz4 frame')
  }
  const flags = input[FLAGS_AT]!
  const blockSize = input[BLOCK_SIZE_AT]!
  if ((flags & VERSION_MASK) !== VERSION_1 || (flags & RESERVED_FLAGS) !== 0) {
    throw new CorruptRecordError(`an lz4 frame with flags ${flags}`)
  }
  if ((flags & INDEPENDENT_BIT) === 0) {
    throw new CorruptRecordError('an lz4 frame whose blocks depend on each other')
  }
  const blockBytes = MAX_BLOCK_BYTES[(blockSize >> 4) - 4]
  if (blockBytes === undefined || (blockSize & RESERVED_BLOCK_SIZE) !== 0) {
    throw new CorruptRecordError(`an lz4 frame of block size ${blockSize}`)
  }
  return inspectBlocks(input, flags, blockBytes)
}

function inspectBlocks(input: Buffer, flags: number, blockBytes: number): Lz4Frame {
  const trailerBytes = (flags & BLOCK_CHECKSUM_BIT) !== 0 ? 4 : 0
  let at = checksumAt(flags) + 1
  let largestOutput = 0
  while (input.length - at >= 4) {
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) {
      const end = at + ((flags & CONTENT_CHECKSUM_BIT) !== 0 ? 4 : 0)
      if (end > input.length) break
      return { end, largestOutput }
    }
    const isStored = word >= STORED_BIT
    const bytes = isStored ? word - STORED_BIT : word
    if (bytes > blockBytes || bytes + trailerBytes > input.length - at) {
      throw new CorruptRecordError(`an lz4 block of ${bytes} bytes does not fit`)
    }
    largestOutput += isStored ? bytes : Math.min(blockBytes, bytes * LARGEST_RATIO)
    at += bytes + trailerBytes
  }
  throw new CorruptRecordError('an lz4 frame without an end')
}

function checksumAt(flags: number): number {
  return (flags & CONTENT_SIZE_BIT) !== 0 ? DESCRIPTOR_AT + 8 : DESCRIPTOR_AT
}

/**
 * A copy with the right header checksum. In messages of magic 0 it covers the frame's magic too, by an
 * old mistake of Kafka, and does not count.
 */
export function withRightHeaderChecksum(frame: Buffer): Buffer {
  return withHeaderChecksum(frame, FLAGS_AT)
}

/** As messages of magic 0 must have it. */
export function withMagic0HeaderChecksum(frame: Buffer): Buffer {
  return withHeaderChecksum(frame, 0)
}

function withHeaderChecksum(frame: Buffer, from: number): Buffer {
  if (frame.length <= DESCRIPTOR_AT) return frame
  const at = checksumAt(frame[FLAGS_AT]!)
  if (frame.length <= at || at - from > 15) return frame
  const copy = Buffer.from(frame)
  copy[at] = (xxHash32(frame.subarray(from, at)) >>> 8) & 0xff
  return copy
}

const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

/** Of fewer than 16 bytes, with seed 0; no header is longer. */
function xxHash32(input: Buffer): number {
  let hash = (PRIME_5 + input.length) | 0
  let at = 0
  for (; at + 4 <= input.length; at += 4) {
    hash = (hash + Math.imul(input.readUInt32LE(at), PRIME_3)) | 0
    hash = Math.imul(rotatedLeft(hash, 17), PRIME_4)
  }
  for (; at < input.length; at++) {
    hash = (hash + Math.imul(input[at]!, PRIME_5)) | 0
    hash = Math.imul(rotatedLeft(hash, 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}

function rotatedLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
