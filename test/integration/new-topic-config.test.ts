/** What is set for a topic at its creation holds from its first record on, in each life of its name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KafkaError } from '../../src/client/kafka-error.ts'
import { PartitionClient } from '../../src/client/partition-client.ts'
import { startCluster } from '../../src/devcluster/start-cluster.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { until } from '../support/until.ts'

test('overrides given at the creation of a topic hold at once, those of an earlier one do not', async () => {
  await using cluster = await startCluster({ brokers: 1 })
  const batch = buildBatch([{ value: 'x'.repeat(2_000) }])
  const create = async (configs: [string, string][]) => {
    await cluster.admin.createTopics([{ name: 't', partitions: 1, replicationFactor: 1, configs }])
    await cluster.until((view) => view.partition('t', 0)?.leader === 1)
  }
  const isTooLarge = (error: unknown) =>
    error instanceof KafkaError && error.code === ErrorCode.MESSAGE_TOO_LARGE
  await create([['max.message.bytes', '1000']])
  await assert.rejects(new PartitionClient(cluster.client).produce('t', 0, [batch]), isTooLarge)
  await cluster.admin.deleteTopics(['t'])
  // Refused for as long as the earlier one is on its way out.
  await until('the name is free', () =>
    create([]).then(
      () => true,
      (error) => error.code !== ErrorCode.TOPIC_ALREADY_EXISTS,
    ),
  )
  await new PartitionClient(cluster.client).produce('t', 0, [batch])
})
