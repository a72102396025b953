import assert from 'node:assert/strict'
import test from 'node:test'
import { LEADER_DURING_DELETE, MetadataCache } from '../../src/cluster/image.ts'
import { MissedDeletions } from '../../src/cluster/missed-deletions.ts'
import { ZkSessionBench } from '../support/zk-session-bench.ts'

const FIRST_ID = 'aaaaaaaaaaaaaaaaaaaaaQ'
const SECOND_ID = 'bbbbbbbbbbbbbbbbbbbbbQ'

async function open() {
  const t = await ZkSessionBench.start()
  await t.make('/brokers', '/brokers/topics', '/brokers/topics/kept', '/brokers/topics/gone')
  const metadata = new MetadataCache()
  const told: string[] = []
  const deletions = new MissedDeletions({
    zk: t.session,
    metadata,
    logger: t.loggers.get('state.change.logger'),
    onDeleted: (all) => told.push(...all.map(({ topic, partition }) => `${topic}-${partition}`)),
  })
  /** Two partitions each, as a controller tells them. */
  const paint = (names: readonly string[], topicId = FIRST_ID, leader = 1) => {
    const state = { leaderEpoch: 0, controllerEpoch: 1, zkVersion: 0, isr: [1], replicas: [1] }
    const partitions = [0, 1].map((each) => {
      return { partition: each, leader, ...state, offlineReplicas: [] }
    })
    const topics = names.map((name) => ({ name, topicId, partitions }))
    metadata.apply({ controllerId: 1, brokers: [], topics })
  }
  const known = () => [...metadata.image.topics.keys()].sort()
  const painterComes = async (controllerEpoch: number, brokerEpoch: number) => {
    deletions.onUpdate(controllerEpoch, brokerEpoch)
    await t.settle()
  }
  await painterComes(1, 7)
  paint(['kept', 'gone'])
  return { t, metadata, told, deletions, paint, known, painterComes }
}

test('what is gone when another controller paints is forgotten', async () => {
  const { t, told, known, painterComes } = await open()
  await t.others.delete('/brokers/topics/gone', -1)
  await painterComes(1, 7)
  assert.deepEqual(known(), ['gone', 'kept'], 'the same controller tells of its deletions itself')
  await painterComes(2, 7)
  assert.deepEqual(known(), ['kept'])
  assert.deepEqual(told, ['gone-0', 'gone-1'])
})

test('so it is when our registration is another one', async () => {
  const { t, known, painterComes } = await open()
  await t.others.delete('/brokers/topics/gone', -1)
  await painterComes(1, 8)
  assert.deepEqual(known(), ['kept'])
})

test('what is there is kept, also when it came while ZooKeeper was asked', async () => {
  const { t, told, deletions, paint, known } = await open()
  await t.others.delete('/brokers/topics/gone', -1)
  deletions.onUpdate(2, 7)
  // A new one of that name, of which ZooKeeper's answer does not know yet.
  paint(['gone', 'new'], SECOND_ID)
  await t.settle()
  assert.deepEqual(known(), ['gone', 'kept', 'new'])
  assert.deepEqual(told, [])
})

test('what the controller itself says is gone is not told twice', async () => {
  const { t, told, deletions, paint, known } = await open()
  await t.others.delete('/brokers/topics/gone', -1)
  deletions.onUpdate(2, 7)
  paint(['gone'], FIRST_ID, LEADER_DURING_DELETE)
  await t.settle()
  assert.deepEqual(known(), ['kept'])
  assert.deepEqual(told, [])
})

test('when ZooKeeper cannot be asked, the next registration makes it be asked again', async () => {
  const { t, known, deletions, painterComes } = await open()
  await t.others.delete('/brokers/topics/gone', -1)
  t.own.cutOff()
  deletions.onUpdate(2, 7)
  t.server.processor.expire(t.session.sessionId, t.server.now())
  t.own.allowConnect()
  await t.settle()
  assert.deepEqual(known(), ['gone', 'kept'])
  await painterComes(2, 8)
  assert.deepEqual(known(), ['kept'])
})
