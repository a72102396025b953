import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { listOffsets } from '../../src/protocol/messages/list-offsets.ts'
import { offsetForLeaderEpoch } from '../../src/protocol/messages/offset-for-leader-epoch.ts'
import type { RequestOf } from '../../src/protocol/types.ts'
import { Pending, ReplicaCluster, throughCodec } from '../support/replica-cluster.ts'

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3

async function withBatches(): Promise<ReplicaCluster> {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  for (const value of ['a', 'b', 'c']) {
    t.broker(1).produce('orders', [value])
    await t.advance(100)
  }
  return t
}

test('ListOffsets: latest, earliest, by time, of the largest time', async () => {
  const t = await withBatches()
  const { clock } = t
  const ask = async (timestamp: number) =>
    (await t.broker(1).listOffsets('orders', timestamp)).offset
  const start = clock.wallMs() - 300
  t.broker(1).replicas.partition('orders', 0)!.advanceLogStart(1)
  assert.equal(await ask(LATEST), 3)
  assert.equal(await ask(EARLIEST), 1)
  assert.equal(await ask(-4), 1)
  assert.equal(await ask(-5), -1)
  assert.equal(await ask(start), 1, 'not below the log start')
  assert.equal(await ask(start + 101), 2)
  assert.equal(await ask(start + 100_000), -1)
  assert.equal(await ask(MAX_TIMESTAMP), 2)
  t.stop()
})

test('the earliest offset is told with the epoch of its record', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const earliest = async () => {
    const { offset, leaderEpoch } = await t.broker(1).listOffsets('orders', EARLIEST)
    return { offset, leaderEpoch }
  }
  const { leaderEpoch } = t.broker(1).replicas.partition('orders', 0)!
  t.broker(1).produce('orders', ['a'])
  await t.advance(100)
  await t.elect('orders', 1, [1, 2], [1, 2])
  t.broker(1).produce('orders', ['b'])
  await t.advance(1_000)
  assert.deepEqual(await earliest(), { offset: 0, leaderEpoch })
  t.broker(1).replicas.partition('orders', 0)!.advanceLogStart(1)
  assert.deepEqual(await earliest(), { offset: 1, leaderEpoch: leaderEpoch + 1 })
  t.stop()
})

test('consumers see offsets up to the high watermark, replicas and debuggers up to the end', async () => {
  const t = await withBatches()
  await t.disconnect(1, 2)
  t.broker(1).produce('orders', ['d'], { acks: 1 })
  const latest = async (replicaId: number) =>
    (await t.broker(1).listOffsets('orders', LATEST, { replicaId })).offset
  assert.equal(await latest(-1), 3)
  assert.equal(await latest(2), 4)
  assert.equal(await latest(-2), 4)
  assert.equal((await t.broker(1).listOffsets('orders', MAX_TIMESTAMP)).offset, -1)
  t.stop()
})

test('special timestamps need their version, and most askers the leader', async () => {
  const t = await withBatches()
  const code = async (id: number, timestamp: number, options = {}) =>
    (await t.broker(id).listOffsets('orders', timestamp, options)).errorCode
  assert.equal(await code(1, MAX_TIMESTAMP, { version: 6 }), ErrorCode.UNSUPPORTED_VERSION)
  assert.equal(await code(1, -4, { version: 7 }), ErrorCode.UNSUPPORTED_VERSION)
  assert.equal(await code(1, -9), ErrorCode.UNSUPPORTED_VERSION)
  assert.equal(await code(2, LATEST), ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(await code(2, LATEST, { replicaId: -2 }), ErrorCode.NONE)
  t.stop()
})

test('a partition asked for twice is an invalid request', async () => {
  const t = await withBatches()
  const partitions = [0, 0].map((partitionIndex) => ({ partitionIndex, timestamp: LATEST }))
  const request = { replicaId: -1, topics: [{ name: 'orders', partitions }] }
  const asked = throughCodec(listOffsets, 7, request) as RequestOf<typeof listOffsets>
  const answer = await t.broker(1).replicas.listOffsets(asked, 7)
  assert.deepEqual(
    answer.topics[0]!.partitions.map(({ errorCode }) => errorCode),
    [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
  )
  t.stop()
})

test('version 0 gets where segments begin and the log ends, of those written by a time', async () => {
  const t = await withBatches()
  const ask = async (timestamp: number, maxNumOffsets: number) => {
    const partitions = [{ partitionIndex: 0, timestamp, maxNumOffsets }]
    const request = { replicaId: -1, topics: [{ name: 'orders', partitions }] }
    const asked = throughCodec(listOffsets, 0, request) as RequestOf<typeof listOffsets>
    const answer = await t.broker(1).replicas.listOffsets(asked, 0)
    return answer.topics[0]!.partitions[0]!.oldStyleOffsets
  }
  assert.deepEqual(await ask(LATEST, 5), [3, 0])
  assert.deepEqual(await ask(LATEST, 1), [3])
  assert.deepEqual(await ask(LATEST, 0), [])
  assert.deepEqual(await ask(EARLIEST, 5), [0])
  assert.deepEqual(await ask(9e15, 5), [3, 0])
  assert.deepEqual(await ask(1, 5), [])
  t.stop()
})

test('OffsetForLeaderEpoch: the end of each epoch, -1 for what is not known', async () => {
  const t = await withBatches()
  await t.elect('orders', 1, [1, 2])
  await t.settle()
  t.broker(1).produce('orders', ['d'])
  const ask = (id: number, leaderEpoch: number, currentLeaderEpoch = -1) => {
    const partitions = [{ partition: 0, leaderEpoch, currentLeaderEpoch }]
    const request = { replicaId: -1, topics: [{ topic: 'orders', partitions }] }
    const asked = throughCodec(offsetForLeaderEpoch, 4, request) as RequestOf<
      typeof offsetForLeaderEpoch
    >
    const answer = t.broker(id).replicas.offsetsForLeaderEpoch(asked).topics[0]!.partitions[0]!
    return [answer.errorCode, answer.leaderEpoch, answer.endOffset]
  }
  assert.deepEqual(ask(1, 0), [0, 0, 3])
  assert.deepEqual(ask(1, 1), [0, 1, 4])
  assert.deepEqual(ask(1, 5), [0, -1, -1])
  assert.deepEqual(ask(1, 0, 0), [ErrorCode.FENCED_LEADER_EPOCH, -1, -1])
  assert.deepEqual(ask(2, 0), [ErrorCode.NOT_LEADER_OR_FOLLOWER, -1, -1])
  t.stop()
})

function deleteRecords(t: ReplicaCluster, offset: number, topic = 'orders') {
  const pending = new Pending<{ errorCode: number; lowWatermark: number }>()
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }]
  t.broker(1).replicas.deleteRecords({ topics, timeoutMs: 5_000 }, (answer) => {
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!
    pending.resolve({ errorCode, lowWatermark })
  })
  return pending
}

test('DeleteRecords is answered when all live replicas have moved their log start', async () => {
  const t = await withBatches()
  const deleted = deleteRecords(t, 2)
  await t.settle()
  assert.equal(deleted.isDone, false)
  await t.advance(1_100)
  assert.deepEqual(deleted.answer, { errorCode: ErrorCode.NONE, lowWatermark: 2 })
  assert.equal(t.broker(2).log('orders').logStartOffset, 2)
  const all = deleteRecords(t, -1)
  await t.advance(1_100)
  assert.deepEqual(all.answer, { errorCode: ErrorCode.NONE, lowWatermark: 3 })
  t.stop()
})

test('DeleteRecords times out, and counts the dead out', async () => {
  const t = await withBatches()
  await t.disconnect(1, 2)
  const late = deleteRecords(t, 1)
  await t.advance(5_100)
  assert.equal(late.answer.errorCode, ErrorCode.REQUEST_TIMED_OUT)
  t.setAlive(2, false)
  assert.deepEqual(deleteRecords(t, 2).answer, { errorCode: ErrorCode.NONE, lowWatermark: 2 })
  t.stop()
})

test('DeleteRecords refuses offsets beyond the high watermark, other brokers and compacted topics', async () => {
  const t = await withBatches()
  await t.createTopic('elsewhere', [2])
  await t.createTopic('compacted', [1], { cleanupPolicy: ['compact'] })
  assert.equal(deleteRecords(t, 4).answer.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  assert.equal(deleteRecords(t, 0, 'elsewhere').answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(deleteRecords(t, 0, 'compacted').answer.errorCode, ErrorCode.POLICY_VIOLATION)
  assert.equal(
    deleteRecords(t, 0, 'nothing').answer.errorCode,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  )
  t.stop()
})

test('a leader that steps down answers the DeleteRecords that wait', async () => {
  const t = await withBatches()
  await t.disconnect(1, 2)
  const waiting = deleteRecords(t, 1)
  await t.elect('orders', 2, [2])
  assert.equal(waiting.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.stop()
})
