import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { parseBootstrap } from '../../src/client/connections.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'
import { FakeClock } from '../support/fake-clock.ts'

function setUp(options: { bootstrap?: string; callTimeoutMs?: number } = {}) {
  const clock = new FakeClock()
  const brokers = new FakeBrokers([1, 2, 3])
  const client = new ClusterClient(brokers.connect, clock, {
    bootstrap: options.bootstrap ?? 'b1:9001,b2:9002',
    callTimeoutMs: options.callTimeoutMs ?? 1000,
  })
  /** Runs the clock until the call ends. */
  const finish = async <T>(call: Promise<T>): Promise<T> => {
    let done = false
    const settled = call.finally(() => {
      done = true
    })
    settled.catch(() => {})
    while (!done) {
      await new Promise(setImmediate)
      clock.advance(50)
    }
    return settled
  }
  return { clock, brokers, client, admin: new Admin(client), finish }
}

test('a client finds the cluster through the first bootstrap broker that answers', async () => {
  const { brokers, admin, finish } = setUp()
  brokers.down.add(1)
  const { controllerId } = await finish(admin.describeCluster())
  assert.equal(controllerId, 1)
  assert.deepEqual(brokers.connections, ['b1:9001', 'b2:9002'])
})

test('a call without any broker ends with its time, in the words of Kafka', async () => {
  const { brokers, admin, finish } = setUp()
  for (const id of [1, 2, 3]) brokers.down.add(id)
  await assert.rejects(finish(admin.listTopics()), {
    name: 'CallTimeoutError',
    message: 'Timed out waiting for a node assignment. Call: listTopics',
  })
})

test('a call for the controller follows it when it has moved', async () => {
  const { brokers, admin, finish } = setUp()
  brokers.controllerId = 2
  brokers.onSend = (brokerId, { name }) => {
    if (name === 'CreateTopics' && brokerId === 2) brokers.controllerId = 3
  }
  await finish(admin.createTopics([{ name: 't', partitions: 1, replicationFactor: 1 }]))
  assert.deepEqual(brokers.sent('CreateTopics'), [2, 3])
  assert.deepEqual([...brokers.topics.keys()], ['t'])
})

test('a call for the controller waits for one to be there', async () => {
  const { brokers, admin, finish } = setUp()
  brokers.controllerId = -1
  brokers.onSend = (_brokerId, { name }) => {
    if (name === 'Metadata' && brokers.sent('Metadata').length === 3) brokers.controllerId = 3
  }
  await finish(admin.createTopics([{ name: 't' }]))
  assert.deepEqual(brokers.sent('CreateTopics'), [3])
})

test('the error of a topic rejects with the message of the broker', async () => {
  const { admin, finish } = setUp()
  await finish(admin.createTopics([{ name: 't' }]))
  await assert.rejects(finish(admin.createTopics([{ name: 't' }])), {
    name: 'KafkaError',
    code: ErrorCode.TOPIC_ALREADY_EXISTS,
    message: "Topic 't' already exists.",
  })
})

test('a produce goes to the leader, and looks for it again after a failure', async () => {
  const { brokers, client, admin, finish } = setUp()
  await finish(admin.createTopics([{ name: 't' }]))
  const partitions = new PartitionClient(client)
  const batch = [Buffer.from('batch')]
  brokers.topics.get('t')!.leader = 2
  assert.equal((await finish(partitions.produce('t', 0, batch))).baseOffset, 0)
  brokers.topics.get('t')!.leader = 3
  await assert.rejects(finish(partitions.produce('t', 0, batch)), {
    code: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  })
  assert.equal((await finish(partitions.produce('t', 0, batch))).baseOffset, 1)
  assert.deepEqual(brokers.sent('Produce'), [2, 2, 3])
})

test('a broker that does not know our ApiVersions is asked with version 0', async () => {
  const { brokers, admin, finish } = setUp()
  brokers.newestApiVersions = 0
  await finish(admin.listTopics())
  assert.deepEqual(brokers.sent('ApiVersions'), [1, 1])
})

test('the version of a request is the newest that the broker has too', async () => {
  const { brokers, admin, finish } = setUp()
  brokers.versionLimits.set('Metadata', 5)
  const versions: number[] = []
  brokers.onSend = (_brokerId, { name }, version) => {
    if (name === 'Metadata') versions.push(version)
  }
  await finish(admin.listTopics())
  assert.deepEqual(versions, [5])
})

test('a lost connection is made anew for the next call', async () => {
  const { brokers, admin, finish } = setUp()
  await finish(admin.listTopics())
  brokers.closeAll()
  await finish(admin.listTopics())
  assert.deepEqual(brokers.connections, ['b1:9001', 'b1:9001'])
})

test('a bootstrap list has hosts and ports, and IPv6 addresses in brackets', () => {
  assert.deepEqual(parseBootstrap('a:1, [::1]:2'), [
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
  ])
  assert.throws(() => parseBootstrap('nothing'), /Invalid url in bootstrap.servers: nothing/)
})

test('a broker that could not be connected to is asked last, until it can', async () => {
  const { brokers, client, finish } = setUp({ bootstrap: 'b1:9001,b2:9002' })
  brokers.down.add(1)
  await finish(client.metadata([]))
  brokers.connections.length = 0
  await finish(client.metadata([]))
  await finish(client.metadata([]))
  assert.deepEqual(brokers.connections, [])
  brokers.down.clear()
  await finish(client.connectionTo(1))
  const before = brokers.sent('Metadata').length
  await finish(client.metadata([]))
  assert.deepEqual(brokers.sent('Metadata').slice(before), [1])
})
