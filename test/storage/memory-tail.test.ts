/** The memory of batches: there as long as somebody reads it, free afterwards. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { release } from '../../src/base/release.ts'
import { MemoryTail, TailBudget } from '../../src/storage/memory-tail.ts'

const BATCH_BYTES = 100_000
const BUDGET_BYTES = 4 * BATCH_BYTES

interface Reading {
  readonly offset: number
  readonly bytes: Buffer
}

/** A batch of one record whose bytes all are its offset. */
function batch(offset: number): Buffer {
  return Buffer.alloc(BATCH_BYTES, offset & 0xff)
}

test('a batch is whole while it is read, and free once it is evicted and read by nobody', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('append' as const) }),
    fc.record({ kind: fc.constant('read' as const), back: fc.nat(6) }),
    fc.record({ kind: fc.constant('sent' as const), which: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const tail = new MemoryTail(new TailBudget(BUDGET_BYTES))
      const pushed: Buffer[] = []
      const readings: Reading[] = []
      for (const each of actions) {
        if (each.kind === 'append') {
          const bytes = batch(pushed.length)
          tail.push(pushed.length, pushed.length, bytes)
          pushed.push(bytes)
        } else if (each.kind === 'read') {
          const from = Math.max(0, pushed.length - each.back)
          const read = tail.read(from, pushed.length, Number.MAX_SAFE_INTEGER, true)
          for (const [at, bytes] of (read?.chunks ?? []).entries()) {
            readings.push({ offset: from + at, bytes })
          }
        } else if (readings.length > 0) {
          const [done] = readings.splice(each.which % readings.length, 1)
          release(done!.bytes)
        }
        for (const { offset, bytes } of readings) assert.ok(bytes.equals(batch(offset)))
        pushed.forEach((bytes, offset) => {
          const isKept = offset >= tail.startOffset || readings.some((one) => one.offset === offset)
          assert.equal(bytes.length, isKept ? BATCH_BYTES : 0, `batch ${offset}`)
        })
      }
    }),
  )
})

test('two batches of one frame go when both are evicted', () => {
  const frame = Buffer.alloc(2 * BATCH_BYTES, 7)
  const budget = new TailBudget(BUDGET_BYTES)
  const [one, other] = [new MemoryTail(budget), new MemoryTail(budget)]
  one.push(0, 0, frame.subarray(0, BATCH_BYTES))
  other.push(0, 0, frame.subarray(BATCH_BYTES))
  one.clear()
  assert.equal(frame.length, 2 * BATCH_BYTES)
  other.clear()
  assert.equal(frame.length, 0)
})
