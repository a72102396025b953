import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasValidChecksum } from '../../src/records/batch-checksum.ts'
import {
  addToSequence,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  readAttributes,
  readBaseOffset,
  readBaseSequence,
  readBaseTimestamp,
  readInt64,
  readLastOffset,
  readLastSequence,
  readLeaderEpoch,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
  readSizeInBytes,
  writeBaseOffset,
  writeInt64,
  writeLeaderEpoch,
} from '../../src/records/batch-header.ts'
import { CorruptRecordError, forEachBatch, sizeOfBatchAt } from '../../src/records/batches.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { crc32c, crc32cInJavaScript } from '../../src/records/crc32c.ts'
import { readRecords } from '../../src/records/reader.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const TWO_RECORDS = Buffer.from(
  '00000000000000000000004a0000000002a94f3d630000000000010000018bcfe568000000018bcfe56805' +
    'ffffffffffffffffffffffffffff0000000210000000026b0276001e000a02010a68656c6c6f0202680278',
  'hex',
)
const COMMIT_MARKER = Buffer.from(
  '00000000000000070000004200000003021739e40b0030000000000000018bcfe568000000018bcfe568' +
    '000000000000000fa00002ffffffff000000012000000008000000010c00000000000900',
  'hex',
)

test('the vector of two records is read and built to the byte', () => {
  assert.equal(readSizeInBytes(TWO_RECORDS, 0), 86)
  assert.ok(hasValidChecksum(TWO_RECORDS, 0, 86))
  const records = [
    { key: 'k', value: 'v', timestamp: 1700000000000 },
    { value: 'hello', timestamp: 1700000000005, headers: [{ key: 'h', value: 'x' }] },
  ]
  assert.deepEqual(buildBatch(records, { leaderEpoch: 0 }), TWO_RECORDS)
  const read = readRecords(TWO_RECORDS)
  assert.deepEqual(
    read.map(({ offset, timestamp }) => [offset, timestamp]),
    [
      [0, 1700000000000],
      [1, 1700000000005],
    ],
  )
  assert.equal(read[1]!.key, null)
  assert.deepEqual(read[1]!.headers, [{ key: 'h', value: Buffer.from('x') }])
})

test('the vector of a commit marker is read and built to the byte', () => {
  const built = buildBatch(
    [
      {
        key: Buffer.from('00000001', 'hex'),
        value: Buffer.from('000000000009', 'hex'),
        timestamp: 1700000000000,
      },
    ],
    {
      baseOffset: 7,
      leaderEpoch: 3,
      producerId: 4000,
      producerEpoch: 2,
      isTransactional: true,
      isControl: true,
    },
  )
  assert.deepEqual(built, COMMIT_MARKER)
  assert.ok(isControl(COMMIT_MARKER, 0) && isTransactional(COMMIT_MARKER, 0))
  assert.deepEqual(
    [
      readBaseOffset(COMMIT_MARKER, 0),
      readLastOffset(COMMIT_MARKER, 0),
      readLeaderEpoch(COMMIT_MARKER, 0),
      readProducerId(COMMIT_MARKER, 0),
      readProducerEpoch(COMMIT_MARKER, 0),
      readBaseSequence(COMMIT_MARKER, 0),
      readLastSequence(COMMIT_MARKER, 0),
      readRecordCount(COMMIT_MARKER, 0),
    ],
    [7, 7, 3, 4000, 2, -1, -1, 1],
  )
})

test('offset and leader epoch are outside the checksum, attributes inside', () => {
  const batch = Buffer.from(TWO_RECORDS)
  writeBaseOffset(batch, 0, 2 ** 40 + 5)
  writeLeaderEpoch(batch, 0, 77)
  assert.ok(hasValidChecksum(batch, 0, 86))
  assert.equal(readBaseOffset(batch, 0), 2 ** 40 + 5)
  for (let at = 21; at < 86; at++) {
    batch[at]! ^= 1
    assert.ok(!hasValidChecksum(batch, 0, 86), `a flip at ${at} goes unseen`)
    batch[at]! ^= 1
  }
})

test('int64 keeps every integer up to 2^53, negative ones too', () => {
  const buffer = Buffer.alloc(8)
  const edges = [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, 1 - 2 ** 53]
  for (const value of edges) {
    writeInt64(buffer, 0, value)
    assert.equal(readInt64(buffer, 0), value)
    assert.equal(buffer.readBigInt64BE(), BigInt(value))
  }
})

test('sequences wrap from the largest int to 0', () => {
  assert.equal(addToSequence(2147483647, 0), 2147483647)
  assert.equal(addToSequence(2147483647, 1), 0)
  assert.equal(addToSequence(2147483640, 10), 2)
})

test('a delete horizon is told by its bit', () => {
  const batch = buildBatch([{ key: 'k', timestamp: 5 }])
  assert.ok(!hasDeleteHorizon(batch, 0))
  batch[22] = 0x40
  assert.ok(hasDeleteHorizon(batch, 0))
  assert.equal(readAttributes(batch, 0), 0x40)
  assert.equal(readBaseTimestamp(batch, 0), 5)
})

test('readers have an answer for old messages, which have no such fields', () => {
  const magic0 = Buffer.from('00000000000000030000000e00000000000100000000ffffffff', 'hex')
  const answers = (buffer: Buffer) => [
    readLastOffset(buffer, 0),
    readLeaderEpoch(buffer, 0),
    readMaxTimestamp(buffer, 0),
    readProducerId(buffer, 0),
    readLastSequence(buffer, 0),
    readAttributes(buffer, 0),
  ]
  assert.deepEqual(answers(magic0), [3, -1, -1, -1, -1, 1])
})

test('a walk ends before a partial batch, and refuses what no batch is', () => {
  const two = Buffer.concat([TWO_RECORDS, COMMIT_MARKER])
  const seen: number[] = []
  for (let end = 0; end <= two.length; end++) {
    seen.length = 0
    const stop = forEachBatch(two, (at) => seen.push(at), 0, end)
    const expected = end < 86 ? [] : end < 164 ? [0] : [0, 86]
    assert.deepEqual(seen, expected)
    assert.equal(stop, expected.length === 0 ? 0 : expected.length === 1 ? 86 : 164)
  }
  const short = Buffer.from(TWO_RECORDS)
  short.writeInt32BE(13, 8)
  assert.throws(() => sizeOfBatchAt(short, 0, 86), CorruptRecordError)
  short.writeInt32BE(-1, 8)
  assert.throws(() => sizeOfBatchAt(short, 0, 86), CorruptRecordError)
  short.writeInt32BE(48, 8)
  assert.throws(() => sizeOfBatchAt(short, 0, 86), CorruptRecordError)
  const magic3 = Buffer.from(TWO_RECORDS)
  magic3[16] = 3
  assert.throws(() => sizeOfBatchAt(magic3, 0, 86), CorruptRecordError)
  magic3.writeInt32BE(0x7fffffff, 8)
  magic3[16] = 2
  assert.equal(sizeOfBatchAt(magic3, 0, 86), -1)
})

test('CRC-32C is the same by package, by tables and by definition', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  const random = new SeededRandom(1)
  for (const length of [0, 1, 7, 8, 9, 63, 255, 256, 257, 1000, 5000]) {
    const bytes = random.bytes(length + 5)
    const expected = crc32cBitByBit(bytes.subarray(3, 3 + length))
    assert.equal(crc32c(bytes, 3, 3 + length), expected)
    assert.equal(crc32cInJavaScript(bytes, 3, 3 + length), expected)
  }
})

function crc32cBitByBit(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
