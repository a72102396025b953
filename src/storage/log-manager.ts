/**
 * All logs of a broker: opens them at the start, makes and deletes them, writes the checkpoints, runs
 * retention, and takes a log directory offline when its disk fails (Kafka's `LogManager`).
 */
import {
  type Clock,
  type Disk,
  DiskError,
  type Logger,
  type Loggers,
  type Random,
} from '../base/ports.ts'
import { Timers } from '../base/timers.ts'
import { type TopicPartition, TopicPartitionMap } from '../base/topic-partition.ts'
import {
  CheckpointError,
  readOffsetCheckpoint,
  writeFileAtomically,
  writeOffsetCheckpoint,
} from './checkpoints.ts'
import { Log } from './log.ts'
import type { LogConfig } from './log-config.ts'
import { loadLog } from './log-loader.ts'
import { TailBudget } from './memory-tail.ts'
import { writeTopicId } from './partition-metadata.ts'
import { StorageError, StorageErrorCode } from './storage-error.ts'

export interface LogManagerPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly loggers: Loggers
}

export interface LogManagerOptions {
  readonly logDirs: readonly string[]
  /** Those of them that have failed before, and with what. */
  readonly failedDirs?: ReadonlyMap<string, DiskError>
  readonly retentionCheckIntervalMs: number
  readonly flushCheckIntervalMs: number
  readonly recoveryPointCheckpointIntervalMs: number
  readonly logStartOffsetCheckpointIntervalMs: number
  readonly initialTaskDelayMs: number
  readonly producerIdExpirationMs: number
  readonly producerIdExpirationCheckIntervalMs: number
  /** Bytes of newest batches that all logs together keep in memory. */
  readonly tailBytes?: number
}

interface LogDir {
  readonly path: string
  isOffline: boolean
  unlock: (() => void) | null
  /** Its logs were all loaded: only then may the clean-shutdown marker be written. */
  isLoaded: boolean
}

interface Entry {
  readonly log: Log
  readonly dir: LogDir
}

const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'
const RECOVERY_POINTS = 'recovery-point-offset-checkpoint'
const LOG_START_OFFSETS = 'log-start-offset-checkpoint'
const HIGH_WATERMARKS = 'replication-offset-checkpoint'
/** Kafka's: how far its log cleaner came in each log. */
const CLEANER_POINTS = 'cleaner-offset-checkpoint'
const DEFAULT_TAIL_BYTES = 24 * 1024 * 1024
const LOG_DIR = /^(.+)-(\d+)$/
const DELETED_DIR = /-delete$/
const NAME_MAX = 255

export class LogManager {
  readonly #ports: LogManagerPorts
  readonly #options: LogManagerOptions
  readonly #configOf: (topic: string) => LogConfig
  readonly #logger: Logger
  readonly #tailBudget: TailBudget
  readonly #dirs: LogDir[]
  readonly #logs = new TopicPartitionMap<Entry>()
  readonly #offline = new TopicPartitionMap<true>()
  readonly #timers: Timers
  #onDirFailure: (partitions: TopicPartition[]) => void = () => {}
  #onAllDirsOffline: (cause: unknown) => void = () => {}

  constructor(
    ports: LogManagerPorts,
    options: LogManagerOptions,
    configOf: (topic: string) => LogConfig,
  ) {
    this.#ports = ports
    this.#timers = new Timers(ports.clock)
    this.#options = options
    this.#configOf = configOf
    this.#logger = ports.loggers.get('kafka.log.LogManager')
    this.#tailBudget = new TailBudget(options.tailBytes ?? DEFAULT_TAIL_BYTES)
    this.#dirs = options.logDirs.map((path) => {
      return { path, isOffline: false, unlock: null, isLoaded: false }
    })
  }

  /** Told which partitions lived in a directory that has failed. */
  onDirFailure(listener: (partitions: TopicPartition[]) => void): void {
    this.#onDirFailure = listener
  }

  /** Told after the last of them has failed, with what the disk said. */
  onAllDirsOffline(listener: (cause: unknown) => void): void {
    this.#onAllDirsOffline = listener
  }

  get offlineDirCount(): number {
    return this.#dirs.filter(({ isOffline }) => isOffline).length
  }

  /** Opens everything. Throws when a directory is in use, or when none can be read. */
  load(): void {
    for (const _ of this.loading());
  }

  /** The same log by log: recovery may take longer than the process can be silent. */
  *loading(): Generator<void> {
    const startMs = this.#ports.clock.monotonicMs()
    this.#logger.info(`Loading logs from log dirs ${this.#options.logDirs.join(',')}`)
    for (const dir of this.#dirs) {
      try {
        const failure = this.#options.failedDirs?.get(dir.path)
        if (failure !== undefined) throw failure
        yield* this.#loadDir(dir)
      } catch (cause) {
        this.#onError(dir, cause)
        if (this.#usableDirs().length > 0) continue
        const why = (cause as Error).message
        throw new Error(
          `Shutdown broker because none of the specified log dirs can be used: ${why}`,
          { cause },
        )
      }
    }
    const tookMs = Math.round(this.#ports.clock.monotonicMs() - startMs)
    this.#logger.info(`Loaded ${this.#logs.size} logs in ${tookMs}ms`)
  }

  *#loadDir(dir: LogDir): Generator<void> {
    const { disk, clock } = this.#ports
    disk.makeDirectory(dir.path)
    dir.unlock = disk.lock(`${dir.path}/.lock`)
    if (dir.unlock === null) {
      throw new Error(
        `Failed to acquire lock on file .lock in ${dir.path}. A Kafka instance in another process ` +
          'or thread is using this directory.',
      )
    }
    const marker = `${dir.path}/${CLEAN_SHUTDOWN}`
    const wasCleanShutdown = disk.exists(marker)
    if (wasCleanShutdown) {
      disk.remove(marker)
      // A marker that a power loss brings back would vouch for what was never flushed.
      disk.syncDirectory(dir.path)
    }
    const recoveryPoints = this.#readCheckpoint(dir, RECOVERY_POINTS)
    const logStartOffsets = this.#readCheckpoint(dir, LOG_START_OFFSETS)
    const highWatermarks = this.#readCheckpoint(dir, HIGH_WATERMARKS)
    const cleanerPoints = this.#readCheckpoint(dir, CLEANER_POINTS)
    for (const { name, kind } of disk.list(dir.path).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (kind !== 'directory' || name === 'remote-log-index-cache') continue
      const directory = `${dir.path}/${name}`
      if (DELETED_DIR.test(name)) {
        disk.removeDirectory(directory)
        continue
      }
      const match = LOG_DIR.exec(name)
      if (match === null) {
        throw new Error(
          `Found directory ${directory}, '${name}' is not in the form of topic-partition. ` +
            "Kafka's log directories should only contain Kafka topic data: move it away.",
        )
      }
      const topic = match[1]!
      const partition = Number(match[2])
      const config = this.#configOf(topic)
      const loaded = loadLog({
        disk,
        logger: this.#logger,
        directory,
        config,
        wasCleanShutdown,
        recoveryPoint: recoveryPoints.get(topic, partition) ?? 0,
        logStartOffset: logStartOffsets.get(topic, partition) ?? 0,
        highWatermark: highWatermarks.get(topic, partition) ?? 0,
        cleanerPoint: cleanerPoints.get(topic, partition) ?? 0,
        nowMs: clock.wallMs(),
      })
      const log = new Log(this.#logPorts(dir), loaded, config, (topicId, durable) =>
        writeTopicId(disk, directory, topicId, durable),
      )
      this.#logs.set(topic, partition, { log, dir })
      yield
    }
    dir.isLoaded = true
  }

  /** Unreadable: as if it were empty, which costs a scan and no data. */
  #readCheckpoint(dir: LogDir, name: string): TopicPartitionMap<number> {
    try {
      return readOffsetCheckpoint(this.#ports.disk, `${dir.path}/${name}`)
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error
      this.#logger.error(`${error.message}; it is ignored`)
      return new TopicPartitionMap()
    }
  }

  #logPorts(dir: LogDir) {
    const { disk, clock } = this.#ports
    const onDiskError = (cause: unknown) => this.#takeOffline(dir, cause)
    const onOffsetsFell = () =>
      this.#inDir(dir, () => {
        this.#checkpointDir(dir)
        this.#checkpointHighWatermarks(dir)
      })
    return { disk, clock, tailBudget: this.#tailBudget, onDiskError, onOffsetsFell }
  }

  get({ topic, partition }: TopicPartition): Log | undefined {
    return this.#logs.get(topic, partition)?.log
  }

  isOffline({ topic, partition }: TopicPartition): boolean {
    return this.#offline.has(topic, partition)
  }

  /** All logs that can be used. */
  *logs(): Generator<[TopicPartition, Log]> {
    for (const [partition, { log }] of this.#logs.entries()) yield [partition, log]
  }

  /** Absolute path of each directory, what lies in it, and whether it has failed. */
  directories(): { path: string; isOffline: boolean; logs: [TopicPartition, Log][] }[] {
    return this.#dirs.map((dir) => ({
      path: dir.path,
      isOffline: dir.isOffline,
      logs: [...this.#logs.entries()]
        .filter(([, entry]) => entry.dir === dir)
        .map(([partition, { log }]) => [partition, log]),
    }))
  }

  /** Throws KAFKA_STORAGE_ERROR when no directory can take it. */
  getOrCreate(
    partition: TopicPartition,
    options: { readonly isNew: boolean; readonly topicId: string | null },
  ): Log {
    const existing = this.get(partition)
    if (existing !== undefined) return existing
    const usable = this.#dirs.filter(({ isOffline }) => !isOffline)
    // Its data may be on the directory that failed: a second copy must not be started.
    const mayBeElsewhere = !options.isNew && usable.length < this.#dirs.length
    if (usable.length === 0 || mayBeElsewhere || this.isOffline(partition)) {
      throw new StorageError(
        StorageErrorCode.KAFKA_STORAGE_ERROR,
        `Can not create log for ${partition.topic}-${partition.partition}: log directories are offline`,
      )
    }
    const dir = this.#emptiest(usable)
    const log = this.#inDir(dir, () => this.#create(dir, partition, options.topicId))
    if (log === undefined) throw failed(dir)
    return log
  }

  #create(dir: LogDir, { topic, partition }: TopicPartition, topicId: string | null): Log {
    const { disk, clock } = this.#ports
    const directory = `${dir.path}/${topic}-${partition}`
    disk.makeDirectory(directory)
    if (topicId !== null) writeTopicId(disk, directory, topicId)
    const config = this.#configOf(topic)
    const loaded = loadLog({
      disk,
      logger: this.#logger,
      directory,
      config,
      wasCleanShutdown: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      highWatermark: 0,
      cleanerPoint: 0,
      nowMs: clock.wallMs(),
    })
    const log = new Log(this.#logPorts(dir), loaded, config, (id, durable) =>
      writeTopicId(disk, directory, id, durable),
    )
    this.#logs.set(topic, partition, { log, dir })
    this.#logger.info(`Created log for partition ${topic}-${partition} in ${directory}`)
    return log
  }

  #emptiest(dirs: readonly LogDir[]): LogDir {
    if (dirs.length === 1) return dirs[0]!
    const counts = new Map(dirs.map((dir) => [dir, 0]))
    for (const { dir } of this.#logs.values()) counts.set(dir, (counts.get(dir) ?? 0) + 1)
    return dirs.reduce((best, dir) => (counts.get(dir)! < counts.get(best)! ? dir : best))
  }

  /**
   * Renamed at once, removed after `file.delete.delay.ms`. No error when there is no log; throws
   * KAFKA_STORAGE_ERROR when it is still there.
   */
  delete({ topic, partition }: TopicPartition): void {
    const entry = this.#logs.get(topic, partition)
    if (entry === undefined) return
    const { disk, random } = this.#ports
    const { log, dir } = entry
    log.closeFiles()
    const suffix = `-${partition}.${random.bytes(16).toString('hex')}-delete`
    const renamed = `${dir.path}/${topic.slice(0, NAME_MAX - suffix.length)}${suffix}`
    const isGone = this.#inDir(dir, () => {
      disk.rename(log.directory, renamed)
      this.#logs.delete(topic, partition)
      return true
    })
    if (!isGone) throw failed(dir)
    this.#logger.info(`Log for partition ${topic}-${partition} is renamed to ${renamed}`)
    this.#inDir(dir, () => {
      disk.syncDirectory(dir.path)
      this.#timers.after(log.config.fileDeleteDelayMs, () =>
        this.#inDir(dir, () => disk.removeDirectory(renamed)),
      )
      this.#checkpointDir(dir)
    })
  }

  /** After settings changed; all logs when no topic is named. */
  updateConfigs(topic?: string): void {
    for (const [partition, { log }] of this.#logs.entries()) {
      if (topic === undefined || partition.topic === topic) {
        log.config = this.#configOf(partition.topic)
      }
    }
  }

  /** Starts the periodic work. */
  start(): void {
    const { initialTaskDelayMs: first, ...options } = this.#options
    this.#timers.every(first, options.retentionCheckIntervalMs, () => this.applyRetention())
    this.#timers.every(first, options.flushCheckIntervalMs, () => this.#flushDirtyLogs())
    const checkpoint = () => this.checkpoint()
    this.#timers.every(first, options.recoveryPointCheckpointIntervalMs, checkpoint)
    const expire = options.producerIdExpirationCheckIntervalMs
    this.#timers.every(expire, expire, () => this.#expireProducers())
  }

  applyRetention(): void {
    const nowMs = this.#ports.clock.wallMs()
    for (const { log, dir } of [...this.#logs.values()]) {
      this.#ignoringStorageErrors(() => {
        const removals = log.deleteOldSegments(nowMs)
        if (removals.length === 0) return
        this.#logger.info(`Deleted ${removals.length} segments of ${log.directory}`)
        this.#timers.after(log.config.fileDeleteDelayMs, () =>
          this.#inDir(dir, () => {
            for (const remove of removals) remove()
          }),
        )
      })
    }
  }

  #flushDirtyLogs(): void {
    const nowMs = this.#ports.clock.monotonicMs()
    for (const { log } of [...this.#logs.values()]) {
      if (log.recoveryPoint >= log.logEndOffset) continue
      if (nowMs - log.lastFlushMs >= log.config.flushMs) {
        this.#ignoringStorageErrors(() => log.flush())
      }
    }
  }

  #expireProducers(): void {
    const nowMs = this.#ports.clock.wallMs()
    for (const { log } of this.#logs.values()) {
      log.expireProducers(nowMs, this.#options.producerIdExpirationMs)
    }
  }

  /** Recovery points and log start offsets of all directories. */
  checkpoint(): void {
    for (const dir of this.#usableDirs()) this.#inDir(dir, () => this.#checkpointDir(dir))
  }

  checkpointHighWatermarks(): void {
    for (const dir of this.#usableDirs()) {
      this.#inDir(dir, () => this.#checkpointHighWatermarks(dir))
    }
  }

  #checkpointHighWatermarks(dir: LogDir): void {
    this.#writeCheckpoint(dir, HIGH_WATERMARKS, (log) => log.highWatermark)
  }

  #checkpointDir(dir: LogDir): void {
    this.#writeCheckpoint(dir, RECOVERY_POINTS, (log) => log.recoveryPoint)
    this.#writeCheckpoint(dir, LOG_START_OFFSETS, (log) =>
      log.logStartOffset > log.firstSegmentOffset ? log.logStartOffset : null,
    )
  }

  #writeCheckpoint(dir: LogDir, name: string, offsetOf: (log: Log) => number | null): void {
    const entries: (readonly [string, number, number])[] = []
    for (const [{ topic, partition }, entry] of this.#logs.entries()) {
      const value = entry.dir === dir ? offsetOf(entry.log) : null
      if (value !== null) entries.push([topic, partition, value])
    }
    writeOffsetCheckpoint(this.#ports.disk, `${dir.path}/${name}`, entries)
  }

  /** Everything flushed and closed; the next start needs no recovery. */
  async shutdown(): Promise<void> {
    this.#timers.cancelAll()
    for (const dir of this.#usableDirs()) {
      this.#inDir(dir, () => {
        for (const entry of this.#logs.values()) if (entry.dir === dir) entry.log.close()
        if (!dir.isLoaded) return
        this.#checkpointDir(dir)
        const marker = JSON.stringify({ version: 0, brokerEpoch: -1 })
        writeFileAtomically(this.#ports.disk, `${dir.path}/${CLEAN_SHUTDOWN}`, marker)
      })
      dir.unlock?.()
      dir.unlock = null
    }
    this.#logs.clear()
  }

  #usableDirs(): LogDir[] {
    return this.#dirs.filter(({ isOffline }) => !isOffline)
  }

  /** An error of the disk takes the directory offline; undefined then, and when it was already. */
  #inDir<T>(dir: LogDir, action: () => T): T | undefined {
    if (dir.isOffline) return undefined
    try {
      return action()
    } catch (error) {
      this.#onError(dir, error)
      return undefined
    }
  }

  #onError(dir: LogDir, error: unknown): void {
    if (error instanceof DiskError) this.#takeOffline(dir, error)
    else if (!(error instanceof StorageError)) throw error
  }

  #ignoringStorageErrors(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    }
  }

  #takeOffline(dir: LogDir, cause: unknown): void {
    if (dir.isOffline) return
    dir.isOffline = true
    this.#logger.error(`Stopping serving logs in dir ${dir.path}`, cause)
    const partitions: TopicPartition[] = []
    for (const [partition, { log, dir: itsDir }] of [...this.#logs.entries()]) {
      if (itsDir !== dir) continue
      this.#logs.delete(partition.topic, partition.partition)
      this.#offline.set(partition.topic, partition.partition, true)
      partitions.push(partition)
      closeAnyway(log)
    }
    dir.unlock?.()
    dir.unlock = null
    // Not from within the operation that failed: its caller is told first.
    this.#timers.after(0, () => {
      this.#onDirFailure(partitions)
      if (this.#usableDirs().length === 0) this.#onAllDirsOffline(cause)
    })
  }
}

function failed({ path }: LogDir): StorageError {
  return new StorageError(StorageErrorCode.KAFKA_STORAGE_ERROR, `${path} has failed`)
}

/** A disk that has failed may also fail to close a file. */
function closeAnyway(log: Log): void {
  try {
    log.closeFiles()
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
  }
}
