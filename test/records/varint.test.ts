import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CorruptRecordError } from '../../src/records/batches.ts'
import {
  RecordCursor,
  sizeOfVarint,
  sizeOfVarlong,
  writeVarint,
  writeVarlong,
} from '../../src/records/varint.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** By definition: zig-zag, then seven bits to a byte, lowest first. */
function encoded(value: bigint): Buffer {
  let raw = value >= 0n ? value * 2n : -value * 2n - 1n
  const bytes: number[] = []
  for (; raw > 127n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128)
  return Buffer.from([...bytes, Number(raw)])
}

function valuesBelow(limit: number): number[] {
  const random = new SeededRandom(3)
  const values = [0, 1, -1, limit - 1, -limit]
  for (let bits = 1; 2 ** bits < limit; bits++) {
    const power = 2 ** bits
    values.push(power, power - 1, -power, -power - 1, power + random.nextInt(power))
  }
  return values.filter((value) => value < limit && value >= -limit)
}

test('varints are written and read as defined', () => {
  const buffer = Buffer.alloc(16)
  for (const value of valuesBelow(2 ** 31)) {
    const expected = encoded(BigInt(value))
    const end = writeVarint(buffer, 2, value)
    assert.deepEqual(buffer.subarray(2, end), expected)
    assert.equal(sizeOfVarint(value), expected.length)
    const cursor = new RecordCursor(buffer, 2, end)
    assert.equal(cursor.varint(), value)
    assert.equal(cursor.at, end)
  }
})

test('varlongs are exact up to 2^52 and close beyond', () => {
  const buffer = Buffer.alloc(16)
  for (const value of valuesBelow(2 ** 52)) {
    const expected = encoded(BigInt(value))
    const end = writeVarlong(buffer, 1, value)
    assert.deepEqual(buffer.subarray(1, end), expected)
    assert.equal(sizeOfVarlong(value), expected.length)
    const cursor = new RecordCursor(buffer, 1, end)
    assert.equal(cursor.varlong(), value)
    assert.equal(cursor.at, end)
  }
  for (const extreme of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 62n + 12345n]) {
    const bytes = encoded(extreme)
    const read = new RecordCursor(bytes, 0, bytes.length).varlong()
    assert.ok(Math.abs(read - Number(extreme)) <= 2048)
  }
})

test('a varint may be longer than it needs, but not longer than its type', () => {
  const cursorOver = (hex: string) => {
    const bytes = Buffer.from(hex, 'hex')
    return new RecordCursor(bytes, 0, bytes.length)
  }
  assert.equal(cursorOver('8000').varint(), 0)
  assert.equal(cursorOver('8280808000').varint(), 1)
  assert.equal(cursorOver('82808080808080808000').varlong(), 1)
  assert.throws(() => cursorOver('808080808000').varint(), CorruptRecordError)
  assert.throws(() => cursorOver('8080808080808080808000').varlong(), CorruptRecordError)
})

test('nothing is read past the end, though the buffer goes on', () => {
  const bytes = Buffer.from('ffffffffff05', 'hex')
  for (let end = 0; end <= 4; end++) {
    assert.throws(() => new RecordCursor(bytes, 0, end).varint(), CorruptRecordError)
    assert.throws(() => new RecordCursor(bytes, 0, end).varlong(), CorruptRecordError)
  }
  const field = Buffer.from('0861626364', 'hex')
  assert.equal(new RecordCursor(field, 0, 5).nullableBytes()?.toString(), 'abcd')
  assert.throws(() => new RecordCursor(field, 0, 4).nullableBytes(), CorruptRecordError)
  assert.equal(new RecordCursor(Buffer.from([1]), 0, 1).nullableBytes(), null)
  assert.throws(() => new RecordCursor(Buffer.from([3]), 0, 1).nullableBytes(), CorruptRecordError)
})
