/** Brokers that are started again while nobody reigns may have less than they had. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerCluster } from '../support/controller-cluster.ts'

/** Controller 1, which has no replicas, and others. */
async function start(count: number, tellsProcess = true): Promise<ControllerCluster> {
  const cluster = await ControllerCluster.empty()
  for (let id = 1; id <= count; id++) {
    const broker = cluster.addBroker(id)
    broker.tellsProcess = tellsProcess
    await broker.start()
  }
  return cluster
}

/** From now on `/controller` names somebody who does nothing. */
function stun(cluster: ControllerCluster): void {
  cluster.broker(1).zkClient.cutOff()
  cluster.broker(1).network = 'silent'
}

async function elect(cluster: ControllerCluster): Promise<void> {
  cluster.take()
  cluster.takeWrites()
  cluster.zooKeeper.expire(cluster.broker(1).session.sessionId)
  await cluster.settle()
}

async function blink(cluster: ControllerCluster, id: number): Promise<void> {
  await cluster.broker(id).die()
  await cluster.restart(id)
}

const toldTo = (told: Record<number, string[]>, id: number) =>
  (told[id] ?? []).filter((text) => text.startsWith('LAI') || text.startsWith('SR'))

test('a leader that was started again while nobody reigned leads no more', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  stun(cluster)
  await blink(cluster, 2)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3,4],0)')
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(3,2,[3,4],2)')
  // It never hears that it leads in the epoch in which its followers have what it has lost.
  assert.deepEqual(toldTo(cluster.take(), 2), ['SR t-0 epoch=0', 'LAI t-0(3,2,[3,4],2)'])
})

test('a follower that was started again while nobody reigned leaves the ISR', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  stun(cluster)
  await blink(cluster, 4)
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(2,1,[2,3],1)')
  assert.deepEqual(toldTo(cluster.take(), 4), ['SR t-0 epoch=0', 'LAI t-0(2,1,[2,3],1)'])
})

test('when all members were started again they stay, in a new leader epoch', async () => {
  const cluster = await start(3)
  await cluster.createTopic('t', { 0: [2, 3] })
  await cluster.createTopic('single', { 0: [3] })
  stun(cluster)
  await blink(cluster, 2)
  await blink(cluster, 3)
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(2,1,[2,3],1)')
  assert.equal(await cluster.state('single', 0), '(3,1,[3],1)')
  const told = toldTo(cluster.take(), 2)
  assert.deepEqual(
    told.filter((text) => text.includes('(2,0,')),
    [],
  )
})

test('a member that is away is waited for, when the one who is there was started again', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3] })
  stun(cluster)
  await blink(cluster, 2)
  await cluster.broker(3).die()
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(-1,2,[3],2)')
  await cluster.restart(3)
  assert.equal(await cluster.state('t', 0), '(3,3,[3],3)')
})

test('a broker that only lost its session is the one it was', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  stun(cluster)
  const before = cluster.broker(2).epoch
  await cluster.broker(2).expire()
  assert.ok(cluster.broker(2).epoch > before)
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3,4],0)')
})

test("Kafka's brokers do not say whether they were started again: they are believed", async () => {
  const cluster = await start(4, false)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  stun(cluster)
  await blink(cluster, 2)
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), '(2,0,[2,3,4],0)')
})

test('a topic that is being deleted is deleted, whoever was started again', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3] })
  stun(cluster)
  await cluster.store.markForDeletion('t')
  await blink(cluster, 2)
  await elect(cluster)
  assert.equal(await cluster.exists('/brokers/topics/t'), false)
})

test('who has joined the ISR since its start is believed by the next controller', async () => {
  const cluster = await start(4)
  await cluster.createTopic('t', { 0: [2, 3, 4] })
  await blink(cluster, 4)
  assert.equal(await cluster.alterIsr('t', 0, [2, 3, 4]), 0)
  const before = await cluster.state('t', 0)
  stun(cluster)
  await elect(cluster)
  assert.equal(await cluster.state('t', 0), before)
})
