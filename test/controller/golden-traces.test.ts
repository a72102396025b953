/** The reference's own traces: what goes to ZooKeeper and to whom, for the common events. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerCluster } from '../support/controller-cluster.ts'

/** Brokers 1, 2, 3, controller 3, topic t with replicas 1 and 2. */
async function clusterWithTopic(): Promise<ControllerCluster> {
  const cluster = await ControllerCluster.start(3, 3)
  await cluster.createTopic('t', { 0: [1, 2] })
  cluster.take()
  cluster.takeWrites()
  return cluster
}

test('a new topic: its replicas hear LeaderAndIsr, everybody the metadata', async () => {
  const cluster = await ControllerCluster.start(3, 3)
  await cluster.createTopic('t', { 0: [1, 2] })
  assert.deepEqual(cluster.takeWrites(), [
    'create /brokers/topics/t',
    'create /config/topics/t',
    'create /brokers/topics/t/partitions',
    'create /brokers/topics/t/partitions/0',
    't-0 (1,0,[1,2])',
  ])
  assert.deepEqual(cluster.take(), {
    1: ['LAI t-0(1,0,[1,2],0) new', 'UM t-0(1,0,[1,2],0)'],
    2: ['LAI t-0(1,0,[1,2],0) new', 'UM t-0(1,0,[1,2],0)'],
    3: ['UM t-0(1,0,[1,2],0)'],
  })
})

test('a broker is killed and comes back, catches up and leads again', async () => {
  const cluster = await clusterWithTopic()

  await cluster.broker(1).die()
  assert.deepEqual(cluster.takeWrites(), ['t-0 (2,1,[2])'])
  const toFollower = ['LAI t-0(2,1,[2],1)', 'UM t-0(2,1,[2],1)']
  const toOthers = ['UM t-0(2,1,[2],1)']
  assert.deepEqual(cluster.take(), {
    2: [...toFollower, ...toFollower],
    3: [...toOthers, ...toOthers],
  })

  await cluster.restart(1)
  assert.deepEqual(cluster.takeWrites(), ['create /brokers/ids/1', 'set /brokers/ids/1'])
  assert.deepEqual(cluster.take(), {
    1: ['UM t-0(2,1,[2],1)', 'LAI t-0(2,1,[2],1)', 'UM t-0(2,1,[2],1)'],
    2: ['UM brokers', 'UM t-0(2,1,[2],1)'],
    3: ['UM brokers', 'UM t-0(2,1,[2],1)'],
  })

  assert.equal(await cluster.alterIsr('t', 0, [2, 1]), 0)
  assert.deepEqual(cluster.takeWrites(), ['t-0 (2,1,[2,1])'])
  const metadata = ['UM t-0(2,1,[2,1],2)']
  assert.deepEqual(cluster.take(), { 1: metadata, 2: metadata, 3: metadata })

  await cluster.advance(5_000)
  assert.deepEqual(cluster.takeWrites(), ['t-0 (1,2,[2,1])'])
  const role = ['LAI t-0(1,2,[2,1],3)', 'UM t-0(1,2,[2,1],3)']
  assert.deepEqual(cluster.take(), { 1: role, 2: role, 3: role.slice(1) })
})

test('a broker shuts down: its leaders move first, and it is told', async () => {
  const cluster = await clusterWithTopic()
  const { controller } = cluster.controller
  const request = { brokerId: 1, brokerEpoch: cluster.broker(1).epoch }

  assert.deepEqual(await controller.controlledShutdown(request), {
    errorCode: 0,
    remainingPartitions: [],
  })
  await cluster.settle()
  assert.deepEqual(cluster.takeWrites(), ['t-0 (2,1,[2])'])
  const role = ['LAI t-0(2,1,[2],1)', 'UM t-0(2,1,[2],1)']
  assert.deepEqual(cluster.take(), { 1: role, 2: role, 3: role.slice(1) })

  await cluster.broker(1).stop()
  assert.equal(await cluster.state('t', 0), '(2,1,[2],1)')
  assert.deepEqual(cluster.take(), { 2: role, 3: role.slice(1) })
})

test('a topic is deleted: told to everybody, stopped, deleted, its znodes go last', async () => {
  const cluster = await clusterWithTopic()
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  const stopped = ['UM t-0(-2,0,[1,2],0)', 'SR t-0 epoch=-2', 'SR t-0 epoch=-2 delete']
  assert.deepEqual(cluster.take(), { 1: stopped, 2: stopped, 3: stopped.slice(0, 1) })
  assert.deepEqual(cluster.takeWrites(), [
    'create /admin/delete_topics/t',
    't-0 (-1,1,[2])',
    't-0 (-1,2,[2])',
    'delete /brokers/topics/t/partitions/0/state',
    'delete /brokers/topics/t/partitions/0',
    'delete /brokers/topics/t/partitions',
    'delete /brokers/topics/t',
    'delete /config/topics/t',
    'delete /admin/delete_topics/t',
  ])
})

test('a failover with everybody alive writes no state and repeats every role', async () => {
  const cluster = await clusterWithTopic()
  await cluster.broker(3).expire()
  const writes = cluster.takeWrites().filter((write) => !write.includes('/brokers/ids/'))
  assert.deepEqual(writes, ['create /controller', 'set /controller_epoch'])
  assert.equal(await cluster.activeControllerId(), 1)
  assert.equal(await cluster.text('/controller_epoch'), '2')
  const role = ['LAI t-0(1,0,[1,2],0)', 'UM t-0(1,0,[1,2],0)']
  assert.deepEqual(cluster.take(), {
    1: ['UM brokers', ...role],
    2: ['UM brokers', ...role],
    3: ['UM brokers', ...role.slice(1)],
  })
})
