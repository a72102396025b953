/** `samsa get-offsets`: what `kafka-get-offsets.sh` of Kafka 3.9 does. */

import type { Command } from 'commander'
import { Admin } from '../client/admin.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { CallTimeoutError, KafkaError } from '../client/kafka-error.ts'
import { OffsetSpec, PartitionClient } from '../client/partition-client.ts'
import type { CliIo } from './cli-io.ts'
import { exceptionText } from './exception-names.ts'
import type { OpenCluster } from './open-cluster.ts'
import { PlainError, toolCommand, UsageError } from './tool-command.ts'
import { isInternalTopic, topicFilter } from './topic-filter.ts'

interface GetOffsetsOptions {
  readonly bootstrapServer?: string
  readonly brokerList?: string
  readonly commandConfig?: string
  readonly topic?: string
  readonly topicPartitions?: string
  readonly partitions?: string
  readonly time: string
  readonly excludeInternalTopics?: true
}

type PartitionFilter = (topic: string, partition: number) => boolean

const DESCRIPTION = 'An interactive shell for getting topic-partition offsets.'

export function getOffsetsCommand(io: CliIo, open: OpenCluster): Command {
  return toolCommand<GetOffsetsOptions>(io, {
    name: 'get-offsets',
    description: DESCRIPTION,
    options: addOptions,
    run: async (options) => {
      if (Object.keys(options).length === 1) throw new UsageError(DESCRIPTION)
      try {
        const bootstrap = options.bootstrapServer ?? options.brokerList
        if (bootstrap === undefined) {
          throw new PlainError('Missing required option(s) [bootstrap-server]')
        }
        const query = parseQuery(options)
        const clientId = 'GetOffsetShell'
        const client = open({ bootstrap, clientId, configFile: options.commandConfig })
        try {
          await printOffsets(io, client, query)
        } finally {
          await client.close()
        }
      } catch (error) {
        throw new PlainError(`Error occurred: ${(error as Error).message}`)
      }
    },
  })
}

interface Query {
  readonly timestamp: number
  readonly matches: PartitionFilter
}

async function printOffsets(io: CliIo, client: ClusterClient, query: Query): Promise<void> {
  const admin = new Admin(client)
  const listed = await admin.listTopics()
  const described = await admin.describeTopics(listed.map(({ name }) => name))
  const wanted = described.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ partitionIndex }) => query.matches(name, partitionIndex))
      .map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  )
  if (wanted.length === 0) {
    throw new PlainError('Could not match any topic-partitions with the specified filters')
  }
  const partitions = new PartitionClient(client)
  const lines = await Promise.all(
    wanted.map(async ({ topic, partition }) => {
      try {
        const { offset } = await partitions.listOffset(topic, partition, query.timestamp)
        return offset < 0
          ? []
          : [{ key: `${topic}-${partition}`, text: `${topic}:${partition}:${offset}` }]
      } catch (error) {
        if (!(error instanceof KafkaError || error instanceof CallTimeoutError)) throw error
        const text = `topic-partition ${topic}-${partition} due to error: ${exceptionText(error)}`
        io.stderr(`Skip getting offsets for ${text}\n`)
        return []
      }
    }),
  )
  // By the text of the partition: t-10 stands before t-2.
  for (const { text } of lines.flat().sort((a, b) => (a.key < b.key ? -1 : 1))) {
    io.stdout(`${text}\n`)
  }
}

function parseQuery(options: GetOffsetsOptions): Query {
  const { topic, topicPartitions, partitions } = options
  if (topicPartitions !== undefined && (topic ?? partitions) !== undefined) {
    throw new PlainError('--topic-partitions cannot be used with --topic or --partitions')
  }
  const timestamp = parseTime(options.time)
  const chosen =
    topicPartitions === undefined
      ? topicAndPartitions(topic, partitions)
      : anyOf(topicPartitions.split(',').map(parseRule))
  return {
    timestamp,
    matches: (name, partition) =>
      !(options.excludeInternalTopics && isInternalTopic(name)) && chosen(name, partition),
  }
}

function parseTime(text: string): number {
  switch (text) {
    case 'latest':
      return OffsetSpec.LATEST
    case 'earliest':
      return OffsetSpec.EARLIEST
    case 'max-timestamp':
      return OffsetSpec.MAX_TIMESTAMP
    case 'earliest-local':
      return OffsetSpec.EARLIEST_LOCAL
    case 'latest-tiered':
      return OffsetSpec.LATEST_TIERED
  }
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  throw new PlainError(
    `Malformed time argument ${text}. Please use -1 or latest / -2 or earliest / -3 or ` +
      'max-timestamp / -4 or earliest-local / -5 or latest-tiered, or a specified long format ' +
      'timestamp',
  )
}

function topicAndPartitions(topic = '.*', partitions = ''): PartitionFilter {
  const matchesTopic = topicFilter(topic)
  const ids = partitions === '' ? [] : partitions.split(',')
  if (!ids.every((id) => /^[+-]?\d+$/.test(id))) {
    throw new PlainError(
      '--partitions expects a comma separated list of numeric partition ids, but received: ' +
        partitions,
    )
  }
  const wanted = new Set(ids.map(Number))
  return (name, partition) => matchesTopic(name) && (wanted.size === 0 || wanted.has(partition))
}

/** `topic:3`, `topic:1-4` (upper end exclusive), `topic:2-`, `topic:-3`, `:0`, `topic`. */
function parseRule(rule: string): PartitionFilter {
  const match = /^([^:,]*)(?::(?:(\d*)|(?:(\d*)-(\d*))))?$/.exec(rule)
  if (match === null) throw new PlainError(`Invalid rule specification: ${rule}`)
  const [, topic, single, lower, upper] = match
  const matchesTopic = topicFilter(topic || '.*')
  if (single) return (name, partition) => matchesTopic(name) && partition === Number(single)
  const from = lower ? Number(lower) : 0
  const to = upper ? Number(upper) : Number.POSITIVE_INFINITY
  return (name, partition) => matchesTopic(name) && partition >= from && partition < to
}

function anyOf(filters: readonly PartitionFilter[]): PartitionFilter {
  return (name, partition) => filters.some((matches) => matches(name, partition))
}

function addOptions(command: Command): void {
  command
    .option('--bootstrap-server <servers>', 'REQUIRED: the brokers to connect to, host:port,...')
    .option('--broker-list <servers>', 'old name of --bootstrap-server')
    .option('--topic-partitions <patterns>', 'topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3')
    .option('--topic <pattern>', 'a name or a regular expression; all topics when left out')
    .option('--partitions <ids>', 'partition ids, separated by commas; all when left out')
    .option(
      '--time <time>',
      'a timestamp, or -1/latest, -2/earliest, -3/max-timestamp, -4/earliest-local, ' +
        '-5/latest-tiered',
      'latest',
    )
    .option('--command-config <file>', 'properties file with settings of the client')
    .option('--exclude-internal-topics', 'leave internal topics out')
}
