/**
 * A process that is killed closes its sockets, and its host refuses: no need to wait for ZooKeeper.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerCluster } from '../support/controller-cluster.ts'

test('a killed leader is replaced at once, long before its session ends', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.broker(2).kill()
  await cluster.advance(100)
  assert.equal(await cluster.exists('/brokers/ids/2'), false)
  assert.equal(await cluster.state('t', 0), '(3,1,[3],1)')
})

test('a killed controller is replaced at once, and so are the leaders it had', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [1, 2], 1: [2, 3] })
  await cluster.advance(200)
  await cluster.broker(1).kill()
  await cluster.advance(100)
  assert.notEqual(cluster.controller.id, 1)
  assert.equal(await cluster.text('/controller_epoch'), '2')
  assert.equal(await cluster.exists('/brokers/ids/1'), false)
  assert.equal((await cluster.leadership('t', 0)).leader, 2)
  assert.equal((await cluster.leadership('t', 1)).leader, 2)
})

test('a broker that never accepted a connection may still be starting', async () => {
  const cluster = await ControllerCluster.start(2)
  const starting = cluster.addBroker(3)
  starting.network = 'refuses'
  await starting.start()
  await cluster.advance(1_000)
  assert.equal(await cluster.exists('/brokers/ids/3'), true)
  starting.network = 'up'
  await cluster.advance(1_000)
  assert.deepEqual(cluster.take()[3]?.[0], 'UM brokers')
})

test('silence proves nothing: the session timeout decides', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const stopped = cluster.broker(2)
  stopped.zkClient.cutOff()
  stopped.network = 'silent'
  stopped.dropChannels()
  await cluster.advance(4_000)
  assert.equal(await cluster.exists('/brokers/ids/2'), true)
  await cluster.advance(4_000)
  assert.equal(await cluster.exists('/brokers/ids/2'), false)
  assert.equal((await cluster.leadership('t', 0)).leader, 3)
})

test('a connection that breaks and comes back changes nothing', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.advance(1_000)
  for (const broker of cluster.brokers.values()) broker.dropChannels()
  await cluster.advance(2_000)
  assert.equal(cluster.controller.id, 1)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
})

test('a broker in controlled shutdown closes its network on purpose', async () => {
  const cluster = await ControllerCluster.start(3)
  const { controller } = cluster.controller
  await controller.controlledShutdown({ brokerId: 2, brokerEpoch: cluster.broker(2).epoch })
  cluster.broker(2).network = 'refuses'
  cluster.broker(2).dropChannels()
  await cluster.advance(1_000)
  assert.equal(await cluster.exists('/brokers/ids/2'), true)
})

test('wrongly suspected: the controller resigns, an election follows, no more', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.advance(200)
  const suspect = cluster.broker(1)
  suspect.network = 'refuses'
  suspect.dropChannels()
  await cluster.advance(1_000)
  assert(suspect.loggers.lines.some((line) => line.includes('Resigned')))
  assert.equal(cluster.controller.id, await cluster.activeControllerId())
  assert.equal(await cluster.text('/controller_epoch'), '2')
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
})

test('a broker that has moved refuses at its old address: that proves nothing', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.advance(200)
  const before = await cluster.operator.exists('/brokers/ids/2')
  const { operator } = cluster
  // The controller finds the old listener closed before it has heard that there is a new one.
  const moved = cluster.broker(2).moveTo('elsewhere')
  cluster.broker(2).dropChannels()
  await moved
  await cluster.advance(1_000)
  assert.equal((await operator.exists('/brokers/ids/2'))?.czxid, before?.czxid)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3],0)')
})

test('a controller that has moved is watched where it is', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.advance(200)
  const moved = cluster.broker(1).moveTo('elsewhere')
  cluster.broker(1).dropChannels()
  await moved
  await cluster.advance(1_000)
  assert.equal(cluster.controller.id, 1)
  assert.equal(await cluster.text('/controller_epoch'), '1')
  await cluster.broker(1).kill()
  await cluster.advance(300)
  assert.notEqual(cluster.controller.id, 1)
})

test('what a broker was to be told finds it where it has moved to', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.advance(200)
  const broker = cluster.broker(3)
  broker.network = 'silent'
  broker.dropChannels()
  await cluster.createTopic('t', { 0: [3, 2] })
  await broker.moveTo('elsewhere')
  cluster.take()
  broker.network = 'up'
  await cluster.advance(300)
  const told = cluster.take()[3] ?? []
  assert.deepEqual(told, ['LAI t-0(3,0,[3,2],0) new', 'UM t-0(3,0,[3,2],0)', 'UM brokers'])
})
