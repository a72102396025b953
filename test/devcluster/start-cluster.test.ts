import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { startCluster } from '../../src/devcluster/start-cluster.ts'

const TOPICS = [{ name: 'orders', partitions: 3, replicationFactor: 3 }]

test('a cluster in this process starts with its topics and leaves nothing behind', async () => {
  const cluster = await startCluster({ config: { 'min.insync.replicas': '2' }, topics: TOPICS })
  const { dataDir } = cluster
  const view = await cluster.until(() => true)
  assert.deepEqual(view.brokerIds, [1, 2, 3])
  assert.equal(view.partition('orders', 2)?.isr.length, 3)
  assert.equal(view.partition('orders', 3), null)
  await assert.rejects(cluster.broker(1).kill(), /can only be stopped/)
  await cluster.close()
  assert.equal(fs.existsSync(dataDir), false)
})

test('a broker whose session is expired by hand comes back under a new one', async () => {
  await using cluster = await startCluster({ brokers: 2, topics: [{ name: 't' }] })
  const { controllerId } = await cluster.until(() => true)
  const victim = controllerId
  assert.equal(cluster.expireSession({ broker: victim }), true)
  assert.equal(cluster.expireSession({ broker: 99 }), false)
  await cluster.until((view) => view.controllerId !== -1 && view.brokerIds.length === 2)
  await cluster.ready()
})

test('a broker that stops hands its partitions over, and gets back into the ISR', async () => {
  await using cluster = await startCluster({ topics: TOPICS })
  await cluster.broker(2).stop()
  const without = await cluster.until((view) => view.brokerIds.length === 2)
  for (const index of [0, 1, 2]) assert.notEqual(without.partition('orders', index)?.leader, 2)
  await cluster.broker(2).start()
  await cluster.ready()
})

test('a killed leader is replaced, and rejoins after a restart', async () => {
  await using cluster = await startCluster({
    mode: 'process',
    config: { 'zookeeper.session.timeout.ms': '2000' },
    topics: TOPICS,
  })
  const before = (await cluster.until(() => true)).partition('orders', 0)!
  const leader = cluster.broker(before.leader)
  assert.ok(leader.pid > 0)
  await leader.kill('SIGKILL')
  assert.equal(leader.isRunning, false)
  const after = await cluster.until((view) => {
    const partition = view.partition('orders', 0)
    return partition !== null && partition.leader >= 0 && partition.leader !== before.leader
  })
  assert.ok(after.partition('orders', 0)!.leaderEpoch > before.leaderEpoch)
  await leader.start()
  await cluster.ready()
})
