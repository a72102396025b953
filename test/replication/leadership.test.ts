import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { leaderAndIsr } from '../../src/protocol/messages/leader-and-isr.ts'
import { stopReplica } from '../../src/protocol/messages/stop-replica.ts'
import type { RequestOf } from '../../src/protocol/types.ts'
import { ReplicaCluster, type TopicState, throughCodec } from '../support/replica-cluster.ts'

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

function partitionOf(t: ReplicaCluster, id: number) {
  return t.broker(id).replicas.partition('orders', 0)!
}

function watchedState(state: TopicState) {
  const { leader, leaderEpoch, isr, partitionEpoch } = state
  return { controllerEpoch: 1, leader, leaderEpoch, isr, partitionEpoch }
}

test('E5: requests of a deposed controller get 11 and change nothing', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  assert.ok(t.broker(1).replicas.acceptControllerEpoch(2, 7))
  t.topic('orders').leader = 2
  t.topic('orders').leaderEpoch = 1
  const stale = { controllerEpoch: 6 }
  assert.equal(t.broker(1).leaderAndIsr(t.topic('orders'), stale), ErrorCode.STALE_CONTROLLER_EPOCH)
  assert.equal(
    t.broker(1).stopReplica('orders', { ...stale, isDeleted: true }),
    ErrorCode.STALE_CONTROLLER_EPOCH,
  )
  assert.equal(t.broker(1).replicas.acceptControllerEpoch(1, 6), false)
  assert.ok(partitionOf(t, 1).isLeader)
  assert.ok(t.broker(1).replicas.acceptControllerEpoch(2, 7), 'equal is not stale')
  t.stop()
})

test('a stale LeaderAndIsr fails as a whole and in every partition, a stale StopReplica as a whole', async () => {
  const t = new ReplicaCluster([1])
  t.broker(1).replicas.acceptControllerEpoch(2, 7)
  const states = [0, 1].map((partitionIndex) => ({
    partitionIndex,
    controllerEpoch: 6,
    leader: 1,
    leaderEpoch: 0,
    isr: [1],
    partitionEpoch: 0,
    replicas: [1],
  }))
  const topicId = Buffer.alloc(16, 5).toString('base64url')
  const topicStates = [{ topicName: 'orders', topicId, partitionStates: states }]
  const request = { controllerId: 1, controllerEpoch: 6, topicStates, liveLeaders: [] }
  const answer = t
    .broker(1)
    .replicas.becomeLeaderOrFollower(
      throughCodec(leaderAndIsr, 7, request) as RequestOf<typeof leaderAndIsr>,
    )
  const stale = ErrorCode.STALE_CONTROLLER_EPOCH
  assert.equal(answer.errorCode, stale)
  assert.deepEqual(
    answer.topics![0]!.partitionErrors.map(({ partitionIndex, errorCode }) => [
      partitionIndex,
      errorCode,
    ]),
    [
      [0, stale],
      [1, stale],
    ],
  )
  const stopped = t.broker(1).replicas.stopReplicas(
    throughCodec(stopReplica, 4, {
      controllerId: 1,
      controllerEpoch: 6,
      topicStates: [
        { topicName: 'orders', partitionStates: [{ partitionIndex: 0, deletePartition: true }] },
      ],
    }) as RequestOf<typeof stopReplica>,
  )
  assert.deepEqual(stopped, { errorCode: stale, partitionErrors: [] })
  t.stop()
})

test('RE15: a lower leader epoch, and the same one again, are ignored with 11', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const old = { ...t.topic('orders') }
  await t.elect('orders', 1, [1, 2])
  assert.equal(t.broker(1).leaderAndIsr(old), ErrorCode.STALE_CONTROLLER_EPOCH)
  const same = t.broker(1).leaderAndIsr(t.topic('orders'))
  assert.equal(same, ErrorCode.STALE_CONTROLLER_EPOCH)
  assert.equal(partitionOf(t, 1).leaderEpoch, 1)
  t.stop()
})

test('RE16: another topic id than that of the log is 103', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const recreated = { ...t.topic('orders'), topicId: Buffer.alloc(16, 77).toString('base64url') }
  const answer = t.broker(1).leaderAndIsr({ ...recreated, leaderEpoch: 9 })
  assert.equal(answer, ErrorCode.INCONSISTENT_TOPIC_ID)
  await t.crash(1)
  await t.restart(1)
  // After a restart too: the id stands beside the log.
  const again = t.broker(1).leaderAndIsr({ ...recreated, leaderEpoch: 9 })
  assert.equal(again, ErrorCode.INCONSISTENT_TOPIC_ID)
  t.stop()
})

test('a state that does not assign this broker is refused with 3', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [2])
  const answer = t.broker(1).leaderAndIsr(t.topic('orders'))
  assert.equal(answer, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.deepEqual(t.broker(1).replicas.hostedPartitions(), [])
  t.stop()
})

test('a topic id that comes later is taken over with the same epoch', async () => {
  const t = new ReplicaCluster([1, 2])
  const state: TopicState = {
    name: 'orders',
    topicId: NO_ID,
    replicas: [1, 2],
    leader: 1,
    leaderEpoch: 0,
    isr: [1, 2],
    partitionEpoch: 0,
  }
  t.topics.set('orders', state)
  t.updateMetadata()
  t.tell('orders', [1, 2], true)
  t.broker(1).produce('orders', ['a'])
  await t.settle()
  assert.deepEqual(await t.broker(2).values('orders'), ['a'], 'fetched by name')
  const withId = { ...state, topicId: Buffer.alloc(16, 42).toString('base64url') }
  t.topics.set('orders', withId)
  t.updateMetadata()
  assert.equal(t.broker(1).leaderAndIsr(withId), ErrorCode.NONE)
  assert.equal(t.broker(2).leaderAndIsr(withId), ErrorCode.NONE)
  assert.equal(t.broker(1).log('orders').topicId, withId.topicId)
  t.broker(1).produce('orders', ['b'])
  await t.advance(1_500)
  assert.deepEqual(await t.broker(2).values('orders'), ['a', 'b'], 'fetched by id')
  assert.equal(t.broker(1).leaderAndIsr(withId), ErrorCode.STALE_CONTROLLER_EPOCH)
  assert.equal(t.broker(2).leaderAndIsr(state), ErrorCode.NONE, 'a follower drops the id')
  t.stop()
})

test('L12: a leader that is not known to be alive is not followed until it is', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.setAlive(2, false)
  const state = t.topic('orders')
  state.leader = 2
  state.leaderEpoch = 1
  state.partitionEpoch = 1
  assert.equal(t.broker(1).leaderAndIsr(state), ErrorCode.NONE)
  assert.equal(partitionOf(t, 1).isFollower, false)
  // Unlike Kafka's, this broker does not go on leading.
  assert.equal(partitionOf(t, 1).isLeader, false)
  const refused = t.broker(1).produce('orders', ['a'], { acks: 1 }).answer
  assert.equal(refused.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(t.broker(2).leaderAndIsr(state), ErrorCode.NONE)
  t.setAlive(2, true)
  assert.ok(partitionOf(t, 1).isFollower)
  assert.equal(partitionOf(t, 1).leaderEpoch, 1)
  const produced = t.broker(2).produce('orders', ['b'])
  await t.advance(1_500)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a newer epoch than the one that waits for its leader takes its place', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3])
  t.setAlive(2, false)
  const state = t.topic('orders')
  t.broker(1).leaderAndIsr({ ...state, leader: 2, leaderEpoch: 1, partitionEpoch: 1 })
  t.broker(1).leaderAndIsr({ ...state, leader: 3, leaderEpoch: 2, partitionEpoch: 2 })
  t.setAlive(2, true)
  assert.equal(partitionOf(t, 1).leader, 3)
  assert.equal(partitionOf(t, 1).leaderEpoch, 2)
  t.stop()
})

test('the watch alone makes leaders and followers, and the request after it is answered NONE', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const state = t.topic('orders')
  state.leader = 2
  state.leaderEpoch = 1
  state.partitionEpoch = 1
  for (const id of [1, 2])
    t.broker(id).replicas.applyPartitionState('orders', 0, watchedState(state))
  assert.ok(partitionOf(t, 2).isLeader)
  assert.ok(partitionOf(t, 1).isFollower)
  const produced = t.broker(2).produce('orders', ['a'])
  await t.settle()
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  state.replicas = [1, 2, 3]
  for (const id of [1, 2]) {
    assert.equal(t.broker(id).leaderAndIsr(state), ErrorCode.NONE)
    assert.deepEqual(partitionOf(t, id).assignment.replicas, [1, 2, 3])
    assert.equal(t.broker(id).leaderAndIsr(state), ErrorCode.STALE_CONTROLLER_EPOCH)
  }
  t.stop()
})

test('a watched state of a partition that is not hosted here is no business of ours', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [2])
  t.broker(1).replicas.applyPartitionState('orders', 0, watchedState(t.topic('orders')))
  assert.equal(t.broker(1).replicas.partition('orders', 0), undefined)
  t.stop()
})

test('a watched ISR member that we were not told is assigned counts for the high watermark', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  const state = { ...t.topic('orders'), isr: [1, 3], partitionEpoch: 1 }
  t.broker(1).replicas.applyPartitionState('orders', 0, watchedState(state))
  const produced = t.broker(1).produce('orders', ['a'])
  assert.equal(produced.isDone, false)
  t.broker(1).fetch('orders', 1, { replicaId: 3 })
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('states applied in any order by either path end in the newest one', () => {
  const change = fc.record({
    leader: fc.constantFrom(1, 2),
    bumpsEpoch: fc.boolean(),
    isr: fc.subarray([1, 2], { minLength: 1 }),
  })
  const delivery = fc.record({ at: fc.nat(), isWatched: fc.boolean() })
  return fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 8 }),
      fc.array(delivery, { maxLength: 20 }),
      async (changes, deliveries) => {
        const t = new ReplicaCluster([1, 2])
        await t.createTopic('orders', [1, 2])
        // What the znode has been, one version after the other.
        const states = [{ ...t.topic('orders') }]
        for (const { leader, bumpsEpoch, isr } of changes) {
          const last = states.at(-1)!
          const partitionEpoch = last.partitionEpoch + 1
          if (bumpsEpoch) {
            const leaderEpoch = last.leaderEpoch + 1
            states.push({ ...last, leader, leaderEpoch, isr, partitionEpoch })
          } else {
            states.push({ ...last, isr, partitionEpoch })
          }
        }
        const broker = t.broker(1)
        let highest = 0
        for (const { at, isWatched } of deliveries) {
          const index = at % states.length
          const state = states[index]!
          if (isWatched) broker.replicas.applyPartitionState('orders', 0, watchedState(state))
          else broker.leaderAndIsr(state)
          highest = Math.max(highest, index)
          const partition = partitionOf(t, 1)
          const newest = states[highest]!
          assert.equal(partition.partitionEpoch, newest.partitionEpoch)
          assert.equal(partition.leaderEpoch, newest.leaderEpoch)
          assert.equal(partition.leader, newest.leader)
          assert.equal(partition.isLeader, newest.leader === 1)
          if (partition.isLeader) assert.deepEqual(partition.isrState.isr, newest.isr)
        }
        t.stop()
      },
    ),
    { numRuns: 50 },
  )
})

test('StopReplica checks the leader epoch, except for -1 and -2', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.elect('orders', 1, [1, 2])
  const broker = t.broker(2)
  assert.equal(broker.stopReplica('orders', { leaderEpoch: 0 }), ErrorCode.FENCED_LEADER_EPOCH)
  assert.equal(broker.stopReplica('orders', { leaderEpoch: 1 }), ErrorCode.NONE)
  assert.notEqual(broker.replicas.partition('orders', 0), undefined, 'kept without delete')
  assert.equal(broker.stopReplica('orders', { leaderEpoch: -1 }), ErrorCode.NONE)
  assert.equal(broker.stopReplica('orders', { leaderEpoch: -2, isDeleted: true }), ErrorCode.NONE)
  assert.equal(broker.replicas.partition('orders', 0), undefined)
  assert.equal(broker.logs.get({ topic: 'orders', partition: 0 }), undefined)
  assert.equal(broker.stopReplica('nothing', { isDeleted: true }), ErrorCode.NONE)
  t.stop()
})

test('a stopped follower does not fetch any more, a deleted one answers who waits', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(2).stopReplica('orders')
  const produced = t.broker(1).produce('orders', ['a'])
  const read = t.broker(1).fetch('orders', 0, { maxWaitMs: 5_000 })
  await t.advance(3_000)
  assert.equal(produced.isDone, false)
  t.broker(1).stopReplica('orders', { isDeleted: true })
  assert.equal(produced.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  assert.equal(read.answer.errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  t.stop()
})

test('those who watch hosted partitions are told of both ends', async () => {
  const t = new ReplicaCluster([1, 2])
  const told: string[] = []
  t.broker(1).replicas.onHostedChange(({ topic, partition }, hosted) => {
    told.push(`${topic}-${partition} ${hosted}`)
  })
  await t.createTopic('orders', [1, 2])
  t.broker(1).stopReplica('orders', { isDeleted: true })
  assert.deepEqual(told, ['orders-0 true', 'orders-0 false'])
  t.stop()
})

test('while a log directory is offline, a log that should exist is not created anew', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).failDisk()
  t.broker(1).produce('orders', ['a'])
  await t.advance(1)
  t.createTopicState('events', [1, 2])
  const answer = t.broker(1).leaderAndIsr(t.topic('events'))
  assert.equal(answer, ErrorCode.KAFKA_STORAGE_ERROR)
  const again = t.broker(1).leaderAndIsr({ ...t.topic('events'), leaderEpoch: 1 })
  assert.equal(again, ErrorCode.KAFKA_STORAGE_ERROR)
  assert.equal(t.broker(1).replicas.gauges().offlineReplicaCount, 2)
  t.stop()
})

test('a disk that fails in the middle of a change of role takes that partition offline, no more', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.createTopic('events', [2, 1])
  for (const way of ['request', 'watch'] as const) {
    const [id, name] = way === 'request' ? [1, 'orders'] : [2, 'events']
    const broker = t.broker(id!)
    broker.produce(name!, ['a'])
    broker.failDisk()
    const topic = { ...t.topic(name!), leaderEpoch: 1, partitionEpoch: 1 }
    if (way === 'request') {
      assert.equal(broker.leaderAndIsr(topic), ErrorCode.KAFKA_STORAGE_ERROR)
    } else {
      broker.replicas.applyPartitionState(name!, 0, { ...topic, controllerEpoch: 1 })
    }
    const answer = broker.produce(name!, ['b']).answer
    assert.equal(answer.errorCode, ErrorCode.KAFKA_STORAGE_ERROR, way)
    assert.equal(broker.replicas.partition(name!, 0)?.isOffline, true, way)
  }
  t.stop()
})

test('a follower whose disk fails stops to follow, and the others of its leader go on', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(2).failDisk()
  t.broker(1).produce('orders', ['a'], { acks: 1 })
  await t.advance(100)
  assert.equal(t.broker(2).replicas.partition('orders', 0)?.isOffline, true)
  assert.deepEqual(t.broker(2).replicas.gauges().maxLag, 0)
  assert.deepEqual(t.broker(2).logs.isOffline({ topic: 'orders', partition: 0 }), true)
  t.stop()
})

test('a request that comes late in a shutdown changes nothing on the disk', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.createTopicState('late', [1, 2])
  const broker = t.broker(1)
  await broker.replicas.shutdown()
  await broker.logs.shutdown()
  const files = () => [...broker.files()].map(([path, bytes]) => `${path} ${bytes.toString('hex')}`)
  const before = files()
  const elected = { ...t.topic('orders'), leaderEpoch: 1, partitionEpoch: 1 }
  assert.equal(broker.leaderAndIsr(elected), ErrorCode.BROKER_NOT_AVAILABLE)
  assert.equal(
    broker.leaderAndIsr(t.topic('late'), { isNew: true }),
    ErrorCode.BROKER_NOT_AVAILABLE,
  )
  assert.equal(broker.stopReplica('orders', { isDeleted: true }), ErrorCode.BROKER_NOT_AVAILABLE)
  assert.deepEqual(files(), before)
  t.stop()
})

test('state changes are logged for whoever looks at night', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  const [leader] = t.broker(1).lines('(state.change.logger)')
  assert.match(
    leader!,
    /^INFO \[Broker id=1\] Leader orders-0 with topic id .* starts at leader epoch 0 /,
  )
  const [follower] = t.broker(2).lines('(state.change.logger)')
  assert.match(follower!, /^INFO \[Broker id=2\] Follower orders-0 starts at leader epoch 0 /)
  t.stop()
})
