/**
 * The codecs of record batches, synchronous. What comes out of a decompressor is bounded, so that a
 * small batch cannot claim all memory.
 */
import { createRequire } from 'node:module'
import zlib from 'node:zlib'
import { CorruptRecordError } from './batches.ts'
import { inspectLz4Frame } from './lz4-frame.ts'

/** Codec numbers as in the attributes of a batch. */
export const Compression = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const
export type Compression = (typeof Compression)[keyof typeof Compression]

export const COMPRESSION_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export const DEFAULT_OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024

/** Compressed bytes that cannot be decompressed, or are more than may be. */
export class DecompressionError extends CorruptRecordError {
  constructor(message: string) {
    super(message)
    this.name = 'DecompressionError'
  }
}

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

/** Throws `DecompressionError` for what is no such data, or is larger than the limit. */
export function decompress(
  codec: number,
  input: Buffer,
  limitBytes: number = DEFAULT_OUTPUT_LIMIT_BYTES,
): Buffer {
  try {
    return decompressUnchecked(codec, input, limitBytes)
  } catch (error) {
    const { message } = error as Error
    if (error instanceof CorruptRecordError) throw new DecompressionError(message)
    throw new DecompressionError(`cannot decompress ${COMPRESSION_NAMES[codec]}: ${message}`)
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

/** The native decoder has no limit of its own: what the frame may hold is known before. */
function decompressLz4(input: Buffer, limitBytes: number): Buffer {
  const { end, largestOutput } = inspectLz4Frame(input)
  if (largestOutput > limitBytes) {
    throw new CorruptRecordError(
      `an lz4 frame of up to ${largestOutput} bytes, allowed ${limitBytes}`,
    )
  }
  return lz4().decompressFrameSync(end === input.length ? input : input.subarray(0, end))
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

/** Loaded at first use: most brokers never see a compressed batch of a kind. A cache, no state. */
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
