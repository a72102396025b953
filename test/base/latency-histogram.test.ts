import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LatencyHistogram } from '../../src/base/latency-histogram.ts'

const QUANTILES = [0.5, 0.99, 1]

test('quantiles are those of the values, to a tenth', () => {
  const times = new LatencyHistogram()
  for (let ms = 1000; ms >= 1; ms--) times.record(ms, 0)
  const [median, high, highest] = times.quantiles(QUANTILES, 0)
  assert.ok(median! >= 500 && median! <= 550, `${median}`)
  assert.ok(high! >= 990 && high! <= 1000, `${high}`)
  assert.equal(highest, 1000)
  assert.deepEqual([times.count, times.totalMs, times.maxMs], [1000, 500_500, 1000])
})

test('what cannot be measured finely is told all the same', () => {
  const times = new LatencyHistogram()
  for (const ms of [0, -1, Number.NaN, 1e12]) times.record(ms, 0)
  assert.equal(times.count, 4)
  assert.equal(times.quantiles([0], 0)[0], 1 / 64)
  assert.ok(times.quantiles([1], 0)[0]! > 3_600_000)
})

test('old values leave after one to two minutes, the count stays', () => {
  const times = new LatencyHistogram()
  assert.deepEqual(times.quantiles(QUANTILES, 0), [0, 0, 0])
  times.record(100, 0)
  times.record(1, 60_000)
  assert.equal(times.quantiles([1], 60_000)[0], 100)
  times.record(1, 120_000)
  assert.equal(times.quantiles([1], 120_000)[0]! < 2, true)
  assert.deepEqual(times.quantiles(QUANTILES, 1_000_000), [0, 0, 0])
  assert.equal(times.count, 3)
})
