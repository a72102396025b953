import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import type { alterPartition } from '../../src/protocol/messages/alter-partition.ts'
import type { RequestOf, ResponseInput } from '../../src/protocol/types.ts'
import { ReplicaCluster } from '../support/replica-cluster.ts'

type AlterAnswer = ResponseInput<typeof alterPartition>
type AlterRequest = RequestOf<typeof alterPartition>

/** Holds back what the controller answers, until told. */
function holdAnswers(t: ReplicaCluster): { release: (answer?: AlterAnswer) => Promise<void> } {
  const held: { request: AlterRequest; resolve: (answer: AlterAnswer) => void }[] = []
  t.onAlterPartition = (request) =>
    new Promise((resolve) => {
      held.push({ request, resolve })
    })
  return {
    release: async (answer) => {
      const next = held.shift()!
      next.resolve(answer ?? t.writeIsr(next.request))
      await t.settle()
    },
  }
}

/** Every partition of the request is answered with this code. */
function refuse(code: ErrorCode) {
  return (request: AlterRequest): AlterAnswer => ({
    errorCode: ErrorCode.NONE,
    topics: request.topics.map(({ topicId, topicName, partitions }) => ({
      topicId,
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: code,
        leaderId: -1,
        leaderEpoch: -1,
        isr: [],
        partitionEpoch: -1,
      })),
    })),
  })
}

const isrStateOf = (t: ReplicaCluster) => t.broker(1).replicas.partition('orders', 0)!.isrState

test('RE7: a follower that stops to fetch leaves the ISR after 30 to 45 seconds', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.crash(2)
  const produced = t.broker(1).produce('orders', ['a'], { timeoutMs: 60_000 })
  await t.advance(29_000)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  assert.equal(produced.isDone, false)
  await t.advance(17_000)
  assert.deepEqual(t.topic('orders').isr, [1])
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  const [line] = t.broker(1).lines('Shrinking ISR')
  assert.match(
    line!,
    /^INFO \[Partition orders-0 broker=1\] Shrinking ISR from 1,2 to 1\. Leader: /,
  )
  assert.match(line!, /\(kafka\.cluster\.Partition\)$/)
  assert.equal(t.broker(1).lines('ISR updated to 1  and version updated to 1').length, 1)
  assert.equal(t.broker(1).replicas.stats.isrShrinks, 1)
  t.stop()
})

test('an idle partition does not shrink', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).produce('orders', ['a'])
  await t.advance(1_000)
  await t.crash(2)
  await t.advance(300_000)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('a follower that fetches an idle partition for long is in sync when data comes', async () => {
  const t = new ReplicaCluster([1, 2], { replicaLagTimeMaxMs: 2_000 })
  await t.createTopic('orders', [1, 2])
  await t.advance(60_000)
  const follower = t.broker(1).replicas.partition('orders', 0)!.follower(2)!
  // The session leaves the partition out of its fetches: what they say is made up for now.
  await t.disconnect(1, 2)
  t.broker(1).produce('orders', ['a'])
  assert.ok(t.clock.monotonicMs() - follower.lastCaughtUpMs <= 500)
  await t.advance(900)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('the log line tells when the ISR is below its minimum', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2], { minInsyncReplicas: 2 })
  await t.crash(2)
  t.broker(1).produce('orders', ['a'], { acks: 1 })
  await t.advance(46_000)
  const line = 'ISR updated to 1 (under-min-isr) and version updated to 1'
  assert.equal(t.broker(1).lines(line).length, 1)
  assert.equal(t.broker(1).replicas.gauges().underMinIsrPartitionCount, 1)
  t.stop()
})

test('RE9: a follower at the high watermark but below the epoch start may not join', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [2, 1, 3])
  t.broker(2).produce('orders', ['a', 'b'])
  await t.settle()
  // The new leader has both records, but does not know yet that they are committed.
  await t.disconnect(1, 2)
  await t.disconnect(1, 3)
  await t.elect('orders', 1, [1, 2])
  const log = t.broker(1).log('orders')
  assert.equal(log.logEndOffset, 2)
  assert.ok(log.highWatermark < 2)
  t.broker(1).fetch('orders', log.highWatermark, { replicaId: 3, currentLeaderEpoch: 1 })
  await t.settle()
  assert.equal(t.alterRequests.length, 0)
  t.broker(1).fetch('orders', 2, { replicaId: 3, currentLeaderEpoch: 1 })
  await t.settle()
  assert.equal(t.alterRequests.length, 1)
  t.stop()
})

test('RE10, I7: while a replica joins, the high watermark waits for it; a refusal relaxes', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const { release } = holdAnswers(t)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.equal(isrStateOf(t).kind, 'pending-expand')
  const produced = t.broker(1).produce('orders', ['a'])
  await t.settle()
  assert.equal(produced.isDone, false)
  // Kafka waits for it all the same, as long as it is alive and caught up.
  await release(refuse(ErrorCode.INELIGIBLE_REPLICA)(t.alterRequests[0]!.request))
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1] })
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('RE11, I8: while a replica leaves, the high watermark still needs it', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const { release } = holdAnswers(t)
  await t.crash(2)
  const produced = t.broker(1).produce('orders', ['a'], { timeoutMs: 120_000 })
  await t.advance(46_000)
  assert.equal(isrStateOf(t).kind, 'pending-shrink')
  assert.equal(produced.isDone, false)
  await release()
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('RE12, I1: after INVALID_UPDATE_VERSION the leader proposes nothing until a newer state', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  t.topic('orders').partitionEpoch = 5
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(1_000)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(60_000)
  assert.equal(t.alterRequests.length, 1)
  assert.equal(isrStateOf(t).kind, 'pending-expand')
  assert.equal(t.broker(1).replicas.stats.failedIsrUpdates, 1)
  // The watch on the state znode brings what the leader has missed.
  t.broker(1).replicas.applyPartitionState('orders', 0, {
    ...t.topic('orders'),
    controllerEpoch: 1,
  })
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1] })
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('I2: a change whose answer was lost is sent again and taken from the second answer', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  let lost = 0
  t.onAlterPartition = (request) => {
    if (lost > 0) {
      const topic = t.topic('orders')
      const answer = refuse(ErrorCode.NONE)(request)
      return {
        ...answer,
        topics: answer.topics.map((each) => ({
          ...each,
          partitions: [
            {
              ...each.partitions[0]!,
              isr: topic.isr,
              leaderEpoch: 0,
              partitionEpoch: 1,
              leaderId: 1,
            },
          ],
        })),
      }
    }
    lost += 1
    t.writeIsr(request)
    return Promise.reject(new Error('the connection broke'))
  }
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.equal(isrStateOf(t).kind, 'pending-expand')
  await t.advance(60)
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1, 2] })
  assert.equal(t.broker(1).replicas.partition('orders', 0)!.partitionEpoch, 1)
  t.stop()
})

test('I3: a LeaderAndIsr that overtakes the answer wins', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const { release } = holdAnswers(t)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  const late = t.writeIsr(t.alterRequests[0]!.request)
  await t.elect('orders', 1, [1])
  await release(late)
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1] })
  assert.equal(t.broker(1).replicas.partition('orders', 0)!.partitionEpoch, 2)
  t.stop()
})

test('I4: a LeaderAndIsr older than the answer does not turn the partition epoch back', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const before = { ...t.topic('orders') }
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1, 2] })
  assert.equal(t.broker(1).leaderAndIsr(before), ErrorCode.STALE_CONTROLLER_EPOCH)
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1, 2] })
  assert.equal(t.broker(1).replicas.partition('orders', 0)!.partitionEpoch, 1)
  t.stop()
})

test('I5: NOT_CONTROLLER anywhere makes it look for another controller', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  let refusals = 2
  t.onAlterPartition = (request) => {
    refusals -= 1
    return refusals >= 0 ? refuse(ErrorCode.NOT_CONTROLLER)(request) : null
  }
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(200)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1, 2] })
  t.stop()
})

test('I6, RE22: who is not alive is not proposed; who has just died is refused, and tried again', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  t.setAlive(2, false)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.equal(t.alterRequests.length, 0)
  t.setAlive(2, true)
  let isRefused = true
  t.onAlterPartition = (request) =>
    isRefused ? refuse(ErrorCode.INELIGIBLE_REPLICA)(request) : null
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  assert.deepEqual(isrStateOf(t), { kind: 'committed', isr: [1] })
  isRefused = false
  const refusedCount = t.alterRequests.length
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(199)
  assert.equal(t.alterRequests.length, refusedCount, 'not with every fetch')
  await t.advance(1)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(60)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('I10: while a change is in flight no other is proposed for the partition', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.disconnect(1, 2)
  await t.disconnect(1, 3)
  await t.createTopic('orders', [1, 2, 3], {}, [1])
  const { release } = holdAnswers(t)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  t.broker(1).fetch('orders', 0, { replicaId: 3 })
  await t.settle()
  assert.equal(t.alterRequests.length, 1)
  await release()
  t.broker(1).fetch('orders', 0, { replicaId: 3 })
  await t.settle()
  assert.equal(t.alterRequests.length, 2)
  await release()
  assert.deepEqual(t.topic('orders').isr, [1, 2, 3])
  t.stop()
})

test('changes that come while one is in flight travel together in the next request', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  for (const name of ['a', 'b', 'c']) await t.createTopic(name, [1, 2], {}, [1])
  const { release } = holdAnswers(t)
  const fetch = (name: string) => t.broker(1).fetch(name, 0, { replicaId: 2 })
  fetch('a')
  await t.settle()
  fetch('b')
  fetch('c')
  await t.settle()
  assert.equal(t.alterRequests.length, 1)
  await release()
  assert.equal(t.alterRequests.length, 2)
  assert.equal(t.alterRequests[1]!.request.topics.length, 2)
  await release()
  assert.deepEqual(t.topic('c').isr, [1, 2])
  t.stop()
})

test('members are named with broker epoch -1, the sender with its own', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2], {}, [1])
  await t.advance(500)
  const [{ version, request }] = t.alterRequests as [(typeof t.alterRequests)[0]]
  assert.equal(version, 3)
  assert.equal(request.brokerId, 1)
  assert.equal(request.brokerEpoch, 101)
  const [partition] = request.topics[0]!.partitions
  assert.equal(request.topics[0]!.topicId, t.topic('orders').topicId)
  assert.deepEqual(partition!.newIsrWithEpochs, [
    { brokerId: 1, brokerEpoch: -1 },
    { brokerId: 2, brokerEpoch: -1 },
  ])
  assert.equal(partition!.partitionEpoch, 0)
  assert.equal(partition!.leaderRecoveryState, 0)
  t.stop()
})

test('I11: one topic without an id makes the whole request go by names', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const nameless = { ...t.topic('orders'), name: 'old', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }
  t.topics.set('old', nameless)
  t.tell('old', [1], true)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  t.broker(1).fetch('old', 0, { replicaId: 2 })
  await t.settle()
  const [{ version, request }] = t.alterRequests as [(typeof t.alterRequests)[0]]
  assert.equal(version, 1)
  assert.deepEqual(request.topics.map(({ topicName }) => topicName).sort(), ['old', 'orders'])
  assert.deepEqual(request.topics[0]!.partitions[0]!.newIsr, [1, 2])
  t.stop()
})

test('I12, S10: after any top-level error everything is sent again, with the epoch of then', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const errors = [ErrorCode.STALE_BROKER_EPOCH, ErrorCode.UNKNOWN_SERVER_ERROR]
  t.onAlterPartition = () => {
    const errorCode = errors.shift()
    return errorCode === undefined ? null : { errorCode, topics: [] }
  }
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.settle()
  t.broker(1).brokerEpoch = 999
  await t.advance(120)
  assert.equal(t.alterRequests.at(-1)!.request.brokerEpoch, 999)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('a partition that the answer leaves out is asked for again', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  let omitted = 1
  t.onAlterPartition = () => (omitted-- > 0 ? { errorCode: ErrorCode.NONE, topics: [] } : null)
  t.broker(1).fetch('orders', 0, { replicaId: 2 })
  await t.advance(60)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('I13: a leader cut off from all acknowledges nothing, and gives in when it is back', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 })
  t.broker(1).produce('orders', ['a'])
  await t.advance(600)
  await t.disconnect(1, 2)
  await t.disconnect(1, 3)
  t.onAlterPartition = () => Promise.reject(new Error('cut off'))
  const lost = t.broker(1).produce('orders', ['lost'], { timeoutMs: 60_000 })
  await t.elect('orders', 2, [2, 3], [2, 3])
  const kept = t.broker(2).produce('orders', ['kept'])
  await t.advance(55_000)
  assert.equal(kept.answer.errorCode, ErrorCode.NONE)
  assert.equal(lost.isDone, false)
  assert.deepEqual(isrStateOf(t).isr, [1, 2, 3])
  t.reconnect(1, 2)
  t.reconnect(1, 3)
  t.onAlterPartition = () => null
  t.tell('orders', [1])
  assert.equal(lost.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  await t.advance(3_000)
  for (const id of [1, 2, 3]) assert.deepEqual(await t.broker(id).values('orders'), ['a', 'kept'])
  assert.deepEqual(t.topic('orders').isr, [2, 3, 1])
  t.stop()
})

// A broker on its way out is refused by the controller but has all that the leader has.
test('a replica that was about to join and is gone holds up no acknowledgement', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  t.onAlterPartition = refuse(ErrorCode.INELIGIBLE_REPLICA)
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 }, [1, 2])
  t.broker(1).produce('orders', ['a'])
  await t.advance(1_000)
  await t.crash(3)
  const produced = t.broker(1).produce('orders', ['b'], { timeoutMs: 60_000 })
  await t.settle()
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a replica that was about to join and is cut off holds up nothing for long', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  t.onAlterPartition = refuse(ErrorCode.INELIGIBLE_REPLICA)
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 }, [1, 2])
  t.broker(1).produce('orders', ['a'])
  await t.advance(1_000)
  await t.crash(3)
  const produced = t.broker(1).produce('orders', ['b'], { timeoutMs: 60_000 })
  await t.advance(46_000)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})
