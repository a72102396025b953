import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { CorruptRecordError } from '../../src/records/batches.ts'
import {
  COMPRESSION_NAMES,
  Compression,
  compress,
  decompress,
} from '../../src/records/compression.ts'
import {
  inspectLz4Frame,
  withMagic0HeaderChecksum,
  withRightHeaderChecksum,
} from '../../src/records/lz4-frame.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const require = createRequire(import.meta.url)
const CODECS = [0, 1, 2, 3, 4]
const MIB = 1024 * 1024

test('what goes in comes out, of any size and with any codec', () => {
  const random = new SeededRandom(5)
  for (const codec of CODECS) {
    for (const length of [0, 1, 100, 32768, 32769, 65536, 65537, 300000]) {
      const noise = random.bytes(length)
      const text = Buffer.alloc(length, 'all work and no play ')
      for (const bytes of [noise, text]) {
        assert.deepEqual(decompress(codec, compress(codec, bytes)), bytes, COMPRESSION_NAMES[codec])
      }
    }
  }
})

test('codecs 5 to 7 do not exist', () => {
  for (const codec of [5, 6, 7]) {
    assert.throws(() => decompress(codec, Buffer.alloc(10)), CorruptRecordError)
    assert.throws(() => compress(codec, Buffer.alloc(10)), CorruptRecordError)
  }
})

test('nothing decompresses to more than is allowed', () => {
  const large = Buffer.alloc(MIB)
  for (const codec of CODECS.slice(1)) {
    const bytes = compress(codec, large)
    // What an lz4 frame may hold is known only about.
    const limit = codec === Compression.LZ4 ? 2 * MIB : MIB
    assert.equal(decompress(codec, bytes, limit).length, MIB)
    assert.throws(() => decompress(codec, bytes, MIB - 1), CorruptRecordError)
  }
})

test('bombs are refused without going off', () => {
  const bombs: [number, Buffer][] = [
    [Compression.GZIP, zlib.gzipSync(Buffer.alloc(65 * MIB), { level: 1 })],
    [Compression.ZSTD, zlib.zstdCompressSync(Buffer.alloc(65 * MIB))],
    // A snappy block that claims 4 GiB, alone and in a stream.
    [Compression.SNAPPY, Buffer.from('ffffffff0f00', 'hex')],
    [
      Compression.SNAPPY,
      Buffer.from('82534e4150505900000000010000000100000006ffffffff0f00', 'hex'),
    ],
    [Compression.LZ4, lz4Bomb(20)],
  ]
  const before = process.memoryUsage().arrayBuffers
  for (const [codec, bytes] of bombs) {
    assert.throws(() => decompress(codec, bytes), CorruptRecordError, COMPRESSION_NAMES[codec])
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 200 * MIB)
})

/** Blocks of 4 MiB of zeros each. */
function lz4Bomb(blocks: number): Buffer {
  const frame = compress(Compression.LZ4, Buffer.alloc(4 * MIB))
  const block = frame.subarray(7, -4)
  return Buffer.concat([frame.subarray(0, 7), ...Array(blocks).fill(block), Buffer.alloc(4)])
}

test('a snappy stream has the header and blocks that Java writes and reads', () => {
  const bytes = compress(Compression.SNAPPY, Buffer.alloc(70000, 'x'))
  assert.equal(bytes.subarray(0, 16).toString('hex'), '82534e41505059000000000100000001')
  const sizes: number[] = []
  for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    sizes.push(bytes.readInt32BE(at))
  }
  assert.equal(sizes.length, 3)
})

test('a bare snappy block is read too, as librdkafka may send it', () => {
  const native = require('snappy') as { compressSync(input: Buffer): Buffer }
  const plain = Buffer.alloc(5000, 'snap')
  assert.deepEqual(decompress(Compression.SNAPPY, native.compressSync(plain)), plain)
})

test('the fallback for snappy understands what the native package writes, and the other way', () => {
  const pure = require('snappyjs') as {
    compress(input: Buffer): Buffer
    uncompress(input: Buffer): Buffer
  }
  const native = require('snappy') as {
    compressSync(input: Buffer): Buffer
    uncompressSync(input: Buffer): Buffer
  }
  const plain = new SeededRandom(6).bytes(3000)
  assert.deepEqual(Buffer.from(pure.uncompress(native.compressSync(plain))), plain)
  assert.deepEqual(native.uncompressSync(Buffer.from(pure.compress(plain))), plain)
})

test('an lz4 frame has independent blocks and no checksums, as Kafka writes it', () => {
  const frame = compress(Compression.LZ4, Buffer.from('some bytes'))
  assert.equal(frame.subarray(0, 7).toString('hex'), '04224d18604082')
})

test('lz4 frames that Java cannot read are refused', () => {
  const frame = compress(Compression.LZ4, Buffer.alloc(1000, 'lz4'))
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(frame)
    copy[at] = value
    return withRightHeaderChecksum(copy)
  }
  const bad = {
    'dependent blocks': changed(4, 0x40),
    'a dictionary': changed(4, 0x61),
    'another version': changed(4, 0xa0),
    'a reserved flag': changed(4, 0x62),
    'a reserved block size bit': changed(5, 0x41),
    'a block size that does not exist': changed(5, 0x30),
    'another magic': changed(0, 0x05),
    'a wrong header checksum': Buffer.from(frame).fill(0x83, 6, 7),
    'no end': frame.subarray(0, -4),
  }
  for (const [what, bytes] of Object.entries(bad)) {
    assert.throws(() => decompress(Compression.LZ4, bytes), CorruptRecordError, what)
  }
})

test('lz4 frames with block checksums and content checksums are read', () => {
  const native = require('lz4-napi') as {
    compressFrameSync(
      input: Buffer,
      options: { contentChecksum: boolean; blockChecksums: boolean },
    ): Buffer
  }
  const plain = new SeededRandom(7).bytes(200000)
  const options = { contentChecksum: true, blockChecksums: true }
  const frame = native.compressFrameSync(plain, options)
  assert.equal(inspectLz4Frame(frame).end, frame.length)
  assert.deepEqual(decompress(Compression.LZ4, frame), plain)
})

test('bytes after an lz4 frame are no part of it', () => {
  const frame = compress(Compression.LZ4, Buffer.from('one'))
  const twice = Buffer.concat([frame, compress(Compression.LZ4, Buffer.from('two'))])
  assert.equal(inspectLz4Frame(twice).end, frame.length)
  assert.equal(decompress(Compression.LZ4, twice).toString(), 'one')
})

test('the header checksum of magic 0 covers too much, as in Kafka, and can be undone', () => {
  const frame = compress(Compression.LZ4, Buffer.from('old'))
  const old = withMagic0HeaderChecksum(frame)
  assert.equal(old.subarray(0, 7).toString('hex'), '04224d1860401a')
  assert.deepEqual(withRightHeaderChecksum(old), frame)
})

test('any cut or flipped byte of compressed data gives bytes or CorruptRecordError', () => {
  const random = new SeededRandom(8)
  const plain = Buffer.concat([Buffer.alloc(500, 'text'), random.bytes(200)])
  for (const codec of CODECS.slice(1)) {
    const bytes = compress(codec, plain)
    for (let end = 0; end < bytes.length; end += 3) triedDecompress(codec, bytes.subarray(0, end))
    for (let round = 0; round < 300; round++) {
      const damaged = Buffer.from(bytes)
      damaged[random.nextInt(damaged.length)]! ^= 1 << random.nextInt(8)
      triedDecompress(codec, damaged)
    }
    for (let round = 0; round < 50; round++) triedDecompress(codec, random.bytes(round))
  }
})

function triedDecompress(codec: number, bytes: Buffer): void {
  try {
    assert.ok(decompress(codec, bytes, MIB).length <= MIB)
  } catch (error) {
    assert.ok(error instanceof CorruptRecordError, String(error))
  }
}
