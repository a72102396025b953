/** Section 6.1 of the control plane: elections and controllers that do not know they lost. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { winElection } from '../../src/controller/candidacy.ts'
import { ControllerMovedError } from '../../src/controller/epoch-fence.ts'
import { encodeController } from '../../src/zk/znodes.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

const activeIds = (cluster: ControllerCluster) =>
  [...cluster.brokers.values()].filter((b) => b.controller.isActive).map((b) => b.id)

test('E1: of brokers that start at once one is controller, the epoch grows by one', async () => {
  const cluster = await ControllerCluster.empty()
  const brokers = [1, 2, 3, 4, 5].map((id) => cluster.addBroker(id))
  await Promise.all(brokers.map((broker) => broker.start()))
  const winner = await cluster.activeControllerId()
  assert.deepEqual(activeIds(cluster), [winner])
  assert.equal(await cluster.text('/controller_epoch'), '1')
  for (const { controller } of brokers) assert.equal(controller.activeControllerId, winner)

  await cluster.broker(winner).die()
  assert.deepEqual(activeIds(cluster), [await cluster.activeControllerId()])
  assert.equal(await cluster.text('/controller_epoch'), '2')
})

test('E2: a winner whose reply was lost recognises its own write', async () => {
  const cluster = await ControllerCluster.empty()
  const broker = cluster.addBroker(1)
  const { session } = broker
  const started = session.start(60_000)
  await cluster.settle()
  await started
  await session.create('/controller_epoch', Buffer.from('4'), 'persistent')
  const multi = session.multi.bind(session)
  session.multi = (ops) => {
    if (ops.some(({ path }) => path === '/controller')) broker.zkClient.loseReplies()
    return multi(ops)
  }
  assert.deepEqual(await winElection(session, 1, 0), { epoch: 5, epochZkVersion: 1 })
  assert.equal(await cluster.text('/controller_epoch'), '5')
})

test('E3: a slow candidate of an earlier round leaves no trace (KAFKA-6082)', async () => {
  const cluster = await ControllerCluster.start(1)
  const other = cluster.zooKeeper.connect()
  const get = other.get.bind(other)
  other.get = async (path, watcher) => {
    const result = await get(path, watcher)
    // Between its read of the epoch and its multi another round takes place and ends.
    if (path === '/controller_epoch') {
      await cluster.operator.set('/controller_epoch', Buffer.from('9'), -1)
      await cluster.operator.delete('/controller', -1)
    }
    return result
  }
  cluster.broker(1).controller.shutdown()
  await assert.rejects(winElection(other, 7, 0), ControllerMovedError)
  assert.equal(await cluster.exists('/controller'), false)
  assert.equal(await cluster.text('/controller_epoch'), '9')
})

test('a controller that goes before anybody has looked at its node is replaced', async () => {
  const cluster = await ControllerCluster.start(1)
  const { session } = cluster.broker(1)
  const { exists } = session
  let isThere = true
  session.exists = async (path, watcher) => {
    // Its end is no event: the watch that told of the change is used up.
    if (path === '/controller' && isThere) {
      isThere = false
      await cluster.operator.delete('/controller', -1)
    }
    return exists.call(session, path, watcher)
  }
  await cluster.operator.set('/controller', encodeController(2, 0), -1)
  await cluster.advance(100)
  assert.equal(isThere, false)
  assert.deepEqual(activeIds(cluster), [1])
  assert.equal(await cluster.text('/controller_epoch'), '2')
})

test('a candidate that lost to one that is gone already stands again', async () => {
  const cluster = await ControllerCluster.start(1)
  const { session } = cluster.broker(1)
  const { multi } = session
  let isBeaten = false
  session.multi = async (ops) => {
    if (!isBeaten && ops.some(({ path }) => path === '/controller')) {
      isBeaten = true
      await cluster.operator.set('/controller_epoch', Buffer.from('2'), -1)
    }
    return multi.call(session, ops)
  }
  await cluster.operator.delete('/controller', -1)
  await cluster.advance(100)
  assert.equal(isBeaten, true)
  assert.deepEqual(activeIds(cluster), [1])
  assert.equal(await cluster.text('/controller_epoch'), '3')
})

test('E4, E7: a zombie writes nothing, says nothing, resigns, spares the new node', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const zombie = cluster.broker(1)
  // Another controller reigns; the watch event has not arrived yet.
  const { multi } = zombie.session
  let isAsleep = true
  zombie.session.multi = async (ops) => {
    if (isAsleep) {
      isAsleep = false
      const successor = encodeController(2, 0)
      await cluster.operator.set('/controller_epoch', Buffer.from('2'), -1)
      await cluster.operator.set('/controller', successor, -1)
    }
    return multi.call(zombie.session, ops)
  }
  const before = await cluster.state('t', 0)
  cluster.take()
  const { epoch } = cluster.broker(2)
  const { topicId } = await cluster.topic('t')
  const response = await zombie.controller.alterPartition(
    {
      brokerId: 2,
      brokerEpoch: epoch,
      topics: [
        {
          topicName: '',
          topicId: topicId!,
          partitions: [
            {
              partitionIndex: 0,
              leaderEpoch: 0,
              newIsr: [],
              newIsrWithEpochs: [{ brokerId: 2, brokerEpoch: -1 }],
              leaderRecoveryState: 0,
              partitionEpoch: 0,
            },
          ],
        },
      ],
    },
    3,
  )
  await cluster.settle()
  assert.equal(response.errorCode, 41)
  assert.equal(await cluster.state('t', 0), before)
  assert.equal(zombie.controller.isActive, false)
  assert.deepEqual(cluster.take(), {})
  assert.equal(await cluster.activeControllerId(), 2)
})

test('E6: a controller whose session is in doubt says that it is none', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  const zombie = cluster.broker(1)
  zombie.zkClient.cutOff()
  assert.equal(zombie.controller.isActive, true)
  await cluster.advance(6_000)
  assert.equal(zombie.controller.isActive, false)
  const response = await zombie.controller.alterPartition(
    { brokerId: 2, brokerEpoch: cluster.broker(2).epoch, topics: [] },
    3,
  )
  assert.equal(response.errorCode, 41)
})

test('E8: a controller fenced in the middle of its failover spares the new node', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.createTopic('t', { 0: [1, 2] })
  await cluster.operator.create(
    '/isr_change_notification/isr_change_0000000000',
    null,
    'persistent',
  )
  const loser = cluster.broker(2)
  const { multi } = loser.session
  loser.session.multi = async (ops) => {
    if (ops.some(({ path }) => path.startsWith('/isr_change'))) {
      // A newer controller comes while this one is still taking over.
      await cluster.operator.set('/controller_epoch', Buffer.from('8'), -1)
      await cluster.operator.set('/controller', encodeController(9, 0), -1)
    }
    return multi.call(loser.session, ops)
  }
  await cluster.broker(1).die()
  assert.equal(loser.controller.isActive, false)
  assert.equal(await cluster.activeControllerId(), 9)
  assert.equal(await cluster.exists('/isr_change_notification/isr_change_0000000000'), true)
})

test('E9: a failover that cannot succeed is given up, and the next broker tries', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.operator.create('/brokers/topics/broken', Buffer.from('{'), 'persistent')
  await cluster.settle()
  const healed = 6
  const { get } = cluster.broker(2).session
  let attempts = 0
  for (const { session } of [cluster.broker(1), cluster.broker(2)]) {
    session.get = async (path, watcher) => {
      if (path === '/brokers/topics/broken' && ++attempts === healed) {
        await cluster.operator.delete(path, -1)
      }
      return get.call(session, path, watcher)
    }
  }
  await cluster.operator.delete('/controller', -1)
  await cluster.settle()
  assert.equal(attempts, healed)
  assert.equal(activeIds(cluster).length, 1)
  assert.equal(await cluster.text('/controller_epoch'), String(1 + healed))
})

test('E10: an operator deletes /controller: the old one resigns, one is elected', async () => {
  const cluster = await ControllerCluster.start(3)
  await cluster.operator.delete('/controller', -1)
  await cluster.settle()
  assert.deepEqual(activeIds(cluster), [await cluster.activeControllerId()])
  assert.equal(await cluster.text('/controller_epoch'), '2')
  assert(cluster.broker(1).loggers.lines.some((line) => line.includes('Resigned')))
})

test('E11: a node that names us, of an earlier process, does not make us controller', async () => {
  const cluster = await ControllerCluster.empty()
  const dead = cluster.zooKeeper.connect()
  await dead.create('/controller', encodeController(1, 0), 'ephemeral')
  const broker = cluster.addBroker(1)
  await broker.start()
  assert.equal(broker.controller.activeControllerId, 1)
  assert.equal(broker.controller.isActive, false)
  await dead.close()
  await cluster.settle()
  assert.equal(broker.controller.isActive, true)
})

test('E12: events that were queued before a resignation touch nothing (KAFKA-4447)', async () => {
  const cluster = await ControllerCluster.start(2)
  const { session } = cluster.broker(1)
  const { exists, children } = session
  let resume = () => {}
  const gate = new Promise<void>((resolve) => {
    resume = resolve
  })
  session.exists = async (path, watcher) => {
    if (path === '/controller') await gate
    return exists.call(session, path, watcher)
  }
  let looks = 0
  session.children = (path, watcher) => {
    looks += 1
    return children.call(session, path, watcher)
  }
  await cluster.operator.delete('/controller', -1)
  const topic = '{"version":3,"partitions":{"0":[1]}}'
  await cluster.operator.create('/brokers/topics/t', Buffer.from(topic), 'persistent')
  await cluster.settle()
  resume()
  await cluster.settle()
  assert.deepEqual(activeIds(cluster), [2])
  assert.equal(looks, 0)
  assert.equal(await cluster.state('t', 0), '(1,0,[1],0)')
})

test('E13: under a KRaft controller nobody stands for election', async () => {
  const cluster = await ControllerCluster.empty()
  const kraft = '{"version":2,"brokerid":3000,"timestamp":"1","kraftControllerEpoch":5}'
  await cluster.operator.create('/controller', Buffer.from(kraft), 'persistent')
  await cluster.addBroker(1).start()
  assert.equal(cluster.broker(1).controller.isActive, false)
  assert.equal(cluster.broker(1).controller.activeControllerId, 3000)
  const topic = { name: 't', assignment: new Map([[0, [1]]]), config: new Map() }
  await assert.rejects(cluster.store.createTopic(topic), { name: 'TopicError', code: 41 })
})

test('E14: a stale controller epoch in an answer is logged, nothing more', async () => {
  const cluster = await ControllerCluster.start(2)
  cluster.broker(2).topLevelError = 11
  await cluster.createTopic('t', { 0: [2] })
  assert.equal(cluster.controller.id, 1)
  const { lines } = cluster.broker(1).loggers
  assert(lines.some((line) => line.includes('STALE_CONTROLLER_EPOCH by broker 2')))
})

test('the log lines that tools look for', async () => {
  const cluster = await ControllerCluster.start(2)
  await cluster.createTopic('t', { 0: [2, 1] })
  await cluster.broker(2).die()
  const { lines } = cluster.broker(1).loggers
  for (const line of [
    '[Controller id=1] 1 successfully elected as the controller. ' +
      'Epoch incremented to 1 and epoch zk version is now 1',
    '[Controller id=1] Newly added brokers: 2, deleted brokers: , bounced brokers: , ' +
      'all live brokers: 1,2',
    '[Controller id=1] New broker startup callback for 2',
    '[Controller id=1] New partition creation callback for t-0',
    '[Controller id=1] Newly added brokers: , deleted brokers: 2, bounced brokers: , ' +
      'all live brokers: 1',
    '[Controller id=1] Broker failure callback for 2',
  ]) {
    assert(lines.includes(`INFO ${line} (kafka.controller.KafkaController)`), line)
  }
})
