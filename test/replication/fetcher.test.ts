import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplicaCluster } from '../support/replica-cluster.ts'

test('a fetcher that is woken a little early after a failure goes on all the same', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.clock.isCoarse = true
  await t.advance(0.7)
  await t.disconnect(1, 2)
  t.broker(1).produce('orders', ['a'])
  await t.advance(3_000)
  t.reconnect(1, 2)
  await t.advance(3_000)
  assert.deepEqual(await t.broker(2).values('orders'), ['a'])
  t.stop()
})

test('a fetcher that is woken a little early looks again whether its leader has heard', async () => {
  const t = new ReplicaCluster([1, 2])
  t.clock.isCoarse = true
  await t.advance(0.7)
  t.createTopicState('orders', [1, 2])
  t.tell('orders', [2], true)
  await t.advance(50)
  t.tell('orders', [1], true)
  t.broker(1).produce('orders', ['a'])
  await t.advance(3_000)
  assert.deepEqual(await t.broker(2).values('orders'), ['a'])
  t.stop()
})
