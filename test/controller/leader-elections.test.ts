/** Sections 3.10 and 6.4 of the control plane: who leads, and when nobody may. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  electForControlledShutdown,
  electForReassignment,
  electOffline,
  electPreferred,
} from '../../src/controller/election.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const state = (isr: number[], leader = isr[0] ?? -1) => ({
  leader,
  leaderEpoch: 1,
  isr,
  leaderRecoveryState: 0,
  controllerEpoch: 1,
  partitionEpoch: 1,
})
const only =
  (...ids: number[]) =>
  (id: number) =>
    ids.includes(id)

test('offline: the first live ISR member in assignment order, the dead leave the ISR', () => {
  assert.deepEqual(electOffline([3, 1, 2], state([2, 1, 3]), only(1, 2), false), {
    leader: 1,
    isr: [2, 1],
    leaderRecoveryState: 0,
    recipients: [1, 2],
    unclean: false,
  })
  assert.equal(electOffline([1, 2], state([1]), only(2), false), null)
  assert.equal(electOffline([1, 2], state([1]), only(), true), null)
})

test('offline, unclean: the first live replica alone, recovering; never when the ISR lives', () => {
  assert.deepEqual(electOffline([1, 2, 3], state([1]), only(2, 3), true), {
    leader: 2,
    isr: [2],
    leaderRecoveryState: 1,
    recipients: [2, 3],
    unclean: true,
  })
  assert.equal(electOffline([1, 2, 3], state([3]), only(2, 3), true)?.leader, 3)
})

test('reassignment: the first target that is live and in sync, the ISR stays', () => {
  const elected = electForReassignment([4, 5], state([1, 5, 4]), only(1, 5))
  assert.deepEqual(elected?.leader, 5)
  assert.deepEqual(elected?.isr, [1, 5, 4])
  assert.deepEqual(elected?.recipients, [4, 5])
  assert.equal(electForReassignment([4], state([1]), only(1, 4)), null)
})

test('preferred: the first replica or nobody', () => {
  assert.equal(electPreferred([1, 2], state([2, 1]), only(1, 2))?.leader, 1)
  assert.equal(electPreferred([1, 2], state([2]), only(1, 2)), null)
  assert.equal(electPreferred([1, 2], state([2, 1]), only(2)), null)
})

test('controlled shutdown: away from those that leave, who are told', () => {
  const elected = electForControlledShutdown([1, 2, 3], state([1, 2, 3]), only(1, 2, 3), only(1))
  assert.deepEqual(elected, {
    leader: 2,
    isr: [2, 3],
    leaderRecoveryState: 0,
    recipients: [1, 2, 3],
    unclean: false,
  })
  assert.equal(electForControlledShutdown([1, 2], state([1]), only(1, 2), only(1)), null)
})

test('L1, L2: the whole ISR dies: offline until its last member returns', async () => {
  const cluster = await ControllerCluster.start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  await cluster.broker(4).die()
  await cluster.broker(3).die()
  await cluster.broker(2).die()
  assert.match(await cluster.state('t', 0), /^\(-1,\d+,\[2\],/)
  await cluster.restart(4)
  assert.equal((await cluster.leadership('t', 0)).leader, -1)
  await cluster.restart(2)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
})

test('L3: unclean election turned on while offline, for a topic or for all', async () => {
  for (const scope of ['topic', 'default']) {
    const cluster = await ControllerCluster.start(3)
    await cluster.createTopic('t', { 0: [2, 3] })
    await cluster.broker(3).die()
    await cluster.broker(2).die()
    await cluster.restart(3)
    assert.equal((await cluster.leadership('t', 0)).leader, -1)
    const { controller, config } = cluster.controller
    if (scope === 'topic') {
      const data = '{"version":1,"config":{"unclean.leader.election.enable":"true"}}'
      await cluster.operator.set('/config/topics/t', Buffer.from(data), -1)
      controller.onTopicUncleanLeaderElectionEnabled('t')
    } else {
      config.uncleanLeaderElectionEnable = true
      controller.onUncleanLeaderElectionEnabled()
    }
    await cluster.settle()
    const { leader, isr, leaderRecoveryState } = await cluster.leadership('t', 0)
    assert.deepEqual(
      { leader, isr, leaderRecoveryState },
      {
        leader: 3,
        isr: [3],
        leaderRecoveryState: 1,
      },
    )
    assert.equal(controller.stats.uncleanElections, 1)
    // The leader says that it recovered; only then may its ISR grow.
    assert.equal(await cluster.alterIsr('t', 0, [3]), 0)
    assert.equal((await cluster.leadership('t', 0)).leaderRecoveryState, 0)
  }
})

test('L5: a topic created while a replica is down starts without it', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.broker(2).die()
  await cluster.createTopic('t', { 0: [2, 3, 1] })
  assert.equal(await cluster.state('t', 0), '(3,0,[3,1],0)')
  cluster.take()
  await cluster.restart(2)
  assert(cluster.take()[2]?.includes('LAI t-0(3,0,[3,1],0)'))
})

test('L6: a topic whose brokers are all down has no state until one starts', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.broker(2).die()
  await cluster.createTopic('t', { 0: [2] })
  assert.equal(await cluster.exists('/brokers/topics/t/partitions/0/state'), false)
  assert.equal(cluster.controller.controller.metrics().offlinePartitionsCount, 1)
  await cluster.restart(2)
  assert.equal(await cluster.state('t', 0), '(2,0,[2],0)')
  assert.equal(cluster.controller.controller.metrics().offlinePartitionsCount, 0)
})

test('L7: the reply of the creation was lost: the partitions are online all the same', async () => {
  const cluster = await ControllerCluster.start(3)
  const { session, zkClient } = cluster.broker(1)
  const { multi } = session
  let losses = 0
  session.multi = (ops) => {
    if (ops.some(({ path }) => path.endsWith('/state')) && losses++ === 0) zkClient.loseReplies()
    return multi.call(session, ops)
  }
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  assert(losses > 1)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
  assert.equal(cluster.controller.controller.metrics().offlinePartitionsCount, 0)
  assert(cluster.take()[3]?.[0]?.includes('t-1(3,0,[3,2],0) new'))
})

test('L8: a preferred replica out of sync is neither elected nor tried', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.broker(2).die()
  await cluster.restart(2)
  await cluster.advance(5_000)
  assert.equal((await cluster.leadership('t', 0)).leader, 3)
  const { lines } = cluster.broker(1).loggers
  assert(!lines.some((line) => line.includes('failed to change state for partition t-0')))
  const { response, expected } = await cluster.controller.controller.electLeaders({
    electionType: 0,
    topicPartitions: [{ topic: 't', partitions: [0] }],
    timeoutMs: 1000,
  })
  const [result] = response.replicaElectionResults[0]!.partitionResult
  assert.equal(result?.errorCode, ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE)
  assert.deepEqual(expected, [])
})

test('L9, L10: rebalance only above the limit, also while others are reassigned', async () => {
  const cluster = await ControllerCluster.start(4)
  const assignment = Object.fromEntries(Array.from({ length: 10 }, (_, p) => [p, [2, 3]]))
  await cluster.createTopic('t', assignment)
  await cluster.createTopic('moving', { 0: [3] })
  const one = '{"version":1,"leader":3,"leader_epoch":1,"controller_epoch":1,"isr":[2,3]}'
  const setLeader = async (partition: number) => {
    const path = `/brokers/topics/t/partitions/${partition}/state`
    await cluster.operator.set(path, Buffer.from(one), -1)
    const named = `{"version":1,"partitions":[{"topic":"t","partition":${partition}}]}`
    const prefix = '/isr_change_notification/isr_change_'
    await cluster.operator.create(prefix, Buffer.from(named), 'persistent-sequential')
    await cluster.settle()
  }
  await setLeader(0)
  assert.equal(cluster.controller.controller.metrics().preferredReplicaImbalanceCount, 1)
  await cluster.advance(5_000)
  assert.equal((await cluster.leadership('t', 0)).leader, 3)
  await setLeader(1)
  await cluster.controller.controller.alterPartitionReassignments({
    timeoutMs: 1000,
    topics: [{ name: 'moving', partitions: [{ partitionIndex: 0, replicas: [4] }] }],
  })
  await cluster.advance(300_000)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
  assert.equal((await cluster.leadership('t', 1)).leader, 2)
})

test('L11: failover with a dead leader: a leader of the ISR, two epochs on', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [1, 2, 3] })
  cluster.take()
  await cluster.broker(1).die()
  assert.equal(await cluster.state('t', 0), '(2,2,[2,3],2)')
  const told = cluster.take()
  for (const id of [2, 3]) {
    assert.deepEqual(told[id]?.at(-2), 'LAI t-0(2,2,[2,3],2)')
    assert.deepEqual(told[id]?.at(0), 'UM brokers')
  }
})

test('L13: a broker without partitions dies: the others learn of it (KAFKA-13225)', async () => {
  const cluster = await ControllerCluster.start(3)
  cluster.take()
  await cluster.broker(3).die()
  assert.deepEqual(cluster.take(), { 1: ['UM brokers'], 2: ['UM brokers'] })
})

test('L14: a state of a newer controller is not overwritten', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [2, 3] })
  const newer = '{"version":1,"leader":2,"leader_epoch":9,"controller_epoch":8,"isr":[2,3]}'
  await cluster.operator.set('/brokers/topics/t/partitions/0/state', Buffer.from(newer), 0)
  await cluster.broker(2).die()
  assert.equal(await cluster.state('t', 0), '(2,9,[2,3],1)')
  assert.equal(await cluster.state('t', 1), '(3,1,[3],1)')
})

test('a stored ISR that is newer than the cached one decides', async () => {
  const cluster = await ControllerCluster.start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4], 1: [3, 2, 4] })
  // The leaders wrote their ISR themselves, as before 2.7; the notification is not there yet.
  for (const [partition, leader] of [
    [0, 2],
    [1, 3],
  ]) {
    const decision = '"version":1,"leader_epoch":0,"controller_epoch":1'
    const state = `{${decision},"leader":${leader},"isr":[${leader},4]}`
    const path = `/brokers/topics/t/partitions/${partition}/state`
    await cluster.operator.set(path, Buffer.from(state), 0)
  }
  await cluster.broker(2).die()
  assert.equal(await cluster.state('t', 0), '(4,1,[4],2)')
  assert.equal(await cluster.state('t', 1), '(3,0,[3,4],1)')
})

test('ElectLeaders: not needed, unknown, being deleted, done; all', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  await cluster.broker(2).die()
  await cluster.restart(2)
  assert.equal(await cluster.alterIsr('t', 0, [3, 2]), 0)
  await cluster.createTopic('gone', { 0: [2] })
  cluster.broker(2).isHolding = true
  await cluster.store.markForDeletion('gone')
  await cluster.settle()
  const { controller } = cluster.controller
  const ask = async (topicPartitions: { topic: string; partitions: number[] }[] | null) => {
    const answer = await controller.electLeaders({ electionType: 0, topicPartitions, timeoutMs: 1 })
    const codes = answer.response.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map(({ partitionId, errorCode }) => `${topic}-${partitionId}:${errorCode}`),
    )
    return { codes: codes.sort(), expected: answer.expected }
  }
  const asked = [
    { topic: 't', partitions: [0, 1, 7] },
    { topic: 'gone', partitions: [0] },
  ]
  assert.deepEqual(await ask(asked), {
    codes: ['gone-0:17', 't-0:0', 't-1:84', 't-7:3'],
    expected: [{ topic: 't', partition: 0, leader: 2 }],
  })
  assert.deepEqual((await ask(null)).codes, ['gone-0:17'])
})

test('ElectLeaders UNCLEAN: forced for partitions without a leader', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 1] })
  await cluster.broker(3).die()
  await cluster.broker(2).die()
  await cluster.restart(3)
  const answer = await cluster.controller.controller.electLeaders({
    electionType: 1,
    topicPartitions: [{ topic: 't', partitions: [0, 1] }],
    timeoutMs: 1,
  })
  assert.deepEqual(answer.expected, [{ topic: 't', partition: 0, leader: 3 }])
  assert.equal(answer.response.replicaElectionResults[0]?.partitionResult[0]?.errorCode, 84)
})

test('the legacy znode asks for preferred elections, and goes when they are done', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const path = '/admin/preferred_replica_election'
  const data = Buffer.from('{"version":1,"partitions":[{"topic":"t","partition":0}]}')
  for (const round of [1, 2]) {
    await cluster.broker(2).die()
    await cluster.restart(2)
    await cluster.alterIsr('t', 0, [3, 2])
    await cluster.operator.create(path, data, 'persistent')
    await cluster.settle()
    assert.equal((await cluster.leadership('t', 0)).leader, 2, `round ${round}`)
    assert.equal(await cluster.exists(path), false)
  }
})
