/** What is no JSON, or not what belongs there, in any znode: brokers live, and go on when it is mended. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { ZkJsClient } from '../../src/host/zk-js.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { isZkError } from '../../src/zk/zk-client.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { until } from '../support/until.ts'

const TOPIC = 'orders'
const STATE = `/brokers/topics/${TOPIC}/partitions/0/state`
const GARBAGE = [
  '',
  'garbage',
  '{"version":',
  '[]',
  'null',
  '{"version":7,"leader":"x","isr":{}}',
  '\0\xff',
]

let cluster: TestCluster
let client: ClusterClient
let zk: ZkJsClient
let created = 0

before(async () => {
  cluster = await startCluster({
    brokers: 3,
    mode: 'process',
    topics: [{ name: TOPIC, partitions: 1, replicationFactor: 3 }],
  })
  client = new ClusterClient(
    connectOverTcp({ clientId: 'test', connectTimeoutMs: 2_000, requestTimeoutMs: 10_000 }),
    systemClock,
    { bootstrap: cluster.bootstrapServers },
  )
  const logger = new SilentLoggers().get('test')
  const ports = { transport: systemTransport, clock: systemClock, random: systemRandom, logger }
  const connect = cluster.zookeeperAddress
  zk = new ZkJsClient(ports, { connect, sessionTimeoutMs: 20_000 })
})

after(async () => {
  await zk?.close()
  await client?.close()
  await cluster?.close()
})

async function put(path: string, text: string): Promise<void> {
  const data = Buffer.from(text, 'latin1')
  try {
    await zk.set(path, data, -1)
  } catch (error) {
    if (!isZkError(error, 'NO_NODE')) throw error
    await zk.create(path, data, 'persistent')
  }
}

async function remove(path: string): Promise<void> {
  await zk.delete(path, -1).catch((error: unknown) => {
    if (!isZkError(error, 'NO_NODE')) throw error
  })
}

const produce = () =>
  client.retry('produce', () =>
    new PartitionClient(client).produce(TOPIC, 0, [buildBatch([{ value: 'v', timestamp: 0 }])], {
      timeoutMs: 5_000,
    }),
  )

/** Records are taken, topics are made, all brokers run. */
async function isWell(what: string): Promise<void> {
  await produce()
  created += 1
  const name = `new-${created}`
  const topic = { name, partitions: 1, replicationFactor: 3 }
  await until(`a topic is created after ${what}`, async () => {
    const { topics } = await client.metadata([name])
    if (topics[0]?.errorCode === 0 && topics[0].partitions[0]?.isrNodes.length === 3) return true
    await new Admin(client).createTopics([topic]).catch(() => {})
    return false
  })
  for (const broker of cluster.brokers) assert.ok(broker.isRunning, `broker ${broker.id}: ${what}`)
}

for (const path of [
  '/brokers/ids/9',
  '/brokers/topics/bad',
  `/config/topics/${TOPIC}`,
  '/config/changes/config_change_0000000999',
  '/admin/reassign_partitions',
  '/admin/preferred_replica_election',
  '/isr_change_notification/isr_change_0000000999',
  '/log_dir_event_notification/log_dir_event_0000000999',
]) {
  test(`garbage in ${path}`, async () => {
    for (const text of GARBAGE) {
      await put(path, text)
      await produce()
    }
    await isWell(path)
    await remove(path)
    await isWell(`${path} is gone`)
  })
}

test('garbage in the state of a partition', async () => {
  for (const text of GARBAGE) {
    const { data } = await zk.get(STATE)
    await put(STATE, text)
    await produce()
    await put(STATE, String(data))
    await isWell(STATE)
  }
})

test('garbage in /controller and /controller_epoch', async () => {
  for (const text of GARBAGE) {
    const { data } = await zk.get('/controller_epoch')
    await put('/controller_epoch', text)
    await put('/controller', text)
    await produce()
    await put('/controller_epoch', String(data))
    await remove('/controller')
    await isWell('/controller')
  }
})
