/** Three brokers as processes: every codec over real sockets, a leader that dies, a second start. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import { Admin } from '../../src/client/admin.ts'
import { AssignedConsumer } from '../../src/client/assigned-consumer.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { type FetchedRecord, recordsOf } from '../../src/client/fetched-records.ts'
import { OffsetSpec, PartitionClient } from '../../src/client/partition-client.ts'
import { LocalCluster } from '../../src/devcluster/local-cluster.ts'
import { checkPorts, freePorts } from '../../src/devcluster/ports.ts'
import { systemClock } from '../../src/host/clock.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { COMPRESSION_NAMES } from '../../src/records/compression.ts'
import { until } from '../support/until.ts'

const BROKERS = 3
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-life-'))
let cluster: LocalCluster
let client: ClusterClient

before(startCluster)

after(async () => {
  await stopCluster()
  fs.rmSync(dataDir, { recursive: true, force: true })
})

/** Below those that the system gives to anyone; which ones, differs from process to process. */
async function portsInARow(count: number): Promise<number> {
  for (let port = 20_000 + (process.pid % 2_500) * 4; ; port += count) {
    const wanted = Array.from({ length: count }, (_, at) => ({
      name: 'broker',
      port: port + at,
      flag: '--port',
    }))
    const areFree = await checkPorts('127.0.0.1', wanted).then(
      () => true,
      () => false,
    )
    if (areFree) return port
  }
}

async function startCluster(): Promise<void> {
  const port = await portsInARow(BROKERS)
  const [zookeeperPort] = await freePorts('127.0.0.1', 1)
  cluster = new LocalCluster({
    brokers: BROKERS,
    port,
    zookeeperPort: zookeeperPort!,
    dataDir,
    overrides: ['min.insync.replicas=2', 'zookeeper.session.timeout.ms=2000'],
  })
  await cluster.start()
  client = new ClusterClient(
    connectOverTcp({ clientId: 'test', connectTimeoutMs: 2000, requestTimeoutMs: 10_000 }),
    systemClock,
    { bootstrap: cluster.bootstrap },
  )
}

async function stopCluster(): Promise<void> {
  await client?.close()
  await cluster?.stop()
}

async function createTopic(name: string, partitions = 1): Promise<void> {
  await new Admin(client).createTopics([{ name, partitions, replicationFactor: BROKERS }])
}

/** Tries again as stock clients do: a broker may not have heard of a new topic yet. */
async function produce(topic: string, batch: Buffer): Promise<void> {
  const partitions = new PartitionClient(client)
  await client.retry('produce', () => partitions.produce(topic, 0, [batch]))
}

async function inSync(topic: string): Promise<number> {
  const { topics } = await client.metadata([topic])
  return topics[0]?.partitions[0]?.isrNodes.length ?? 0
}

/** All that the partition holds. */
async function consume(topic: string, partition: number): Promise<FetchedRecord[]> {
  const end = (await new PartitionClient(client).listOffset(topic, partition, OffsetSpec.LATEST))
    .offset
  const consumer = new AssignedConsumer(client)
  await consumer.assign(topic, partition, OffsetSpec.EARLIEST)
  const all: FetchedRecord[] = []
  await until(`${topic}-${partition} read to ${end}`, async () => {
    for (const fetched of await consumer.poll()) {
      const { records, nextOffset } = recordsOf(fetched, 'read-uncommitted')
      consumer.advance(topic, partition, nextOffset)
      all.push(...records)
    }
    return all.length >= end
  })
  return all
}

async function valuesIn(topic: string): Promise<string[]> {
  return (await consume(topic, 0)).map(({ value }) => String(value))
}

test('what kafkajs creates and produces, our client reads', async () => {
  const kafka = new Kafka({
    brokers: cluster.bootstrap.split(','),
    clientId: 'kafkajs',
    logLevel: logLevel.NOTHING,
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: [{ topic: 'js', numPartitions: 2, replicationFactor: BROKERS }],
  })
  for (const idempotent of [false, true]) {
    const producer = kafka.producer({ idempotent })
    await producer.connect()
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
      const value = `idempotent ${idempotent}, codec ${compression}`
      const messages = [{ partition: 1, key: 'key', value, headers: { h: 'v' } }]
      await producer.send({ topic: 'js', acks: -1, compression, messages })
    }
    await producer.disconnect()
  }
  const offsets = await admin.fetchTopicOffsets('js')
  await admin.disconnect()
  assert.deepEqual(offsets.map(({ partition, high }) => `${partition}:${high}`).sort(), [
    '0:0',
    '1:4',
  ])
  const read = await consume('js', 1)
  assert.deepEqual(
    read.map(({ value }) => String(value)),
    [
      'idempotent false, codec 0',
      'idempotent false, codec 1',
      'idempotent true, codec 0',
      'idempotent true, codec 1',
    ],
  )
  assert.equal(String(read[0]?.key), 'key')
  assert.deepEqual(read[0]?.headers, [['h', Buffer.from('v')]])
})

test('every codec of another client and of ours comes back', async () => {
  await createTopic('codecs')
  const producer = new Producer({
    clientId: 'other',
    bootstrapBrokers: cluster.bootstrap.split(','),
    serializers: stringSerializers,
  })
  const wanted: string[] = []
  const text = 'again and again '.repeat(200)
  for (const [codec, compression] of COMPRESSION_NAMES.entries()) {
    const messages = [1, 2, 3].map((at) => ({
      topic: 'codecs',
      value: `${compression} ${at} ${text}`,
    }))
    await producer.send({ messages, acks: -1, compression })
    const own = [1, 2].map((at) => ({ value: `own ${compression} ${at} ${text}` }))
    const batch = buildBatch(own, { compression: codec, timestamp: 1_700_000_000_000 })
    await produce('codecs', batch)
    wanted.push(...messages.map(({ value }) => value), ...own.map(({ value }) => value))
  }
  await producer.close()
  assert.deepEqual(await valuesIn('codecs'), wanted)
})

test('a leader killed under a producer loses nothing, and comes back in sync', async () => {
  await createTopic('failover')
  const partitions = new PartitionClient(client)
  const acknowledged: string[] = []
  let stopAt = Number.POSITIVE_INFINITY
  const producing = (async () => {
    for (let at = 0; at < stopAt; ) {
      const value = `record ${at}`
      try {
        await partitions.produce('failover', 0, [buildBatch([{ value }], { timestamp: 1 })])
        acknowledged.push(value)
        at += 1
      } catch {
        partitions.forget('failover', 0)
      }
    }
  })()
  await until('some records', () => acknowledged.length >= 20)
  const leader = await new PartitionClient(client).leaderOf('failover', 0)
  await cluster.signalBroker(leader, 'SIGKILL')
  const before = acknowledged.length
  await until('records at the next leader', () => acknowledged.length >= before + 20)
  stopAt = 0
  await producing
  const read = new Set(await valuesIn('failover'))
  assert.deepEqual(
    acknowledged.filter((value) => !read.has(value)),
    [],
  )
  cluster.startBroker(leader)
  await cluster.untilReady()
  await until('all in sync', async () => (await inSync('failover')) === BROKERS)
})

test('a second start on the same data finds the same cluster, topics and records', async () => {
  await createTopic('kept')
  await produce('kept', buildBatch([{ value: 'stays' }]))
  const before = await client.metadata(['kept', 'codecs'])
  const codecs = await valuesIn('codecs')
  await stopCluster()
  await startCluster()
  const again = await client.metadata(['kept', 'codecs'])
  assert.equal(again.clusterId, before.clusterId)
  assert.deepEqual(
    again.topics.map(({ name, topicId }) => [name, topicId]).sort(),
    before.topics.map(({ name, topicId }) => [name, topicId]).sort(),
  )
  // Brokers that know each other may not have heard yet what they lead.
  const isServed = (topic: string) => valuesIn(topic).then(Boolean, () => false)
  await until('both are served', async () => (await isServed('kept')) && (await isServed('codecs')))
  assert.deepEqual(await valuesIn('kept'), ['stays'])
  assert.deepEqual(await valuesIn('codecs'), codecs)
  await until('all in sync', async () => (await inSync('kept')) === BROKERS)
  await produce('kept', buildBatch([{ value: 'more' }]))
  assert.deepEqual(await valuesIn('kept'), ['stays', 'more'])
})
