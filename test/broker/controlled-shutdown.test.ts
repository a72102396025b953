import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestControlledShutdown } from '../../src/broker/controlled-shutdown.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

/** What the controller does with each request; the last one stands for all that follow. */
type Answer = 'silence' | 'failure' | number

function shutDown(...answers: Answer[]) {
  const clock = new FakeClock()
  const loggers = new SilentLoggers()
  const bench = { clock, loggers, asked: 0, isZooKeeperThere: true, result: null as boolean | null }
  const channel = {
    send: () => {
      const answer = answers[Math.min(bench.asked++, answers.length - 1)]!
      if (answer === 'silence') return new Promise<never>(() => {})
      if (answer === 'failure') return Promise.reject(new Error('refused'))
      const remainingPartitions = Array.from({ length: answer }, (_, at) => {
        return { topicName: 'orders', partitionIndex: at }
      })
      return Promise.resolve({ errorCode: ErrorCode.NONE, remainingPartitions } as never)
    },
  }
  const options = { brokerId: 1, maxRetries: 3, retryBackoffMs: 5_000 }
  void requestControlledShutdown(channel, clock, loggers.get('kafka'), () => 7, {
    ...options,
    isZooKeeperThere: () => bench.isZooKeeperThere,
  }).then((isDone) => {
    bench.result = isDone
  })
  return bench
}

test('it asks until the controller has moved all', async () => {
  const t = shutDown(2, 'failure', 0)
  await t.clock.advanceAsync(9_900)
  assert.deepEqual([t.asked, t.result], [2, null])
  await t.clock.advanceAsync(200)
  assert.deepEqual([t.asked, t.result], [3, true])
  assert.equal(t.clock.pendingTimers, 0)
})

test('after the last try the broker stops all the same', async () => {
  const t = shutDown('failure')
  await t.clock.advanceAsync(10_000)
  assert.deepEqual([t.asked, t.result], [3, false])
  assert.equal(t.clock.pendingTimers, 0)
})

test('while ZooKeeper is there an answer may take long', async () => {
  const t = shutDown('silence')
  await t.clock.advanceAsync(60_000)
  assert.equal(t.result, null)
})

test('without ZooKeeper nobody is waited for longer than three seconds', async () => {
  for (const answer of ['silence', 'failure'] as const) {
    const t = shutDown(answer)
    t.isZooKeeperThere = false
    await t.clock.advanceAsync(2_900)
    assert.equal(t.result, null, answer)
    await t.clock.advanceAsync(300)
    assert.equal(t.result, false, answer)
    assert.match(t.loggers.lines.at(-1)!, /unclean shutdown without ZooKeeper/)
  }
})

test('a ZooKeeper that comes back in between is not given up', async () => {
  const t = shutDown('silence')
  for (let round = 0; round < 5; round++) {
    t.isZooKeeperThere = false
    await t.clock.advanceAsync(2_000)
    t.isZooKeeperThere = true
    await t.clock.advanceAsync(1_000)
  }
  assert.equal(t.result, null)
})
