/** Fenced, versioned, batched: how the controller writes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled } from '../../src/controller/assignment.ts'
import { ControllerContext, type Leadership } from '../../src/controller/controller-context.ts'
import { ControllerMovedError, EpochFence } from '../../src/controller/epoch-fence.ts'
import { StateWriter } from '../../src/controller/state-writer.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { FakeZooKeeper } from '../support/fake-zookeeper.ts'

async function setUp(partitionCount = 3) {
  const zk = new FakeZooKeeper(new FakeClock()).connect()
  await settlePromises()
  for (const path of ['/controller_epoch', '/brokers', '/brokers/topics', '/brokers/topics/t']) {
    await zk.create(path, Buffer.from('1'), 'persistent')
  }
  const context = new ControllerContext(1)
  const topic = context.addTopic('t', null)
  for (let number = 0; number < partitionCount; number++) {
    context.addPartition(topic, number, settled([1, 2]))
  }
  const fence = new EpochFence(zk, 0)
  const writer = new StateWriter(zk, fence)
  let multis = 0
  const { multi } = zk
  zk.multi = (ops) => {
    multis += 1
    return multi.call(zk, ops)
  }
  return { zk, context, partitions: topic.partitions, fence, writer, multis: () => multis }
}

const leadership = (change: Partial<Leadership> = {}): Leadership => ({
  leader: 1,
  leaderEpoch: 0,
  isr: [1, 2],
  leaderRecoveryState: 0,
  controllerEpoch: 1,
  partitionEpoch: 0,
  ...change,
})

test('many states are created and written in few multis, version zero included', async () => {
  const { partitions, writer, multis } = await setUp(500)
  const created = await writer.create(partitions.map((p) => ({ partition: p, next: leadership() })))
  assert(created.every(({ kind }) => kind === 'ok'))
  assert.equal(multis(), 3)
  const next = leadership({ leaderEpoch: 1 })
  const written = await writer.update(partitions.map((partition) => ({ partition, next })))
  assert.equal(multis(), 6)
  assert.deepEqual(written[499], { kind: 'ok', leadership: { ...next, partitionEpoch: 1 } })
  const again = await writer.update([
    { partition: partitions[0]!, next: leadership({ leader: 2 }) },
  ])
  assert.equal(again[0]?.kind, 'conflict')
})

test('the conflict of one is told with what is stored; the others are written', async () => {
  const { partitions, writer } = await setUp()
  await writer.create(partitions.map((p) => ({ partition: p, next: leadership() })))
  await writer.update([{ partition: partitions[1]!, next: leadership({ isr: [1] }) }])
  const next = leadership({ leaderEpoch: 5 })
  const outcomes = await writer.update(partitions.map((partition) => ({ partition, next })))
  assert.deepEqual(
    outcomes.map(({ kind }) => kind),
    ['ok', 'conflict', 'ok'],
  )
  assert.deepEqual(outcomes[1], {
    kind: 'conflict',
    stored: { kind: 'ok', leadership: leadership({ isr: [1], partitionEpoch: 1 }) },
  })
})

test('states that are there already are told, ours and others', async () => {
  const { partitions, writer, zk } = await setUp()
  const [a, b, c] = partitions
  await writer.create([{ partition: a!, next: leadership() }])
  await zk.create('/brokers/topics/t/partitions/1', null, 'persistent')
  await zk.create('/brokers/topics/t/partitions/1/state', Buffer.from('garbage'), 'persistent')
  await zk.create('/brokers/topics/t/partitions/2', null, 'persistent')
  const outcomes = await writer.create([
    { partition: a!, next: leadership() },
    { partition: b!, next: leadership() },
    { partition: c!, next: leadership({ leader: 2 }) },
  ])
  assert.equal(outcomes[0]?.kind, 'ok')
  assert.equal(outcomes[1]?.kind === 'conflict' && outcomes[1].stored.kind, 'undecodable')
  assert.equal(outcomes[2]?.kind, 'ok')
})

test('a missing state is an error of that partition alone', async () => {
  const { partitions, writer } = await setUp()
  await writer.create([{ partition: partitions[0]!, next: leadership() }])
  const next = leadership({ leaderEpoch: 1 })
  const outcomes = await writer.update(partitions.map((partition) => ({ partition, next })))
  assert.deepEqual(outcomes[0]?.kind, 'ok')
  assert.deepEqual(outcomes[1], { kind: 'error', errorName: 'NO_NODE' })
  assert.deepEqual((await writer.readAll(partitions))[2], { kind: 'missing' })
})

test('the result of the check decides whether the reign is lost', async () => {
  const { partitions, writer, fence, zk } = await setUp()
  await writer.create([{ partition: partitions[0]!, next: leadership() }])
  // A failure behind a good check is that operation's, even when it is BAD_VERSION too.
  const stale = { kind: 'set', path: '/brokers/topics/t', data: null, version: 9 } as const
  assert.deepEqual(await fence.multi([stale]), { kind: 'failed', errors: ['BAD_VERSION'] })
  await zk.set('/controller_epoch', Buffer.from('2'), -1)
  await assert.rejects(fence.multi([stale]), ControllerMovedError)
  await assert.rejects(fence.delete('/nowhere'), ControllerMovedError)
  await assert.rejects(fence.set('/brokers/topics/t', Buffer.alloc(0)), ControllerMovedError)
  const next = leadership({ leaderEpoch: 1 })
  await assert.rejects(writer.update([{ partition: partitions[0]!, next }]), ControllerMovedError)
  assert.equal((await writer.read(partitions[0]!)).kind, 'ok')
  await zk.delete('/controller_epoch', -1)
  await assert.rejects(fence.multi([]), { errorName: 'NO_NODE' })
})

test('a version below -1 in a fenced write is a bug', async () => {
  const { fence } = await setUp()
  await assert.rejects(fence.multi([{ kind: 'delete', path: '/x', version: -2 }]), {
    name: 'AssertionError',
  })
})

test('a tree is removed, also while nodes in it come and go', async () => {
  const { fence, zk, partitions, writer } = await setUp()
  await writer.create(partitions.map((p) => ({ partition: p, next: leadership() })))
  const { multi } = zk
  zk.multi = async (ops) => {
    zk.multi = multi
    await zk.create('/brokers/topics/t/partitions/9', null, 'persistent')
    await zk.delete('/brokers/topics/t/partitions/1/state', -1)
    return multi.call(zk, ops)
  }
  await fence.deleteRecursive('/brokers/topics/t')
  assert.equal(await zk.exists('/brokers/topics/t'), null)
  await fence.deleteRecursive('/brokers/topics/t')
})
