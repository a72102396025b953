/**
 * Reads one partition from a given offset on and enters what it finds into the partition's ledger; at
 * the end up to the high watermark, and then all of it a second time: what was read once must be there
 * still, whoever leads now.
 */
import type { Clock } from '../base/ports.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { type FetchResult, type ListedOffset, OffsetSpec } from '../client/partition-client.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { isControl, readLastOffset } from '../records/batch-header.ts'
import { forEachBatch } from '../records/batches.ts'
import { readRecords } from '../records/reader.ts'
import type { LeaderLink } from './leader-link.ts'
import type { PartitionLedger } from './partition-ledger.ts'
import { ReadDigest, vanishedBetween } from './read-digest.ts'
import { StopSignal } from './stop-signal.ts'
import { SuccessMeter } from './success-meter.ts'

export interface ReaderOptions {
  readonly topic: string
  readonly partition: number
  readonly startOffset: number
  /** The number in a value of ours: null for a foreign one, `misplaced` from another partition. */
  readonly numberOf: (value: string) => number | null | 'misplaced'
  /** After a fetch that was answered, with records or without; not while it reads to its end. */
  readonly onAnswer: (wasFailing: boolean) => void
}

/** An answer comes that often even when there is nothing to read: nothing shorter is a gap. */
const FETCH = { maxBytes: 1024 * 1024, maxWaitMs: 25 }
/** Between a failure and the next fetch, so that the end of an outage is noticed soon. */
const RETRY_MS = 10
/** A broker that answers without waiting must not keep us busy. */
const EMPTY_PAUSE_MS = 5
/** A new leader may know the high watermark late, but not later than this. */
const SETTLE_MS = 10_000
/** A second reading of more than this is left out. */
const SECOND_READING_MAX = 5_000_000

export class PartitionReader {
  readonly #link: LeaderLink
  readonly #clock: Clock
  readonly #ledger: PartitionLedger
  readonly #options: ReaderOptions
  readonly #stop: StopSignal
  readonly answers: SuccessMeter
  readonly #digest = new ReadDigest()
  #isFinishing = false
  /** The reader has been where the high watermark was, since when; acknowledged ones lie behind. */
  #atEndSinceMs: number | null = null
  #running: Promise<boolean> | null = null

  constructor(link: LeaderLink, clock: Clock, ledger: PartitionLedger, options: ReaderOptions) {
    this.#link = link
    this.#clock = clock
    this.#ledger = ledger
    this.#options = options
    this.#stop = new StopSignal(clock)
    this.answers = new SuccessMeter(clock)
  }

  start(): void {
    this.#running = this.#run()
  }

  /**
   * The writer has ended: reads to the end, then all again, each for at most `timeoutMs`. Resolves with
   * whether all was read twice.
   */
  async finish(timeoutMs: number): Promise<boolean> {
    this.#isFinishing = true
    let cancel = this.#clock.after(timeoutMs, () => this.#stop.stop())
    const isComplete = (await this.#running) ?? false
    cancel()
    if (!isComplete) return false
    this.#ledger.settle()
    cancel = this.#clock.after(timeoutMs, () => this.#stop.stop())
    const isReadTwice = await this.#readAgain()
    cancel()
    return isReadTwice
  }

  /** Ends without finishing. */
  async abort(): Promise<void> {
    this.#stop.stop()
    await this.#running
  }

  async #run(): Promise<boolean> {
    while (!this.#stop.isStopped) {
      const wasFinishing = this.#isFinishing
      try {
        const fetched = await this.#fetch(this.#ledger.position)
        this.#onAnswer()
        this.#enter(fetched)
        if (wasFinishing && this.#isAtEnd(fetched.highWatermark)) return true
        if (endOf(fetched.records) === 0) await this.#stop.sleep(EMPTY_PAUSE_MS)
      } catch (error) {
        if (!this.#isFinishing) this.answers.fail()
        await this.#recover(error)
      }
    }
    return false
  }

  #onAnswer(): void {
    if (this.#isFinishing) return
    const wasFailing = this.answers.isFailing
    this.answers.succeed()
    this.#options.onAnswer(wasFailing)
  }

  #fetch(position: number): Promise<FetchResult> {
    const { topic, partition } = this.#options
    return this.#link.call((client) => client.fetch(topic, partition, position, FETCH))
  }

  #listOffset(which: number): Promise<ListedOffset> {
    const { topic, partition } = this.#options
    return this.#link.call((client) => client.listOffset(topic, partition, which))
  }

  #enter({ records }: FetchResult): void {
    forEachRecord(records, this.#ledger.position, (offset, value) => {
      const number = this.#options.numberOf(value)
      if (number === 'misplaced') this.#ledger.misplaced()
      const isNew = offset >= this.#ledger.farthest
      if (typeof number === 'number' && isNew) this.#digest.add(number, offset)
      this.#ledger.read(offset, number === 'misplaced' ? null : number)
    })
    this.#ledger.passed(endOf(records))
  }

  #isAtEnd(highWatermark: number): boolean {
    const { position, pendingEndOffset } = this.#ledger
    if (position < highWatermark) return false
    if (pendingEndOffset <= position) return true
    const nowMs = this.#clock.monotonicMs()
    this.#atEndSinceMs ??= nowMs
    return nowMs - this.#atEndSinceMs >= SETTLE_MS
  }

  async #recover(error: unknown): Promise<void> {
    if (!isOutOfRange(error)) {
      await this.#stop.sleep(RETRY_MS)
      return
    }
    try {
      const latest = await this.#listOffset(OffsetSpec.LATEST)
      if (latest.offset < this.#ledger.position) this.#ledger.wentBack(latest.offset)
      const earliest = await this.#listOffset(OffsetSpec.EARLIEST)
      this.#ledger.passed(earliest.offset)
    } catch {
      // Nobody knows at the moment; the next fetch says so too.
    }
    await this.#stop.sleep(RETRY_MS)
  }

  /** False when it was too much, too late, or gone by retention. */
  async #readAgain(): Promise<boolean> {
    const { startOffset, numberOf } = this.#options
    const end = this.#ledger.farthest
    if (end - startOffset > SECOND_READING_MAX) return false
    const digest = new ReadDigest()
    for (let position = startOffset; position < end; ) {
      if (this.#stop.isStopped) return false
      const step = await this.#stepAgain(position, (offset, value) => {
        const number = numberOf(value)
        if (typeof number === 'number' && offset < end) digest.add(number, offset)
      })
      // By retention: there is nothing to compare with.
      if (step === 'deleted') return false
      if (step === 'ended') break
      position = step
    }
    this.#ledger.vanished(vanishedBetween(this.#digest.value, digest.value))
    return true
  }

  /** Where to go on; `ended`: the log does; `deleted`: the log begins behind the position. */
  async #stepAgain(
    position: number,
    visit: (offset: number, value: string) => void,
  ): Promise<number | 'ended' | 'deleted'> {
    try {
      const { records, highWatermark } = await this.#fetch(position)
      forEachRecord(records, position, visit)
      if (endOf(records) > position) return endOf(records)
      if (position < highWatermark) return position
      const { offset } = await this.#listOffset(OffsetSpec.LATEST)
      return offset <= position ? 'ended' : position
    } catch (error) {
      await this.#stop.sleep(RETRY_MS)
      if (!isOutOfRange(error)) return position
    }
    try {
      const { offset } = await this.#listOffset(OffsetSpec.EARLIEST)
      return offset > position ? 'deleted' : 'ended'
    } catch {
      return position
    }
  }
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE
}

function forEachRecord(
  records: Buffer,
  fromOffset: number,
  visit: (offset: number, value: string) => void,
): void {
  forEachBatch(records, (at) => {
    if (isControl(records, at) || readLastOffset(records, at) < fromOffset) return
    for (const { offset, value } of readRecords(records, at)) {
      if (offset >= fromOffset) visit(offset, String(value))
    }
  })
}

/** Behind the last whole batch; 0 when there is none. */
function endOf(records: Buffer): number {
  let end = 0
  forEachBatch(records, (at) => {
    end = readLastOffset(records, at) + 1
  })
  return end
}
