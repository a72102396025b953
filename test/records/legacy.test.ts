/** Messages of before 0.11, in and out. What Kafka makes of them is in `golden.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isLogAppendTime,
  readCompression,
  readMagic,
  readMaxTimestamp,
  writeInt64,
} from '../../src/records/batch-header.ts'
import { CorruptRecordError, forEachBatch } from '../../src/records/batches.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { InvalidRecordsError } from '../../src/records/invalid-records-error.ts'
import { downconvert, upconvert } from '../../src/records/legacy.ts'
import { encodeLegacyMessage, wrap } from '../../src/records/legacy-messages.ts'
import { readRecords } from '../../src/records/reader.ts'
import { validateForAppend } from '../../src/records/validate.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { validationConfig } from '../support/validation-config.ts'

const T = 1700000000000

interface MessageOptions {
  readonly magic?: 0 | 1
  readonly offset?: number
  readonly timestamp?: number
  readonly isAppendTime?: boolean
  readonly key?: Buffer | null
}

function message(value: string, options: MessageOptions = {}): Buffer {
  const { magic = 1, offset = 0, timestamp = T, isAppendTime = false, key = null } = options
  const fields = { magic, offset, timestamp, isAppendTime, key, value: Buffer.from(value) }
  return encodeLegacyMessage(fields, 0)
}

function wrapper(
  messages: readonly Buffer[],
  options: MessageOptions & { codec?: number } = {},
): Buffer {
  const { codec = 1, magic = 1, offset = messages.length - 1, timestamp = T } = options
  const { isAppendTime = false } = options
  return wrap(messages, codec, { magic, offset, timestamp, isAppendTime })
}

const shown = (batch: Buffer) =>
  readRecords(batch).map(({ offset, timestamp, value }) => [offset, timestamp, String(value)])

function refusal(records: Buffer): InvalidRecordsError {
  try {
    upconvert(records)
  } catch (error) {
    assert.ok(error instanceof InvalidRecordsError, String(error))
    return error
  }
  assert.fail('the messages were accepted')
}

test('plain messages of one request become one batch with offsets of its own', () => {
  const batch = upconvert(
    Buffer.concat([
      message('a', { offset: 7 }),
      message('b', { offset: 0, timestamp: T + 1 }),
      message('c', { offset: 3 }),
    ]),
  )
  assert.deepEqual(shown(batch), [
    [0, T, 'a'],
    [1, T + 1, 'b'],
    [2, T, 'c'],
  ])
  assert.equal(readCompression(batch, 0), 0)
})

test('messages of magic 0 have no timestamp', () => {
  const batch = upconvert(message('a', { magic: 0 }))
  assert.deepEqual(shown(batch), [[0, -1, 'a']])
  assert.equal(readMaxTimestamp(batch, 0), -1)
})

test('a wrapper becomes a batch of the same codec, for every codec and magic', () => {
  for (const codec of [1, 2, 3]) {
    for (const magic of [0, 1] as const) {
      const inner = ['a', 'b', 'c'].map((value, offset) => message(value, { magic, offset }))
      const batch = upconvert(wrapper(inner, { codec, magic }))
      assert.equal(readCompression(batch, 0), codec)
      const timestamp = magic === 0 ? -1 : T
      assert.deepEqual(shown(batch), [
        [0, timestamp, 'a'],
        [1, timestamp, 'b'],
        [2, timestamp, 'c'],
      ])
      validateForAppend(batch, validationConfig(), T)
    }
  }
})

test('a partial message at the end is dropped', () => {
  const two = Buffer.concat([message('a'), message('b')])
  assert.equal(readRecords(upconvert(two.subarray(0, -1))).length, 1)
})

test('a wrapper of append time gives its time to what it holds, and is refused on append', () => {
  const records = wrapper([message('a', { timestamp: 5 })], { isAppendTime: true, timestamp: T })
  const batch = upconvert(records)
  assert.ok(isLogAppendTime(batch, 0))
  assert.deepEqual(shown(batch), [[0, T, 'a']])
  const config = validationConfig({ messageTimestampType: 'LogAppendTime' })
  assert.throws(() => validateForAppend(upconvert(records), config, T), { code: 32 })
  const kept = validateForAppend(upconvert(records), validationConfig(), T)
  assert.ok(!isLogAppendTime(kept.batch, 0))
})

test('offsets in a wrapper of magic 1 count from its own, and librdkafka may say 0', () => {
  const inner = [message('a', { offset: 0 }), message('b', { offset: 1 })]
  const offsets = (bytes: Buffer) => readRecords(bytes).map(({ offset }) => offset)
  assert.deepEqual(offsets(wrapper(inner, { offset: 101 })), [100, 101])
  assert.deepEqual(offsets(wrapper(inner, { offset: 0 })), [0, 1])
  const later = [message('a', { offset: 2 }), message('b', { offset: 5 })]
  assert.deepEqual(offsets(wrapper(later, { offset: 105 })), [102, 105])
  assert.throws(() => readRecords(wrapper(later, { offset: 4 })), CorruptRecordError)
  assert.equal(refusal(wrapper(later, { offset: 4 })).code, 87)
})

test('offsets in a wrapper of magic 0 are absolute', () => {
  const inner = [message('a', { magic: 0, offset: 50 }), message('b', { magic: 0, offset: 52 })]
  const records = readRecords(wrapper(inner, { magic: 0, offset: 52 }))
  assert.deepEqual(
    records.map(({ offset }) => offset),
    [50, 52],
  )
})

test('what a set of messages may not be', () => {
  const inner = message('a')
  const nested = wrapper([wrapper([inner])])
  const damaged = Buffer.from(message('abc'))
  damaged[damaged.length - 1]! ^= 1
  const damagedInner = wrapper([damaged])
  const cases: [string, Buffer, number][] = [
    ['two wrappers', Buffer.concat([wrapper([inner]), wrapper([inner])]), 87],
    ['a wrapper after a plain one', Buffer.concat([inner, wrapper([inner])]), 87],
    ['two magics', Buffer.concat([inner, message('b', { magic: 0 })]), 87],
    ['a wrapper in a wrapper', nested, 87],
    ['another magic in a wrapper', wrapper([message('a', { magic: 0 })]), 87],
    ['a wrapper that holds nothing', wrapper([]), 87],
    ['a wrapper that holds half a message', wrapper([inner.subarray(0, 20)]), 87],
    ['zstd', wrapper([inner], { codec: 4 }), 87],
    ['a damaged message', damaged, 2],
    ['a damaged message in a wrapper', damagedInner, 87],
    ['no whole message', inner.subarray(0, 20), 87],
    ['a batch of magic 2 behind', Buffer.concat([inner, buildBatch([{ key: 'k' }])]), 2],
  ]
  for (const [what, records, code] of cases) assert.equal(refusal(records).code, code, what)
})

test('a compressed message without a value is refused', () => {
  const empty = encodeLegacyMessage(
    { magic: 1, offset: 0, timestamp: T, isAppendTime: false, key: null, value: null },
    1,
  )
  assert.equal(refusal(empty).code, 87)
})

test('down and up again is the same, but for headers', () => {
  const random = new SeededRandom(21)
  for (let round = 0; round < 100; round++) {
    const records = Array.from({ length: 1 + random.nextInt(6) }, () => ({
      key: random.chance(0.3) ? null : random.bytes(random.nextInt(10)),
      value: random.chance(0.2) ? null : random.bytes(random.nextInt(300)),
      timestamp: T + random.nextInt(100),
      headers: random.chance(0.3) ? [{ key: 'h', value: 'v' }] : [],
    }))
    const batch = buildBatch(records, { compression: random.nextInt(4) })
    const outcome = downconvert(batch, { magic: 1, fetchOffset: 0 })
    assert.ok(outcome.kind === 'ok')
    const again = upconvert(outcome.records)
    const withoutHeaders = readRecords(batch).map((record) => ({ ...record, headers: [] }))
    assert.deepEqual(readRecords(again), withoutHeaders)
  }
})

test('records below the fetch offset are dropped from plain batches, not from compressed ones', () => {
  const records = [{ value: 'a' }, { value: 'b' }, { value: 'c' }]
  const offsets = (compression: number) => {
    const stored = buildBatch(records, { baseOffset: 10, compression })
    const outcome = downconvert(stored, { magic: 1, fetchOffset: 11 })
    assert.ok(outcome.kind === 'ok')
    const found: number[] = []
    forEachBatch(outcome.records, (at, size) => {
      assert.equal(readMagic(outcome.records, at), 1)
      const one = outcome.records.subarray(at, at + size)
      found.push(...readRecords(one).map(({ offset }) => offset))
    })
    return found
  }
  assert.deepEqual(offsets(0), [11, 12])
  assert.deepEqual(offsets(1), [10, 11, 12])
})

test('only control batches: the beginning of a message that never comes', () => {
  const control = buildBatch([{ key: Buffer.alloc(4) }], { isControl: true, isTransactional: true })
  const outcome = downconvert(control, { magic: 1, fetchOffset: 0 })
  assert.ok(outcome.kind === 'ok')
  assert.equal(outcome.records.toString('hex'), 'ffffffffffffffff0000003d')
  const nothing = downconvert(Buffer.alloc(0), { magic: 1, fetchOffset: 0 })
  assert.ok(nothing.kind === 'ok' && nothing.records.length === 0)
})

test('zstd is nothing for old consumers: an error at the start, the end further on', () => {
  const zstd = buildBatch([{ value: 'z' }], { compression: 4, baseOffset: 1 })
  const options = { magic: 1, fetchOffset: 0 } as const
  assert.equal(downconvert(zstd, options).kind, 'unsupported-compression')
  const plain = buildBatch([{ value: 'p' }])
  const outcome = downconvert(Buffer.concat([plain, zstd]), options)
  assert.ok(outcome.kind === 'ok')
  assert.deepEqual(shown(outcome.records), [[0, -1, 'p']])
})

test('damaged messages are refused, whatever the damage', () => {
  const random = new SeededRandom(22)
  const inner = ['aa', 'bb'].map((value, offset) => message(value, { offset }))
  for (let round = 0; round < 2000; round++) {
    const records = Buffer.from(
      random.pick([Buffer.concat(inner), wrapper(inner, { codec: 1 + random.nextInt(3) })]),
    )
    const at = random.nextInt(records.length)
    records[at] = random.nextInt(256)
    if (random.chance(0.2)) writeInt64(records, 0, random.nextInt(5))
    try {
      assert.ok(readRecords(upconvert(records)).length <= 2)
    } catch (error) {
      assert.ok(error instanceof InvalidRecordsError, String(error))
    }
  }
})
