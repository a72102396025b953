import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGood, Verifier, type VerifierOptions } from '../../src/chaos/verifier.ts'
import type { UnnumberedEvent } from '../../src/dashboard/history/events.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { appendBatch, type FakePartition, LogBrokers } from '../support/log-brokers.ts'
import { SeededRandom } from '../support/seeded-random.ts'

function setUp(options: VerifierOptions = {}, brokerIds: readonly number[] = [1, 2, 3]) {
  const clock = new FakeClock()
  const brokers = new LogBrokers(clock, brokerIds)
  const events: UnnumberedEvent[] = []
  const verifier = new Verifier(
    { clock, random: new SeededRandom(7), open: brokers.open },
    { ...options, onEvent: (event) => events.push(event) },
  )
  /** Lets time pass until it is done. */
  const during = async <T>(promise: Promise<T>): Promise<T> => {
    let isDone = false
    const done = () => {
      isDone = true
    }
    promise.then(done, done)
    await settlePromises()
    while (!isDone) await clock.advanceAsync(50)
    return promise
  }
  const partitions = (): FakePartition[] => brokers.topics.get('samsa-verify')!
  return { clock, brokers, events, verifier, during, partitions }
}

test('a healthy cluster gets a clean verdict', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(2_000)
  assert.equal(verifier.isRunning, true)
  const verdict = await during(verifier.stop())
  assert.equal(verifier.isRunning, false)
  assert.ok(verdict.acked >= 290, `${verdict.acked} acknowledged`)
  assert.equal(verdict.consumed, verdict.acked)
  assert.equal(verdict.failed, 0)
  assert.ok(isGood(verdict))
  assert.equal(verdict.isReadTwice, true)
  assert.ok(verdict.longestGapMs <= 30, `${verdict.longestGapMs} ms`)
  assert.ok(verdict.longestReadGapMs <= 40, `${verdict.longestReadGapMs} ms`)
  const [topic] = brokers.created
  assert.equal(topic!.numPartitions, 3)
  assert.equal(topic!.replicationFactor, 3)
  assert.deepEqual(topic!.configs, [{ name: 'min.insync.replicas', value: '2' }])
})

test('on one broker the topic has one replica and no minimum', async () => {
  const { brokers, verifier, during } = setUp({ partitions: 2 }, [1])
  await during(verifier.start())
  await during(verifier.stop())
  const [topic] = brokers.created
  assert.deepEqual([topic!.numPartitions, topic!.replicationFactor], [2, 1])
  assert.deepEqual(topic!.configs, [])
})

test('a topic that is there is taken as it is, from its end on', async () => {
  const first = setUp({ partitions: 2 })
  await first.during(first.verifier.start())
  await first.clock.advanceAsync(500)
  await first.during(first.verifier.stop())
  const old = first.partitions()

  const { clock, brokers, verifier, during } = setUp({ partitions: 5 })
  brokers.topics.set('samsa-verify', old)
  const before = old.map(({ log }) => log.length)
  await during(verifier.start())
  await clock.advanceAsync(500)
  const verdict = await during(verifier.stop())
  assert.equal(verdict.partitions.length, 2)
  assert.ok(verdict.acked > 0)
  assert.equal(
    verdict.consumed,
    old.reduce((sum, { log }, at) => sum + log.length - before[at]!, 0),
  )
  assert.ok(isGood(verdict))
})

test('a leader that dies is a gap, not a loss', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  brokers.kill(1)
  await clock.advanceAsync(3_000)
  brokers.moveLeaders(1)
  await clock.advanceAsync(1_000)
  const verdict = await during(verifier.stop())
  assert.ok(isGood(verdict))
  assert.ok(verdict.failed > 0)
  const [ofOne, ofTwo] = verdict.partitions
  assert.ok(ofOne!.longestGapMs >= 3_000 && ofOne!.longestGapMs < 3_300, `${ofOne!.longestGapMs}`)
  assert.ok(ofTwo!.longestGapMs < 50)
  assert.equal(verdict.longestGapMs, ofOne!.longestGapMs)
  const unreadableMs = ofOne!.longestReadGapMs
  assert.ok(unreadableMs >= 3_000 && unreadableMs < 3_100, `${unreadableMs}`)
  assert.ok(ofTwo!.longestReadGapMs < 50)
  assert.equal(verdict.longestReadGapMs, unreadableMs)
  assert.ok(verdict.longestGapOfAllMs < 50)
})

test('a leader that hangs is left as soon as another one leads', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  brokers.paused.add(1)
  await clock.advanceAsync(2_000)
  brokers.moveLeaders(1)
  await clock.advanceAsync(3_000)
  brokers.paused.clear()
  const verdict = await during(verifier.stop())
  assert.ok(isGood(verdict))
  const [ofOne, ofTwo] = verdict.partitions
  assert.ok(ofOne!.longestGapMs >= 2_000 && ofOne!.longestGapMs < 2_150, `${ofOne!.longestGapMs}`)
  assert.ok(ofTwo!.longestGapMs < 50)
  assert.equal(ofOne!.failed, 1)
  const unreadableMs = ofOne!.longestReadGapMs
  assert.ok(unreadableMs >= 2_000 && unreadableMs < 2_100, `${unreadableMs}`)
})

test('an election long after a leader hung is noticed at once, whichever broker it was', async () => {
  // Before, between and after the timeouts of requests to the one that hangs.
  const cases = [3_900, 6_000, 11_000].map((afterMs) => ({ hung: 1, afterMs }))
  for (const { hung, afterMs } of [
    ...cases,
    ...[2, 3].map((id) => ({ hung: id, afterMs: 6_000 })),
  ]) {
    const { clock, brokers, verifier, during } = setUp()
    await during(verifier.start())
    await clock.advanceAsync(1_000)
    brokers.paused.add(hung)
    await clock.advanceAsync(afterMs)
    brokers.moveLeaders(hung)
    await clock.advanceAsync(5_000)
    brokers.paused.clear()
    const verdict = await during(verifier.stop())
    assert.ok(isGood(verdict))
    for (const { partition, longestGapMs, longestReadGapMs } of verdict.partitions) {
      const [min, max] = partition === hung - 1 ? [afterMs, afterMs + 100] : [0, 50]
      const what = `broker ${hung}, ${afterMs} ms, partition ${partition}`
      assert.ok(longestGapMs >= min && longestGapMs < max, `${what}: ${longestGapMs}`)
      assert.ok(longestReadGapMs >= min && longestReadGapMs < max, `${what}: ${longestReadGapMs}`)
    }
  }
})

test('of what was sent to a leader that was left nobody knows the outcome', async () => {
  for (const isWritten of [true, false]) {
    const { clock, brokers, verifier, during, partitions } = setUp({ partitions: 1 })
    await during(verifier.start())
    await clock.advanceAsync(1_000)
    const before = verifier.verdict.acked
    let left = 1
    if (isWritten) brokers.onProduce = () => (left-- > 0 ? 'append-and-hang' : 'append')
    else brokers.paused.add(1)
    await clock.advanceAsync(1_000)
    assert.equal(verifier.verdict.acked, before)
    brokers.moveLeaders(1)
    await clock.advanceAsync(200)
    assert.ok(verifier.verdict.acked > before)
    brokers.paused.clear()
    await clock.advanceAsync(5_000)
    const verdict = await during(verifier.stop())
    const { acked, failed, consumed, lost, unchecked } = verdict
    assert.deepEqual([failed, lost, unchecked], [1, 0, 0])
    assert.equal(consumed, isWritten ? acked + 1 : acked)
    assert.equal(partitions()[0]!.log.length, consumed)
    assert.ok(verdict.longestGapMs < 1_150, `${verdict.longestGapMs}`)
  }
})

test('of two brokers that hang neither hides what the third tells', async () => {
  const { clock, brokers, verifier, during } = setUp({ partitions: 5 }, [1, 2, 3, 4, 5])
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  for (const id of [1, 2]) brokers.paused.add(id)
  await clock.advanceAsync(6_000)
  for (const id of [1, 2]) brokers.moveLeaders(id)
  await clock.advanceAsync(5_000)
  brokers.paused.clear()
  const verdict = await during(verifier.stop())
  assert.ok(isGood(verdict))
  assert.ok(
    verdict.longestGapMs >= 6_000 && verdict.longestGapMs < 6_100,
    `${verdict.longestGapMs}`,
  )
})

test('a cluster that is away for minutes comes back to a clean verdict', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(500)
  for (const id of [1, 2, 3]) brokers.kill(id)
  await clock.advanceAsync(20_000)
  for (const id of [1, 2, 3]) brokers.start(id)
  await clock.advanceAsync(1_000)
  const verdict = await during(verifier.stop())
  assert.ok(isGood(verdict), JSON.stringify(verdict))
  assert.ok(verdict.longestGapOfAllMs >= 20_000)
  assert.ok(verdict.lastError === null)
})

test('a partition that refuses writes and has nothing to read is readable all the same', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  brokers.onProduce = () => 'fail'
  await clock.advanceAsync(5_000)
  const verdict = await during(verifier.stop())
  assert.ok(verdict.longestGapMs >= 5_000, `${verdict.longestGapMs}`)
  assert.ok(verdict.longestReadGapMs <= 40, `${verdict.longestReadGapMs}`)
})

test('what cannot be read while the verifier reads to its end is not counted', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  const stopping = verifier.stop()
  await clock.advanceAsync(0)
  for (const id of [1, 2, 3]) brokers.kill(id)
  await clock.advanceAsync(5_000)
  for (const id of [1, 2, 3]) brokers.start(id)
  const verdict = await during(stopping)
  assert.ok(isGood(verdict), JSON.stringify(verdict))
  assert.ok(verdict.longestReadGapMs <= 40, `${verdict.longestReadGapMs}`)
})

test('a write that failed and is in the log all the same is no mistake', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  let count = 0
  brokers.onProduce = () => (count++ % 5 === 0 ? 'append-and-fail' : 'append')
  await clock.advanceAsync(1_000)
  const verdict = await during(verifier.stop())
  assert.ok(isGood(verdict))
  assert.ok(verdict.failed > 10)
  assert.equal(verdict.consumed, verdict.acked + verdict.failed)
})

test('what is acknowledged and not there is lost', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(500)
  let left = 4
  brokers.onProduce = () => (left-- > 0 ? 'hole' : 'append')
  await clock.advanceAsync(500)
  const verdict = await during(verifier.stop())
  assert.equal(verdict.lost, 4)
  assert.equal(isGood(verdict), false)
})

test('what is there twice is duplicated', async () => {
  const { clock, brokers, verifier, during } = setUp()
  await during(verifier.start())
  let left = 3
  brokers.onProduce = (partition, batch) => {
    if (left-- > 0) appendBatch(partition, batch)
    return 'append'
  }
  await clock.advanceAsync(500)
  const verdict = await during(verifier.stop())
  assert.equal(verdict.duplicated, 3)
  assert.equal(isGood(verdict), false)
})

test('what was read once and is gone at the end is lost', async () => {
  const { clock, brokers, verifier, during, partitions } = setUp({ partitions: 1 })
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  const [partition] = partitions()
  // A new leader that knows less, and takes writes at once.
  partition!.log.length -= 7
  await clock.advanceAsync(1_000)
  const verdict = await during(verifier.stop())
  assert.ok(verdict.lost >= 1, JSON.stringify(verdict))
  brokers.kill(1)
})

test('the last reading that never ends leaves the rest unchecked', async () => {
  const { clock, brokers, verifier, during } = setUp({ finishTimeoutMs: 5_000 })
  await during(verifier.start())
  await clock.advanceAsync(500)
  brokers.onProduce = (partition, batch) => {
    appendBatch(partition, batch)
    partition.leader = -1
    return 'hole'
  }
  await clock.advanceAsync(100)
  for (const id of [1, 2, 3]) brokers.kill(id)
  const verdict = await during(verifier.stop())
  assert.ok(verdict.unchecked > 0)
  assert.equal(verdict.isReadTwice, false)
  assert.equal(isGood(verdict), false)
  assert.notEqual(verdict.lastError, null)
})

test('a verifier that is abandoned ends at once, also when all brokers hang', async () => {
  const { clock, brokers, verifier, events, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(500)
  for (const id of [1, 2, 3]) brokers.paused.add(id)
  await clock.advanceAsync(500)
  verifier.abandon()
  assert.equal(verifier.isRunning, false)
  events.length = 0
  await clock.advanceAsync(60_000)
  assert.equal(clock.pendingTimers, 0)
  await during(verifier.stop())
  assert.deepEqual(events, [])
})

test('writes are told ten times a second, and at once when they work again', async () => {
  const { clock, brokers, events, verifier, during } = setUp()
  await during(verifier.start())
  await clock.advanceAsync(1_000)
  const writes = () => events.filter(({ kind }) => kind === 'writes')
  assert.ok(writes().length >= 9 && writes().length <= 12, `${writes().length}`)
  brokers.onProduce = () => 'fail'
  await clock.advanceAsync(1_000)
  brokers.onProduce = () => 'append'
  events.length = 0
  await clock.advanceAsync(25)
  const first = writes()[0]
  assert.ok(first?.kind === 'writes')
  const gaps = first.partitions.map(({ longestGapMs }) => longestGapMs)
  assert.ok(Math.max(...gaps) >= 990, `${gaps}`)
  events.length = 0
  brokers.kill(1)
  await clock.advanceAsync(1_000)
  const readsOfOne = () =>
    events.flatMap((each) => (each.kind === 'writes' ? [each.partitions[0]!.reads!] : []))
  assert.ok(readsOfOne().some(({ answered, failed }) => answered === 0 && failed > 0))
  brokers.moveLeaders(1)
  events.length = 0
  await clock.advanceAsync(45)
  const recovered = readsOfOne().find(({ answered }) => answered === 1)
  assert.ok(recovered !== undefined && recovered.longestGapMs >= 1_000, 'told at once')
  assert.equal(recovered.longestGapEndedAtMs, recovered.lastAtMs)
  await during(verifier.stop())
  const verdicts = events.filter(({ kind }) => kind === 'verdict')
  const last = verdicts.at(-1)
  assert.ok(last?.kind === 'verdict' && !last.isRunning && last.lost === 0)
})
