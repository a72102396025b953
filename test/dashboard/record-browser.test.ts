import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestError } from '../../src/dashboard/http-answers.ts'
import { readRecordPage, SHOWN_BYTES_LIMIT } from '../../src/dashboard/record-browser.ts'
import { buildBatch, type NewRecord } from '../../src/records/builder.ts'

/** One partition with these records, from offset 10 on, in batches of three. */
function partitionOf(records: readonly NewRecord[]) {
  const asked: number[] = []
  return {
    asked,
    leaderOf: async () => 1,
    listOffset: async (_topic: string, _partition: number, timestamp: number) => {
      const offset = timestamp === -2 ? 10 : 10 + records.length
      return { offset, timestamp: -1, leaderEpoch: 0 }
    },
    fetch: async (_topic: string, _partition: number, offset: number) => {
      asked.push(offset)
      const batches: Buffer[] = []
      for (let at = 0; at < records.length; at += 3) {
        if (10 + at + 3 <= offset) continue
        batches.push(buildBatch(records.slice(at, at + 3), { baseOffset: 10 + at, timestamp: 5 }))
      }
      const highWatermark = 10 + records.length
      const ends = { highWatermark, lastStableOffset: highWatermark, logStartOffset: 10 }
      return { records: Buffer.concat(batches), ...ends, abortedTransactions: [] }
    },
  }
}

function query(fields: Record<string, string>): URLSearchParams {
  return new URLSearchParams({ topic: 'orders', ...fields })
}

const TEN = Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, value: `v${i}` }))

test('without an offset the last page is shown, with one what follows it', async () => {
  const last = await readRecordPage(partitionOf(TEN), query({ limit: '4' }))
  assert.deepEqual(
    last.records.map(({ offset }) => offset),
    [16, 17, 18, 19],
  )
  assert.deepEqual([last.logStartOffset, last.highWatermark, last.nextOffset], [10, 20, 20])
  const middle = await readRecordPage(partitionOf(TEN), query({ offset: '12', limit: '3' }))
  assert.deepEqual(
    middle.records.map(({ offset }) => offset),
    [12, 13, 14],
  )
  assert.equal(middle.nextOffset, 15)
  const first = await readRecordPage(partitionOf(TEN), query({ offset: 'earliest', limit: '1' }))
  assert.deepEqual(first.records[0]?.value, { text: 'v0', as: 'text', bytes: 2 })
})

test('an offset beyond either end is moved to it', async () => {
  const partition = partitionOf(TEN)
  await readRecordPage(partition, query({ offset: '3' }))
  const after = await readRecordPage(partition, query({ offset: '99' }))
  assert.deepEqual(partition.asked, [10, 20])
  assert.deepEqual(after.records, [])
})

test('what is no text is shown as hexadecimal, what is long is cut, null stays null', async () => {
  const long = 'ä'.repeat(SHOWN_BYTES_LIMIT)
  const records: NewRecord[] = [
    { key: null, value: Buffer.from([0xff, 0xfe, 1]) },
    { key: Buffer.from('a\0b'), value: long },
    { value: null, headers: [{ key: 'trace', value: 'x' }] },
  ]
  const { records: shown } = await readRecordPage(
    partitionOf(records),
    query({ offset: 'earliest' }),
  )
  assert.deepEqual(shown[0]!.value, { text: 'fffe01', as: 'hex', bytes: 3 })
  assert.deepEqual(shown[0]!.key, null)
  assert.equal(shown[1]!.key?.as, 'hex')
  assert.equal(shown[1]!.value?.bytes, 2 * SHOWN_BYTES_LIMIT)
  assert.equal(shown[1]!.value?.text.length, SHOWN_BYTES_LIMIT / 2)
  assert.equal(shown[2]!.value, null)
  assert.deepEqual(shown[2]!.headers, [['trace', { text: 'x', as: 'text', bytes: 1 }]])
})

test('questions that make no sense are refused before anything is read', async () => {
  for (const fields of [
    { topic: '' },
    { topic: '../x' },
    { partition: '-1' },
    { partition: 'x' },
    { offset: '1.5' },
    { offset: '-3e99' },
    { limit: '99999' },
  ]) {
    const partition = partitionOf(TEN)
    await assert.rejects(readRecordPage(partition, query(fields)), RequestError)
    assert.deepEqual(partition.asked, [])
  }
})
