/**
 * Writes unique values to one partition: acks=all, one after the other, one try each. A value that
 * failed is never tried again, so whatever is in the log twice was put there by the cluster.
 */
import type { Clock } from '../base/ports.ts'
import { buildBatch } from '../records/builder.ts'
import type { LeaderLink } from './leader-link.ts'
import type { PartitionLedger } from './partition-ledger.ts'
import { StopSignal } from './stop-signal.ts'
import { SuccessMeter } from './success-meter.ts'

export interface WriterOptions {
  readonly topic: string
  readonly partition: number
  /** Between two values. */
  readonly intervalMs: number
  /** How long a leader may wait for its followers. */
  readonly timeoutMs: number
  readonly toValue: (number: number) => string
  /** After an acknowledgement; `wasFailing` when the value before it failed. */
  readonly onAck: (wasFailing: boolean) => void
}

/** Between a failure and the next value, so that the end of an outage is noticed soon. */
const RETRY_MS = 10
/** Acknowledged and not read yet: then the reader must catch up first. */
const UNCHECKED_MAX = 100_000

export class PartitionWriter {
  readonly #link: LeaderLink
  readonly #clock: Clock
  readonly #ledger: PartitionLedger
  readonly #options: WriterOptions
  readonly #stop: StopSignal
  readonly acks: SuccessMeter
  #lastError: unknown = null
  #running: Promise<void> | null = null

  constructor(link: LeaderLink, clock: Clock, ledger: PartitionLedger, options: WriterOptions) {
    this.#link = link
    this.#clock = clock
    this.#ledger = ledger
    this.#options = options
    this.#stop = new StopSignal(clock)
    this.acks = new SuccessMeter(clock)
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
      await this.#stop.sleep(
        this.acks.isFailing ? Math.min(RETRY_MS, intervalMs) : Math.max(0, restMs),
      )
    }
  }

  async #writeOne(): Promise<void> {
    const { topic, partition, timeoutMs, toValue, onAck } = this.#options
    const value = toValue(this.#ledger.send())
    const batch = buildBatch([{ value, timestamp: Math.floor(this.#clock.wallMs()) }])
    try {
      const { baseOffset } = await this.#link.call((client) =>
        client.produce(topic, partition, [batch], { timeoutMs }),
      )
      this.#ledger.ack(baseOffset)
    } catch (error) {
      this.#ledger.fail()
      this.acks.fail()
      this.#lastError = error
      return
    }
    const wasFailing = this.acks.isFailing
    this.#lastError = null
    this.acks.succeed()
    onAck(wasFailing)
  }
}
