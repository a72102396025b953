import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { buildBatch } from '../../src/records/builder.ts'
import type { TopicAppendResult } from '../../src/replication/replica-manager.ts'
import { ReplicaCluster } from '../support/replica-cluster.ts'

const idempotent = { producerId: 7, producerEpoch: 0 }

function appendRaw(
  t: ReplicaCluster,
  records: Buffer,
  acks = -1,
): TopicAppendResult['partitionResponses'][0] {
  const answers: TopicAppendResult[] = []
  t.broker(1).replicas.append(
    {
      acks,
      timeoutMs: 1_000,
      origin: 'client',
      entries: [{ topic: 'orders', partitions: [{ partition: 0, records }] }],
    },
    (topics) => answers.push(...topics),
  )
  return answers[0]!.partitionResponses[0]!
}

test('PR1: a batch with a wrong checksum is refused and nothing is written', async () => {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1])
  const records = buildBatch([{ value: 'a' }])
  records[records.length - 1]! ^= 1
  const answer = appendRaw(t, records)
  assert.equal(answer.errorCode, ErrorCode.CORRUPT_MESSAGE)
  assert.equal(answer.baseOffset, -1)
  assert.equal(answer.logStartOffset, -1)
  assert.equal(t.broker(1).log('orders').logEndOffset, 0)
  t.stop()
})

test('PR4, PR5: too large for the topic is 10, too large for a segment is 18', async () => {
  const t = new ReplicaCluster([1])
  const records = () => buildBatch([{ value: 'x'.repeat(300) }])
  const bytes = records().length
  await t.createTopic('orders', [1], { maxMessageBytes: bytes })
  assert.equal(appendRaw(t, records()).errorCode, ErrorCode.NONE)
  await t.createTopic('small', [1], { maxMessageBytes: bytes - 1 })
  await t.createTopic('narrow', [1], { segmentBytes: bytes - 1 })
  const tooLong = t.broker(1).produce('small', ['x'.repeat(300)])
  assert.equal(tooLong.answer.errorCode, ErrorCode.MESSAGE_TOO_LARGE)
  const tooWide = t.broker(1).produce('narrow', ['x'.repeat(300)])
  assert.equal(tooWide.answer.errorCode, ErrorCode.RECORD_LIST_TOO_LARGE)
  t.stop()
})

test('a refusal of the records tells the log start, and which records', async () => {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1], { messageTimestampAfterMaxMs: 1_000 })
  const timestamp = t.clock.wallMs() + 5_000
  const answer = appendRaw(t, buildBatch([{ value: 'a', timestamp }]))
  assert.equal(answer.errorCode, ErrorCode.INVALID_TIMESTAMP)
  assert.equal(answer.logStartOffset, 0)
  assert.equal(answer.recordErrors.length, 1)
  t.stop()
})

test('PR7: a duplicate is answered with the first offsets, and with acks=all waits like the first', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.disconnect(1, 2)
  const first = t.broker(1).produce('orders', ['a', 'b'], { ...idempotent, baseSequence: 0 })
  const again = t.broker(1).produce('orders', ['a', 'b'], { ...idempotent, baseSequence: 0 })
  await t.settle()
  assert.equal(first.isDone, false)
  assert.equal(again.isDone, false)
  t.reconnect(1, 2)
  await t.advance(2_000)
  assert.equal(first.answer.errorCode, ErrorCode.NONE)
  assert.equal(again.answer.errorCode, ErrorCode.NONE)
  assert.equal(again.answer.baseOffset, 0)
  assert.equal(t.broker(1).log('orders').logEndOffset, 2)
  t.stop()
})

test('PR13: the next leader knows what its predecessor has acknowledged', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a'], { ...idempotent, baseSequence: 0 })
  await t.settle()
  await t.elect('orders', 2, [1, 2])
  const retry = t.broker(2).produce('orders', ['a'], { ...idempotent, baseSequence: 0 })
  await t.advance(500)
  assert.equal(retry.answer.errorCode, ErrorCode.NONE)
  assert.equal(retry.answer.baseOffset, 0)
  assert.equal(t.broker(2).log('orders').logEndOffset, 1)
  t.stop()
})

test('PR14: a leader that steps down answers what waits with 6 at once, and names its successor', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.disconnect(1, 2)
  const produced = t.broker(1).produce('orders', ['a'])
  await t.elect('orders', 2, [2])
  assert.equal(produced.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.deepEqual(produced.answer.currentLeader, { leaderId: 2, leaderEpoch: 1 })
  const late = t.broker(1).produce('orders', ['b'], { acks: 1 })
  assert.equal(late.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.stop()
})

test('PR15: below min.insync.replicas nothing is committed until the ISR has grown again', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 })
  await t.crash(2)
  await t.crash(3)
  const first = t.broker(1).produce('orders', ['a'], { timeoutMs: 10_000 })
  await t.advance(10_020)
  assert.equal(first.answer.errorCode, ErrorCode.REQUEST_TIMED_OUT)
  await t.advance(45_000)
  assert.deepEqual(t.topic('orders').isr, [1])
  const refused = t.broker(1).produce('orders', ['b'])
  assert.equal(refused.answer.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
  assert.equal(t.broker(1).produce('orders', ['c'], { acks: 1 }).answer.errorCode, ErrorCode.NONE)
  assert.equal(t.broker(1).log('orders').logEndOffset, 2)
  assert.equal(t.broker(1).log('orders').highWatermark, 0, 'not visible')
  await t.restart(2)
  t.tell('orders', [2])
  await t.advance(1_500)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  assert.equal(t.broker(1).log('orders').highWatermark, 2)
  t.stop()
})

test('PR16: an ISR that fell below the minimum in between is told with 20', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 })
  const broker = t.broker(1)
  await t.disconnect(1, 2)
  await t.disconnect(1, 3)
  const produced = broker.produce('orders', ['a'])
  // The high watermark passes and the ISR is cut in the same turn, before anybody is answered.
  const partition = broker.replicas.partition('orders', 0)!
  partition.log!.setHighWatermark(1)
  t.topic('orders').partitionEpoch += 1
  broker.replicas.applyPartitionState('orders', 0, {
    controllerEpoch: 1,
    leader: 1,
    leaderEpoch: 0,
    isr: [1],
    partitionEpoch: 1,
  })
  assert.equal(produced.answer.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
  t.stop()
})

test('PR17: acks other than -1, 0 and 1 are invalid', async () => {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1])
  const answer = t.broker(1).produce('orders', ['a'], { acks: 2 }).answer
  assert.equal(answer.errorCode, ErrorCode.INVALID_REQUIRED_ACKS)
  t.stop()
})

test('PR27: a disk that fails on an append takes the partition offline, with 56', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.createTopic('others', [1, 2])
  const waiting = t.broker(1).produce('orders', ['a'])
  t.broker(1).failDisk()
  const failed = t.broker(1).produce('others', ['b'])
  assert.equal(failed.answer.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  assert.equal(failed.answer.baseOffset, -1)
  await t.advance(1)
  // The directory is gone, and with it what waited in the other partition.
  assert.ok(waiting.isDone)
  assert.equal(t.broker(1).produce('orders', ['c']).answer.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  assert.equal(t.broker(1).fetch('orders', 0).answer.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  const old = t.broker(1).fetch('orders', 0, { version: 5 }).answer
  assert.equal(old.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(t.broker(1).leaderAndIsr(t.topic('orders')), ErrorCode.KAFKA_STORAGE_ERROR)
  t.stop()
})

test('partitions that are not here: 6 when the topic is known, 3 when not', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [2])
  const elsewhere = t.broker(1).produce('orders', ['a']).answer
  assert.equal(elsewhere.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.deepEqual(elsewhere.currentLeader, { leaderId: 2, leaderEpoch: 0 })
  const unknown = t.broker(1).produce('nothing', ['a']).answer
  assert.equal(unknown.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  t.stop()
})

test('RE23: a minimum that is raised freezes the high watermark, and lowered thaws it', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  t.broker(1).setTopicConfig('orders', { minInsyncReplicas: 2 })
  t.broker(1).produce('orders', ['a'], { acks: 1 })
  assert.equal(t.broker(1).log('orders').highWatermark, 0)
  const refused = t.broker(1).produce('orders', ['b']).answer
  assert.equal(refused.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
  t.broker(1).setTopicConfig('orders', { minInsyncReplicas: 1 })
  assert.equal(t.broker(1).log('orders').highWatermark, 1)
  t.stop()
})

test('a fenced broker refuses acks=all, and holds back the answers that it owes', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const broker = t.broker(1)
  const owed = broker.produce('orders', ['a'])
  broker.isFenced = true
  await t.settle()
  assert.equal(broker.log('orders').highWatermark, 1)
  assert.equal(owed.isDone, false)
  const refused = broker.produce('orders', ['b']).answer
  assert.equal(refused.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(broker.produce('orders', ['c'], { acks: 1 }).answer.errorCode, ErrorCode.NONE)
  broker.isFenced = false
  broker.replicas.onFenceChange()
  assert.equal(owed.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a fence that does not lift in time ends in a time-out', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const owed = t.broker(1).produce('orders', ['a'], { timeoutMs: 1_000 })
  t.broker(1).isFenced = true
  await t.advance(1_020)
  assert.equal(owed.answer.errorCode, ErrorCode.REQUEST_TIMED_OUT)
  assert.equal(t.broker(1).replicas.gauges().delayedProduceCount, 0)
  t.stop()
})

test('one request is answered once, when the last of its partitions is settled', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2])
  await t.createTopic('events', [1, 3])
  await t.disconnect(1, 3)
  const answers: TopicAppendResult[][] = []
  const batch = () => ({ partition: 0, records: buildBatch([{ value: 'a' }]) })
  t.broker(1).replicas.append(
    {
      acks: -1,
      timeoutMs: 1_000,
      origin: 'client',
      entries: [
        { topic: 'orders', partitions: [batch()] },
        { topic: 'events', partitions: [batch()] },
        { topic: 'nothing', partitions: [batch()] },
      ],
    },
    (topics) => answers.push(topics),
  )
  await t.settle()
  assert.equal(answers.length, 0)
  await t.advance(1_020)
  const codes = answers.map((topics) =>
    topics.map(({ name, partitionResponses: [one] }) => [name, one!.errorCode]),
  )
  assert.deepEqual(codes, [
    [
      ['orders', ErrorCode.NONE],
      ['events', ErrorCode.REQUEST_TIMED_OUT],
      ['nothing', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ],
  ])
  t.stop()
})

test('counters tell bytes and messages of each topic, and failures', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a', 'b'])
  t.broker(1).produce('orders', ['c'], { acks: 5 })
  await t.settle()
  t.broker(1).fetch('orders', 0)
  const { messagesIn, bytesIn, bytesOut, replicationBytesOut, failedProduceRequests } = t
    .broker(1)
    .replicas.stats.topic('orders')
  assert.equal(messagesIn, 2)
  assert.equal(failedProduceRequests, 1)
  assert.ok(bytesIn > 0 && bytesIn === bytesOut && bytesIn === replicationBytesOut)
  assert.equal(t.broker(2).replicas.stats.topic('orders').replicationBytesIn, bytesIn)
  t.stop()
})
