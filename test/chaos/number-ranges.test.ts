import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NumberRanges } from '../../src/chaos/number-ranges.ts'
import { SeededRandom } from '../support/seeded-random.ts'

test('ranges hold what a set holds', () => {
  const random = new SeededRandom(1)
  const ranges = new NumberRanges(1_000)
  const set = new Set<number>()
  for (let i = 0; i < 5_000; i++) {
    const number = random.nextInt(60)
    if (random.chance(0.5)) {
      ranges.add(number)
      set.add(number)
    } else {
      assert.equal(ranges.delete(number), set.delete(number))
    }
    for (let each = 0; each < 60; each++) assert.equal(ranges.has(each), set.has(each))
  }
})

test('neighbours are one range', () => {
  const ranges = new NumberRanges(10)
  for (const number of [5, 3, 4, 9, 7, 8, 6]) ranges.add(number)
  assert.equal(ranges.rangeCount, 1)
  ranges.delete(6)
  assert.equal(ranges.rangeCount, 2)
})

test('the lowest range is forgotten when there are too many', () => {
  const ranges = new NumberRanges(3)
  for (const number of [10, 20, 30, 40]) ranges.add(number)
  assert.deepEqual(
    [10, 20, 30, 40].map((number) => ranges.has(number)),
    [false, true, true, true],
  )
})
