/** Whole clusters of the real brokers in virtual time. The invariants are checked all along. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCluster } from './cluster-run.ts'
import { createRealBroker } from './real-broker.ts'
import { type Simulation, simulate } from './simulate.ts'

async function withOrders(seed: number, body: (t: Simulation) => Promise<void>): Promise<void> {
  const t = await simulate({ seed, brokers: 3, createBroker: createRealBroker })
  try {
    await t.createTopic('orders', { replicas: 3, minInSyncReplicas: 2 })
    await body(t)
    await t.check()
  } finally {
    t.close()
  }
}

test('an acknowledged record survives the death of the leader', async () => {
  await withOrders(7, async (t) => {
    await t.produce('orders', 0, 'a')
    const leader = t.leaderOf('orders', 0)
    t.crash(leader)
    await t.settle()
    assert.notEqual(t.leaderOf('orders', 0), leader)
    assert.deepEqual(await t.consume('orders', 0), ['a'])
    t.restart(leader)
    await t.untilHealthy()
  })
})

test('a leader that stood still longer than its session finds that it leads no more', async () => {
  await withOrders(8, async (t) => {
    await t.produce('orders', 0, 'a')
    const leader = t.leaderOf('orders', 0)
    t.cluster.pause(leader)
    await t.runUntil(() => t.leaderOf('orders', 0) !== leader, 10_000, 'a new leader')
    await t.produce('orders', 0, 'b')
    t.cluster.resume(leader)
    await t.untilHealthy()
    assert.deepEqual(await t.consume('orders', 0), ['a', 'b'])
  })
})

test('a leader that ZooKeeper cannot hear is replaced, and acknowledges nothing alone', async () => {
  await withOrders(9, async (t) => {
    await t.produce('orders', 0, 'a')
    const leader = t.leaderOf('orders', 0)
    t.cut(leader, 'zookeeper')
    await t.runUntil(() => t.leaderOf('orders', 0) !== leader, 10_000, 'a new leader')
    await t.produce('orders', 0, 'b')
    t.mend(leader, 'zookeeper')
    await t.untilHealthy()
    assert.deepEqual(await t.consume('orders', 0), ['a', 'b'])
  })
})

test('a follower that the others cannot reach leaves the ISR, and comes back', async () => {
  await withOrders(10, async (t) => {
    const leader = t.leaderOf('orders', 0)
    // Not the controller: the leader has to reach that one to be told of a smaller ISR.
    const followers = t.isrOf('orders', 0).filter((id) => id !== leader)
    const follower = followers.find((id) => id !== t.controllerId()) ?? -1
    const other = followers.find((id) => id !== follower) ?? -1
    t.cut(follower, leader)
    t.cut(follower, other)
    // Acknowledged as soon as the ISR is smaller.
    await t.produce('orders', 0, 'a')
    assert.deepEqual([...t.isrOf('orders', 0)].sort(), [leader, other].sort())
    assert.equal(t.leaderOf('orders', 0), leader)
    t.mend(follower, leader)
    t.mend(follower, other)
    await t.untilHealthy()
  })
})

test('a restart of ZooKeeper moves no leader', async () => {
  await withOrders(11, async (t) => {
    const before = t.leaderOf('orders', 0)
    const controller = t.controllerId()
    t.zookeeper.stop(true)
    await t.runFor(2000)
    await t.produce('orders', 0, 'meanwhile')
    await t.finish(t.zookeeper.start(), 'the start of ZooKeeper')
    await t.untilHealthy()
    assert.equal(t.leaderOf('orders', 0), before)
    assert.equal(t.controllerId(), controller)
  })
})

test('the same seed is the same run', async () => {
  const [first, second] = [await runCluster(5), await runCluster(5)]
  assert.deepEqual(first.trace.lines, second.trace.lines)
  assert.equal(first.world.eventCount, second.world.eventCount)
})

for (const seed of [1, 2, 3, 5, 6]) {
  test(`no invariant is broken by a minute of faults (seed ${seed})`, async () => {
    const t = await runCluster(seed)
    assert.ok(t.operations.acks.length > 200, `${t.operations.acks.length} acknowledged`)
  })
}
