/** Every broker killed at once, as by a crash of the machine: nobody is left to find them dead. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { startCluster } from '../../src/devcluster/start-cluster.ts'
import { buildBatch } from '../../src/records/builder.ts'

const TOPIC = 'orders'

test('brokers that all were killed end their old sessions, and have what was acknowledged', async () => {
  await using cluster = await startCluster({
    brokers: 3,
    mode: 'process',
    // Longer than any test: to wait for it would fail.
    config: { 'zookeeper.session.timeout.ms': '40000' },
    topics: [{ name: TOPIC, partitions: 1, replicationFactor: 3 }],
  })
  const client = new PartitionClient(cluster.client)
  const batch = buildBatch([{ value: 'kept', timestamp: 1 }])
  const { baseOffset } = await cluster.client.retry('produce', () =>
    client.produce(TOPIC, 0, [batch]),
  )
  await Promise.all(cluster.brokers.map((broker) => broker.kill()))
  await Promise.all(cluster.brokers.map((broker) => broker.start()))
  await cluster.ready()
  for (const { id } of cluster.brokers) {
    const log = fs.readFileSync(path.join(cluster.dataDir, 'logs', `broker-${id}.log`), 'utf8')
    assert.match(log, /Ended session 0x[\da-f]+ of an earlier life of this broker/, `broker ${id}`)
  }
  const { highWatermark } = await cluster.client.retry('fetch', () =>
    client.fetch(TOPIC, 0, baseOffset),
  )
  assert.equal(highWatermark, baseOffset + 1)
})
