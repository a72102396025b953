/**
 * The codecs of record batches, synchronous. What comes out of a decompressor is bounded, so that a
 * small batch cannot claim all memory.
 */
import { createRequire } from 'node:module'
import zlib from 'node:zlib'
import { CorruptRecordError } from './batches.ts'

/** Codec numbers as in the attributes of a batch. */
export const Compression = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const
export type Compression = (typeof Compression)[keyof typeof Compression]

export const COMPRESSION_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const DEFAULT_OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024

interface SnappyCodec {
  compressSync(input: Buffer): Buffer
  uncompressSync(input: Buffer): Buffer
}

interface Lz4Codec {
  compressFrameSync(input: Buffer, options?: unknown): Buffer
  decompressFrameSync(input: Buffer): Buffer
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16
const XERIAL_BLOCK_BYTES = 32 * 1024

/** Throws `CorruptRecordError` for what is no such data, or is larger than the limit. */
export function decompress(
  codec: number,
  input: Buffer,
  limitBytes: number = DEFAULT_OUTPUT_LIMIT_BYTES,
): Buffer {
  try {
    return decompressUnchecked(codec, input, limitBytes)
  } catch (error) {
    if (error instanceof CorruptRecordError) throw error
    const name = COMPRESSION_NAMES[codec] ?? `codec ${codec}`
    throw new CorruptRecordError(`cannot decompress ${name}: ${(error as Error).message}`)
  }
}

function decompressUnchecked(codec: number, input: Buffer, limitBytes: number): Buffer {
  const options = { maxOutputLength: limitBytes }
  switch (codec) {
    case Compression.NONE:
      return input
    case Compression.GZIP:
      return zlib.gunzipSync(input, options)
    case Compression.SNAPPY:
      return decompressSnappy(input, limitBytes)
    case Compression.LZ4:
      return decompressLz4(input, limitBytes)
    case Compression.ZSTD:
      return zlib.zstdDecompressSync(input, options)
    default:
      throw new CorruptRecordError(`codec ${codec} does not exist`)
  }
}

/** `level` as in `compression.*.level`; the codec's default when undefined. */
export function compress(codec: number, input: Buffer, level?: number): Buffer {
  switch (codec) {
    case Compression.NONE:
      return input
    case Compression.GZIP:
      return zlib.gzipSync(input, level === undefined ? {} : { level })
    case Compression.SNAPPY:
      return compressSnappy(input)
    case Compression.LZ4:
      return lz4().compressFrameSync(input)
    case Compression.ZSTD:
      return zlib.zstdCompressSync(
        input,
        level === undefined ? {} : { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } },
      )
    default:
      throw new CorruptRecordError(`codec ${codec} does not exist`)
  }
}

/** The xerial stream of the Java client, or one bare block as librdkafka may send. */
function decompressSnappy(input: Buffer, limitBytes: number): Buffer {
  if (!input.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return decompressSnappyBlock(input, limitBytes)
  }
  const blocks: Buffer[] = []
  let bytes = 0
  let at = XERIAL_HEADER_BYTES
  while (at < input.length) {
    if (input.length - at < 4) throw new CorruptRecordError('a snappy stream ends in a length')
    const length = input.readInt32BE(at)
    at += 4
    if (length < 0 || length > input.length - at) {
      throw new CorruptRecordError(`a snappy block of ${length} bytes does not fit`)
    }
    const block = decompressSnappyBlock(input.subarray(at, at + length), limitBytes - bytes)
    blocks.push(block)
    bytes += block.length
    at += length
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks, bytes)
}

function decompressSnappyBlock(block: Buffer, limitBytes: number): Buffer {
  const announced = readUvarint(block)
  if (announced > limitBytes) {
    throw new CorruptRecordError(`a snappy block of ${announced} bytes, allowed ${limitBytes}`)
  }
  return snappy().uncompressSync(block)
}

function compressSnappy(input: Buffer): Buffer {
  const header = Buffer.alloc(XERIAL_HEADER_BYTES)
  XERIAL_MAGIC.copy(header)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const parts: Buffer[] = [header]
  for (let at = 0; at < input.length; at += XERIAL_BLOCK_BYTES) {
    const block = snappy().compressSync(input.subarray(at, at + XERIAL_BLOCK_BYTES))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length, 0)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** Little-endian size of each block, its highest bit set when it is stored as it is. */
function decompressLz4(input: Buffer, limitBytes: number): Buffer {
  const largest = maxLz4Output(input)
  if (largest > limitBytes) {
    throw new CorruptRecordError(`an lz4 frame of up to ${largest} bytes, allowed ${limitBytes}`)
  }
  return lz4().decompressFrameSync(input)
}

const LZ4_MAGIC = 0x184d2204
const LZ4_BLOCK_BYTES: Readonly<Record<number, number>> = {
  4: 64 * 1024,
  5: 256 * 1024,
  6: 1024 * 1024,
  7: 4 * 1024 * 1024,
}

/** What the blocks of a frame can decompress to at most: a block holds no more than its maximum. */
function maxLz4Output(input: Buffer): number {
  if (input.length < 11 || input.readUInt32LE(0) !== LZ4_MAGIC) {
    throw new CorruptRecordError('not an lz4 frame')
  }
  const flags = input[4]!
  const blockBytes = LZ4_BLOCK_BYTES[(input[5]! >> 4) & 7]
  if (blockBytes === undefined) throw new CorruptRecordError('an lz4 frame of unknown block size')
  const blockChecksumBytes = (flags & 0x10) !== 0 ? 4 : 0
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0)
  let total = 0
  for (;;) {
    if (input.length - at < 4) throw new CorruptRecordError('an lz4 frame without an end')
    const size = input.readUInt32LE(at)
    at += 4
    if (size === 0) return total
    total += Math.min(blockBytes, (size & 0x7fff_ffff) * 255)
    at += (size & 0x7fff_ffff) + blockChecksumBytes
  }
}

function readUvarint(buffer: Buffer): number {
  let value = 0
  for (let at = 0; at < 5; at++) {
    const byte = buffer[at]
    if (byte === undefined) break
    value += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return value
  }
  throw new CorruptRecordError('a snappy block without its length')
}

/** Loaded at first use: most brokers never see a compressed batch of a kind. */
const loaded: { snappy?: SnappyCodec; lz4?: Lz4Codec } = {}

function snappy(): SnappyCodec {
  loaded.snappy ??= loadSnappy()
  return loaded.snappy
}

function loadSnappy(): SnappyCodec {
  const require = createRequire(import.meta.url)
  try {
    return require('snappy') as SnappyCodec
  } catch {
    const pure = require('snappyjs') as {
      compress(input: Buffer): Uint8Array
      uncompress(input: Buffer): Uint8Array
    }
    return {
      compressSync: (input) => Buffer.from(pure.compress(input)),
      uncompressSync: (input) => Buffer.from(pure.uncompress(input)),
    }
  }
}

function lz4(): Lz4Codec {
  loaded.lz4 ??= createRequire(import.meta.url)('lz4-napi') as Lz4Codec
  return loaded.lz4
}
