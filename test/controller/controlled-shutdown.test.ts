/** Section 6.5 of the control plane. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const shutDown = (cluster: ControllerCluster, id: number, brokerEpoch?: number) =>
  cluster.controller.controller.controlledShutdown({
    brokerId: id,
    brokerEpoch: brokerEpoch ?? cluster.broker(id).epoch,
  })

test('H1: leaders move, the leaving broker is told, it leaves the ISRs it follows in', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3, 1], 1: [3, 2, 1] })
  cluster.take()
  const response = await shutDown(cluster, 2)
  await cluster.settle()
  assert.deepEqual(response, { errorCode: 0, remainingPartitions: [] })
  assert.equal(await cluster.state('t', 0), '(3,1,[3,1],1)')
  assert.equal(await cluster.state('t', 1), '(3,1,[3,1],1)')
  assert.deepEqual(cluster.take()[2], [
    'LAI t-0(3,1,[3,1],1)',
    'UM t-0(3,1,[3,1],1)',
    'SR t-1 epoch=0',
    'UM t-1(3,1,[3,1],1)',
    'SR t-1 epoch=0',
  ])
  assert.equal((await shutDown(cluster, 2)).errorCode, 0)
})

test('H2: partitions without other replicas do not count', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.createTopic('t', { 0: [2] })
  assert.deepEqual(await shutDown(cluster, 2), { errorCode: 0, remainingPartitions: [] })
})

test('H3: a broker that is the whole ISR keeps leading and is told so', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.broker(3).die()
  assert.deepEqual(await shutDown(cluster, 2), {
    errorCode: 0,
    remainingPartitions: [{ topicName: 't', partitionIndex: 0 }],
  })
  await cluster.broker(2).stop()
  assert.equal((await cluster.leadership('t', 0)).leader, -1)
  await cluster.restart(2)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
})

test('H4: an older life of the broker is refused without effect; unknown brokers too', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  assert.equal((await shutDown(cluster, 2, 1)).errorCode, ErrorCode.STALE_BROKER_EPOCH)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
  assert.equal((await shutDown(cluster, 9, 5)).errorCode, ErrorCode.UNKNOWN_SERVER_ERROR)
  assert.equal((await shutDown(cluster, 9, -1)).errorCode, ErrorCode.BROKER_NOT_AVAILABLE)
  assert.equal((await shutDown(cluster, 2, -1)).errorCode, 0)
})

test('H5: the controller changes between attempts: the new one serves the next', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.broker(1).die()
  const { controller } = cluster.broker(1)
  const toOld = await controller.controlledShutdown({ brokerId: 2, brokerEpoch: -1 })
  assert.equal(toOld.errorCode, ErrorCode.STALE_CONTROLLER_EPOCH)
  assert.equal((await shutDown(cluster, 2)).errorCode, 0)
  assert.equal((await cluster.leadership('t', 0)).leader, 3)
})

test('H6: the controller shuts itself down', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [1, 2] })
  assert.deepEqual(await shutDown(cluster, 1), { errorCode: 0, remainingPartitions: [] })
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
  await cluster.broker(1).stop()
  assert.notEqual(cluster.controller.id, 1)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
})

test('H7: after its return the broker may be elected again', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await shutDown(cluster, 2)
  await cluster.broker(2).stop()
  await cluster.restart(2)
  assert.equal(await cluster.alterIsr('t', 0, [3, 2]), 0)
  await cluster.advance(5_000)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
})
