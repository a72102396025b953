import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Expiring, Purgatory } from '../../src/replication/purgatory.ts'
import {
  type FetchWatcher,
  FetchWatchers,
  type ProduceWaiter,
  ProduceWaiters,
} from '../../src/replication/waiters.ts'
import { FakeClock } from '../support/fake-clock.ts'

class Item implements Expiring {
  deadlineTick = -1
  previousInSlot: Expiring | null = null
  nextInSlot: Expiring | null = null
  expiredAtMs = -1
  readonly #clock: FakeClock

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  onExpired(): void {
    assert.equal(this.expiredAtMs, -1, 'expired twice')
    this.expiredAtMs = this.#clock.monotonicMs()
  }
}

test('what waits expires at its deadline, at most two ticks late, never early', () => {
  const action = fc.record({
    delayMs: fc.integer({ min: 0, max: 40_000 }),
    thenMs: fc.integer({ min: 0, max: 900 }),
    isRemoved: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const clock = new FakeClock()
      const purgatory = new Purgatory(clock)
      const kept: { item: Item; deadlineMs: number }[] = []
      for (const { delayMs, thenMs, isRemoved } of actions) {
        const item = new Item(clock)
        const deadlineMs = clock.monotonicMs() + delayMs
        purgatory.add(item, delayMs)
        if (isRemoved) purgatory.remove(item)
        else kept.push({ item, deadlineMs })
        clock.advance(thenMs)
      }
      clock.advance(50_000)
      for (const { item, deadlineMs } of kept) {
        assert.ok(item.expiredAtMs >= deadlineMs, `${item.expiredAtMs} before ${deadlineMs}`)
        assert.ok(item.expiredAtMs <= deadlineMs + 20, `${item.expiredAtMs} for ${deadlineMs}`)
      }
      assert.equal(purgatory.count, 0)
      assert.equal(clock.pendingTimers, 0)
    }),
  )
})

test('a purgatory in which nobody waits sets no timer', () => {
  const clock = new FakeClock()
  const purgatory = new Purgatory(clock)
  assert.equal(clock.pendingTimers, 0)
  const item = new Item(clock)
  purgatory.add(item, 100)
  purgatory.add(new Item(clock), 30_000)
  assert.equal(clock.pendingTimers, 1)
  clock.advance(40_000)
  assert.equal(clock.pendingTimers, 0)
})

test('one that expires may take another out of the wheel', () => {
  const clock = new FakeClock()
  const purgatory = new Purgatory(clock)
  const second = new Item(clock)
  const first = new Item(clock)
  first.onExpired = () => purgatory.remove(second)
  second.onExpired = () => purgatory.remove(first)
  purgatory.add(second, 100)
  purgatory.add(first, 100)
  clock.advance(200)
  assert.equal(purgatory.count, 0)
})

function waiter(requiredOffset: number): ProduceWaiter {
  return { requiredOffset, previous: null, next: null, isWaiting: false }
}

test('produce waiters leave in the order of the offsets they need, as from a sorted list', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), offset: fc.nat(20) }),
    fc.record({ kind: fc.constant('remove' as const), at: fc.nat(20) }),
    fc.record({ kind: fc.constant('advance' as const), offset: fc.nat(20) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const waiters = new ProduceWaiters()
      let model: ProduceWaiter[] = []
      for (const action of actions) {
        if (action.kind === 'add') {
          const added = waiter(action.offset)
          waiters.add(added)
          const after = model.filter(({ requiredOffset }) => requiredOffset <= action.offset)
          model = [...after, added, ...model.filter((each) => !after.includes(each))]
        } else if (action.kind === 'remove') {
          const removed = model[action.at]
          if (removed === undefined) continue
          waiters.remove(removed)
          waiters.remove(removed)
          model = model.filter((each) => each !== removed)
        } else {
          const satisfied = model.filter(({ requiredOffset }) => requiredOffset <= action.offset)
          for (const expected of satisfied) {
            assert.equal(waiters.takeSatisfied(action.offset), expected)
          }
          assert.equal(waiters.takeSatisfied(action.offset), null)
          model = model.filter((each) => !satisfied.includes(each))
        }
        assert.equal(waiters.count, model.length)
      }
    }),
  )
})

test('fetch watchers come and go in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 40 }), (picks) => {
      const watchers = new FetchWatchers()
      const all = [0, 1, 2, 3, 4, 5].map(() => ({ watchIndex: -1 }) as FetchWatcher)
      const present = new Set<FetchWatcher>()
      for (const pick of picks) {
        const one = all[pick]!
        if (present.delete(one)) {
          watchers.remove(one)
        } else {
          present.add(one)
          watchers.add(one)
        }
        assert.deepEqual(new Set(watchers.list), present)
        for (const each of all) {
          const at = each.watchIndex
          assert.equal(
            at >= 0 ? watchers.list[at] : undefined,
            present.has(each) ? each : undefined,
          )
        }
      }
    }),
  )
})
