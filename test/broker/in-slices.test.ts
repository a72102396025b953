/** The start of a broker with many logs to recover. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../src/base/ports.ts'
import { inSlices } from '../../src/broker/in-slices.ts'
import { settlePromises } from '../support/fake-clock.ts'
import { LogBench } from '../support/log-bench.ts'

/** Moves while work is done, and fires timers only when the event loop has its turn. */
class LoopClock implements Clock {
  nowMs = 0
  #timers: { dueMs: number; callback: () => void }[] = []

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#timers.push({ dueMs: this.nowMs + delayMs, callback })
    return () => {}
  }

  async turn(): Promise<void> {
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.nowMs)
    this.#timers = this.#timers.filter((timer) => !due.includes(timer))
    for (const { callback } of due) callback()
    await settlePromises()
  }
}

test('timers have their turn while logs are loaded, however long that takes', async () => {
  const t = new LogBench()
  for (let partition = 0; partition < 50; partition++) {
    t.logs.getOrCreate({ topic: 't', partition }, { isNew: true, topicId: null })
  }
  await t.logs.shutdown()
  const clock = new LoopClock()
  const pingsMs: number[] = []
  const ping = (): void => {
    pingsMs.push(clock.nowMs)
    clock.after(500, ping)
  }
  clock.after(500, ping)
  const slowly = function* () {
    for (const _ of t.logs.loading()) {
      clock.nowMs += 40
      yield
    }
  }
  let isLoaded = false
  const loading = inSlices(clock, slowly()).then(() => {
    isLoaded = true
  })
  for (let turns = 0; !isLoaded && turns < 100; turns++) await clock.turn()
  await loading
  assert.equal([...t.logs.logs()].length, 50)
  assert.deepEqual(pingsMs, [600, 1_200, 1_800])
})
