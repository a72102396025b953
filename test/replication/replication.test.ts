import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ReplicaCluster, valuesOf } from '../support/replica-cluster.ts'

test('acks=all is answered when all of the ISR have the record', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3])
  const produced = t.broker(1).produce('orders', ['a'])
  assert.equal(produced.isDone, false)
  await t.settle()
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  assert.equal(produced.answer.baseOffset, 0)
  for (const id of [1, 2, 3]) assert.deepEqual(await t.broker(id).values('orders'), ['a'])
  assert.equal(t.broker(1).log('orders').highWatermark, 1)
  t.stop()
})

test('followers learn the high watermark with the fetch after', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a'])
  await t.settle()
  await t.advance(500)
  assert.equal(t.broker(2).log('orders').highWatermark, 1)
  const read = t.broker(2).fetch('orders', 0)
  await t.settle()
  assert.deepEqual(valuesOf(read.answer.records!), ['a'])
  t.stop()
})

test('acks=1 is answered at once, acks=0 too', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  assert.equal(t.broker(1).produce('orders', ['a'], { acks: 1 }).answer.errorCode, 0)
  assert.equal(t.broker(1).produce('orders', ['b'], { acks: 0 }).answer.baseOffset, 1)
  t.stop()
})

test('a follower that has caught up joins the ISR', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2], {}, [1])
  t.broker(1).produce('orders', ['a'])
  await t.settle()
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  assert.equal(t.broker(1).lines('ISR updated to 1,2  and version updated to 1').length, 1)
  t.stop()
})
