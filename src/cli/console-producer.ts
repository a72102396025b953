/**
 * `samsa console-producer`: what `kafka-console-producer.sh` of Kafka 3.9 does. Lines of standard
 * input become records; a record that cannot be sent is told on stderr and the next ones go on.
 */

import { randomInt } from 'node:crypto'
import { compatibilityPartitioner, Producer } from '@platformatic/kafka'
import type { Command } from 'commander'
import { errorMessage } from '../protocol/error-codes.ts'
import { type CliIo, ExitError } from './cli-io.ts'
import { exceptionClass } from './exception-names.ts'
import { LineReader, type LineRecord, linesOf } from './line-reader.ts'
import { readProperties } from './open-cluster.ts'
import { checkRequired, collect, logError, toolCommand, UsageError } from './tool-command.ts'

interface ProducerOptions {
  readonly topic?: string
  readonly bootstrapServer?: string
  readonly brokerList?: string
  readonly sync?: true
  readonly compressionCodec?: string | true
  readonly batchSize: string
  readonly messageSendMaxRetries: string
  readonly retryBackoffMs: string
  readonly timeout: string
  readonly requestRequiredAcks: string
  readonly requestTimeoutMs: string
  readonly property?: readonly string[]
  readonly readerConfig?: string
  readonly producerProperty?: readonly string[]
  /** `--producer.config`. */
  readonly 'producer.config'?: string
}

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
type Codec = (typeof CODECS)[number]

const LOGGER = 'org.apache.kafka.clients.producer.internals.ErrorLoggingCallback'
const DESCRIPTION = 'This tool helps to read data from standard input and publish it to Kafka.'

export function consoleProducerCommand(io: CliIo): Command {
  return toolCommand<ProducerOptions>(io, {
    name: 'console-producer',
    description: DESCRIPTION,
    options: addOptions,
    run: async (options) => {
      if ((options.bootstrapServer ?? options.brokerList) === undefined) {
        throw new UsageError('Missing required option(s) [bootstrap-server]')
      }
      checkRequired({ ...options }, ['topic'])
      const settings = producerSettings(options)
      const sender = new LineSender(io, options.topic!, settings)
      try {
        const reader = new LineReader(readerProperties(options))
        const isPrompting = io.stdin.isTTY === true
        if (isPrompting) io.stdout('>')
        for await (const line of linesOf(io.stdin)) {
          await sender.add(reader.parse(line))
          if (isPrompting) io.stdout('>')
        }
      } catch (error) {
        io.stderr(`org.apache.kafka.common.KafkaException: ${(error as Error).message}\n`)
        throw new ExitError(1)
      } finally {
        await sender.close()
      }
    },
  })
}

interface ProducerSettings {
  readonly bootstrap: string[]
  readonly clientId: string
  readonly acks: -1 | 0 | 1
  readonly compression: Codec
  readonly isIdempotent: boolean
  readonly retries: number
  readonly retryBackoffMs: number
  readonly requestTimeoutMs: number
  readonly lingerMs: number
  readonly batchBytes: number
}

/**
 * Gathers records until a batch is full or has waited long enough, and sends one batch at a time.
 */
class LineSender {
  readonly #io: CliIo
  readonly #topic: string
  readonly #settings: ProducerSettings
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>
  #waiting: LineRecord[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(io: CliIo, topic: string, settings: ProducerSettings) {
    this.#io = io
    this.#topic = topic
    this.#settings = settings
    this.#producer = new Producer({
      clientId: settings.clientId,
      bootstrapBrokers: settings.bootstrap,
      acks: settings.acks,
      compression: settings.compression,
      idempotent: settings.isIdempotent,
      retries: settings.retries,
      retryDelay: settings.retryBackoffMs,
      timeout: settings.requestTimeoutMs,
      autocreateTopics: true,
    })
  }

  /** Resolves when there is room for more. */
  async add(record: LineRecord): Promise<void> {
    this.#waiting.push(record)
    this.#waitingBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if (this.#waitingBytes >= this.#settings.batchBytes) return this.#flush()
    this.#timer ??= setTimeout(() => void this.#flush(), this.#settings.lingerMs)
  }

  async close(): Promise<void> {
    await this.#flush()
    await this.#producer.close()
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const records = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    if (records.length > 0) this.#sending = this.#sending.then(() => this.#send(records))
    return this.#sending
  }

  async #send(records: readonly LineRecord[]): Promise<void> {
    try {
      await this.#producer.send({
        messages: toMessages(this.#topic, records),
        acks: this.#settings.acks,
      })
    } catch (error) {
      for (const { key, value } of records) {
        const size = (text: string | null) =>
          text === null ? 'null' : `${Buffer.byteLength(text)} bytes`
        const what = `with key: ${size(key)}, value: ${size(value)} with error:`
        logError(this.#io, LOGGER, `Error when sending message to topic ${this.#topic} ${what}`)
        this.#io.stderr(`${failureText(error)}\n`)
      }
    }
  }
}

/**
 * Records with a key go where Java's producer puts them. Those without go to one partition, drawn
 * anew for each batch: they stay in order.
 */
function toMessages(topic: string, records: readonly LineRecord[]) {
  const partition = randomInt(PARTITIONS_MAX)
  return records.map((record) => ({ topic, partition, ...toMessage(record) }))
}

const PARTITIONS_MAX = 2 ** 31

function toMessage({ key, value, headers }: LineRecord) {
  return {
    ...(key === null ? {} : { key: Buffer.from(key), partition: partitionHash(Buffer.from(key)) }),
    ...(value === null ? {} : { value: Buffer.from(value) }),
    ...(headers.length === 0
      ? {}
      : {
          headers: new Map(
            headers.map(([name, text]) => [Buffer.from(name), Buffer.from(text ?? '')]),
          ),
        }),
  }
}

/** Taken modulo the number of partitions by the producer. */
function partitionHash(key: Buffer): number {
  return compatibilityPartitioner({ topic: '' }, key)
}

/**
 * What went wrong at the bottom: the client wraps a broker's answer several times. An answer that
 * names single records comes first in the list, the code of the whole batch last.
 */
function failureText(error: unknown): string {
  const first = rootCause(error, 0)
  const last = rootCause(error, -1)
  if (!('apiCode' in last) || typeof last.apiCode !== 'number') return last.message
  const said = 'serverErrorMessage' in first ? first.serverErrorMessage : null
  const message = typeof said === 'string' ? said : errorMessage(last.apiCode)
  return `${exceptionClass(last.apiCode)}: ${message}`
}

function rootCause(error: unknown, choice: 0 | -1): Error {
  let root = error as Error
  for (let depth = 0; depth < 8; depth++) {
    const next = root instanceof AggregateError ? root.errors.at(choice) : root.cause
    if (!(next instanceof Error)) break
    root = next
  }
  return root
}

function producerSettings(options: ProducerOptions): ProducerSettings {
  const config = options['producer.config']
  const properties = new Map([
    ...(config === undefined ? [] : readProperties(config)),
    ...keyValuePairs(options.producerProperty),
  ])
  const value = (key: string, fallback: string) => properties.get(key) ?? fallback
  const acks = parseAcks(value('acks', options.requestRequiredAcks))
  const { compressionCodec } = options
  const codec = compressionCodec === true ? 'gzip' : (compressionCodec ?? 'none')
  const compression = CODECS.find((known) => known === codec.toLowerCase())
  if (compression === undefined) throw new UsageError(`Unknown compression name: ${codec}`)
  return {
    bootstrap: (options.bootstrapServer ?? options.brokerList!).split(','),
    clientId: value('client.id', 'console-producer'),
    acks,
    compression,
    isIdempotent: acks === -1 && value('enable.idempotence', 'true') !== 'false',
    retries: Number(value('retries', options.messageSendMaxRetries)),
    retryBackoffMs: Number(value('retry.backoff.ms', options.retryBackoffMs)),
    requestTimeoutMs: Number(value('request.timeout.ms', options.requestTimeoutMs)),
    lingerMs: options.sync ? 0 : Number(value('linger.ms', options.timeout)),
    batchBytes: options.sync ? 0 : Number(value('batch.size', options.batchSize)),
  }
}

function parseAcks(text: string): -1 | 0 | 1 {
  if (text === 'all' || text === '-1') return -1
  if (text === '0' || text === '1') return text === '0' ? 0 : 1
  throw new UsageError(`Invalid value ${text} for configuration acks`)
}

function readerProperties(options: ProducerOptions): Map<string, string> {
  return new Map([
    ...(options.readerConfig === undefined ? [] : readProperties(options.readerConfig)),
    ...keyValuePairs(options.property),
  ])
}

/** `key=value`; the value may be missing and may contain equals signs. */
export function keyValuePairs(texts: readonly string[] | undefined): [string, string][] {
  return (texts ?? []).map((text) => {
    const at = text.indexOf('=')
    return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  })
}

function addOptions(command: Command): void {
  command
    .option('--topic <topic>', 'REQUIRED: the topic to produce to')
    .option('--bootstrap-server <servers>', 'REQUIRED: the brokers to connect to, host:port,...')
    .option('--broker-list <servers>', 'old name of --bootstrap-server')
    .option('--sync', 'send each line by itself and wait for the answer')
    .option('--compression-codec [codec]', 'none, gzip (when no codec is named), snappy, lz4, zstd')
    .option('--batch-size <bytes>', 'size of a batch', '16384')
    .option('--message-send-max-retries <count>', 'retries of a batch', '3')
    .option('--retry-backoff-ms <ms>', 'wait before each retry', '100')
    .option('--timeout <ms>', 'how long a record waits for others', '1000')
    .option('--request-required-acks <acks>', 'acknowledgements: -1 or all, 1, 0', '-1')
    .option('--request-timeout-ms <ms>', 'wait for an answer', '1500')
    .option('--max-block-ms <ms>', 'accepted for compatibility')
    .option('--metadata-expiry-ms <ms>', 'accepted for compatibility')
    .option('--max-memory-bytes <bytes>', 'accepted for compatibility')
    .option('--max-partition-memory-bytes <bytes>', 'accepted for compatibility')
    .option('--socket-buffer-size <bytes>', 'accepted for compatibility')
    .option('--line-reader <class>', 'accepted for compatibility')
    .option(
      '--property <key=value>',
      'how lines are read: parse.key, key.separator, parse.headers, headers.delimiter, ' +
        'headers.separator, headers.key.separator, null.marker, ignore.error',
      collect,
    )
    .option('--reader-config <file>', 'properties file for the same')
    .option('--producer-property <key=value>', 'setting of the producer', collect)
    .option('--producer.config <file>', 'properties file with settings of the producer')
}
