/** A log manager on a disk in memory whose process dies and starts again when told. */
import type { Disk } from '../../src/base/ports.ts'
import { type Fullness, fillableDisk } from '../../src/host/fillable-disk.ts'
import { forEachBatch } from '../../src/records/batches.ts'
import { buildBatch } from '../../src/records/builder.ts'
import { readRecords } from '../../src/records/reader.ts'
import type { Log } from '../../src/storage/log.ts'
import { defaultLogConfig, type LogConfig } from '../../src/storage/log-config.ts'
import { LogManager } from '../../src/storage/log-manager.ts'
import { SimDisk } from '../sim/sim-disk.ts'
import type { SimProcess } from '../sim/sim-process.ts'
import { FakeClock } from './fake-clock.ts'
import { SeededRandom } from './seeded-random.ts'
import { SilentLoggers } from './silent-loggers.ts'

export const PARTITION = { topic: 'orders', partition: 0 }
export const DIRECTORY = '/data/orders-0'
const TOPIC_ID = 'aaaaaaaaaaaaaaaaaaaaaQ'

export class LogBench {
  readonly clock = new FakeClock()
  readonly loggers = new SilentLoggers()
  readonly #simDisk: SimDisk
  readonly #config: Partial<LogConfig>
  disk!: Disk
  /** For as long as it says so the disk is full. */
  fullness: Fullness = { isFull: () => false, fitting: () => 0 }
  logs!: LogManager
  /** Whether what does not block takes until `settleDevice`. */
  isDeviceBusy = false
  readonly #onDevice: (() => void)[] = []
  #die: () => void = () => {}

  constructor(config: Partial<LogConfig> = {}, seed = 1) {
    this.#config = config
    this.#simDisk = new SimDisk(new SeededRandom(seed))
    this.start()
  }

  get log(): Log {
    return this.logs.getOrCreate(PARTITION, { isNew: true, topicId: TOPIC_ID })
  }

  /** `isLocked`: another process has the directory. */
  start(isLocked = false): void {
    const onDeath: (() => void)[] = []
    let isDead = false
    const process = {
      clock: this.clock,
      get isDead() {
        return isDead
      },
      after: (_delayMs: number, callback: () => void) => {
        const run = () => {
          if (!isDead) callback()
        }
        if (this.isDeviceBusy) this.#onDevice.push(run)
        else queueMicrotask(run)
      },
      onDeath: (listener: () => void) => onDeath.push(listener),
    }
    this.disk = fillableDisk(this.#simDisk.viewOf(process as unknown as SimProcess), {
      isFull: (path) => this.fullness.isFull(path),
      fitting: (bytes) => this.fullness.fitting(bytes),
    })
    this.#die = () => {
      isDead = true
      for (const listener of onDeath.splice(0)) listener()
    }
    const { clock, loggers } = this
    const disk = isLocked ? { ...this.disk, lock: () => null } : this.disk
    this.logs = new LogManager(
      { disk, clock, loggers, random: new SeededRandom(7) },
      {
        logDirs: ['/data'],
        retentionCheckIntervalMs: 300_000,
        flushCheckIntervalMs: 2 ** 63,
        recoveryPointCheckpointIntervalMs: 60_000,
        logStartOffsetCheckpointIntervalMs: 60_000,
        initialTaskDelayMs: 30_000,
        producerIdExpirationMs: 86_400_000,
        producerIdExpirationCheckIntervalMs: 600_000,
      },
      () => ({ ...defaultLogConfig, ...this.#config }),
    )
    this.logs.load()
  }

  /** kill -9 and a new start: nothing was flushed or closed. */
  crash(): void {
    this.#die()
    this.start()
  }

  losePower(): void {
    this.#die()
    this.#simDisk.losePower()
    this.start()
  }

  settleDevice(): void {
    this.isDeviceBusy = false
    for (const done of this.#onDevice.splice(0)) done()
  }

  async restart(): Promise<void> {
    await this.logs.shutdown()
    this.#die()
    this.start()
  }

  append(values: readonly string[], leaderEpoch = 0, timestamp = this.clock.wallMs()): number {
    const batch = buildBatch(values.map((value) => ({ value, timestamp })))
    const options = { origin: 'client', nowMs: this.clock.wallMs() } as const
    return this.log.appendAsLeader(batch, leaderEpoch, options).firstOffset
  }

  /** Values by offset, through reads of at most `maxBytes`. */
  async readAll(
    from = this.log.logStartOffset,
    maxBytes = 1_000_000,
  ): Promise<Map<number, string>> {
    const values = new Map<number, string>()
    let offset = from
    while (offset < this.log.logEndOffset) {
      const chunks = await this.log.read(offset, maxBytes, 'log-end', true).materialize()
      const bytes = Buffer.concat(chunks)
      let last = offset - 1
      forEachBatch(bytes, (at) => {
        for (const record of readRecords(bytes, at)) {
          if (record.offset >= from) values.set(record.offset, String(record.value))
          last = record.offset
        }
      })
      if (last < offset) break
      offset = last + 1
    }
    return values
  }
}
