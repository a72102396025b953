/** Sections 3.15 and 6.7 of the control plane: replicas that move. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isBeingReassigned,
  originalReplicas,
  reassignTo,
  settled,
  targetReplicas,
} from '../../src/controller/assignment.ts'
import { ControllerCluster } from '../support/controller-cluster.ts'

async function reassign(cluster: ControllerCluster, replicas: number[] | null, partition = 0) {
  const { responses } = await cluster.controller.controller.alterPartitionReassignments({
    timeoutMs: 1000,
    topics: [{ name: 't', partitions: [{ partitionIndex: partition, replicas }] }],
  })
  await cluster.settle()
  const [result] = responses[0]!.partitions
  return { code: result!.errorCode, message: result!.errorMessage }
}

const stored = async (cluster: ControllerCluster, partition = 0) => {
  const assignment = (await cluster.topic('t')).partitions.get(partition)!
  const { replicas, adding, removing } = assignment
  return `${replicas.join(',')} / ${adding.join(',')} / ${removing.join(',')}`
}

async function sixBrokers(): Promise<ControllerCluster> {
  const cluster = await ControllerCluster.start(6)
  await cluster.createTopic('t', { 0: [1, 2, 3] })
  cluster.take()
  cluster.takeWrites()
  return cluster
}

test('the arithmetic of replica lists', () => {
  const moving = reassignTo(settled([1, 2, 3]), [4, 5, 6])
  assert.deepEqual(moving, { replicas: [4, 5, 6, 1, 2, 3], adding: [4, 5, 6], removing: [1, 2, 3] })
  assert.deepEqual(originalReplicas(moving), [1, 2, 3])
  assert.deepEqual(targetReplicas(moving), [4, 5, 6])
  const superseded = reassignTo(moving, [3, 4])
  assert.deepEqual(superseded, { replicas: [3, 4, 1, 2], adding: [4], removing: [1, 2] })
  const cancelled = reassignTo(moving, originalReplicas(moving))
  assert.deepEqual(cancelled, settled([1, 2, 3]))
  assert.equal(isBeingReassigned(cancelled), false)
})

test('the example of the specification, step by step', async () => {
  const cluster = await sixBrokers()
  assert.deepEqual(await reassign(cluster, [4, 5, 6]), { code: 0, message: null })
  assert.equal(await stored(cluster), '4,5,6,1,2,3 / 4,5,6 / 1,2,3')
  assert.equal(await cluster.state('t', 0), '(1,1,[1,2,3],1)')
  const told = cluster.take()
  assert.deepEqual(told[1]?.[0], 'LAI t-0(1,1,[1,2,3],1)')
  assert.deepEqual(told[4]?.[0], 'LAI t-0(1,1,[1,2,3],1) new')

  assert.equal(await cluster.alterIsr('t', 0, [1, 2, 3, 4, 5, 6]), 0)
  await cluster.settle()
  assert.equal(await stored(cluster), '4,5,6 /  / ')
  const { leader, isr } = await cluster.leadership('t', 0)
  assert.deepEqual({ leader, isr }, { leader: 4, isr: [4, 5, 6] })
  const writes = cluster.takeWrites()
  assert.deepEqual(writes, [
    'set /brokers/topics/t',
    't-0 (1,1,[1,2,3])',
    't-0 (1,1,[1,2,3,4,5,6])',
    't-0 (4,2,[1,2,3,4,5,6])',
    't-0 (4,3,[2,3,4,5,6])',
    't-0 (4,4,[3,4,5,6])',
    't-0 (4,5,[4,5,6])',
    'set /brokers/topics/t',
  ])
  const stops = cluster.take()[1]?.filter((line) => line.startsWith('SR'))
  assert.deepEqual(
    stops?.map((line) => line.endsWith('delete')),
    [false, true],
  )
})

test('refusals of the API, in the words of Kafka', async () => {
  const cluster = await sixBrokers()
  assert.deepEqual(await reassign(cluster, []), {
    code: 39,
    message: 'Empty replica list specified in partition reassignment.',
  })
  assert.equal((await reassign(cluster, [1, 1])).code, 39)
  assert.equal((await reassign(cluster, [-1])).code, 39)
  assert.match((await reassign(cluster, [1, 9])).message ?? '', /brokers that are not alive/)
  assert.deepEqual(await reassign(cluster, null), {
    code: 85,
    message: 'No partition reassignment is in progress.',
  })
  assert.deepEqual(await reassign(cluster, [1], 7), {
    code: 3,
    message: 'The partition does not exist.',
  })
  const inactive = cluster.broker(2).controller
  const { errorCode } = await inactive.alterPartitionReassignments({ timeoutMs: 1, topics: [] })
  assert.equal(errorCode, 41)
  const list = { timeoutMs: 1, topics: null }
  assert.equal((await inactive.listPartitionReassignments(list)).errorCode, 41)
})

test('listing shows the running ones, all or those asked for', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 2, 3])
  const { controller } = cluster.controller
  const all = await controller.listPartitionReassignments({ timeoutMs: 1, topics: null })
  assert.deepEqual(all.topics, [
    {
      name: 't',
      partitions: [
        {
          partitionIndex: 0,
          replicas: [4, 2, 3, 1],
          addingReplicas: [4],
          removingReplicas: [1],
        },
      ],
    },
  ])
  const asked = [{ name: 't', partitionIndexes: [0, 5] }]
  const some = await controller.listPartitionReassignments({ timeoutMs: 1, topics: asked })
  assert.deepEqual(some.topics, all.topics)
})

test('R1: a target that goes down holds it up until it starts again', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 5])
  await cluster.broker(5).die()
  assert.equal(await cluster.alterIsr('t', 0, [1, 2, 3, 4]), 0)
  assert.equal(await stored(cluster), '4,5,1,2,3 / 4,5 / 1,2,3')
  cluster.take()
  await cluster.restart(5)
  assert(cluster.take()[5]?.some((line) => line.endsWith(' new')))
  assert.equal(await cluster.alterIsr('t', 0, [1, 2, 3, 4, 5]), 0)
  await cluster.settle()
  assert.equal(await stored(cluster), '4,5 /  / ')
})

test('R2: whatever step the controller dies after, the next one completes', async () => {
  // The writes of a whole reassignment after the request; the controller dies before the n-th.
  let completedByNext = 0
  for (let writesLeft = 0; writesLeft < 9; writesLeft++) {
    const cluster = await ControllerCluster.start(6, 6)
    await cluster.createTopic('t', { 0: [1, 2] })
    const dying = cluster.broker(6)
    const { multi } = dying.session
    let remaining = writesLeft
    dying.session.multi = (ops) => {
      const isState = ops.some(({ path }) => path.startsWith('/brokers/topics/t'))
      if (isState && remaining-- === 0) {
        void dying.kill()
        cluster.zooKeeper.expire(dying.session.sessionId)
      }
      return multi.call(dying.session, ops)
    }
    const request = { name: 't', partitions: [{ partitionIndex: 0, replicas: [3, 4] }] }
    void dying.controller.alterPartitionReassignments({ timeoutMs: 1, topics: [request] })
    await cluster.settle()
    if (dying.network === 'up') {
      void cluster.alterIsr('t', 0, [1, 2, 3, 4])
      await cluster.settle()
    }
    if (dying.network === 'up') continue
    if (!(await stored(cluster)).includes('3,4')) {
      // Died before the goal was recorded: nothing happened.
      assert.equal(await stored(cluster), '1,2 /  / ')
      continue
    }
    const before = await cluster.leadership('t', 0)
    const targets = [3, 4].filter((id) => !before.isr.includes(id))
    if (targets.length > 0) await cluster.alterIsr('t', 0, [...before.isr, ...targets])
    await cluster.settle()
    assert.equal(await stored(cluster), '3,4 /  / ', `after ${writesLeft} writes`)
    const { leader, isr } = await cluster.leadership('t', 0)
    assert.deepEqual([...isr].sort(), [3, 4], `after ${writesLeft} writes`)
    assert([3, 4].includes(leader))
    completedByNext += 1
  }
  assert(completedByNext >= 6, String(completedByNext))
})

test('R3: cancelled: the new replicas go, the original ones stay, the leader too', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 5, 6])
  await cluster.alterIsr('t', 0, [1, 2, 3, 4])
  cluster.take()
  assert.equal((await reassign(cluster, null)).code, 0)
  assert.equal(await stored(cluster), '1,2,3 /  / ')
  const { leader, isr } = await cluster.leadership('t', 0)
  assert.deepEqual({ leader, isr }, { leader: 1, isr: [1, 2, 3] })
  assert(cluster.take()[4]?.some((line) => line.startsWith('SR') && line.endsWith('delete')))
})

test('R4: superseded: replicas in neither are stopped, the original ones are kept', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 5])
  cluster.take()
  await reassign(cluster, [5, 6])
  assert.equal(await stored(cluster), '5,6,1,2,3 / 5,6 / 1,2,3')
  const told = cluster.take()
  assert(told[4]?.some((line) => line.startsWith('SR') && line.endsWith('delete')))
  assert(!told[5]?.some((line) => line.startsWith('SR')))
})

test('R5: a removed replica on a dead broker does not hold it up', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 2, 3])
  await cluster.broker(1).die()
  const { isr } = await cluster.leadership('t', 0)
  await cluster.alterIsr('t', 0, [...isr, 4])
  await cluster.settle()
  assert.equal(await stored(cluster), '4,2,3 /  / ')
})

test('R6: a leader that leaves is replaced before the others leave the ISR', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 2])
  cluster.takeWrites()
  await cluster.alterIsr('t', 0, [1, 2, 3, 4])
  await cluster.settle()
  const states = cluster.takeWrites().filter((write) => write.startsWith('t-0'))
  assert.deepEqual(states, [
    't-0 (1,1,[1,2,3,4])',
    't-0 (4,2,[1,2,3,4])',
    't-0 (4,3,[2,3,4])',
    't-0 (4,4,[2,4])',
  ])
})

test('R7: no partitions are added while one is reassigned', async () => {
  const cluster = await sixBrokers()
  await reassign(cluster, [4, 5])
  const brokers = [1, 2, 3].map((id) => ({ id, rack: null }))
  const growth = { topic: 't', count: 2, assignments: null, brokers }
  await assert.rejects(cluster.store.createPartitions(growth), { code: 60 })
})

test('R9: a topic id that a tool drops is restored (KAFKA-14190)', async () => {
  const cluster = await sixBrokers()
  const { topicId } = await cluster.topic('t')
  const data = '{"version":1,"partitions":{"0":[1,2,3]}}'
  await cluster.operator.set('/brokers/topics/t', Buffer.from(data), -1)
  await cluster.settle()
  await reassign(cluster, [4, 2, 3])
  assert.equal((await cluster.topic('t')).topicId, topicId)
})

test('a partition that somebody adds meanwhile survives the write of the controller', async () => {
  const cluster = await sixBrokers()
  const { session } = cluster.broker(1)
  const { get } = session
  session.get = async (path, watcher) => {
    const found = await get.call(session, path, watcher)
    if (path === '/brokers/topics/t') {
      session.get = get
      const grown = found.data!.toString().replace('"0":[1,2,3]', '"0":[1,2,3],"1":[2,3,1]')
      await cluster.operator.set(path, Buffer.from(grown), -1)
    }
    return found
  }
  await reassign(cluster, [4, 2, 3])
  assert.deepEqual((await cluster.topic('t')).partitions.get(1)?.replicas, [2, 3, 1])
  assert.equal(await stored(cluster), '4,2,3,1 / 4 / 1')
  assert.equal(await cluster.state('t', 1), '(2,0,[2,3,1],0)')
})

test('topics without an id get one, at failover and when they appear', async () => {
  const cluster = await ControllerCluster.start(2)
  const data = Buffer.from('{"version":1,"partitions":{"0":[2]}}')
  await cluster.operator.create('/brokers/topics/t', data, 'persistent')
  await cluster.settle()
  assert.match((await cluster.topic('t')).topicId ?? '', /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
  await cluster.operator.set('/brokers/topics/t', data, -1)
  await cluster.settle()
  assert.equal((await cluster.topic('t')).topicId, null)
  await cluster.broker(1).die()
  assert.match((await cluster.topic('t')).topicId ?? '', /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
})

test('the legacy znode: started, trimmed, removed, and watched again', async () => {
  const cluster = await sixBrokers()
  const path = '/admin/reassign_partitions'
  const ask = (...partitions: object[]) =>
    cluster.operator.create(
      path,
      Buffer.from(JSON.stringify({ version: 1, partitions })),
      'persistent',
    )
  await ask(
    { topic: 't', partition: 0, replicas: [4, 2, 3] },
    { topic: 'none', partition: 0, replicas: [1] },
  )
  await cluster.settle()
  assert.equal(await stored(cluster), '4,2,3,1 / 4 / 1')
  assert.equal(
    await cluster.text(path),
    '{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[4,2,3]}]}',
  )
  await cluster.alterIsr('t', 0, [1, 2, 3, 4])
  await cluster.settle()
  assert.equal(await cluster.exists(path), false)
  await ask({ topic: 't', partition: 0, replicas: [5, 2, 3] })
  await cluster.settle()
  assert.equal(await stored(cluster), '5,2,3,4 / 5 / 4')
  // A request through the API wins over the znode.
  await reassign(cluster, [6, 2, 3])
  assert.equal(await cluster.exists(path), false)
})
