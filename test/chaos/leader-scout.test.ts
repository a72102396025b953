import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaderScout } from '../../src/chaos/leader-scout.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { LogBrokers } from '../support/log-brokers.ts'

async function setUp() {
  const clock = new FakeClock()
  const brokers = new LogBrokers(clock)
  brokers.addTopic('t', 3)
  const scout = new LeaderScout(brokers.open(), clock, 't')
  await scout.start()
  return { clock, brokers, scout }
}

test('a leader is asked for once, until it is doubted', async () => {
  const { brokers, scout } = await setUp()
  assert.equal(await scout.leaderOf(1), 2)
  await settlePromises()
  brokers.moveLeaders(2)
  assert.equal(await scout.leaderOf(1), 2)
  scout.doubt(1, 3)
  assert.equal(await scout.leaderOf(1), 2)
  scout.doubt(1, 2)
  assert.equal(await scout.leaderOf(1), 1)
})

test('a broker that hangs holds up no answer of the others', async () => {
  const { clock, brokers, scout } = await setUp()
  brokers.paused.add(1)
  assert.equal(await scout.leaderOf(1), 2)
  const move = scout.whenMoved(0, 1, 300)
  let moved: number | null = null
  void move.leader.then((leader) => {
    moved = leader
  })
  await clock.advanceAsync(5_000)
  brokers.moveLeaders(1)
  assert.equal(moved, null)
  await clock.advanceAsync(60)
  assert.equal(moved, 2)
})

test('a broker that has not heard of the newest leader is not believed', async () => {
  const { clock, brokers, scout } = await setUp()
  brokers.outdate(1)
  brokers.moveLeaders(2)
  brokers.kill(2)
  brokers.moveLeaders(1)
  brokers.paused.add(1)
  assert.equal(await scout.leaderOf(1), 3)
  brokers.paused.clear()
  scout.doubt(1, 3)
  assert.equal(await scout.leaderOf(1), 3)
  const move = scout.whenMoved(1, 3, 0)
  void move.leader.then((leader) => assert.fail(`broker ${leader} led long ago`))
  await clock.advanceAsync(10_000)
  move.cancel()
})

test('when no broker answers, or none knows a leader, it says so', async () => {
  const { clock, brokers, scout } = await setUp()
  for (const partition of brokers.topics.get('t')!) partition.leader = -1
  await assert.rejects(scout.leaderOf(0), /no leader/)
  await settlePromises()
  for (const id of [1, 2, 3]) brokers.kill(id)
  await assert.rejects(scout.leaderOf(0), /Connection to b\d:900\d failed/)
  brokers.start(3)
  brokers.moveLeaders(-1)
  assert.equal(await scout.leaderOf(0), 3)
  await clock.advanceAsync(100)
  assert.equal(clock.pendingTimers, 0)
})

test('nobody waits for a scout that is closed', async () => {
  const { brokers, scout } = await setUp()
  for (const id of [1, 2, 3]) brokers.paused.add(id)
  const asked = scout.leaderOf(0)
  asked.catch(() => {})
  await settlePromises()
  void scout.close()
  await assert.rejects(asked, /nobody asks/)
  await assert.rejects(scout.leaderOf(0), /nobody asks/)
})
