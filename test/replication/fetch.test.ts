import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { type FetchedPartition, ReplicaCluster, valuesOf } from '../support/replica-cluster.ts'

const dataOf = ({ records }: FetchedPartition) => valuesOf(records ?? [])

async function oneBroker(values: string[][] = []): Promise<ReplicaCluster> {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1])
  for (const batch of values) t.broker(1).produce('orders', batch)
  return t
}

test('FE1: a fetch at the end waits, then is empty and tells the high watermark', async () => {
  const t = await oneBroker([['a']])
  const read = t.broker(1).fetch('orders', 1, { maxWaitMs: 500 })
  await t.advance(490)
  assert.equal(read.isDone, false)
  await t.advance(30)
  assert.equal(read.answer.errorCode, ErrorCode.NONE)
  assert.equal(read.answer.highWatermark, 1)
  assert.deepEqual(dataOf(read.answer), [])
  t.stop()
})

test('FE2: an append ends the wait of a consumer when it is committed', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.disconnect(1, 2)
  const read = t.broker(1).fetch('orders', 0, { maxWaitMs: 60_000 })
  t.broker(1).produce('orders', ['a'])
  await t.settle()
  assert.equal(read.isDone, false, 'not committed')
  t.reconnect(1, 2)
  await t.advance(1_100)
  assert.deepEqual(dataOf(read.answer), ['a'])
  t.stop()
})

test('a wait for many bytes ends when that many are there, in one partition or in several', async () => {
  const t = await oneBroker()
  await t.createTopic('events', [1])
  const batchBytes = 70
  const topics = ['orders', 'events'].map((topic) => ({
    topic,
    partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }],
  }))
  const read = t.broker(1).fetchRaw({ maxWaitMs: 60_000, minBytes: 2 * batchBytes, topics })
  t.broker(1).produce('orders', ['x'.repeat(batchBytes - 70)])
  assert.equal(read.isDone, false)
  t.broker(1).produce('events', ['x'.repeat(batchBytes)])
  assert.deepEqual(
    read.answer.responses.map(({ topic }) => topic),
    ['orders', 'events'],
  )
  t.stop()
})

test('FE3: the first batch comes whole however small the limits, later partitions are empty', async () => {
  const t = await oneBroker([['a'.repeat(200)]])
  await t.createTopic('events', [1])
  t.broker(1).produce('events', ['b'])
  const topics = ['orders', 'events'].map((topic) => ({
    topic,
    partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10 }],
  }))
  const read = t.broker(1).fetchRaw({ topics, maxBytes: 10 }).answer
  const [orders, events] = read.responses.map(({ partitions }) => partitions[0]!)
  assert.equal(dataOf(orders!)[0]!.length, 200)
  assert.deepEqual(dataOf(events!), [])
  t.stop()
})

test('FE4: an offset inside a batch gives the batch from its base', async () => {
  const t = await oneBroker([['a', 'b', 'c']])
  assert.deepEqual(dataOf(t.broker(1).fetch('orders', 1).answer), ['a', 'b', 'c'])
  t.stop()
})

test('FE11: leader epochs older and newer than ours are 74 and 75, with a hint in v16', async () => {
  const t = await oneBroker()
  await t.elect('orders', 1, [1])
  const older = t.broker(1).fetch('orders', 0, { currentLeaderEpoch: 0, version: 16 }).answer
  assert.equal(older.errorCode, ErrorCode.FENCED_LEADER_EPOCH)
  assert.deepEqual(older.currentLeader, { leaderId: 1, leaderEpoch: 1 })
  const newer = t.broker(1).fetch('orders', 0, { currentLeaderEpoch: 2 }).answer
  assert.equal(newer.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH)
  assert.equal(newer.highWatermark, -1)
  t.stop()
})

test('6 comes with the leader and its endpoint from v16 on', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [2])
  const { topicId } = t.topic('orders')
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
  const read = t.broker(1).fetchRaw({ topics: [{ topicId, partitions }] }, 16).answer
  const partition = read.responses[0]!.partitions[0]!
  assert.equal(partition.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.deepEqual(partition.currentLeader, { leaderId: 2, leaderEpoch: 0 })
  assert.deepEqual(read.nodeEndpoints, [{ nodeId: 2, host: 'host-2', port: 9092, rack: 'rack-2' }])
  t.stop()
})

test('FE12: a consumer is sent to the in-sync replica in its rack, which serves what is committed', async () => {
  const t = new ReplicaCluster([1, 2], { rackAwareReplicaSelector: true })
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a'])
  await t.advance(600)
  const sent = t.broker(1).fetch('orders', 0, { rackId: 'rack-2', maxWaitMs: 500 }).answer
  assert.equal(sent.preferredReadReplica, 2)
  assert.deepEqual(dataOf(sent), [])
  const near = t.broker(2).fetch('orders', 0, { rackId: 'rack-2' })
  await t.settle()
  assert.deepEqual(dataOf(near.answer), ['a'])
  assert.deepEqual(dataOf(t.broker(1).fetch('orders', 0, { rackId: 'rack-1' }).answer), ['a'])
  assert.deepEqual(dataOf(t.broker(1).fetch('orders', 0, { rackId: 'rack-9' }).answer), ['a'])
  const old = t.broker(2).fetch('orders', 0, { version: 10 }).answer
  assert.equal(old.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.stop()
})

test('FE13: beyond the end of a follower is out of range', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  assert.equal(t.broker(2).fetch('orders', 5).answer.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  t.stop()
})

test('FE18: a follower whose leader steps down while it waits gets 6 and no data', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3])
  const waiting = t.broker(1).fetch('orders', 0, { replicaId: 3, maxWaitMs: 5_000 })
  await t.elect('orders', 2, [2, 3])
  assert.equal(waiting.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.deepEqual(dataOf(waiting.answer), [])
  t.stop()
})

test('offsets below the log start or beyond the end are out of range, between is empty', async () => {
  const t = await oneBroker([['a'], ['b']])
  t.broker(1).replicas.partition('orders', 0)!.advanceLogStart(1)
  assert.equal(t.broker(1).fetch('orders', 0).answer.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  assert.equal(t.broker(1).fetch('orders', 3).answer.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  const error = t.broker(1).fetch('orders', 3, { maxWaitMs: 500 })
  assert.ok(error.isDone, 'an error does not wait')
  assert.deepEqual(dataOf(t.broker(1).fetch('orders', 2).answer), [])
  t.stop()
})

test('a follower that is not assigned is refused and leaves no trace', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2])
  const fetched = t.broker(1).fetch('orders', 0, { replicaId: 3 }).answer
  assert.equal(fetched.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  const inEpoch = t.broker(1).fetch('orders', 0, { replicaId: 3, currentLeaderEpoch: 0 }).answer
  assert.equal(inEpoch.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH)
  t.stop()
})

test('a divergence is told with the end of the epoch, and not taken for progress', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a', 'b'])
  await t.elect('orders', 1, [1, 2], [1])
  t.broker(1).produce('orders', ['c'])
  const fetched = t.broker(1).fetch('orders', 3, { replicaId: 2, lastFetchedEpoch: 0 }).answer
  assert.deepEqual(fetched.divergingEpoch, { epoch: 0, endOffset: 2 })
  assert.deepEqual(dataOf(fetched), [])
  assert.equal(t.broker(1).replicas.partition('orders', 0)!.follower(2)!.logEndOffset, -1)
  const unknown = t.broker(1).fetch('orders', 3, { replicaId: 2, lastFetchedEpoch: 9 }).answer
  assert.equal(unknown.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  t.stop()
})

test('what a follower has is noted when its request comes, not when it is answered', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2])
  const waiting = t.broker(1).fetch('orders', 0, { replicaId: 2, maxWaitMs: 500 })
  await t.advance(100)
  t.broker(1).produce('orders', ['a'])
  assert.ok(waiting.isDone)
  const follower = t.broker(1).replicas.partition('orders', 0)!.follower(2)!
  assert.equal(follower.logEndOffset, 0)
  assert.equal(follower.lastCaughtUpMs, t.clock.monotonicMs() - 100)
  t.stop()
})

test('unknown topic ids and ids of another topic', async () => {
  const t = await oneBroker()
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
  const unknown = Buffer.alloc(16, 99).toString('base64url')
  const read = t.broker(1).fetchRaw({ topics: [{ topicId: unknown, partitions }] }, 13).answer
  assert.equal(read.responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
  assert.equal(read.responses[0]!.topicId, unknown)
  // The metadata knows a newer topic of that name than the log here.
  const state = t.topic('orders')
  t.topics.set('orders', { ...state, topicId: unknown })
  t.updateMetadata()
  const other = t.broker(1).fetchRaw({ topics: [{ topicId: unknown, partitions }] }, 13).answer
  assert.equal(other.responses[0]!.partitions[0]!.errorCode, ErrorCode.INCONSISTENT_TOPIC_ID)
  t.stop()
})

test('cold data is read from the disk', async () => {
  const t = await oneBroker([['a'], ['b']])
  await t.crash(1)
  await t.restart(1)
  t.tell('orders', [1])
  const read = t.broker(1).fetch('orders', 0)
  assert.equal(read.isDone, false, 'still reading')
  await t.settle()
  assert.deepEqual(dataOf(read.answer), ['a', 'b'])
  t.stop()
})

test('limits below zero are zero: the first batch comes, nothing breaks', async () => {
  const t = await oneBroker([['a'], ['b']])
  const topics = [
    { topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: -5 }] },
  ]
  const read = t.broker(1).fetchRaw({ topics, maxBytes: -1, minBytes: -1 }).answer
  assert.deepEqual(dataOf(read.responses[0]!.partitions[0]!), ['a'])
  const hard = t.broker(1).fetchRaw({ topics, maxBytes: -1 }, 2).answer
  assert.deepEqual(dataOf(hard.responses[0]!.partitions[0]!), [])
  t.stop()
})

test('topics that are asked for and do not exist leave no counters', async () => {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1])
  assert.notEqual(t.broker(1).fetch('nobody', 0).answer.errorCode, ErrorCode.NONE)
  assert.notEqual(t.broker(1).fetch('orders', 9).answer.errorCode, ErrorCode.NONE)
  assert.deepEqual([...t.broker(1).replicas.stats.topics.keys()], ['orders'])
  t.stop()
})
