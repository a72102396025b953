import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedPartition } from '../../src/client/assigned-consumer.ts'
import { recordsOf } from '../../src/client/fetched-records.ts'

interface Batch {
  readonly baseOffset: number
  readonly values: readonly string[]
  readonly producerId?: number
  /** Marks the batch as transactional. */
  readonly transactional?: true
  /** A control batch with this marker. */
  readonly marker?: 'abort' | 'commit'
  readonly appendTime?: number
}

function encodeBatch(batch: Batch): Buffer {
  const bodies = batch.values.map((value, i) => encodeRecord(batch, value, i))
  const records = Buffer.concat(bodies)
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(BigInt(batch.baseOffset), 0)
  header.writeInt32BE(49 + records.length, 8)
  header[16] = 2
  const bits = [
    batch.appendTime === undefined ? 0 : 0x08,
    batch.transactional || batch.marker !== undefined ? 0x10 : 0,
    batch.marker === undefined ? 0 : 0x20,
  ]
  header.writeInt16BE(bits[0]! | bits[1]! | bits[2]!, 21)
  header.writeInt32BE(batch.values.length - 1, 23)
  header.writeBigInt64BE(1000n, 27)
  header.writeBigInt64BE(BigInt(batch.appendTime ?? 1000), 35)
  header.writeBigInt64BE(BigInt(batch.producerId ?? -1), 43)
  header.writeInt32BE(batch.values.length, 57)
  return Buffer.concat([header, records])
}

/** All lengths are short: a zigzag varint of one byte. */
function encodeRecord({ marker }: Batch, value: string, delta: number): Buffer {
  const key = marker === undefined ? null : Buffer.from([0, 0, 0, marker === 'abort' ? 0 : 1])
  const keyPart = key === null ? Buffer.from([1]) : Buffer.concat([Buffer.from([8]), key])
  const valuePart = Buffer.concat([Buffer.from([value.length * 2]), Buffer.from(value)])
  const headers = Buffer.from([2, 2, 0x68, 1]) // One: `h`, null.
  const body = Buffer.concat([Buffer.from([0, delta * 2, delta * 2]), keyPart, valuePart, headers])
  return Buffer.concat([Buffer.from([body.length * 2]), body])
}

function fetched(batches: readonly Batch[], changes: Partial<FetchedPartition> = {}) {
  return {
    topic: 't',
    partition: 0,
    fetchOffset: 0,
    records: Buffer.concat(batches.map(encodeBatch)),
    highWatermark: 100,
    lastStableOffset: 100,
    abortedTransactions: [],
    ...changes,
  }
}

const values = (result: { records: { value: Buffer | null }[] }) =>
  result.records.map(({ value }) => String(value))

test('records have offset, time, key, value and headers', () => {
  const { records, nextOffset } = recordsOf(
    fetched([{ baseOffset: 5, values: ['a', 'b'] }]),
    'read-uncommitted',
  )
  assert.equal(nextOffset, 7)
  assert.deepEqual(records[1], {
    offset: 6,
    timestamp: 1001,
    timestampType: 'CreateTime',
    key: null,
    value: Buffer.from('b'),
    headers: [['h', null]],
  })
})

test('in a batch stamped by the broker all records have the time of the append', () => {
  const batch = { baseOffset: 0, values: ['a', 'b'], appendTime: 2000 }
  const { records } = recordsOf(fetched([batch]), 'read-uncommitted')
  assert.deepEqual(
    records.map(({ timestamp, timestampType }) => [timestamp, timestampType]),
    [
      [2000, 'LogAppendTime'],
      [2000, 'LogAppendTime'],
    ],
  )
})

test('records before the offset asked for are left out', () => {
  const partition = fetched([{ baseOffset: 5, values: ['a', 'b', 'c'] }], { fetchOffset: 6 })
  assert.deepEqual(values(recordsOf(partition, 'read-uncommitted')), ['b', 'c'])
})

test('a batch cut off at the end is fetched again', () => {
  const batches = [
    { baseOffset: 0, values: ['a'] },
    { baseOffset: 1, values: ['b'] },
  ]
  const whole = fetched(batches)
  const records = whole.records.subarray(0, whole.records.length - 1)
  const result = recordsOf({ ...whole, records }, 'read-uncommitted')
  assert.deepEqual([values(result), result.nextOffset], [['a'], 1])
})

test('control records are never shown, and an offset behind them is where to go on', () => {
  const result = recordsOf(
    fetched([{ baseOffset: 3, values: ['x'], producerId: 1, marker: 'commit' }]),
    'read-uncommitted',
  )
  assert.deepEqual([values(result), result.nextOffset], [[], 4])
})

test('read-committed leaves out aborted transactions and nothing else', () => {
  const batches: Batch[] = [
    { baseOffset: 0, values: ['a1'], producerId: 1, transactional: true },
    { baseOffset: 1, values: ['b1'], producerId: 2, transactional: true },
    { baseOffset: 2, values: ['plain'] },
    { baseOffset: 3, values: ['a2'], producerId: 1, transactional: true },
    { baseOffset: 4, values: ['x'], producerId: 1, marker: 'abort' },
    { baseOffset: 5, values: ['a3'], producerId: 1, transactional: true },
    { baseOffset: 6, values: ['x'], producerId: 1, marker: 'commit' },
    { baseOffset: 7, values: ['x'], producerId: 2, marker: 'commit' },
  ]
  const partition = fetched(batches, { abortedTransactions: [{ producerId: 1, firstOffset: 0 }] })
  assert.deepEqual(values(recordsOf(partition, 'read-committed')), ['b1', 'plain', 'a3'])
  const all = ['a1', 'b1', 'plain', 'a2', 'a3']
  assert.deepEqual(values(recordsOf(partition, 'read-uncommitted')), all)
})
