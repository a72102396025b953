import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { FetchEntry, FetchReader } from '../../src/replication/fetch-entry.ts'
import { FetchSessionCache } from '../../src/replication/fetch-session.ts'
import type { FetchAnswer } from '../../src/replication/replica-manager.ts'
import { ReplicaCluster, valuesOf } from '../support/replica-cluster.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const at = (topic: string, fetchOffset: number, more = {}) => ({
  topic,
  partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000, ...more }],
})

const namesOf = (answer: FetchAnswer) => answer.responses.map(({ topic }) => topic)

async function threeTopics(): Promise<ReplicaCluster> {
  const t = new ReplicaCluster([1])
  for (const name of ['a', 'b', 'c']) await t.createTopic(name, [1])
  return t
}

function openSession(t: ReplicaCluster, names = ['a', 'b', 'c']): number {
  const { sessionId = 0, responses } = t
    .broker(1)
    .fetchRaw({ sessionEpoch: 0, topics: names.map((name) => at(name, 0)) }).answer
  assert.equal(responses.length, names.length)
  assert.ok(sessionId > 0)
  return sessionId
}

test('a session answers with what has changed only, and remembers what was asked', async () => {
  const t = await threeTopics()
  const sessionId = openSession(t)
  const broker = t.broker(1)
  assert.deepEqual(namesOf(broker.fetchRaw({ sessionId, sessionEpoch: 1 }).answer), [])
  broker.produce('b', ['x'])
  const second = broker.fetchRaw({ sessionId, sessionEpoch: 2 }).answer
  assert.deepEqual(namesOf(second), ['b'])
  assert.equal(second.sessionId, sessionId)
  assert.deepEqual(valuesOf(second.responses[0]!.partitions[0]!.records!), ['x'])
  const again = broker.fetchRaw({ sessionId, sessionEpoch: 3 }).answer
  assert.deepEqual(namesOf(again), ['b'], 'the reader has not moved on')
  const moved = broker.fetchRaw({ sessionId, sessionEpoch: 4, topics: [at('b', 1)] }).answer
  assert.deepEqual(namesOf(moved), [])
  t.stop()
})

test('FE9: wrong epoch 71, unknown id 70, names in place of ids 106', async () => {
  const t = await threeTopics()
  const sessionId = openSession(t)
  const broker = t.broker(1)
  const code = (request: object, version?: number) => {
    const { errorCode, responses } = broker.fetchRaw(request, version).answer
    assert.deepEqual(responses, [])
    return errorCode
  }
  assert.equal(code({ sessionId, sessionEpoch: 5 }), ErrorCode.INVALID_FETCH_SESSION_EPOCH)
  const unknown = sessionId === 1 ? 2 : 1
  assert.equal(code({ sessionId: unknown, sessionEpoch: 1 }), ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
  assert.equal(code({ sessionId, sessionEpoch: 1 }, 13), ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
  assert.equal(code({ sessionId, sessionEpoch: 1 }), ErrorCode.NONE)
  t.stop()
})

test('FE10: without room in the cache the data comes all the same, with session 0', async () => {
  const t = new ReplicaCluster([1], { maxIncrementalFetchSessionCacheSlots: 1 })
  await t.createTopic('a', [1])
  await t.createTopic('b', [1])
  const first = openSession(t, ['a', 'b'])
  t.broker(1).produce('a', ['x'])
  const second = t.broker(1).fetchRaw({ sessionEpoch: 0, topics: [at('a', 0)] }).answer
  assert.equal(second.sessionId, 0)
  assert.deepEqual(namesOf(second), ['a'])
  assert.deepEqual(namesOf(t.broker(1).fetchRaw({ sessionId: first, sessionEpoch: 1 }).answer), [
    'a',
  ])
  t.stop()
})

test('a session is closed by epoch -1, by a full request, and when it has become empty', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  const isOpen = (sessionId: number) =>
    broker.fetchRaw({ sessionId, sessionEpoch: 1 }).answer.errorCode === ErrorCode.NONE
  const first = openSession(t)
  broker.fetchRaw({ sessionId: first, sessionEpoch: -1, topics: [at('a', 0)] })
  assert.ok(!isOpen(first))
  const second = openSession(t)
  broker.fetchRaw({ sessionId: second, sessionEpoch: 0, topics: [at('a', 0)] })
  assert.ok(!isOpen(second))
  const third = openSession(t, ['a'])
  const forgottenTopicsData = [{ topic: 'a', partitions: [0] }]
  const last = broker.fetchRaw({ sessionId: third, sessionEpoch: 1, forgottenTopicsData }).answer
  assert.equal(last.sessionId, 0)
  assert.ok(!isOpen(third))
  assert.equal(broker.replicas.gauges().fetchSessionCount, 1)
  t.stop()
})

test('after an error the recovery is told, though nothing has changed since before it', async () => {
  const t = await threeTopics()
  const sessionId = openSession(t, ['a', 'b'])
  const broker = t.broker(1)
  const topics = [at('a', 9)]
  const failed = broker.fetchRaw({ sessionId, sessionEpoch: 1, topics }).answer
  assert.equal(failed.responses[0]!.partitions[0]!.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  const mended = broker.fetchRaw({ sessionId, sessionEpoch: 2, topics: [at('a', 0)] }).answer
  assert.deepEqual(namesOf(mended), ['a'])
  assert.equal(mended.responses[0]!.partitions[0]!.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a moved log start is news but does not end a wait', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  broker.produce('a', ['x', 'y'])
  const opened = broker.fetchRaw({ sessionEpoch: 0, topics: [at('a', 2), at('b', 0)] }).answer
  const request = { sessionId: opened.sessionId!, sessionEpoch: 1, maxWaitMs: 500 }
  const waiting = broker.fetchRaw(request)
  broker.replicas.partition('a', 0)!.advanceLogStart(1)
  await t.advance(400)
  assert.equal(waiting.isDone, false)
  await t.advance(120)
  assert.deepEqual(namesOf(waiting.answer), ['a'])
  assert.equal(waiting.answer.responses[0]!.partitions[0]!.logStartOffset, 1)
  t.stop()
})

test('what retention deletes is news too', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  broker.produce('a', ['x', 'y'])
  const opened = broker.fetchRaw({ sessionEpoch: 0, topics: [at('a', 2)] }).answer
  await t.advance(5_000)
  broker.log('a').incrementLogStartOffset(2)
  await t.advance(5_000)
  const next = broker.fetchRaw({ sessionId: opened.sessionId!, sessionEpoch: 1 }).answer
  assert.deepEqual(namesOf(next), ['a'])
  t.stop()
})

test('who got data goes to the end of the line', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  const sessionId = openSession(t)
  for (const name of ['a', 'b', 'c']) broker.produce(name, ['x'.repeat(500)])
  const first = broker.fetchRaw({ sessionId, sessionEpoch: 1, maxBytes: 100 }).answer
  const served = (answer: FetchAnswer) =>
    answer.responses.flatMap(({ topic, partitions }) =>
      partitions.some(({ records }) => (records?.length ?? 0) > 0) ? [topic] : [],
    )
  assert.deepEqual(served(first), ['a'])
  const second = broker.fetchRaw({ sessionId, sessionEpoch: 2, maxBytes: 100 }).answer
  assert.deepEqual(served(second), ['b'])
  const third = broker.fetchRaw({ sessionId, sessionEpoch: 3, maxBytes: 100 }).answer
  assert.deepEqual(served(third), ['c'])
  t.stop()
})

test('a request that overtakes a waiting one of its session ends that wait', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  const sessionId = openSession(t)
  const first = broker.fetchRaw({ sessionId, sessionEpoch: 1, maxWaitMs: 5_000 })
  const second = broker.fetchRaw({ sessionId, sessionEpoch: 2, maxWaitMs: 5_000 })
  assert.equal(first.answer.errorCode, ErrorCode.NONE)
  assert.equal(second.isDone, false)
  broker.produce('a', ['x'])
  assert.deepEqual(namesOf(second.answer), ['a'])
  t.stop()
})

test('a deleted partition is told as an error as long as it is in the session', async () => {
  const t = await threeTopics()
  const broker = t.broker(1)
  const sessionId = openSession(t)
  broker.stopReplica('a', { isDeleted: true })
  for (const sessionEpoch of [1, 2]) {
    const answer = broker.fetchRaw({ sessionId, sessionEpoch }).answer
    assert.deepEqual(namesOf(answer), ['a'])
    const { errorCode } = answer.responses[0]!.partitions[0]!
    assert.equal(errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  }
  t.stop()
})

test('a session loses nothing: readers with and without one see the same', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('produce' as const), topic: fc.nat(3) }),
    fc.record({ kind: fc.constant('elect' as const), topic: fc.nat(3) }),
    fc.record({ kind: fc.constant('start' as const), topic: fc.nat(3) }),
    fc.record({ kind: fc.constant('fetch' as const), bytes: fc.constantFrom(1, 200, 100_000) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const t = new ReplicaCluster([1])
      const broker = t.broker(1)
      const names = ['w', 'x', 'y', 'z']
      for (const name of names) await t.createTopic(name, [1])
      const offsets = new Map(names.map((name) => [name, 0]))
      const told = new Map<string, string>()
      const opened = broker.fetchRaw({ sessionEpoch: 0, topics: names.map((n) => at(n, 0)) }).answer
      let epoch = 1
      let moved: string[] = []
      const take = (answer: FetchAnswer) => {
        moved = []
        for (const { topic = '', partitions } of answer.responses) {
          const { highWatermark, logStartOffset = -1, records, errorCode } = partitions[0]!
          told.set(topic, `${errorCode} ${highWatermark} ${logStartOffset}`)
          const values = valuesOf(records ?? [])
          if (values.length === 0) continue
          offsets.set(topic, offsets.get(topic)! + values.length)
          moved.push(topic)
        }
      }
      const fetch = (maxBytes: number) => {
        const topics = moved.map((name) => at(name, offsets.get(name)!))
        const { sessionId } = opened
        take(
          broker.fetchRaw({ sessionId: sessionId!, sessionEpoch: epoch++, topics, maxBytes })
            .answer,
        )
      }
      take(opened)
      for (const each of steps) {
        if (each.kind === 'fetch') fetch(each.bytes)
        else if (each.kind === 'produce') broker.produce(names[each.topic]!, ['v'])
        else if (each.kind === 'elect') await t.elect(names[each.topic]!, 1, [1])
        else {
          const name = names[each.topic]!
          broker.replicas.partition(name, 0)!.advanceLogStart(offsets.get(name)!)
        }
      }
      for (let round = 0; round < 30; round++) fetch(100_000)
      for (const name of names) {
        const log = broker.log(name)
        assert.equal(offsets.get(name), log.logEndOffset)
        assert.equal(told.get(name), `0 ${log.highWatermark} ${log.logStartOffset}`)
      }
      t.stop()
    }),
    { numRuns: 40 },
  )
})

function cacheOf(slots: number) {
  let evictions = 0
  const cache = new FetchSessionCache(new SeededRandom(1), slots, () => {
    evictions += 1
  })
  const create = (isFollower: boolean, size: number, nowMs: number) => {
    const reader = new FetchReader(isFollower, 'log-end')
    const position = {
      fetchOffset: 0,
      partitionMaxBytes: 1,
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
    }
    const entries = Array.from({ length: size }, (_, index) => {
      return new FetchEntry(reader, 'a', '', index, position)
    })
    return cache.create(entries, false, reader, nowMs) !== null
  }
  return { create, evictions: () => evictions, cache }
}

test('a full cache evicts who has been idle for two minutes', () => {
  const { create, evictions } = cacheOf(1)
  assert.ok(create(true, 100, 0))
  assert.ok(!create(true, 1_000, 120_000))
  assert.ok(create(false, 1, 120_001))
  assert.equal(evictions(), 1)
})

test('a follower outranks consumers, a consumer outranks nobody that is new', () => {
  const { create } = cacheOf(2)
  assert.ok(create(false, 50, 0))
  assert.ok(create(false, 60, 0))
  assert.ok(!create(false, 1_000, 10))
  assert.ok(create(true, 1, 10), 'takes the place of the smaller one')
  assert.ok(create(true, 1, 10))
  assert.ok(!create(true, 5, 10), 'only followers are left')
})
