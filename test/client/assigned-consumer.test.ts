import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssignedConsumer } from '../../src/client/assigned-consumer.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { OffsetSpec } from '../../src/client/partition-client.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'
import { FakeClock } from '../support/fake-clock.ts'

function setUp(topics: Record<string, { leader: number; logEndOffset: number }>) {
  const clock = new FakeClock()
  const brokers = new FakeBrokers([1, 2, 3])
  for (const [name, topic] of Object.entries(topics)) brokers.topics.set(name, { ...topic })
  const client = new ClusterClient(brokers.connect, clock, { bootstrap: 'b1:9001' })
  const consumer = new AssignedConsumer(client)
  /** Polls until there is something, and goes on behind it. */
  const next = async (): Promise<string[]> => {
    for (let i = 0; i < 50; i++) {
      const polled = consumer.poll()
      let done = false
      polled.finally(() => {
        done = true
      })
      while (!done) await clock.advanceAsync(50)
      const fetched = await polled
      for (const { topic, partition, highWatermark } of fetched) {
        consumer.advance(topic, partition, highWatermark)
      }
      if (fetched.length > 0) return fetched.map(({ topic, records }) => `${topic}:${records}`)
    }
    return []
  }
  return { brokers, consumer, next }
}

test('a partition is read from its start, its end, or an offset', async () => {
  const { brokers, consumer, next } = setUp({
    a: { leader: 1, logEndOffset: 5 },
    b: { leader: 1, logEndOffset: 6 },
    c: { leader: 1, logEndOffset: 7 },
  })
  await consumer.assign('a', 0, OffsetSpec.EARLIEST)
  await consumer.assign('b', 0, OffsetSpec.LATEST)
  await consumer.assign('c', 0, 3)
  assert.deepEqual(await next(), ['a:0-5', 'c:3-7'])
  brokers.topics.get('b')!.logEndOffset = 8
  assert.deepEqual(await next(), ['b:6-8'])
})

test('each leader is asked by itself', async () => {
  const { brokers, consumer, next } = setUp({
    a: { leader: 1, logEndOffset: 1 },
    b: { leader: 2, logEndOffset: 2 },
  })
  await consumer.assign('a', 0, 0)
  await consumer.assign('b', 0, 0)
  assert.deepEqual([...(await next()), ...(await next())].sort(), ['a:0-1', 'b:0-2'])
  assert.deepEqual(new Set(brokers.sent('Fetch')), new Set([1, 2]))
})

test('a leader that moves is followed', async () => {
  const { brokers, consumer, next } = setUp({ a: { leader: 1, logEndOffset: 1 } })
  await consumer.assign('a', 0, 0)
  assert.deepEqual(await next(), ['a:0-1'])
  brokers.topics.set('a', { leader: 3, logEndOffset: 2 })
  assert.deepEqual(await next(), ['a:1-2'])
})

test('a leader that dies is followed', async () => {
  const { brokers, consumer, next } = setUp({ a: { leader: 2, logEndOffset: 1 } })
  await consumer.assign('a', 0, 0)
  assert.deepEqual(await next(), ['a:0-1'])
  brokers.down.add(2)
  brokers.closeAll()
  brokers.topics.set('a', { leader: 3, logEndOffset: 2 })
  assert.deepEqual(await next(), ['a:1-2'])
})

test('an offset out of range is reset', async () => {
  const { brokers, consumer, next } = setUp({ a: { leader: 1, logEndOffset: 4 } })
  await consumer.assign('a', 0, 100)
  assert.deepEqual(await next(), [])
  brokers.topics.get('a')!.logEndOffset = 6
  assert.deepEqual(await next(), ['a:4-6'])
})
