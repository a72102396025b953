/** The rows of the table of checks on append, and what is changed in a batch that passes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasValidChecksum } from '../../src/records/batch-checksum.ts'
import {
  isLogAppendTime,
  isTransactional,
  readBaseSequence,
  readCompression,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  writeBaseOffset,
  writeInt32,
  writeInt64,
  writeMaxTimestamp,
} from '../../src/records/batch-header.ts'
import { buildBatch, type NewRecord, stampCrc } from '../../src/records/builder.ts'
import { COMPRESSION_NAMES, compress } from '../../src/records/compression.ts'
import { InvalidRecordsError } from '../../src/records/invalid-records-error.ts'
import { readRecords } from '../../src/records/reader.ts'
import { type ValidationConfig, validateForAppend } from '../../src/records/validate.ts'
import { walkRecords } from '../../src/records/walk.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { validationConfig } from '../support/validation-config.ts'

const NOW = 1700000000000
const UNKNOWN_SERVER_ERROR = -1
const CORRUPT_MESSAGE = 2
const MESSAGE_TOO_LARGE = 10
const INVALID_TIMESTAMP = 32
const INVALID_RECORD = 87

const RECORDS: readonly NewRecord[] = [
  { key: 'a', value: '1', timestamp: NOW },
  { key: 'b', value: '2', timestamp: NOW + 5 },
  { key: 'c', value: null, timestamp: NOW - 5 },
]

function refusal(batch: Buffer, changes: Partial<ValidationConfig> = {}): InvalidRecordsError {
  try {
    validateForAppend(batch, validationConfig(changes), NOW)
  } catch (error) {
    assert.ok(error instanceof InvalidRecordsError, String(error))
    return error
  }
  assert.fail('the batch was accepted')
}

/** With a good checksum. */
function changedBatch(change: (batch: Buffer) => void, records = RECORDS): Buffer {
  const batch = buildBatch(records)
  change(batch)
  stampCrc(batch, 0, batch.length)
  return batch
}

test('a good batch is appended as it came, the same buffer and the same bytes', () => {
  for (let codec = 0; codec <= 4; codec++) {
    const batch = buildBatch(RECORDS, { compression: codec })
    const before = Buffer.from(batch)
    const valid = validateForAppend(batch, validationConfig(), NOW)
    assert.equal(valid.batch, batch)
    assert.deepEqual(batch, before)
    assert.equal(valid.maxTimestamp, NOW + 5)
    assert.equal(valid.logAppendTimeMs, -1)
  }
})

test('row 1: a base offset other than 0 is refused of a client', () => {
  const batch = changedBatch((bytes) => writeBaseOffset(bytes, 0, 1))
  assert.equal(refusal(batch).code, INVALID_RECORD)
  validateForAppend(batch, validationConfig(), NOW, 'coordinator')
})

test('row 2: max.message.bytes counts the whole batch', () => {
  const batch = buildBatch(RECORDS)
  validateForAppend(batch, validationConfig({ maxMessageBytes: batch.length }), NOW)
  assert.equal(refusal(batch, { maxMessageBytes: batch.length - 1 }).code, MESSAGE_TOO_LARGE)
})

test('row 3: a wrong checksum, a batch cut off, a length that no batch has', () => {
  const batch = buildBatch(RECORDS)
  const flipped = Buffer.from(batch)
  flipped[70]! ^= 1
  assert.equal(refusal(flipped).code, CORRUPT_MESSAGE)
  assert.equal(refusal(batch.subarray(0, -1)).code, CORRUPT_MESSAGE)
  assert.equal(refusal(batch.subarray(0, 10)).code, CORRUPT_MESSAGE)
  assert.equal(refusal(changedBatch((bytes) => writeInt32(bytes, 8, 20))).code, CORRUPT_MESSAGE)
})

test('row 3 comes after rows 1 and 2', () => {
  const batch = buildBatch(RECORDS, { baseOffset: 9 })
  batch[70]! ^= 1
  assert.equal(refusal(batch, { maxMessageBytes: 10 }).code, INVALID_RECORD)
  writeBaseOffset(batch, 0, 0)
  assert.equal(refusal(batch, { maxMessageBytes: 10 }).code, MESSAGE_TOO_LARGE)
})

test('rows 5 and 6: one batch at a time; a partial one behind it is dropped', () => {
  const batch = buildBatch(RECORDS)
  assert.equal(refusal(Buffer.concat([batch, batch])).code, INVALID_RECORD)
  const withRest = Buffer.concat([batch, batch.subarray(0, 40)])
  const valid = validateForAppend(withRest, validationConfig(), NOW)
  assert.deepEqual(valid.batch, batch)
  const oldMessage = Buffer.from('00000000000000030000000e00000000000000000000ffffffff', 'hex')
  assert.equal(refusal(oldMessage).code, INVALID_RECORD)
})

test('row 7: the count and the delta of the last offset agree', () => {
  const withCounts = (count: number, lastOffsetDelta: number) =>
    changedBatch((bytes) => {
      writeInt32(bytes, 57, count)
      writeInt32(bytes, 23, lastOffsetDelta)
    })
  for (const [count, delta] of [
    [3, -1],
    [0, 0],
    [0, -1],
    [-1, -2],
    [2, 2],
    [3, 1],
    [0x7fffffff, 0x7ffffffe],
  ] as const) {
    assert.equal(refusal(withCounts(count, delta)).code, INVALID_RECORD, `${count} ${delta}`)
  }
})

test('rows 8 and 9: clients write no control batches and no producer id without a sequence', () => {
  const control = buildBatch([{ key: Buffer.alloc(4), value: Buffer.alloc(6) }], {
    producerId: 1,
    producerEpoch: 0,
    isTransactional: true,
    isControl: true,
  })
  assert.equal(refusal(control).code, INVALID_RECORD)
  validateForAppend(control, validationConfig({ compressionType: 'gzip' }), NOW, 'coordinator')
  assert.equal(refusal(buildBatch(RECORDS, { producerId: 1 })).code, INVALID_RECORD)
})

test('row 13: a compacted topic wants keys, and names the records without', () => {
  const records = [{ value: 'x' }, { key: '', value: 'y' }, { value: 'z' }]
  for (let codec = 0; codec <= 4; codec++) {
    const batch = buildBatch(records, { compression: codec })
    const { code, recordErrors } = refusal(batch, { cleanupPolicy: ['delete', 'compact'] })
    assert.equal(code, INVALID_RECORD)
    assert.deepEqual(
      recordErrors.map(({ batchIndex }) => batchIndex),
      [0, 2],
    )
  }
})

test('row 14: timestamps out of bounds are named; on the bound is within', () => {
  const bounds = { messageTimestampBeforeMaxMs: 5, messageTimestampAfterMaxMs: 5 }
  validateForAppend(buildBatch(RECORDS), validationConfig(bounds), NOW)
  const places = (changes: Partial<ValidationConfig>) => {
    const { code, recordErrors } = refusal(buildBatch(RECORDS), changes)
    assert.equal(code, INVALID_TIMESTAMP)
    return recordErrors.map(({ batchIndex }) => batchIndex)
  }
  assert.deepEqual(places({ messageTimestampBeforeMaxMs: 4 }), [2])
  assert.deepEqual(places({ messageTimestampAfterMaxMs: 4 }), [1])
  assert.deepEqual(places({ messageTimestampDifferenceMaxMs: 4 }), [1, 2])
  assert.deepEqual(
    places({ messageTimestampDifferenceMaxMs: 4, messageTimestampBeforeMaxMs: 5 }),
    [1],
  )
})

test('row 14: records without a timestamp, and topics that stamp their own, know no bounds', () => {
  const bounds = { messageTimestampBeforeMaxMs: 0, messageTimestampAfterMaxMs: 0 }
  validateForAppend(buildBatch([{ key: 'a' }]), validationConfig(bounds), NOW)
  const stamped = { ...bounds, messageTimestampType: 'LogAppendTime' }
  validateForAppend(buildBatch(RECORDS), validationConfig(stamped), NOW)
})

test('row 15: a client may not claim the time of the append', () => {
  const claiming = () => buildBatch(RECORDS, { isLogAppendTime: true })
  const { code, recordErrors } = refusal(claiming(), { messageTimestampType: 'LogAppendTime' })
  assert.equal(code, INVALID_TIMESTAMP)
  assert.equal(recordErrors.length, 3)
  const withoutTime = buildBatch([{ key: 'a' }], { isLogAppendTime: true })
  assert.equal(refusal(withoutTime).code, INVALID_TIMESTAMP)
  // With a time, Kafka takes the claim back.
  const batch = claiming()
  const valid = validateForAppend(batch, validationConfig(), NOW)
  assert.ok(!isLogAppendTime(valid.batch, 0))
  assert.equal(valid.maxTimestamp, NOW + 5)
  assert.ok(hasValidChecksum(batch, 0, batch.length))
})

test('row 16: records that do not fit their frames, plain and compressed', () => {
  const damages: [string, (payload: Buffer) => Buffer][] = [
    ['a byte too few', (payload) => payload.subarray(0, -1)],
    ['a byte too many', (payload) => Buffer.concat([payload, Buffer.alloc(1)])],
    ['a negative length', (payload) => Buffer.from(payload).fill(1, 0, 1)],
    ['a length of nothing', (payload) => Buffer.from(payload).fill(0, 0, 1)],
    ['a key that passes the end', (payload) => Buffer.from(payload).fill(0x7e, 4, 5)],
    ['a key length below null', (payload) => Buffer.from(payload).fill(3, 4, 5)],
    ['endless varints', (payload) => Buffer.alloc(payload.length, 0xff)],
    ['zeros', (payload) => Buffer.alloc(payload.length)],
    ['nothing', () => Buffer.alloc(0)],
  ]
  const plain = buildBatch(RECORDS)
  for (const [what, damage] of damages) {
    for (let codec = 0; codec <= 4; codec++) {
      const payload = compress(codec, damage(plain.subarray(61)))
      const batch = Buffer.concat([plain.subarray(0, 61), payload])
      batch[22] = codec
      writeInt32(batch, 8, batch.length - 12)
      stampCrc(batch, 0, batch.length)
      const { code } = refusal(batch)
      assert.equal(code, INVALID_RECORD, `${what}, ${COMPRESSION_NAMES[codec]}`)
    }
  }
})

test('row 16: headers have keys, and their number is not below 0', () => {
  const withHeader = [{ key: 'a', headers: [{ key: 'hh', value: 'v' }] }]
  const countAt = 61 + 7
  const set = (at: number, value: number) =>
    changedBatch((bytes) => {
      bytes[at] = value
    }, withHeader)
  assert.equal(refusal(set(countAt, 1)).code, INVALID_RECORD)
  assert.equal(refusal(set(countAt, 4)).code, INVALID_RECORD)
  assert.equal(refusal(set(countAt + 1, 1)).code, INVALID_RECORD)
})

test('illegal codecs and data that does not decompress are an error that nobody retries', () => {
  for (const codec of [1, 2, 3, 4, 5, 6, 7]) {
    const batch = changedBatch((bytes) => {
      bytes[22] = codec
    })
    assert.equal(refusal(batch).code, UNKNOWN_SERVER_ERROR, `codec ${codec}`)
  }
})

test('the largest timestamp of the header is made true, and only then is the checksum new', () => {
  for (let codec = 0; codec <= 4; codec++) {
    const batch = buildBatch(RECORDS, { compression: codec })
    const good = Buffer.from(batch)
    writeMaxTimestamp(batch, 0, NOW)
    stampCrc(batch, 0, batch.length)
    assert.deepEqual(validateForAppend(batch, validationConfig(), NOW).batch, good)
  }
})

test('timestamps before 1970 make no largest timestamp', () => {
  const { maxTimestamp, batch } = validateForAppend(
    buildBatch([{ key: 'a', timestamp: -5000 }]),
    validationConfig(),
    NOW,
  )
  assert.equal(maxTimestamp, -1)
  assert.equal(readMaxTimestamp(batch, 0), -1)
  assert.equal(readRecords(batch)[0]!.timestamp, -5000)
})

test('a topic of LogAppendTime stamps its time and says so', () => {
  for (let codec = 0; codec <= 4; codec++) {
    const batch = buildBatch(RECORDS, { compression: codec })
    const config = validationConfig({ messageTimestampType: 'LogAppendTime' })
    const valid = validateForAppend(batch, config, NOW + 99)
    assert.deepEqual([valid.maxTimestamp, valid.logAppendTimeMs], [NOW + 99, NOW + 99])
    assert.ok(isLogAppendTime(valid.batch, 0))
    assert.equal(readMaxTimestamp(valid.batch, 0), NOW + 99)
    assert.ok(hasValidChecksum(valid.batch, 0, valid.batch.length))
    assert.ok(readRecords(valid.batch).every(({ timestamp }) => timestamp === NOW + 99))
  }
})

test('a topic with a codec gets it, whatever came, with producer and records kept', () => {
  const types = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']
  for (let from = 0; from <= 4; from++) {
    for (let to = 0; to <= 4; to++) {
      const batch = buildBatch(RECORDS, {
        compression: from,
        producerId: 4000,
        producerEpoch: 3,
        baseSequence: 17,
        isTransactional: true,
      })
      const wanted = readRecords(batch)
      const config = validationConfig({ compressionType: types[to]! })
      const valid = validateForAppend(batch, config, NOW)
      assert.equal(readCompression(valid.batch, 0), to)
      assert.deepEqual(readRecords(valid.batch), wanted)
      assert.ok(hasValidChecksum(valid.batch, 0, valid.batch.length))
      assert.deepEqual(
        [
          readProducerId(valid.batch, 0),
          readProducerEpoch(valid.batch, 0),
          readBaseSequence(valid.batch, 0),
          isTransactional(valid.batch, 0),
          valid.maxTimestamp,
        ],
        [4000, 3, 17, true, NOW + 5],
      )
    }
  }
})

test('row 17: what grows beyond max.message.bytes when its codec changes is refused', () => {
  const batch = buildBatch([{ key: 'k', value: Buffer.alloc(2000) }], { compression: 1 })
  const changes = { maxMessageBytes: 1000, compressionType: 'uncompressed' }
  assert.equal(refusal(batch, changes).code, MESSAGE_TOO_LARGE)
})

test('offset deltas out of order: rebuilt when compressed, left alone when not', () => {
  const withDeltas = (codec: number) => {
    const plain = buildBatch(RECORDS)
    const payload = Buffer.from(plain.subarray(61))
    // The offset delta of each record follows length, attributes and the timestamp delta.
    payload[3] = 4
    const batch = Buffer.concat([plain.subarray(0, 61), compress(codec, payload)])
    batch[22] = codec
    writeInt32(batch, 8, batch.length - 12)
    stampCrc(batch, 0, batch.length)
    return batch
  }
  const compressed = withDeltas(4)
  const { batch } = validateForAppend(compressed, validationConfig(), NOW)
  assert.notEqual(batch, compressed)
  assert.deepEqual(
    readRecords(batch).map(({ offset }) => offset),
    [0, 1, 2],
  )
  const plain = withDeltas(0)
  assert.equal(validateForAppend(plain, validationConfig(), NOW).batch, plain)
})

test('timestamps beyond 2^53 are kept as they came, though numbers cannot hold them', () => {
  const batch = changedBatch((bytes) => {
    bytes.writeBigInt64BE(1700000000123456789n, 27)
    bytes.writeBigInt64BE(1700000000123456794n, 35)
  })
  const before = Buffer.from(batch)
  assert.deepEqual(validateForAppend(batch, validationConfig(), NOW).batch, before)
})

test('the walk finds what a reader of objects finds, whatever the sizes', () => {
  const random = new SeededRandom(11)
  for (let round = 0; round < 300; round++) {
    const sizes = random.pick([10, 70, 9000, 20000])
    const spread = random.pick([2, 100, 20000, 2 ** 40])
    const records = Array.from({ length: 1 + random.nextInt(70) }, () => ({
      key: random.chance(0.5) ? null : random.bytes(random.nextInt(Math.min(sizes, 70))),
      value: random.chance(0.2) ? null : Buffer.alloc(random.nextInt(sizes), 'v'),
      timestamp: NOW + random.nextInt(spread) - spread / 2,
      headers: random.chance(0.1) ? [{ key: 'h', value: random.chance(0.5) ? null : 'v' }] : [],
    }))
    const batch = buildBatch(records)
    const walk = walkRecords(batch, 61, batch.length, records.length)
    const deltas = records.map(({ timestamp }) => timestamp - records[0]!.timestamp)
    assert.equal(walk.minTimestampDelta, Math.min(...deltas))
    assert.equal(walk.maxTimestampDelta, Math.max(...deltas))
    assert.equal(
      walk.hasNullKey,
      records.some(({ key }) => key === null),
    )
    assert.ok(walk.isInOrder)
  }
})

test('damaged batches with good checksums are refused or stay readable, never more', () => {
  const random = new SeededRandom(12)
  const verdicts = { accepted: 0, refused: 0 }
  for (let round = 0; round < 3000; round++) {
    const batch = buildBatch(RECORDS, { compression: random.nextInt(5) })
    for (let flips = 1 + random.nextInt(3); flips > 0; flips--) {
      batch[21 + random.nextInt(batch.length - 21)] = random.nextInt(256)
    }
    stampCrc(batch, 0, batch.length)
    try {
      const valid = validateForAppend(batch, validationConfig(), NOW)
      assert.equal(readRecords(valid.batch).length, 3)
      assert.ok(hasValidChecksum(valid.batch, 0, valid.batch.length))
      verdicts.accepted += 1
    } catch (error) {
      assert.ok(error instanceof InvalidRecordsError, String(error))
      verdicts.refused += 1
    }
  }
  assert.ok(verdicts.accepted > 100 && verdicts.refused > 1000, JSON.stringify(verdicts))
})

test('a batch of random bytes is refused', () => {
  const random = new SeededRandom(13)
  for (let round = 0; round < 2000; round++) {
    const bytes = random.bytes(random.nextInt(200))
    if (bytes.length > 16) bytes[16] = random.nextInt(3)
    if (bytes.length > 12) bytes.writeInt32BE(random.nextInt(bytes.length), 8)
    refusal(bytes)
  }
})

test('a count far beyond the records ends at once', () => {
  const batch = changedBatch((bytes) => {
    writeInt32(bytes, 57, 0x7fffffff)
    writeInt32(bytes, 23, 0x7ffffffe)
    writeInt64(bytes, 43, -1)
  })
  assert.equal(refusal(batch).code, INVALID_RECORD)
})
