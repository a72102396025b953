/**
 * Does a cluster keep its word? Unique values go to a topic of our own with acks=all, one writer and one
 * reader per partition, and at the end everything acknowledged must have been seen, once and in order.
 * Works against any Kafka cluster. Each writer and reader has connections of its own, so that one broker
 * that hangs holds up nobody else.
 */
import type { Clock, Random } from '../base/ports.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { OffsetSpec, PartitionClient } from '../client/partition-client.ts'
import type { PartitionWrites, UnnumberedEvent } from '../dashboard/history/events.ts'
import { LeaderLink } from './leader-link.ts'
import { LeaderScout } from './leader-scout.ts'
import { type LedgerCounts, PartitionLedger } from './partition-ledger.ts'
import { PartitionReader } from './partition-reader.ts'
import { PartitionWriter } from './partition-writer.ts'
import { type MeterSpan, SuccessMeter } from './success-meter.ts'
import { ensureVerifyTopic } from './verify-topic.ts'

export interface VerifierPorts {
  readonly clock: Clock
  readonly random: Random
  /** A new client of the cluster; the verifier closes it. Its requests should time out in seconds. */
  readonly open: () => ClusterClient
}

export interface VerifierOptions {
  /** Default `samsa-verify`. */
  readonly topic?: string
  /** Default 3; fewer when the topic is there and has fewer. */
  readonly partitions?: number
  /** Values a second, all partitions together; default 50 for each partition. */
  readonly ratePerSecond?: number
  /** How long a leader may wait for its followers; default 3000. */
  readonly produceTimeoutMs?: number
  /** How long the last reading may take when the cluster is not well, and the second; default 60000. */
  readonly finishTimeoutMs?: number
  readonly onEvent?: (event: UnnumberedEvent) => void
}

export interface Verdict extends LedgerCounts {
  /** The longest time that one partition had no acknowledgement. */
  readonly longestGapMs: number
  /** The longest time without any acknowledgement. */
  readonly longestGapOfAllMs: number
  /** The longest time that one partition could not be read: no fetch of it was answered. */
  readonly longestReadGapMs: number
  readonly isRunning: boolean
  /** At the end all was read a second time, as it should; false before. */
  readonly isReadTwice: boolean
  readonly partitions: readonly PartitionVerdict[]
  /** Why the last value of some partition failed; null when none did. */
  readonly lastError: string | null
}

export interface PartitionVerdict extends LedgerCounts {
  readonly partition: number
  readonly longestGapMs: number
  readonly longestReadGapMs: number
}

interface Lane {
  readonly partition: number
  readonly ledger: PartitionLedger
  readonly writer: PartitionWriter
  readonly reader: PartitionReader
  readonly clients: readonly ClusterClient[]
}

interface RunParts {
  /** Tells the values of this run from those of others. */
  readonly run: string
  readonly scout: LeaderScout
  /** Of partitions. */
  readonly count: number
}

export const VERIFY_TOPIC = 'samsa-verify'
const DEFAULT_PARTITIONS = 3
const DEFAULT_RATE_PER_PARTITION = 50
const DEFAULT_PRODUCE_TIMEOUT_MS = 3_000
const DEFAULT_FINISH_TIMEOUT_MS = 60_000
const WRITES_EVERY_MS = 100
const WRITES_PER_VERDICT = 10

export class Verifier {
  readonly #ports: VerifierPorts
  readonly #options: VerifierOptions
  readonly #topic: string
  #lanes: readonly Lane[] = []
  #scout: LeaderScout | null = null
  #allAcks: SuccessMeter
  #cancelReport: () => void = () => {}
  #reports = 0
  #state: 'new' | 'running' | 'finishing' | 'ended' = 'new'
  #endedAtMs: number | null = null
  #isReadTwice = false
  #stopping: Promise<Verdict> | null = null

  constructor(ports: VerifierPorts, options: VerifierOptions = {}) {
    this.#ports = ports
    this.#options = options
    this.#topic = options.topic ?? VERIFY_TOPIC
    this.#allAcks = new SuccessMeter(ports.clock)
  }

  get isRunning(): boolean {
    return this.#state === 'running' || this.#state === 'finishing'
  }

  get topic(): string {
    return this.#topic
  }

  /** Resolves when it writes; rejects when the topic cannot be made or found in time. */
  async start(): Promise<void> {
    const { clock, random, open } = this.#ports
    const run = random.bytes(6).toString('hex')
    const client = open()
    try {
      const wanted = this.#options.partitions ?? DEFAULT_PARTITIONS
      const count = await ensureVerifyTopic(client, { name: this.#topic, partitions: wanted })
      const partitions = Array.from({ length: count }, (_, partition) => partition)
      const offsets = new PartitionClient(client)
      const starts = await Promise.all(
        partitions.map((each) => offsets.listOffset(this.#topic, each, OffsetSpec.LATEST)),
      )
      const scout = new LeaderScout(open(), clock, this.#topic)
      this.#scout = scout
      await scout.start()
      this.#allAcks = new SuccessMeter(clock)
      this.#lanes = partitions.map((each) =>
        this.#makeLane({ run, scout, count }, each, starts[each]!.offset),
      )
    } catch (error) {
      await this.#scout?.close()
      throw error
    } finally {
      await client.close()
    }
    this.#state = 'running'
    for (const { reader, writer } of this.#lanes) {
      reader.start()
      writer.start()
    }
    this.#emitVerdict()
    this.#scheduleReport()
  }

  /** Ends the writing, reads to the end, judges. */
  stop(): Promise<Verdict> {
    this.#stopping ??= this.#finish()
    return this.#stopping
  }

  /** Ends at once, without a last reading: for when nobody wants the verdict any more. */
  abandon(): void {
    if (!this.isRunning) return
    this.#stopping ??= Promise.resolve(this.verdict)
    this.#endedAtMs ??= this.#ports.clock.monotonicMs()
    this.#cancelReport()
    this.#state = 'ended'
    for (const { writer, reader } of this.#lanes) {
      void writer.stop()
      void reader.abort()
    }
    // What hangs in a request is woken by that.
    void this.#closeClients()
  }

  get verdict(): Verdict {
    const nowMs = this.#endedAtMs ?? this.#ports.clock.monotonicMs()
    const partitions = this.#lanes.map(({ partition, ledger, writer, reader }) => ({
      partition,
      ...ledger.counts,
      longestGapMs: writer.acks.longestMs(nowMs),
      longestReadGapMs: reader.answers.longestMs(nowMs),
    }))
    const longest = (pick: (verdict: PartitionVerdict) => number): number =>
      Math.max(0, ...partitions.map(pick))
    const sum = (pick: (counts: LedgerCounts) => number): number =>
      partitions.reduce((total, each) => total + pick(each), 0)
    const failing = this.#lanes.find(({ writer }) => writer.lastError !== null)
    return {
      acked: sum(({ acked }) => acked),
      failed: sum(({ failed }) => failed),
      consumed: sum(({ consumed }) => consumed),
      lost: sum(({ lost }) => lost),
      duplicated: sum(({ duplicated }) => duplicated),
      reordered: sum(({ reordered }) => reordered),
      unchecked: sum(({ unchecked }) => unchecked),
      longestGapMs: longest(({ longestGapMs }) => longestGapMs),
      longestGapOfAllMs: this.#lanes.length === 0 ? 0 : this.#allAcks.longestMs(nowMs),
      longestReadGapMs: longest(({ longestReadGapMs }) => longestReadGapMs),
      isRunning: this.isRunning,
      isReadTwice: this.#isReadTwice,
      partitions,
      lastError: failing === undefined ? null : String(failing.writer.lastError),
    }
  }

  #makeLane({ run, scout, count }: RunParts, partition: number, startOffset: number): Lane {
    const { clock, open } = this.#ports
    const clients = [open(), open()]
    const ledger = new PartitionLedger(startOffset)
    const rate = this.#options.ratePerSecond ?? DEFAULT_RATE_PER_PARTITION * count
    const [forWriter, forReader] = clients.map(
      (client) => new LeaderLink(client, scout, { topic: this.#topic, partition }),
    )
    const writer = new PartitionWriter(forWriter!, clock, ledger, {
      topic: this.#topic,
      partition,
      intervalMs: (1_000 * count) / rate,
      timeoutMs: this.#options.produceTimeoutMs ?? DEFAULT_PRODUCE_TIMEOUT_MS,
      toValue: (number) => `${run}-${partition}-${number}`,
      onAck: (wasFailing) => this.#onAck(wasFailing),
    })
    const reader = new PartitionReader(forReader!, clock, ledger, {
      topic: this.#topic,
      partition,
      startOffset,
      numberOf: (value) => numberIn(value, run, partition),
      onAnswer: (wasFailing) => {
        if (wasFailing) this.#emitWrites()
      },
    })
    return { partition, ledger, writer, reader, clients }
  }

  #onAck(wasFailing: boolean): void {
    this.#allAcks.succeed()
    if (wasFailing) this.#emitWrites()
  }

  async #finish(): Promise<Verdict> {
    if (this.#state === 'new') return this.verdict
    this.#state = 'finishing'
    this.#endedAtMs = this.#ports.clock.monotonicMs()
    await Promise.all(this.#lanes.map(({ writer }) => writer.stop()))
    const timeoutMs = this.#options.finishTimeoutMs ?? DEFAULT_FINISH_TIMEOUT_MS
    const readTwice = await Promise.all(this.#lanes.map(({ reader }) => reader.finish(timeoutMs)))
    this.#isReadTwice = readTwice.every(Boolean)
    this.#cancelReport()
    this.#state = 'ended'
    this.#emitWrites()
    this.#emitVerdict()
    await this.#closeClients()
    return this.verdict
  }

  async #closeClients(): Promise<void> {
    await Promise.all(this.#lanes.flatMap(({ clients }) => clients.map((each) => each.close())))
    await this.#scout?.close()
  }

  #scheduleReport(): void {
    this.#cancelReport = this.#ports.clock.after(WRITES_EVERY_MS, () => {
      this.#emitWrites()
      this.#reports += 1
      if (this.#reports % WRITES_PER_VERDICT === 0) this.#emitVerdict()
      this.#scheduleReport()
    })
  }

  #emitWrites(): void {
    const { onEvent } = this.#options
    const partitions = this.#lanes.map(({ partition, writer, reader }) =>
      toWrites(partition, writer.acks.takeSpan(), reader.answers.takeSpan()),
    )
    const atMs = this.#ports.clock.wallMs()
    onEvent?.({ kind: 'writes', atMs, topic: this.#topic, partitions })
  }

  #emitVerdict(): void {
    const { acked, failed, consumed, lost, duplicated, reordered, ...rest } = this.verdict
    this.#options.onEvent?.({
      kind: 'verdict',
      atMs: this.#ports.clock.wallMs(),
      acked,
      failed,
      consumed,
      lost,
      duplicated,
      reordered,
      longestGapMs: rest.longestGapMs,
      longestReadGapMs: rest.longestReadGapMs,
      isRunning: rest.isRunning,
    })
  }
}

/** Nothing acknowledged is lost, twice or out of order, and all of it was looked for. */
export function isGood(verdict: LedgerCounts): boolean {
  const { lost, duplicated, reordered, unchecked } = verdict
  return lost + duplicated + reordered + unchecked === 0
}

function toWrites(
  partition: number,
  { succeeded: acked, failed, lastAtMs: lastAckAtMs, ...gap }: MeterSpan,
  { succeeded: answered, ...reads }: MeterSpan,
): PartitionWrites {
  return { partition, acked, failed, lastAckAtMs, ...gap, reads: { answered, ...reads } }
}

function numberIn(value: string, run: string, partition: number): number | null | 'misplaced' {
  const [ofRun, ofPartition, number] = value.split('-')
  if (ofRun !== run || number === undefined) return null
  return ofPartition === String(partition) ? Number(number) : 'misplaced'
}
