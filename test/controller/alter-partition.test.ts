/** Sections 3.16 and 6.3 of the control plane: changes of the ISR at the request of the leader. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Alteration, judgeAlteration } from '../../src/controller/alter-partition.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const current = {
  leader: 1,
  leaderEpoch: 5,
  isr: [1, 2],
  leaderRecoveryState: 0,
  partitionEpoch: 10,
  controllerEpoch: 3,
}
const CONTROLLER_EPOCH = 4
const base: Alteration = {
  leader: 1,
  leaderEpoch: 5,
  isr: [1, 2, 3],
  leaderRecoveryState: 0,
  partitionEpoch: 10,
}

function judge(change: Partial<Alteration>, state: typeof current | null = current, dead = 99) {
  const verdict = judgeAlteration(
    state,
    { ...base, ...change },
    (id) => id !== dead,
    ErrorCode.INELIGIBLE_REPLICA,
    CONTROLLER_EPOCH,
  )
  return verdict.kind === 'refuse' ? verdict.code : verdict.kind
}

test('the checks, first hit wins', () => {
  const recovering = { ...current, leaderRecoveryState: 1, isr: [1] }
  assert.equal(judge({}), 'write')
  assert.equal(judge({}, null), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal(judge({ partitionEpoch: 11 }), ErrorCode.NOT_CONTROLLER)
  assert.equal(judge({ leaderEpoch: 6 }), ErrorCode.NOT_CONTROLLER)
  assert.equal(judge({ leaderEpoch: 4, partitionEpoch: 11 }), ErrorCode.NOT_CONTROLLER)
  assert.equal(judge({ leaderEpoch: 4 }), ErrorCode.FENCED_LEADER_EPOCH)
  assert.equal(judge({ isr: [1, 2] }), 'done')
  assert.equal(judge({ isr: [1, 2], partitionEpoch: 9 }), 'done')
  assert.equal(judge({ isr: [2, 1], partitionEpoch: 9 }), ErrorCode.INVALID_UPDATE_VERSION)
  assert.equal(judge({ partitionEpoch: 9 }), ErrorCode.INVALID_UPDATE_VERSION)
  assert.equal(judge({ leaderRecoveryState: 1 }, recovering), ErrorCode.INVALID_REQUEST)
  assert.equal(judge({ leaderRecoveryState: 1, isr: [1] }), ErrorCode.INVALID_REQUEST)
  assert.equal(judge({ leaderRecoveryState: 1, isr: [1] }, recovering), 'done')
  assert.equal(judge({ leaderRecoveryState: 0, isr: [1] }, recovering), 'write')
  assert.equal(judge({}, current, 3), ErrorCode.INELIGIBLE_REPLICA)
})

test('what is written carries the epoch of this controller and the expected version', () => {
  const verdict = judgeAlteration(
    current,
    base,
    () => true,
    ErrorCode.INELIGIBLE_REPLICA,
    CONTROLLER_EPOCH,
  )
  assert.deepEqual(verdict, { kind: 'write', next: { ...base, controllerEpoch: 4 } })
})

async function clusterWithTopic(replicas = [2, 3, 1]) {
  const cluster = await ControllerCluster.start(3)
  const topicId = await cluster.createTopic('t', { 0: replicas })
  cluster.take()
  cluster.takeWrites()
  const request = (version: number, change: object = {}, brokerEpoch?: number) =>
    cluster.controller.controller.alterPartition(
      {
        brokerId: 2,
        brokerEpoch: brokerEpoch ?? cluster.broker(2).epoch,
        topics: [
          {
            topicName: version < 2 ? 't' : '',
            topicId: version < 2 ? 'AAAAAAAAAAAAAAAAAAAAAA' : topicId,
            partitions: [
              {
                partitionIndex: 0,
                leaderEpoch: 0,
                newIsr: version < 3 ? [2, 3] : [],
                newIsrWithEpochs:
                  version < 3 ? [] : [2, 3].map((brokerId) => ({ brokerId, brokerEpoch: -1 })),
                leaderRecoveryState: 0,
                partitionEpoch: 0,
                ...change,
              },
            ],
          },
        ],
      },
      version,
    )
  return { cluster, topicId, request }
}

test('a change is written, told to all brokers, and answered with the new state', async () => {
  const { cluster, topicId, request } = await clusterWithTopic()
  const response = await request(3)
  await cluster.settle()
  assert.deepEqual(response, {
    throttleTimeMs: 0,
    errorCode: 0,
    topics: [
      {
        topicName: '',
        topicId,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: 0,
            leaderId: 2,
            leaderEpoch: 0,
            isr: [2, 3],
            leaderRecoveryState: 0,
            partitionEpoch: 1,
          },
        ],
      },
    ],
  })
  assert.deepEqual(cluster.takeWrites(), ['t-0 (2,0,[2,3])'])
  const metadata = ['UM t-0(2,0,[2,3],1)']
  assert.deepEqual(cluster.take(), { 1: metadata, 2: metadata, 3: metadata })
})

test('older versions name the topic and list plain ids', async () => {
  for (const version of [0, 1, 2]) {
    const { cluster, request } = await clusterWithTopic()
    const response = await request(version)
    assert.equal(response.topics[0]?.partitions[0]?.errorCode, 0)
    assert.equal(await cluster.state('t', 0), '(2,0,[2,3],1)')
  }
})

test('I2: an answer was lost, the leader asks again: success, no second write', async () => {
  const { cluster, request } = await clusterWithTopic()
  const first = await request(3)
  assert.deepEqual(await request(3), first)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],1)')
})

test('I5: a leader that knows more than the controller is sent to look for another', async () => {
  const { request } = await clusterWithTopic()
  const response = await request(3, { partitionEpoch: 7 })
  assert.equal(response.topics[0]?.partitions[0]?.errorCode, ErrorCode.NOT_CONTROLLER)
})

test('I6, H7: a broker that died or shuts down cannot join an ISR (KAFKA-14140)', async () => {
  const { cluster, request } = await clusterWithTopic()
  await request(3)
  await cluster.broker(3).die()
  const { leaderEpoch, partitionEpoch } = await cluster.leadership('t', 0)
  const withDead = { leaderEpoch, partitionEpoch }
  const code = async (version: number, change: object) =>
    (await request(version, change)).topics[0]?.partitions[0]?.errorCode
  assert.equal(await code(3, withDead), ErrorCode.INELIGIBLE_REPLICA)
  assert.equal(await code(2, withDead), ErrorCode.INELIGIBLE_REPLICA)
  assert.equal(await code(1, withDead), ErrorCode.OPERATION_NOT_ATTEMPTED)
  await cluster.restart(3)
  await cluster.controller.controller.controlledShutdown({
    brokerId: 3,
    brokerEpoch: cluster.broker(3).epoch,
  })
  assert.equal(await code(3, withDead), ErrorCode.INELIGIBLE_REPLICA)
})

test('a broker that is no replica, or not any more, cannot join an ISR', async () => {
  const { cluster, request } = await clusterWithTopic([2, 3])
  const newIsr = [2, 3, 1]
  const newIsrWithEpochs = newIsr.map((brokerId) => ({ brokerId, brokerEpoch: -1 }))
  const code = async (version: number, change: object) =>
    (await request(version, change)).topics[0]?.partitions[0]?.errorCode
  assert.equal(await code(3, { newIsrWithEpochs }), ErrorCode.INELIGIBLE_REPLICA)
  assert.equal(await code(2, { newIsr }), ErrorCode.INELIGIBLE_REPLICA)
  assert.equal(await code(1, { newIsr }), ErrorCode.OPERATION_NOT_ATTEMPTED)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
})

test('I9: somebody else changed the state: the loser hears it, the cache is healed', async () => {
  const { cluster, request } = await clusterWithTopic()
  const other = '{"version":1,"leader":2,"leader_epoch":0,"controller_epoch":1,"isr":[2,1]}'
  await cluster.operator.set('/brokers/topics/t/partitions/0/state', Buffer.from(other), 0)
  const response = await request(3)
  assert.equal(response.topics[0]?.partitions[0]?.errorCode, ErrorCode.INVALID_UPDATE_VERSION)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,1],1)')
  const retried = await request(3, { partitionEpoch: 1 })
  assert.equal(retried.topics[0]?.partitions[0]?.errorCode, 0)
})

test('the reply of our own write was lost: it counts as done', async () => {
  const { cluster, request } = await clusterWithTopic()
  cluster.broker(1).zkClient.loseReplies()
  const response = await request(3)
  assert.equal(response.topics[0]?.partitions[0]?.errorCode, 0)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],1)')
})

test('no success is answered by a controller whose session fell into doubt meanwhile', async () => {
  const { cluster, request } = await clusterWithTopic()
  const { session } = cluster.broker(1)
  const { multi } = session
  session.multi = async (ops) => {
    const result = await multi.call(session, ops)
    session.isFenced = () => true
    return result
  }
  assert.equal((await request(3)).errorCode, ErrorCode.NOT_CONTROLLER)
})

test('one partition in conflict does not hold up the others', async () => {
  const cluster = await ControllerCluster.start(3)
  const topicId = await cluster.createTopic('t', { 0: [2, 3], 1: [2, 3], 2: [2, 3] })
  const other = '{"version":1,"leader":2,"leader_epoch":0,"controller_epoch":1,"isr":[2,3]}'
  await cluster.operator.set('/brokers/topics/t/partitions/1/state', Buffer.from(other), 0)
  const partitions = [0, 1, 2].map((partitionIndex) => ({
    partitionIndex,
    leaderEpoch: 0,
    newIsr: [],
    newIsrWithEpochs: [{ brokerId: 2, brokerEpoch: -1 }],
    leaderRecoveryState: 0,
    partitionEpoch: 0,
  }))
  const { brokerEpoch, brokerId } = { brokerEpoch: cluster.broker(2).epoch, brokerId: 2 }
  const topics = [{ topicName: '', topicId, partitions }]
  const response = await cluster.controller.controller.alterPartition(
    { brokerId, brokerEpoch, topics },
    3,
  )
  const codes = response.topics[0]?.partitions.map(({ errorCode }) => errorCode)
  assert.deepEqual(codes, [0, ErrorCode.INVALID_UPDATE_VERSION, 0])
})

test('a broker that is not registered, or of another life, is refused as a whole', async () => {
  const { request, cluster } = await clusterWithTopic()
  assert.equal((await request(3, {}, 1)).errorCode, ErrorCode.STALE_BROKER_EPOCH)
  const unknown = { brokerId: 9, brokerEpoch: 1, topics: [] }
  const response = await cluster.controller.controller.alterPartition(unknown, 3)
  assert.equal(response.errorCode, ErrorCode.STALE_BROKER_EPOCH)
})

test('unknown topic ids, unknown partitions and impossible recovery states', async () => {
  const { request } = await clusterWithTopic()
  const missing = await request(3, { partitionIndex: 5 })
  assert.equal(missing.topics[0]?.partitions[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const invalid = await request(3, { leaderRecoveryState: 7 })
  assert.equal(invalid.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR)
})

test('an inactive broker answers NOT_CONTROLLER', async () => {
  const { cluster } = await clusterWithTopic()
  const { controller } = cluster.broker(2)
  const request = { brokerId: 2, brokerEpoch: 1, topics: [] }
  assert.equal((await controller.alterPartition(request, 3)).errorCode, ErrorCode.NOT_CONTROLLER)
})

test('I15: a notification during a failover is removed, its news is not lost', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.createTopic('t', { 0: [2, 1] })
  // The leader writes the ISR itself, as before 2.7, while nobody reigns.
  await cluster.broker(1).kill()
  const shrunk = '{"version":1,"leader":2,"leader_epoch":0,"controller_epoch":1,"isr":[2]}'
  await cluster.operator.set('/brokers/topics/t/partitions/0/state', Buffer.from(shrunk), 0)
  const named = Buffer.from('{"version":1,"partitions":[{"topic":"t","partition":0}]}')
  const path = '/isr_change_notification/isr_change_'
  const made = await cluster.operator.create(path, named, 'persistent-sequential')
  cluster.zooKeeper.expire(cluster.broker(1).session.sessionId)
  await cluster.settle()
  assert.equal(cluster.controller.id, 2)
  assert.equal(await cluster.exists(made), false)
  const { leader, isr } = await cluster.leadership('t', 0)
  assert.deepEqual({ leader, isr }, { leader: 2, isr: [2] })
})

test('I16: one look at ISR notifications reads all that are there (KAFKA-5879)', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  cluster.take()
  const write = async (partition: number, leader: number) => {
    const decision = '"version":1,"leader_epoch":0,"controller_epoch":1'
    const state = `{${decision},"leader":${leader},"isr":[${leader}]}`
    const path = `/brokers/topics/t/partitions/${partition}/state`
    await cluster.operator.set(path, Buffer.from(state), 0)
    const named = `{"version":1,"partitions":[{"topic":"t","partition":${partition}}]}`
    const prefix = '/isr_change_notification/isr_change_'
    await cluster.operator.create(prefix, Buffer.from(named), 'persistent-sequential')
  }
  await Promise.all([write(0, 2), write(1, 3)])
  await cluster.settle()
  const { children } = await cluster.operator.children('/isr_change_notification')
  assert.deepEqual(children, [])
  const told = cluster.take()[1]?.join(' ') ?? ''
  assert(told.includes('t-0(2,0,[2],1)') && told.includes('t-1(3,0,[3],1)'), told)
})
