/** Section 6.6 of the control plane: deletion, and partitions that are added. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QUEUE_LIMIT } from '../../src/controller/broker-channels.ts'
import { encodeReassignment, reassignPartitionsPath } from '../../src/zk/znodes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const marker = '/admin/delete_topics/t'
const topic = '/brokers/topics/t'

async function deletionWithDeadBroker(): Promise<ControllerCluster> {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  await cluster.broker(3).die()
  cluster.take()
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  return cluster
}

test('D1: with a broker down live logs go at once, the rest when it is back', async () => {
  const cluster = await deletionWithDeadBroker()
  // The topic has left the picture, which is what the client waits for.
  const told = cluster.take()[2] ?? []
  assert(told.some((line) => line.startsWith('UM t-0(-2,')))
  assert(told.includes('SR t-0 epoch=-2 delete t-1 epoch=-2 delete'), told.join('\n'))
  assert.equal(await cluster.exists(marker), true)
  await cluster.restart(3)
  assert(cluster.take()[3]?.some((line) => line.includes('delete')))
  assert.equal(await cluster.exists(marker), false)
  assert.equal(await cluster.exists(topic), false)
})

test('D1: the deletion survives a failover', async () => {
  const cluster = await deletionWithDeadBroker()
  await cluster.broker(1).die()
  assert.equal(cluster.controller.id, 2)
  assert.equal(await cluster.exists(marker), true)
  await cluster.restart(3)
  assert.equal(await cluster.exists(topic), false)
  assert.equal(await cluster.exists(marker), false)
})

test('D2: a broker that dies before it answers is asked again at its return', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  cluster.broker(3).isHolding = true
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(topic), true)
  await cluster.broker(3).die()
  assert.equal(await cluster.exists(topic), true)
  cluster.take()
  await cluster.restart(3)
  assert(cluster.take()[3]?.includes('SR t-0 epoch=-2 delete'))
  assert.equal(await cluster.exists(topic), false)
})

test('D3: a storage error makes the topic wait for the restart of the broker', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  cluster.broker(3).deleteErrors.set('t-0', 56)
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(topic), true)
  const metrics = cluster.controller.controller.metrics()
  assert.equal(metrics.topicsIneligibleToDeleteCount, 1)
  assert.equal(metrics.replicasToDeleteCount, 1)
  await cluster.broker(3).stop()
  await cluster.restart(3)
  assert.equal(await cluster.exists(topic), false)
})

test('D4: a topic that is being reassigned is deleted when that is over', async () => {
  for (const ending of ['complete', 'cancel']) {
    const cluster = await ControllerCluster.start(3)
    await cluster.createTopic('t', { 0: [2] })
    const { controller } = cluster.controller
    const reassign = (replicas: number[] | null) =>
      controller.alterPartitionReassignments({
        timeoutMs: 1000,
        topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas }] }],
      })
    await reassign([3])
    await cluster.store.markForDeletion('t')
    await cluster.settle()
    assert.equal(await cluster.exists(topic), true)
    if (ending === 'complete') assert.equal(await cluster.alterIsr('t', 0, [2, 3]), 0)
    else {
      // While it waits for its deletion the topic counts as gone.
      const { responses } = await reassign(null)
      assert.equal(responses[0]?.partitions[0]?.errorCode, 3)
      continue
    }
    await cluster.settle()
    assert.equal(await cluster.exists(topic), false)
  }
})

test('a topic that goes takes along what the znode still asks for it', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2] })
  await cluster.createTopic('u', { 0: [2] })
  const asked = ['t', 'u'].map((name) => ({ topic: name, partition: 0, replicas: [3] }))
  await cluster.operator.create(reassignPartitionsPath, encodeReassignment(asked), 'persistent')
  await cluster.settle()
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(topic), true)
  // A broker that starts makes the deletion go on, whatever it waits for.
  await cluster.broker(3).die()
  await cluster.restart(3)
  assert.equal(await cluster.exists(topic), false)
  const left = await cluster.text(reassignPartitionsPath)
  assert.equal(left, String(encodeReassignment(asked.slice(1))))
  assert.equal(await cluster.alterIsr('u', 0, [2, 3]), 0)
  await cluster.settle()
  assert.equal(await cluster.exists(reassignPartitionsPath), false)
})

test('a deletion does not wait for a reassignment that has no leader to go on with', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2] })
  await cluster.controller.controller.alterPartitionReassignments({
    timeoutMs: 1000,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [3] }] }],
  })
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(topic), true)
  // As a deletion that had begun leaves it; nobody elects leaders for a topic that is to go.
  const { leaderEpoch, partitionEpoch } = await cluster.leadership('t', 0)
  const state = { version: 1, leader: -1, leader_epoch: leaderEpoch + 1, isr: [2] }
  const data = Buffer.from(JSON.stringify({ ...state, controller_epoch: 1 }))
  await cluster.operator.set('/brokers/topics/t/partitions/0/state', data, partitionEpoch)
  await cluster.broker(1).die()
  assert.equal(await cluster.exists(topic), false)
  assert.equal(await cluster.exists(marker), false)
})

test('D5: partitions added while deleting are taken back (KAFKA-6612)', async () => {
  const cluster = await deletionWithDeadBroker()
  const stored = await cluster.topic('t')
  const grown = (await cluster.text(topic)).replace('"1":[3,2]', '"1":[3,2],"2":[2,3]')
  await cluster.operator.set(topic, Buffer.from(grown), -1)
  await cluster.settle()
  assert.deepEqual(await cluster.topic('t'), stored)
  assert.equal(await cluster.exists(`${topic}/partitions/2`), false)
})

test('D6: the controller died between topic and marker: the next finishes', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.broker(1).kill()
  await cluster.operator.create(marker, null, 'persistent')
  await cluster.operator.create('/config/topics/t', Buffer.from('{}'), 'persistent')
  cluster.zooKeeper.expire(cluster.broker(1).session.sessionId)
  await cluster.settle()
  assert.equal(cluster.controller.id, 2)
  assert.equal(await cluster.exists(marker), false)
  assert.equal(await cluster.exists('/config/topics/t'), false)
})

test('D7: a topic made again right after has a new id and starts at epoch zero', async () => {
  const cluster = await ControllerCluster.start(3)
  const before = await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  cluster.take()
  const after = await cluster.createTopic('t', { 0: [3, 2] })
  assert.notEqual(after, before)
  assert.equal(await cluster.state('t', 0), '(3,0,[3,2],0)')
  assert.deepEqual(cluster.take()[2], ['LAI t-0(3,0,[3,2],0) new', 'UM t-0(3,0,[3,2],0)'])
})

test('D8: a StopReplica carries the leader epoch, so that a late one is recognised', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.alterIsr('t', 0, [2])
  cluster.take()
  await cluster.controller.controller.alterPartitionReassignments({
    timeoutMs: 1000,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [2] }] }],
  })
  await cluster.settle()
  const stops = cluster.take()[3]?.filter((line) => line.startsWith('SR'))
  assert.deepEqual(stops, ['SR t-0 epoch=1', 'SR t-0 epoch=1 delete'])
})

test('D10: with deletion disabled the marker goes and the topic stays', async () => {
  const cluster = await ControllerCluster.start(2)
  for (const { config } of cluster.brokers.values()) config.deleteTopicEnable = false
  await cluster.createTopic('t', { 0: [2] })
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(marker), false)
  assert.equal(await cluster.exists(topic), true)
  await cluster.broker(1).kill()
  await cluster.store.markForDeletion('t')
  cluster.zooKeeper.expire(cluster.broker(1).session.sessionId)
  await cluster.settle()
  assert.equal(await cluster.exists(marker), false)
  assert.equal(await cluster.exists(topic), true)
})

test('D11: a marker for a topic that does not exist is removed', async () => {
  const cluster = await ControllerCluster.start(1)
  await cluster.store.markForDeletion('t')
  await cluster.settle()
  assert.equal(await cluster.exists(marker), false)
})

test('a topic that is made and marked while the controller is busy is deleted', async () => {
  const cluster = await ControllerCluster.start(2)
  const { session } = cluster.controller
  const { children } = session
  let isBusy = true
  session.children = async (path, watcher) => {
    // The look at the markers was for another one, before the turn of the new topic comes.
    if (path === '/admin/delete_topics' && isBusy) {
      isBusy = false
      const assignment = new Map([[0, [1, 2]]])
      await cluster.store.createTopic({ name: 't', assignment, config: new Map() })
      await cluster.store.markForDeletion('t')
    }
    return children.call(session, path, watcher)
  }
  await cluster.store.markForDeletion('other')
  await cluster.settle()
  assert.equal(isBusy, false)
  assert.equal(await cluster.exists(marker), false)
  assert.equal(await cluster.exists(topic), false)
})

test('many topics are deleted together, with one request per broker and kind', async () => {
  const cluster = await ControllerCluster.start(3)
  const names = Array.from({ length: 12 }, (_, at) => `t${at}`)
  for (const name of names) await cluster.createTopic(name, { 0: [2, 3], 1: [3, 1] })
  cluster.take()
  await Promise.all(names.map((name) => cluster.store.markForDeletion(name)))
  await cluster.settle()
  const { children } = await cluster.operator.children('/brokers/topics')
  assert.deepEqual(children, [])
  assert(cluster.take()[2]!.length <= 12)
})

test('added partitions go online with their own first leader', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  cluster.take()
  const brokers = [1, 2, 3].map((id) => ({ id, rack: null }))
  await cluster.store.createPartitions({ topic: 't', count: 3, assignments: null, brokers })
  await cluster.settle()
  assert.equal(await cluster.state('t', 1), '(3,0,[3,2],0)')
  assert.equal(await cluster.state('t', 2), '(1,0,[1,3],0)')
  assert.deepEqual(cluster.take()[3], [
    'LAI t-1(3,0,[3,2],0) new t-2(1,0,[1,3],0) new',
    'UM t-1(3,0,[3,2],0) t-2(1,0,[1,3],0)',
  ])
})

test('R15: a silent broker holds up nobody, and hears everything when it is back', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  await cluster.createTopic('gone', { 0: [2, 3] })
  const silent = cluster.broker(3)
  silent.network = 'silent'
  silent.dropChannels()
  await cluster.store.markForDeletion('gone')
  await cluster.settle()
  for (let round = 0; round <= QUEUE_LIMIT; round++) {
    assert.equal(await cluster.alterIsr('t', 0, round % 2 === 0 ? [2] : [2, 3]), 0)
  }
  const { queueSizes } = cluster.controller.controller.metrics()
  assert((queueSizes.get(3) ?? 0) < 100)
  assert.equal(queueSizes.get(2), 0)
  cluster.take()
  silent.network = 'up'
  await cluster.advance(200)
  const told = cluster.take()[3] ?? []
  assert(
    told.some((line) => /^LAI t-0\S+ t-1\S+$/.test(line)),
    told.join('\n'),
  )
  assert.equal(told.at(-1), `UM t-0${await cluster.state('t', 0)}`)
  // The deletion waits for the restart of the broker.
  assert.equal(await cluster.exists('/brokers/topics/gone'), true)
  await silent.stop()
  await cluster.restart(3)
  assert.equal(await cluster.exists('/brokers/topics/gone'), false)
})
