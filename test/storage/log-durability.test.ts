/**
 * What a power loss leaves of a log, whatever was done to it before: nothing below the recovery point is
 * lost, and the rest is how the log once was, never a mixture.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLeaderEpoch } from '../../src/records/batch-header.ts'
import { forEachBatch } from '../../src/records/batches.ts'
import { readRecords } from '../../src/records/reader.ts'
import type { LogConfig } from '../../src/storage/log-config.ts'
import { settlePromises } from '../support/fake-clock.ts'
import { LogBench } from '../support/log-bench.ts'
import { SeededRandom } from '../support/seeded-random.ts'

interface Stored {
  readonly value: string
  readonly epoch: number
}

/** What a log holds, or held once. */
interface History {
  readonly records: ReadonlyMap<number, Stored>
  readonly end: number
}

const SEEDS = 400
const VALUE_BYTES_MAX = 60
/** Of one batch. */
const RECORDS_MAX = 3

class Model {
  readonly bench: LogBench
  readonly #random: SeededRandom
  #now: History = { records: new Map(), end: 0 }
  /** All that it was since the last power loss. */
  #past: History[] = [this.#now]
  #epoch = 0
  #step = 0

  constructor(seed: number, config: Partial<LogConfig>) {
    this.#random = new SeededRandom(seed)
    this.bench = new LogBench(config, seed)
  }

  async step(): Promise<string> {
    const { log } = this.bench
    this.#step += 1
    const dice = this.#random.nextInt(20)
    if (dice < 9) return this.#append()
    if (dice < 11) return this.#truncate()
    if (dice === 11) return this.#restartFully()
    if (dice === 12) {
      log.flush()
      return 'flush'
    }
    if (dice === 13) {
      this.bench.logs.checkpoint()
      return 'checkpoint'
    }
    if (dice === 14) {
      this.bench.settleDevice()
      await settlePromises()
      this.bench.isDeviceBusy = this.#random.chance(0.5)
      return 'settle'
    }
    if (dice === 15) {
      log.setHighWatermark(log.logEndOffset)
      this.bench.logs.applyRetention()
      return `retention to ${log.logStartOffset}`
    }
    if (dice === 16) {
      this.bench.crash()
      return 'crash'
    }
    if (dice === 17) {
      await this.bench.restart()
      return 'restart'
    }
    return this.#losePower()
  }

  #append(): string {
    const { log } = this.bench
    if (this.#random.chance(0.3)) this.#epoch += 1
    const from = log.logEndOffset
    const records = new Map(this.#now.records)
    const values: string[] = []
    for (let count = 1 + this.#random.nextInt(RECORDS_MAX); count > 0; count--) {
      const value = `${this.#step}/${'x'.repeat(this.#random.nextInt(VALUE_BYTES_MAX))}`
      records.set(from + values.length, { value, epoch: this.#epoch })
      values.push(value)
    }
    assert.equal(this.bench.append(values, this.#epoch, timestampOf(this.#step)), from)
    this.#become({ records, end: log.logEndOffset })
    return `append [${from}, ${log.logEndOffset}) of epoch ${this.#epoch}`
  }

  #truncate(): string {
    const { log } = this.bench
    const to = log.logEndOffset - this.#random.nextInt(1 + log.logEndOffset - log.logStartOffset)
    log.truncateTo(to)
    assert.ok(log.logEndOffset <= to && log.logEndOffset > to - RECORDS_MAX)
    this.#become({ records: below(this.#now, log.logEndOffset), end: log.logEndOffset })
    this.#beginEpoch()
    return `truncate to ${to}, at ${log.logEndOffset}`
  }

  #restartFully(): string {
    const at = this.bench.log.logEndOffset + this.#random.nextInt(30)
    this.bench.log.truncateFullyAndStartAt(at)
    this.#epoch += 1
    this.#become({ records: new Map(), end: at })
    return `begin anew at ${at}`
  }

  async #losePower(): Promise<string> {
    const { recoveryPoint, logStartOffset } = this.bench.log
    const before = this.#now
    this.bench.losePower()
    this.bench.settleDevice()
    const found = await this.read()
    for (let offset = logStartOffset; offset < recoveryPoint; offset++) {
      assert.deepEqual(found.records.get(offset), before.records.get(offset), `offset ${offset}`)
    }
    const match = this.#past.findLast((past) => isPrefix(found, past))
    assert.ok(match !== undefined, `was never like that: ${show(found)}`)
    this.#past = []
    this.#become({ records: below(match, found.end), end: found.end })
    this.#beginEpoch()
    this.#checkEpochs(found)
    this.#checkLookups(found)
    return `power loss, left [${this.bench.log.logStartOffset}, ${found.end})`
  }

  /** As a follower: what comes now may be of an epoch below that of what was cut off. */
  #beginEpoch(): void {
    const { records } = this.#now
    this.#epoch = records.size === 0 ? this.#epoch + 1 : 1 + [...records.values()].at(-1)!.epoch
  }

  #become(next: History): void {
    this.#now = next
    this.#past.push(next)
  }

  async read(): Promise<History> {
    const { log } = this.bench
    const records = new Map<number, Stored>()
    let next = log.logStartOffset
    while (next < log.logEndOffset) {
      const chunks = await log.read(next, 100_000, 'log-end', true).materialize()
      const bytes = Buffer.concat(chunks)
      const from = next
      forEachBatch(bytes, (at) => {
        const epoch = readLeaderEpoch(bytes, at)
        for (const { offset, value } of readRecords(bytes, at)) {
          if (offset < from) continue
          assert.equal(offset, next, 'offsets follow each other')
          records.set(offset, { value: String(value), epoch })
          next = offset + 1
        }
      })
      assert.ok(next > from, `nothing can be read at ${from}`)
    }
    return { records, end: log.logEndOffset }
  }

  /** What the log says of its epochs is what its batches say. */
  #checkEpochs({ records, end }: History): void {
    const { log } = this.bench
    const epochs = [...new Set([...records.values()].map(({ epoch }) => epoch))]
    for (const [at, epoch] of epochs.entries()) {
      const next = epochs[at + 1]
      const nextStart = [...records].find(([, stored]) => stored.epoch === next)?.[0]
      assert.deepEqual(
        log.endOffsetForEpoch(epoch),
        { epoch, endOffset: nextStart ?? (log.latestEpoch === epoch ? end : -1) },
        `epoch ${epoch} of ${epochs}`,
      )
    }
  }

  /** By offset and by time, through the indexes. */
  #checkLookups({ records }: History): void {
    const { log } = this.bench
    let firstOfStep = -1
    let before = ''
    for (const [offset, { value }] of records) {
      const step = value.split('/')[0]!
      if (step !== before) firstOfStep = offset
      before = step
      const found = log.offsetForTimestamp(timestampOf(Number(step)))
      assert.equal(found?.offset, firstOfStep, `the time of ${offset}`)
      assert.ok(log.read(offset, 1, 'log-end', true).bytes > 0, `a batch with ${offset}`)
    }
  }

  async checkAll(): Promise<void> {
    this.bench.settleDevice()
    const found = await this.read()
    assert.equal(found.end, this.#now.end)
    for (const [offset, stored] of found.records) {
      assert.deepEqual(stored, this.#now.records.get(offset), `offset ${offset}`)
    }
    this.#checkEpochs(found)
    this.#checkLookups(found)
  }
}

function timestampOf(step: number): number {
  return 1000 + 10 * step
}

/** Records of segments that retention took may be missing at the start, and may have come back. */
function isPrefix(found: History, past: History): boolean {
  if (found.end > past.end) return false
  for (const [offset, { value, epoch }] of found.records) {
    const stored = past.records.get(offset)
    if (stored?.value !== value || stored.epoch !== epoch) return false
  }
  return true
}

function below({ records }: History, end: number): Map<number, Stored> {
  return new Map([...records].filter(([offset]) => offset < end))
}

function show({ records, end }: History): string {
  const values = [...records].map(([offset, { value, epoch }]) => {
    return `${offset}=${value.split('/')[0]}e${epoch}`
  })
  return `[${values.join(' ')}] end ${end}`
}

const CONFIGS: readonly Partial<LogConfig>[] = [
  { segmentBytes: 400, retentionBytes: 2000, retentionMs: -1, indexIntervalBytes: 50 },
  { segmentBytes: 400, retentionBytes: 2000, retentionMs: -1, flushMessages: 1 },
  { segmentBytes: 1000, retentionBytes: -1, retentionMs: -1, flushMessages: 5 },
]

test('a power loss takes nothing below the recovery point, and leaves no mixture', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const model = new Model(seed, CONFIGS[seed % CONFIGS.length]!)
    const steps: string[] = []
    try {
      for (let step = 0; step < 60; step++) steps.push(await model.step())
      await model.checkAll()
    } catch (error) {
      throw new Error(`seed ${seed} after ${steps.join(', ')}`, { cause: error })
    }
  }
})
