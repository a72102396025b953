/** `samsa topics`: what `kafka-topics.sh` of Kafka 3.9 does, with its flags and its words. */

import type { Command } from 'commander'
import { Admin, type PartitionReassignment } from '../client/admin.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { ConfigAdmin } from '../client/config-admin.ts'
import { KafkaError, UnsupportedVersionError } from '../client/kafka-error.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { uuidToBytes, ZERO_UUID } from '../protocol/uuid.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { exceptionText } from './exception-names.ts'
import { describedTopicsOrder } from './hash-map-order.ts'
import type { OpenCluster } from './open-cluster.ts'
import {
  checkInvalid,
  checkRequired,
  collect,
  logError,
  PlainError,
  parseInteger,
  toolCommand,
  UsageError,
} from './tool-command.ts'
import { type DescribeFilter, topicLines } from './topic-description.ts'
import { isInternalTopic, topicFilter } from './topic-filter.ts'

interface TopicsOptions {
  readonly bootstrapServer?: string
  readonly commandConfig?: string
  readonly create?: true
  readonly list?: true
  readonly describe?: true
  readonly delete?: true
  readonly alter?: true
  readonly topic?: string
  readonly topicId?: string
  readonly partitions?: string
  readonly replicationFactor?: string
  readonly replicaAssignment?: string
  readonly config?: readonly string[]
  readonly deleteConfig?: readonly string[]
  readonly ifExists?: true
  readonly ifNotExists?: true
  readonly excludeInternal?: true
  readonly underReplicatedPartitions?: true
  readonly unavailablePartitions?: true
  readonly underMinIsrPartitions?: true
  readonly atMinIsrPartitions?: true
  readonly topicsWithOverrides?: true
}

const ACTIONS = ['alter', 'create', 'describe', 'list', 'delete'] as const
const REPORTS = [
  'under-replicated-partitions',
  'under-min-isr-partitions',
  'at-min-isr-partitions',
  'unavailable-partitions',
] as const
const LOGGER = 'org.apache.kafka.tools.TopicCommand'
const MAX_REPLICATION_FACTOR = 32767

export function topicsCommand(io: CliIo, open: OpenCluster): Command {
  return toolCommand<TopicsOptions>(io, {
    name: 'topics',
    description: 'Create, delete, describe, or change a topic.',
    options: addOptions,
    run: async (options) => {
      checkOptions(options)
      const client = open({
        bootstrap: options.bootstrapServer!,
        clientId: 'adminclient-1',
        configFile: options.commandConfig,
      })
      try {
        await new TopicTool(io, client, options).run()
      } catch (error) {
        io.stdout(`Error while executing topic command : ${(error as Error).message}\n`)
        logError(io, LOGGER, `${exceptionText(error)}\n`)
        throw new ExitError(1)
      } finally {
        await client.close()
      }
    },
  })
}

class TopicTool {
  readonly #io: CliIo
  readonly #admin: Admin
  readonly #configs: ConfigAdmin
  readonly #options: TopicsOptions

  constructor(io: CliIo, client: ClusterClient, options: TopicsOptions) {
    this.#io = io
    this.#admin = new Admin(client)
    this.#configs = new ConfigAdmin(client)
    this.#options = options
  }

  run(): Promise<void> {
    if (this.#options.create) return this.#create()
    if (this.#options.alter) return this.#alter()
    if (this.#options.list) return this.#list()
    return this.#options.describe ? this.#describe() : this.#delete()
  }

  async #create(): Promise<void> {
    const name = this.#options.topic!
    const partitions = maybeInteger(this.#options.partitions, 'partitions')
    const replicationFactor = maybeInteger(this.#options.replicationFactor, 'replication-factor')
    const assignments = parseReplicaAssignment(this.#options.replicaAssignment)
    const configs = parseConfigs(this.#options.config ?? [])
    if (/[._]/.test(name)) {
      this.#io.stdout(
        "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore " +
          "('_') could collide. To avoid issues it is best to use either, but not both.\n",
      )
    }
    const factor = replicationFactor ?? 1
    if (factor < 1 || factor > MAX_REPLICATION_FACTOR) {
      throw new Error(
        `The replication factor must be between 1 and ${MAX_REPLICATION_FACTOR} inclusive`,
      )
    }
    if ((partitions ?? 1) < 1) throw new Error('The partitions must be greater than 0')
    try {
      await this.#admin.createTopics([
        { name, partitions, replicationFactor, assignments, configs },
      ])
      this.#io.stdout(`Created topic ${name}.\n`)
    } catch (error) {
      const exists = error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS
      if (!exists || !this.#options.ifNotExists) throw error
    }
  }

  async #list(): Promise<void> {
    this.#io.stdout(`${(await this.#matchingTopics()).join('\n')}\n`)
  }

  async #alter(): Promise<void> {
    const count = parseInteger(this.#options.partitions!, 'partitions')
    const assignment = parseReplicaAssignment(this.#options.replicaAssignment)
    parseConfigs(this.#options.config ?? [])
    const names = await this.#matchingTopics()
    this.#checkFound(names)
    if (names.length === 0) return
    const described = await this.#admin.describeTopics(names)
    await this.#admin.createPartitions(
      described.map(({ name, partitions }) => ({
        name,
        count,
        assignments: assignment?.slice(partitions.length),
      })),
    )
  }

  async #delete(): Promise<void> {
    const names = await this.#matchingTopics()
    this.#checkFound(names)
    await this.#admin.deleteTopics(names)
  }

  async #describe(): Promise<void> {
    const topics = await this.#admin.describeTopics(
      describedTopicsOrder(await this.#describedNames()),
    )
    const configs = await this.#configs.describe(
      topics.map(({ name }) => ({ type: 'topic', name })),
    )
    const { brokers } = await this.#admin.describeCluster()
    const liveBrokers = new Set(brokers.map(({ nodeId }) => nodeId))
    const reassignments = await this.#reassignments(topics)
    for (const topic of topics) {
      const described = {
        topic,
        configs: configs.get(topic.name) ?? [],
        reassignments: reassignments.filter((each) => each.topic === topic.name),
      }
      for (const line of topicLines(described, describeFilter(this.#options), liveBrokers)) {
        this.#io.stdout(`${line}\n`)
      }
    }
  }

  async #describedNames(): Promise<string[]> {
    const { topicId, ifExists } = this.#options
    if (topicId === undefined || topicId === ZERO_UUID) {
      const names = await this.#matchingTopics()
      this.#checkFound(names)
      return names
    }
    checkUuid(topicId)
    const found = (await this.#admin.listTopics()).filter((topic) => topic.topicId === topicId)
    if (found.length === 0 && !ifExists) {
      throw new Error(`TopicId '${topicId}' does not exist as expected`)
    }
    return found.map(({ name }) => name)
  }

  /** Brokers that cannot tell, or may not, run none as far as we are concerned. */
  async #reassignments(
    topics: readonly { name: string; partitions: readonly { partitionIndex: number }[] }[],
  ): Promise<PartitionReassignment[]> {
    if (topics.length === 0) return []
    try {
      return await this.#admin.listPartitionReassignments(
        topics.map(({ name, partitions }) => ({
          topic: name,
          partitions: partitions.map(({ partitionIndex }) => partitionIndex),
        })),
      )
    } catch (error) {
      const isRefused =
        error instanceof UnsupportedVersionError ||
        (error instanceof KafkaError && error.code === ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
      if (!isRefused) throw error
      return []
    }
  }

  /** Sorted by name. */
  async #matchingTopics(): Promise<string[]> {
    const { topic, excludeInternal } = this.#options
    const matches = topic === undefined ? () => true : topicFilter(topic)
    return (await this.#admin.listTopics())
      .map(({ name }) => name)
      .filter((name) => matches(name) && !(excludeInternal && isInternalTopic(name)))
      .sort((a, b) => (a < b ? -1 : 1))
  }

  #checkFound(names: readonly string[]): void {
    const { topic, ifExists } = this.#options
    if (names.length === 0 && topic !== undefined && topic !== '' && !ifExists) {
      // The word before the bracket is what Kafka prints since 3.7.
      throw new Error(`Topic 'Optional[${topic}]' does not exist as expected`)
    }
  }
}

function maybeInteger(value: string | undefined, option: string): number | undefined {
  return value === undefined ? undefined : parseInteger(value, option)
}

function describeFilter(options: TopicsOptions): DescribeFilter {
  return {
    underReplicated: options.underReplicatedPartitions === true,
    unavailable: options.unavailablePartitions === true,
    underMinIsr: options.underMinIsrPartitions === true,
    atMinIsr: options.atMinIsrPartitions === true,
    topicsWithOverrides: options.topicsWithOverrides === true,
  }
}

/** `1:2,2:3`: partitions by comma, replicas by colon. */
function parseReplicaAssignment(text: string | undefined): number[][] | undefined {
  if (text === undefined || text === '') return undefined
  const partitions = text.split(',').map((part) => part.split(':').map((id) => parseBroker(id)))
  partitions.forEach((replicas, partition) => {
    const duplicates = replicas.filter((id, i) => replicas.indexOf(id) !== i)
    if (duplicates.length > 0) {
      const listed = [...new Set(duplicates)].join(',')
      throw new Error(`Partition replica lists may not contain duplicate entries: ${listed}`)
    }
    if (replicas.length !== partitions[0]!.length) {
      const listed = replicas.join(', ')
      throw new Error(`Partition ${partition} has different replication factor: [${listed}]`)
    }
  })
  return partitions
}

function parseBroker(text: string): number {
  const trimmed = text.trim()
  if (!/^[+-]?\d+$/.test(trimmed)) throw new Error(`For input string: "${trimmed}"`)
  return Number(trimmed)
}

/** The last of several values for one name counts. */
function parseConfigs(configs: readonly string[]): [string, string][] {
  const pairs = configs.map((text) => {
    const parts = text.split(/\s*=\s*/)
    while (parts.at(-1) === '') parts.pop()
    if (parts.length !== 2) {
      throw new Error(
        'requirement failed: Invalid topic config: all configs to be added must be in the ' +
          'format "key=val".',
      )
    }
    return [parts[0]!.trim(), parts[1]!.trim()] as const
  })
  return [...new Map(pairs)]
}

function checkOptions(options: TopicsOptions): void {
  if (Object.keys(options).length === 0) {
    throw new UsageError('Create, delete, describe, or change a topic.')
  }
  if (ACTIONS.filter((action) => options[action]).length !== 1) {
    throw new UsageError(
      'Command must include exactly one action: --list, --describe, --create, --alter or --delete',
    )
  }
  if (options.bootstrapServer === undefined) {
    throw new PlainError('--bootstrap-server must be specified')
  }
  const given = options as Readonly<Record<string, unknown>>
  if (options.describe && options.ifExists && (options.topic ?? options.topicId) === undefined) {
    throw new UsageError('--topic or --topic-id is required to describe a topic')
  }
  if (!options.list && !options.describe) checkRequired(given, ['topic'])
  if (options.alter) {
    if (options.config !== undefined) {
      throw new UsageError(
        'Option combination "[bootstrap-server],[config]" can\'t be used with option "[alter]" ' +
          '(the kafka-configs CLI supports altering topic configs with a --bootstrap-server ' +
          'option)',
      )
    }
    checkRequired(given, ['partitions'])
  }
  checkCombinations(given)
}

function checkCombinations(options: Readonly<Record<string, unknown>>): void {
  const other = (...allowed: string[]) => ACTIONS.filter((action) => !allowed.includes(action))
  checkInvalid(options, 'config', other('alter', 'create'))
  checkInvalid(options, 'delete-config', [...other('alter'), 'bootstrap-server'])
  checkInvalid(options, 'partitions', other('alter', 'create'))
  checkInvalid(options, 'replication-factor', other('create'))
  checkInvalid(options, 'replica-assignment', other('alter', 'create'))
  if (options.create) {
    checkInvalid(options, 'replica-assignment', ['partitions', 'replication-factor'])
  }
  for (const report of REPORTS) {
    checkInvalid(options, report, [...other('describe'), 'topics-with-overrides'])
  }
  checkInvalid(options, 'topics-with-overrides', [...other('describe'), ...REPORTS])
  checkInvalid(options, 'if-exists', other('alter', 'delete', 'describe'))
  checkInvalid(options, 'if-not-exists', other('create'))
  checkInvalid(options, 'exclude-internal', other('list', 'describe'))
}

function addOptions(command: Command): void {
  command
    .option('--bootstrap-server <server>', 'REQUIRED: the brokers to connect to, host:port,...')
    .option('--command-config <file>', 'properties file with settings of the client')
    .option('--list', 'list all topics')
    .option('--create', 'create a topic')
    .option('--delete', 'delete topics')
    .option('--alter', 'raise the number of partitions of topics')
    .option('--describe', 'show topics and where their partitions are')
    .option('--topic <topic>', 'a name, or a regular expression except with --create')
    .option('--topic-id <id>', 'the topic to describe')
    .option('--partitions <count>', 'number of partitions')
    .option('--replication-factor <count>', 'replicas of each partition')
    .option('--replica-assignment <lists>', 'brokers of each partition: 1:2,2:3')
    .option('--config <name=value>', 'config of the new topic; may be repeated', collect)
    .option('--delete-config <name>', 'not supported with --bootstrap-server', collect)
    .option('--if-exists', 'no error when the topic is missing')
    .option('--if-not-exists', 'no error when the topic is there')
    .option('--exclude-internal', 'leave internal topics out')
    .option('--under-replicated-partitions', 'describe only partitions with replicas out of sync')
    .option('--unavailable-partitions', 'describe only partitions without a leader')
    .option('--under-min-isr-partitions', 'describe only partitions below min.insync.replicas')
    .option('--at-min-isr-partitions', 'describe only partitions right at min.insync.replicas')
    .option('--topics-with-overrides', 'describe only topics with configs of their own')
    .option('--partition-size-limit-per-response <count>', 'accepted for compatibility')
}

const UUID_TEXT_MAX = 24

/** In the words of Kafka's `Uuid`. */
function checkUuid(text: string): void {
  if (text.length > UUID_TEXT_MAX) {
    const prefix = text.slice(0, UUID_TEXT_MAX)
    throw new Error(
      `Input string with prefix \`${prefix}\` is too long to be decoded as a base64 UUID`,
    )
  }
  const { length } = uuidToBytes(text)
  if (length === 16) return
  throw new Error(
    `Input string \`${text}\` decoded as ${length} bytes, which is not equal to the expected 16 ` +
      'bytes of a base64-encoded UUID',
  )
}
