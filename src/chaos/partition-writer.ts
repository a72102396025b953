/**
 * Writes unique values to one partition: acks=all, one after the other, one try each. A value that
 * failed is never tried again, so whatever is in the log twice was put there by the cluster.
 */
import type { Clock } from '../base/ports.ts'
import type { PartitionClient, ProduceResult } from '../client/partition-client.ts'
import { buildBatch } from '../records/builder.ts'
import { GapMeter } from './gap-meter.ts'
import type { LeaderScout } from './leader-scout.ts'
import type { PartitionLedger } from './partition-ledger.ts'
import { StopSignal } from './stop-signal.ts'

export interface WriterOptions {
  readonly topic: string
  readonly partition: number
  /** Between two values. */
  readonly intervalMs: number
  /** How long a leader may wait for its followers. */
  readonly timeoutMs: number
  readonly scout: LeaderScout
  readonly toValue: (number: number) => string
  /** After an acknowledgement; `wasFailing` when the value before it failed. */
  readonly onAck: (wasFailing: boolean) => void
}

/** Between a failure and the next value, so that the end of an outage is noticed soon. */
const RETRY_MS = 10
/** Acknowledged and not read yet: then the reader must catch up first. */
const UNCHECKED_MAX = 100_000

export class PartitionWriter {
  readonly #client: PartitionClient
  readonly #clock: Clock
  readonly #ledger: PartitionLedger
  readonly #options: WriterOptions
  readonly #stop: StopSignal
  readonly gaps: GapMeter
  #lastAckAtMs = 0
  #isFailing = false
  #lastError: unknown = null
  #running: Promise<void> | null = null

  constructor(
    client: PartitionClient,
    clock: Clock,
    ledger: PartitionLedger,
    options: WriterOptions,
  ) {
    this.#client = client
    this.#clock = clock
    this.#ledger = ledger
    this.#options = options
    this.#stop = new StopSignal(clock)
    this.gaps = new GapMeter(clock.monotonicMs())
  }

  /** Wall clock; 0 before the first. */
  get lastAckAtMs(): number {
    return this.#lastAckAtMs
  }

  /** Why the last value failed; null when it did not. */
  get lastError(): unknown {
    return this.#lastError
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.stop()
    await this.#running
  }

  async #run(): Promise<void> {
    const { intervalMs } = this.#options
    while (!this.#stop.isStopped) {
      const startMs = this.#clock.monotonicMs()
      if (this.#ledger.counts.unchecked < UNCHECKED_MAX) await this.#writeOne()
      const restMs = intervalMs - (this.#clock.monotonicMs() - startMs)
      await this.#stop.sleep(this.#isFailing ? Math.min(RETRY_MS, intervalMs) : Math.max(0, restMs))
    }
  }

  async #writeOne(): Promise<void> {
    const { toValue, onAck } = this.#options
    const value = toValue(this.#ledger.send())
    const batch = buildBatch([{ value, timestamp: Math.floor(this.#clock.wallMs()) }])
    try {
      const { baseOffset } = await this.#produce(batch)
      this.#ledger.ack(baseOffset)
    } catch (error) {
      this.#ledger.fail()
      this.#isFailing = true
      this.#lastError = error
      return
    }
    const wasFailing = this.#isFailing
    this.#isFailing = false
    this.#lastError = null
    this.#lastAckAtMs = this.#clock.wallMs()
    this.gaps.ack(this.#clock.monotonicMs())
    onAck(wasFailing)
  }

  /** An answer of a leader that is none any more is not waited for. */
  async #produce(batch: Buffer): Promise<ProduceResult> {
    const { topic, partition, timeoutMs, scout } = this.#options
    const leader = await this.#client.leaderOf(topic, partition)
    const move = scout.whenMoved(partition, leader)
    const written = this.#client.produce(topic, partition, [batch], { timeoutMs })
    written.catch(() => {})
    try {
      const moved = move.leader.then((next) => {
        this.#client.learn(topic, partition, next)
        throw new Error(`leader ${leader} did not answer, and ${next} leads now`)
      })
      return await Promise.race([written, moved])
    } finally {
      move.cancel()
    }
  }
}
