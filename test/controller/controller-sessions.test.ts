/** Section 6.2 of the control plane, as far as the controller is concerned. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

test('S1: a pause below the session timeout changes nothing, and no change is missed', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [1, 2] })
  const { zkClient, controller } = cluster.broker(1)
  cluster.take()
  zkClient.cutOff()
  await cluster.advance(3_000)
  const created = cluster.store.createTopic({
    name: 'u',
    assignment: new Map([[0, [2]]]),
    config: new Map(),
  })
  await cluster.settle()
  await created
  zkClient.allowConnect()
  await cluster.settle()
  assert.equal(controller.isActive, true)
  assert.equal(await cluster.state('u', 0), '(2,0,[2],0)')
  assert.equal(await cluster.state('t', 0), '(1,0,[1,2],0)')
})

test('S2: a session that expires is a bounce: leaders move, roles are sent again', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const before = cluster.broker(2).epoch
  cluster.take()
  await cluster.broker(2).expire()
  assert(cluster.broker(2).epoch > before)
  assert.equal(await cluster.state('t', 0), '(3,1,[3],1)')
  assert.deepEqual(cluster.take()[2]?.at(-2), 'LAI t-0(3,1,[3],1)')
  const last = cluster.requests.findLast(({ to }) => to === 2)
  assert.equal((last!.body as { brokerEpoch: number }).brokerEpoch, cluster.broker(2).epoch)
})

test('S3: on the controller what waits is answered, it resigns, then it registers', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const { controller, session } = cluster.broker(1)
  // The event in progress waits for ZooKeeper when the session dies.
  cluster.broker(1).zkClient.fallSilent()
  const elect = controller.electLeaders({
    electionType: 0,
    topicPartitions: null,
    timeoutMs: 1,
  })
  const blocked = controller.allocateProducerIds({
    brokerId: 2,
    brokerEpoch: cluster.broker(2).epoch,
  })
  const waiting = controller.alterPartition({ brokerId: 2, brokerEpoch: 1, topics: [] }, 3)
  const shutdown = controller.controlledShutdown({ brokerId: 2, brokerEpoch: -1 })
  const oldSession = session.sessionId
  await cluster.settle()
  cluster.zooKeeper.expire(session.sessionId)
  await cluster.settle()
  assert.equal((await elect).response.errorCode, 0)
  assert.notEqual((await blocked).errorCode, 0)
  assert.equal((await waiting).errorCode, 41)
  assert.equal((await shutdown).errorCode, 11)
  assert.notEqual(session.sessionId, oldSession)
  assert.equal(cluster.controller.id === 1 ? controller.isActive : !controller.isActive, true)
  assert.equal(await cluster.text('/controller_epoch'), '2')
})

test('S4: expiry in the middle of an event does not deadlock (KAFKA-6517)', async () => {
  const cluster = await ControllerCluster.start(2)
  const { session } = cluster.broker(1)
  const { children } = session
  session.children = async (path, watcher) => {
    if (path === '/brokers/topics') {
      session.children = children
      cluster.zooKeeper.expire(session.sessionId)
    }
    return children.call(session, path, watcher)
  }
  await cluster.createTopic('t', { 0: [1, 2] })
  assert.equal((await cluster.leadership('t', 0)).leaderEpoch >= 0, true)
  assert.equal(await cluster.text('/controller_epoch'), '2')
})

test('S5: a bounce that looks like no change is seen by its epoch (KAFKA-7235)', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3], 1: [3, 2] })
  // The controller is busy while the broker goes and comes back.
  const { session } = cluster.broker(1)
  const { children } = session
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  session.children = async (path, watcher) => {
    if (path === '/brokers/ids') await gate
    return children.call(session, path, watcher)
  }
  await cluster.broker(2).die()
  const again = cluster.addBroker(2)
  await again.start()
  cluster.take()
  open()
  await cluster.settle()
  assert.equal(await cluster.state('t', 0), '(3,1,[3],1)')
  assert.equal(await cluster.state('t', 1), '(3,1,[3],1)')
  const told = cluster.take()[2]
  assert(told?.includes('LAI t-0(3,1,[3],1) t-1(3,1,[3],1)'), String(told))
  const { lines } = cluster.broker(1).loggers
  assert(lines.some((line) => line.includes('bounced brokers: 2')))
})

test('S9: two expiries in a row leave one registration and one set of watches', async () => {
  const cluster = await ControllerCluster.start(1)
  const broker = cluster.broker(1)
  await broker.expire()
  await broker.expire()
  assert.equal(broker.controller.isActive, true)
  assert.equal(await cluster.text('/controller_epoch'), '3')
  const before = broker.loggers.lines.length
  await cluster.createTopic('t', { 0: [1] })
  const news = broker.loggers.lines.slice(before)
  assert.equal(news.filter((line) => line.includes('New topics: [Set(t)]')).length, 1)
})

test('S10: AlterPartition with the epoch of before an expiry is refused, then works', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const stale = cluster.broker(3).epoch
  await cluster.broker(3).expire()
  const ask = (brokerEpoch: number) =>
    cluster.broker(1).controller.alterPartition({ brokerId: 3, brokerEpoch, topics: [] }, 3)
  assert.equal((await ask(stale)).errorCode, 77)
  assert.equal((await ask(cluster.broker(3).epoch)).errorCode, 0)
})

test('S14: changed endpoints are told to everybody, the epoch stays', async () => {
  const cluster = await ControllerCluster.start(3)
  cluster.take()
  await cluster.broker(2).moveTo('moved')
  await cluster.advance(100)
  assert.deepEqual(cluster.take(), { 1: ['UM brokers'], 2: ['UM brokers'], 3: ['UM brokers'] })
  const { body } = cluster.requests.at(-1)!
  const live = (body as { liveBrokers: { id: number; endpoints: { host: string }[] }[] })
    .liveBrokers
  assert.equal(live.find(({ id }) => id === 2)?.endpoints[0]?.host, 'moved2')
})

test('S15: the whole ensemble down and up again: no election, no resignation', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  cluster.take()
  cluster.takeWrites()
  cluster.zooKeeper.goDown()
  await cluster.advance(60_000)
  assert.equal(cluster.broker(1).controller.isActive, false)
  cluster.zooKeeper.comeUp()
  await cluster.settle()
  await cluster.advance(1_000)
  assert.equal(cluster.controller.id, 1)
  assert.equal(cluster.broker(1).controller.controllerEpoch, 1)
  assert.deepEqual(cluster.takeWrites(), [])
  await cluster.createTopic('u', { 0: [3] })
  assert.equal(await cluster.state('u', 0), '(3,0,[3],0)')
})

test('S16: all brokers expire together and come back: one controller, all led', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [1, 2], 1: [2, 3], 2: [3, 1] })
  for (const { zkClient } of cluster.brokers.values()) zkClient.cutOff()
  await cluster.advance(30_000)
  for (const { zkClient } of cluster.brokers.values()) zkClient.allowConnect()
  await cluster.settle()
  await cluster.advance(1_000)
  assert.equal(typeof cluster.controller.id, 'number')
  for (const partition of [0, 1, 2]) {
    const { leader, isr } = await cluster.leadership('t', partition)
    assert(isr.includes(leader), `t-${partition} is led by ${leader} of ${isr.join(',')}`)
  }
})

test('while its session is in doubt the controller sends nothing', async () => {
  const cluster = await ControllerCluster.start(2)
  cluster.broker(2).network = 'silent'
  cluster.broker(2).dropChannels()
  await cluster.createTopic('t', { 0: [2] })
  cluster.take()
  cluster.zooKeeper.goDown()
  await cluster.advance(6_000)
  cluster.broker(2).network = 'up'
  await cluster.advance(1_000)
  assert.deepEqual(cluster.take(), {})
  cluster.zooKeeper.comeUp()
  await cluster.advance(1_000)
  assert.deepEqual(cluster.take()[2], ['LAI t-0(2,0,[2],0) new', 'UM t-0(2,0,[2],0)'])
})

test('a registration that fails is tried again, and only then an election', async () => {
  const cluster = await ControllerCluster.start(1)
  const broker = cluster.broker(1)
  const { register } = broker
  let failures = 2
  broker.register = () => {
    if (failures-- > 0) return Promise.reject(new Error('another broker has this id'))
    return register.call(broker)
  }
  await broker.expire()
  assert.equal(broker.controller.isActive, false)
  await cluster.advance(1_000)
  assert.equal(broker.controller.isActive, false)
  await cluster.advance(1_000)
  assert.equal(broker.controller.isActive, true)
})

test('a broken invariant moves the controller away', async () => {
  const cluster = await ControllerCluster.start(2)
  const { session } = cluster.broker(1)
  const { children } = session
  session.children = (path, watcher) => {
    if (path === '/brokers/topics') throw new AssertionError('seen in a test')
    return children.call(session, path, watcher)
  }
  await cluster.createTopic('t', { 0: [1, 2] })
  assert.equal(cluster.controller.id, 2)
  assert.equal(await cluster.state('t', 0), '(1,0,[1,2],0)')
})

test('a session that ends in the middle of an event is no error', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const cluster = await ControllerCluster.start(2)
    await cluster.advance(200)
    // All stop at once: what broker 2 does about the end of broker 1 is cut short anywhere.
    const { session, controller, loggers } = cluster.broker(2)
    void cluster.broker(1).stop()
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    controller.shutdown()
    await session.close()
    await cluster.settle()
    assert.deepEqual(
      loggers.lines.filter((line) => line.startsWith('ERROR')),
      [],
    )
  }
})
