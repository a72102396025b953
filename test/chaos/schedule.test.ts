import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultOption, listOptions } from '../../src/chaos/faults.ts'
import { makeSchedule, type ScheduledFault, takes } from '../../src/chaos/schedule.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FakeTarget } from '../support/fake-target.ts'

const OPTIONS: readonly FaultOption[] = listOptions(new FakeTarget(new FakeClock()))

function schedule(seed: number, forMs = 120_000, brokersAtOnce = 1): ScheduledFault[] {
  return makeSchedule({ seed, forMs, options: OPTIONS, brokersAtOnce })
}

/** Faults under way when one begins, itself included. */
function atOnce(faults: readonly ScheduledFault[], { atMs }: ScheduledFault): ScheduledFault[] {
  return faults.filter((each) => each.atMs <= atMs && atMs < each.atMs + takes(each))
}

test('a seed gives the same run each time, another seed another one', () => {
  assert.deepEqual(schedule(7), schedule(7))
  assert.notDeepEqual(schedule(7), schedule(8))
  assert.ok(schedule(7).length >= 4)
})

test('two of three brokers are well at any time, and all is healed before the end', () => {
  for (let seed = 0; seed < 500; seed++) {
    const faults = schedule(seed, 60_000)
    assert.ok(faults.length >= 1, `seed ${seed}`)
    for (const fault of faults) {
      assert.equal(atOnce(faults, fault).length, 1, `seed ${seed}`)
      assert.ok(fault.atMs + fault.forMs <= 57_000)
    }
  }
})

test('more may be harmed when asked for, each broker by one fault at a time', () => {
  let most = 0
  for (let seed = 0; seed < 300; seed++) {
    const faults = schedule(seed, 120_000, 2)
    for (const fault of faults) {
      const together = atOnce(faults, fault)
      most = Math.max(most, together.length)
      assert.ok(together.length <= 2)
      assert.equal(new Set(together.map(({ target }) => target)).size, together.length)
      if (together.some(({ target }) => target === 'zookeeper')) assert.equal(together.length, 1)
    }
  }
  assert.equal(most, 2)
})

test('with a lane for more brokers than there are, each still has one fault at a time', () => {
  const faults = schedule(1, 300_000, 5)
  for (const fault of faults) {
    const targets = atOnce(faults, fault).map(({ target }) => target)
    assert.equal(new Set(targets).size, targets.length)
  }
})

test('over many seeds every kind that is possible comes up, and no other', () => {
  const seen = new Set<string>()
  const possible = OPTIONS.filter(({ kind }) => kind !== 'slow')
  for (let seed = 0; seed < 200; seed++) {
    const options = possible.map((each) =>
      each.kind === 'pause' ? { ...each, targets: [] } : each,
    )
    for (const { kind } of makeSchedule({ seed, forMs: 60_000, options })) seen.add(kind)
  }
  const expected = possible.map(({ kind }) => kind).filter((kind) => kind !== 'pause')
  assert.deepEqual([...seen].sort(), expected.sort())
})

test('each kind comes once before one comes again', () => {
  for (let seed = 0; seed < 50; seed++) {
    const kinds = schedule(seed, 400_000).map(({ kind }) => kind)
    assert.equal(new Set(kinds.slice(0, OPTIONS.length)).size, OPTIONS.length, `seed ${seed}`)
  }
})

test('where nothing is possible, or there is no time, nothing happens', () => {
  assert.deepEqual(makeSchedule({ seed: 1, forMs: 60_000, options: [] }), [])
  assert.deepEqual(schedule(1, 5_000), [])
})
