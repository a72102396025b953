/** Rows R11 to R13 of section 6.7 of the control plane. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const event = Buffer.from('{"version":1,"broker":2,"event":1}')
const prefix = '/log_dir_event_notification/log_dir_event_'

test('R11: a log directory fails on the leader: another leads, the broker stays', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [2, 3] })
  cluster.broker(2).offlinePartitions.add('t-0')
  cluster.take()
  const path = await cluster.operator.create(prefix, event, 'persistent-sequential')
  await cluster.settle()
  assert.equal(await cluster.exists(path), false)
  assert.equal(await cluster.state('t', 0), '(3,1,[3],1)')
  assert.equal(await cluster.state('t', 1), '(2,0,[2,3],0)')
  assert.equal(cluster.take()[2]?.[0], 'LAI t-0(2,0,[2,3],0) t-1(2,0,[2,3],0)')
  const told = cluster.requests.findLast(({ api }) => api === 'UM')!.body as {
    topicStates: { partitionStates: { partitionIndex: number; offlineReplicas: number[] }[] }[]
  }
  const states = told.topicStates.flatMap(({ partitionStates }) => partitionStates)
  assert.deepEqual(states.find((each) => each.partitionIndex === 0)?.offlineReplicas, [2])
  // The mark goes when the broker starts anew.
  cluster.broker(2).offlinePartitions.clear()
  await cluster.broker(2).stop()
  await cluster.restart(2)
  assert.equal(await cluster.alterIsr('t', 0, [3, 2]), 0)
})

test('R12: a directory that fails while nobody reigns is found by the next', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.broker(1).kill()
  cluster.broker(2).offlinePartitions.add('t-0')
  const path = await cluster.operator.create(prefix, event, 'persistent-sequential')
  cluster.zooKeeper.expire(cluster.broker(1).session.sessionId)
  await cluster.settle()
  assert.equal(await cluster.exists(path), false)
  assert.deepEqual((await cluster.leadership('t', 0)).leader, 3)
})

test('R13: producer id blocks never overlap', async () => {
  const cluster = await ControllerCluster.start(3)
  const ask = (id: number, brokerEpoch = cluster.broker(id).epoch) =>
    cluster.controller.controller.allocateProducerIds({ brokerId: id, brokerEpoch })
  const path = '/latest_producer_id_block'
  assert.equal(await cluster.text(path), 'null')
  const [a, b] = await Promise.all([ask(2), ask(3)])
  assert.deepEqual([a?.producerIdStart, b?.producerIdStart], [0, 1000])
  assert.deepEqual([a?.producerIdLen, a?.errorCode], [1000, 0])
  assert.equal(
    await cluster.text(path),
    '{"version":1,"broker":3,"block_start":"1000","block_end":"1999"}',
  )
  // A lost reply costs a block.
  const { session, zkClient } = cluster.broker(1)
  const { set } = session
  session.set = (...args) => {
    session.set = set
    zkClient.loseReplies()
    return set.apply(session, args)
  }
  assert.equal((await ask(2)).producerIdStart, 3000)
  await cluster.broker(1).die()
  assert.equal((await ask(3)).producerIdStart, 4000)
  assert.equal((await ask(3, 1)).errorCode, ErrorCode.STALE_BROKER_EPOCH)
  assert.equal((await ask(9, 1)).errorCode, ErrorCode.BROKER_ID_NOT_REGISTERED)
  const inactive = [...cluster.brokers.values()].find((each) => !each.controller.isActive)!
  const refused = await inactive.controller.allocateProducerIds({ brokerId: 2, brokerEpoch: 1 })
  assert.equal(refused.errorCode, ErrorCode.NOT_CONTROLLER)
})

test('R13: garbage in the znode is an error, not a block', async () => {
  const cluster = await ControllerCluster.start(1)
  await cluster.operator.set('/latest_producer_id_block', Buffer.alloc(0), -1)
  const { controller } = cluster.controller
  const brokerEpoch = cluster.broker(1).epoch
  const response = await controller.allocateProducerIds({ brokerId: 1, brokerEpoch })
  assert.equal(response.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR)
})
