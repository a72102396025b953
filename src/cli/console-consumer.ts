/**
 * `samsa console-consumer`: what `kafka-console-consumer.sh` of Kafka 3.9 does, by partition and
 * offset. There is no group behind it yet: all partitions of the topics are read.
 */

import type { Command } from 'commander'
import { Admin } from '../client/admin.ts'
import { AssignedConsumer } from '../client/assigned-consumer.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { recordsOf } from '../client/fetched-records.ts'
import { OffsetSpec } from '../client/partition-client.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { keyValuePairs } from './console-producer.ts'
import { exceptionText } from './exception-names.ts'
import { type OpenCluster, readProperties } from './open-cluster.ts'
import { RecordFormatter } from './record-formatter.ts'
import {
  checkRequired,
  collect,
  logError,
  PlainError,
  parseInteger,
  toolCommand,
  UsageError,
} from './tool-command.ts'

interface ConsumerOptions {
  readonly bootstrapServer?: string
  readonly topic?: string
  readonly include?: string
  readonly whitelist?: string
  readonly partition?: string
  readonly offset?: string
  readonly fromBeginning?: true
  readonly maxMessages?: string
  readonly timeoutMs?: string
  readonly group?: string
  readonly isolationLevel: string
  readonly property?: readonly string[]
  readonly formatterConfig?: string
  readonly consumerProperty?: readonly string[]
  /** `--consumer.config`. */
  readonly 'consumer.config'?: string
}

/** As the shell counts the end by SIGINT. */
const INTERRUPTED_EXIT_CODE = 130
const LOGGER = 'org.apache.kafka.tools.consumer.ConsoleConsumer'

export function consoleConsumerCommand(io: CliIo, open: OpenCluster): Command {
  return toolCommand<ConsumerOptions>(io, {
    name: 'console-consumer',
    description:
      'This tool helps to read data from Kafka topics and outputs it to standard output.',
    options: addOptions,
    run: async (options) => {
      const plan = parsePlan(options)
      const client = open({
        bootstrap: options.bootstrapServer!,
        clientId: 'console-consumer',
        configFile: options['consumer.config'],
      })
      const interrupt = new Interrupt()
      let shown = 0
      try {
        for await (const line of lines(client, plan, interrupt)) {
          io.stdout(line)
          shown += 1
        }
      } catch (error) {
        const isExpired = error instanceof PollTimeoutError
        logError(io, LOGGER, 'Error processing message, terminating consumer process: ')
        io.stderr(`${isExpired ? error.message : exceptionText(error)}\n`)
        if (!isExpired) throw new ExitError(1)
      } finally {
        interrupt.close()
        await client.close()
        io.stderr(`Processed a total of ${shown} messages\n`)
      }
      if (interrupt.hasCome) throw new ExitError(INTERRUPTED_EXIT_CODE)
    },
  })
}

/** Ctrl-C ends the reading, not the tool: it still tells how much it has read. */
class Interrupt {
  hasCome = false
  readonly come: Promise<never[]>
  readonly #onSignal: () => void

  constructor() {
    let resolve: (nothing: never[]) => void = () => {}
    this.come = new Promise((resolved) => {
      resolve = resolved
    })
    this.#onSignal = () => {
      this.hasCome = true
      resolve([])
    }
    process.once('SIGINT', this.#onSignal)
    process.once('SIGTERM', this.#onSignal)
  }

  close(): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
  }
}

/** `--timeout-ms` went by without a record. */
class PollTimeoutError extends Error {}

interface Plan {
  readonly topic: string | null
  readonly include: RegExp | null
  readonly partition: number | null
  /** An offset or an `OffsetSpec`. */
  readonly offset: number
  readonly maxMessages: number
  readonly timeoutMs: number
  readonly isolation: 'read-committed' | 'read-uncommitted'
  readonly formatter: RecordFormatter
}

async function* lines(
  client: ClusterClient,
  plan: Plan,
  interrupt: Interrupt,
): AsyncGenerator<Buffer> {
  const { isolation, maxMessages, timeoutMs } = plan
  const offsetReset = plan.offset === OffsetSpec.EARLIEST ? 'earliest' : 'latest'
  const consumer = new AssignedConsumer(client, { isolation, offsetReset })
  let shown = 0
  let lastMs = client.clock.monotonicMs()
  const assigned = Promise.race([assignAll(client, consumer, plan), interrupt.come])
  await inTime(client, timeoutMs, assigned)
  while (shown < maxMessages && !interrupt.hasCome) {
    for (const fetched of await Promise.race([consumer.poll(), interrupt.come])) {
      const { records, nextOffset } = recordsOf(fetched, isolation)
      consumer.advance(fetched.topic, fetched.partition, nextOffset)
      for (const record of records) {
        if (shown === maxMessages) return
        yield plan.formatter.format({ ...record, partition: fetched.partition })
        shown += 1
        lastMs = client.clock.monotonicMs()
      }
    }
    if (client.clock.monotonicMs() - lastMs > timeoutMs) {
      throw new PollTimeoutError(TIMEOUT)
    }
  }
}

async function assignAll(
  client: ClusterClient,
  consumer: AssignedConsumer,
  plan: Plan,
): Promise<void> {
  for (const { topic, partition } of await chosenPartitions(client, plan)) {
    await consumer.assign(topic, partition, plan.offset)
  }
}

/** Rejects when the time is over first. */
async function inTime(
  { clock }: ClusterClient,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<void> {
  let cancel = () => {}
  const expired = new Promise<never>((_resolve, reject) => {
    if (timeoutMs === Number.POSITIVE_INFINITY) return
    cancel = clock.after(timeoutMs, () => reject(new PollTimeoutError(TIMEOUT)))
  })
  try {
    await Promise.race([work, expired])
  } finally {
    cancel()
  }
}

const TIMEOUT = 'org.apache.kafka.common.errors.TimeoutException'

async function chosenPartitions(
  client: ClusterClient,
  { topic, include, partition }: Plan,
): Promise<{ topic: string; partition: number }[]> {
  if (topic !== null && partition !== null) return [{ topic, partition }]
  const admin = new Admin(client)
  const names =
    topic !== null
      ? [topic]
      : (await admin.listTopics()).map(({ name }) => name).filter((name) => include!.test(name))
  return (await admin.describeTopics(names)).flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  )
}

function parsePlan(options: ConsumerOptions): Plan {
  const include = options.include ?? options.whitelist
  if ((options.topic === undefined) === (include === undefined)) {
    throw new UsageError('Exactly one of --include/--topic is required. ')
  }
  if (options.partition !== undefined) {
    if (options.topic === undefined) {
      throw new UsageError('The topic is required when partition is specified.')
    }
    if (options.fromBeginning && options.offset !== undefined) {
      throw new UsageError('Options from-beginning and offset cannot be specified together.')
    }
  } else if (options.offset !== undefined) {
    throw new UsageError('The partition is required when offset is specified.')
  }
  checkRequired({ ...options }, ['bootstrap-server'])
  const properties = consumerProperties(options)
  if ((options.group ?? properties.get('group.id')) !== undefined) {
    if (options.partition !== undefined) {
      throw new UsageError('Options group and partition cannot be specified together.')
    }
    throw new PlainError('Consumer groups are not there yet: leave --group out')
  }
  const isolation = properties.get('isolation.level') ?? options.isolationLevel
  return {
    topic: options.topic ?? null,
    include: include === undefined ? null : new RegExp(`^(?:${include})$`),
    partition:
      options.partition === undefined ? null : parseInteger(options.partition, 'partition'),
    offset: parseOffset(options, properties.get('auto.offset.reset')),
    maxMessages: positiveOr(options.maxMessages, 'max-messages', -1, Number.POSITIVE_INFINITY),
    timeoutMs: positiveOr(options.timeoutMs, 'timeout-ms', -1, Number.POSITIVE_INFINITY),
    isolation: isolation === 'read_committed' ? 'read-committed' : 'read-uncommitted',
    formatter: new RecordFormatter(formatterProperties(options)),
  }
}

function positiveOr(
  text: string | undefined,
  option: string,
  none: number,
  fallback: number,
): number {
  const value = text === undefined ? none : parseInteger(text, option)
  return value < 0 ? fallback : value
}

function parseOffset(options: ConsumerOptions, reset: string | undefined): number {
  const { offset, fromBeginning } = options
  if (fromBeginning && reset !== undefined && reset !== 'earliest') {
    throw new PlainError(
      `Can't simultaneously specify --from-beginning and 'auto.offset.reset=${reset}', ` +
        'please remove one option',
    )
  }
  switch (offset?.toLowerCase()) {
    case undefined:
      return fromBeginning || reset === 'earliest' ? OffsetSpec.EARLIEST : OffsetSpec.LATEST
    case 'earliest':
      return OffsetSpec.EARLIEST
    case 'latest':
      return OffsetSpec.LATEST
  }
  if (/^\+?\d+$/.test(offset!)) return Number(offset)
  throw new UsageError(
    `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', ` +
      'or a non-negative long.',
  )
}

function consumerProperties(options: ConsumerOptions): Map<string, string> {
  const file = options['consumer.config']
  return new Map([
    ...(file === undefined ? [] : readProperties(file)),
    ...keyValuePairs(options.consumerProperty),
  ])
}

function formatterProperties(options: ConsumerOptions): Map<string, string> {
  return new Map([
    ...(options.formatterConfig === undefined ? [] : readProperties(options.formatterConfig)),
    ...keyValuePairs(options.property),
  ])
}

function addOptions(command: Command): void {
  command
    .option('--bootstrap-server <servers>', 'REQUIRED: the brokers to connect to, host:port,...')
    .option('--topic <topic>', 'the topic to read')
    .option('--include <regex>', 'the topics to read')
    .option('--whitelist <regex>', 'old name of --include')
    .option('--partition <id>', 'the partition to read; all when left out')
    .option('--offset <offset>', 'where to begin: earliest, latest or a number')
    .option('--from-beginning', 'begin with the earliest record, not the next')
    .option('--max-messages <count>', 'end after so many records')
    .option('--timeout-ms <ms>', 'end when no record came for so long')
    .option('--group <group>', 'the consumer group to be a member of')
    .option('--isolation-level <level>', 'read_committed or read_uncommitted', 'read_uncommitted')
    .option(
      '--property <key=value>',
      'what is shown: print.timestamp, print.partition, print.offset, print.headers, print.key, ' +
        'print.value, key.separator, line.separator, headers.separator, null.literal',
      collect,
    )
    .option('--formatter-config <file>', 'properties file for the same')
    .option('--consumer-property <key=value>', 'setting of the consumer', collect)
    .option('--consumer.config <file>', 'properties file with settings of the consumer')
    .option('--formatter <class>', 'accepted for compatibility')
    .option('--key-deserializer <class>', 'accepted for compatibility')
    .option('--value-deserializer <class>', 'accepted for compatibility')
    .option('--skip-message-on-error', 'accepted for compatibility')
    .option('--enable-systest-events', 'accepted for compatibility')
}
