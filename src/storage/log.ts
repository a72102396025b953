/**
 * The log of one partition: segments on disk, a tail in memory, leader epochs, producers, offsets. All
 * synchronous. A batch is checked and stamped by `appendAsLeader`, or taken as it is from the leader by
 * `appendAsFollower`; offsets move only after the write succeeded.
 */
import { assert } from '../base/assert.ts'
import { DiskError } from '../base/ports.ts'
import { retain } from '../base/release.ts'
import {
  ATTRIBUTES_AT,
  readBaseOffset,
  readCrc,
  readLastOffset,
  readLastOffsetDelta,
  readLeaderEpoch,
  readMagic,
  readMaxTimestamp,
  writeBaseOffset,
  writeLeaderEpoch,
} from '../records/batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from '../records/batches.ts'
import { crc32c } from '../records/crc32c.ts'
import { validateForAppend } from '../records/validate.ts'
import type { EpochEnd, LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LoadedLog, LogAppend, LogPorts, LogRead, ReadIsolation } from './log-types.ts'
import { MemoryTail } from './memory-tail.ts'
import { readProducers, removeSnapshotsAfter, writeSnapshot } from './producer-snapshots.ts'
import type { ProducerState } from './producer-state.ts'
import { countDeletable } from './retention.ts'
import { mustRoll } from './roll.ts'
import { Segment } from './segment.ts'
import { findRange, findTimestamp, segmentIndexOf, type TimedOffset } from './segment-lookup.ts'
import { offsetOutOfRange, StorageError, StorageErrorCode } from './storage-error.ts'

export class Log {
  readonly directory: string
  config: LogConfig
  readonly #ports: LogPorts
  readonly #epochs: LeaderEpochCache
  #producers: ProducerState
  readonly #tail: MemoryTail
  readonly #writeTopicId: (topicId: string, durable: boolean) => void
  /** Directory, topic id and first segment survive a power loss. */
  #isRooted = false
  #segments: Segment[]
  #topicId: string | null
  #logStartOffset: number
  #logEndOffset: number
  #highWatermark: number
  #recoveryPoint: number
  lastFlushMs: number

  constructor(
    ports: LogPorts,
    loaded: LoadedLog,
    config: LogConfig,
    writeTopicId: (topicId: string, durable: boolean) => void,
  ) {
    this.#ports = ports
    this.config = config
    this.directory = loaded.directory
    this.#writeTopicId = writeTopicId
    this.#topicId = loaded.topicId
    this.#segments = loaded.segments
    this.#epochs = loaded.epochs
    this.#producers = loaded.producers
    this.#tail = new MemoryTail(ports.tailBudget)
    this.#logStartOffset = loaded.logStartOffset
    this.#logEndOffset = loaded.logEndOffset
    this.#recoveryPoint = loaded.recoveryPoint
    this.#highWatermark = loaded.highWatermark
    this.lastFlushMs = ports.clock.monotonicMs()
  }

  get topicId(): string | null {
    return this.#topicId
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  get logEndOffset(): number {
    return this.#logEndOffset
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  get lastStableOffset(): number {
    return this.#highWatermark
  }

  get recoveryPoint(): number {
    return this.#recoveryPoint
  }

  get latestEpoch(): number {
    return this.#epochs.latestEpoch
  }

  /** Of the record at the log start; -1 when it is not known. */
  get earliestEpoch(): number {
    return this.#epochs.epochAt(this.#logStartOffset)
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0)
  }

  get segmentCount(): number {
    return this.#segments.length
  }

  get firstSegmentOffset(): number {
    return this.#segments[0]!.baseOffset
  }

  assignTopicId(topicId: string): void {
    this.#guarded(() => this.#writeTopicId(topicId, false))
    this.#topicId = topicId
    this.#isRooted = false
  }

  appendAsLeader(
    records: Buffer,
    leaderEpoch: number,
    options: { readonly origin: 'client' | 'coordinator' | 'replication'; readonly nowMs: number },
  ): LogAppend {
    const { batch, logAppendTimeMs } = validateForAppend(records, this.config, options.nowMs)
    if (batch.length > this.config.segmentBytes) {
      throw new StorageError(
        StorageErrorCode.RECORD_LIST_TOO_LARGE,
        `Message batch size is ${batch.length} bytes in append to partition ${this.directory}, which exceeds the maximum configured segment size of ${this.config.segmentBytes}.`,
      )
    }
    const known = this.#producers.check(batch)
    const logStartOffset = this.#logStartOffset
    if (known !== null) {
      const { firstOffset, lastOffset, timestamp } = known
      return {
        firstOffset,
        lastOffset,
        logAppendTimeMs: timestamp,
        logStartOffset,
        duplicate: true,
      }
    }
    const firstOffset = this.#logEndOffset
    const lastOffset = firstOffset + readLastOffsetDelta(batch, 0)
    writeBaseOffset(batch, 0, firstOffset)
    writeLeaderEpoch(batch, 0, leaderEpoch)
    this.#guarded(() => {
      this.#epochs.assign(leaderEpoch, firstOffset)
      this.#write(batch, 0, batch.length)
      this.#tail.push(firstOffset, lastOffset, batch)
      this.#maybeFlush()
    })
    return { firstOffset, lastOffset, logAppendTimeMs, logStartOffset, duplicate: false }
  }

  /** Whole batches as the leader has them; a partial one at the end is ignored. */
  appendAsFollower(records: Buffer): LogAppend {
    const firstOffset = this.#logEndOffset
    // Only a leader is read at its end.
    this.#tail.clear()
    for (let at = 0; ; ) {
      const size = this.#checkedSize(records, at)
      if (size < 0) break
      this.#guarded(() => {
        this.#epochs.assign(readLeaderEpoch(records, at), readBaseOffset(records, at))
        this.#write(records, at, size)
      })
      at += size
    }
    this.#guarded(() => this.#maybeFlush())
    return {
      firstOffset,
      lastOffset: this.#logEndOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset: this.#logStartOffset,
      duplicate: false,
    }
  }

  /** Size of the next whole batch; -1 at the end. Throws `CorruptRecordError`. */
  #checkedSize(records: Buffer, at: number): number {
    const size = sizeOfBatchAt(records, at, records.length)
    if (size < 0) return -1
    if (
      readMagic(records, at) === 2 &&
      crc32c(records, at + ATTRIBUTES_AT, at + size) !== readCrc(records, at)
    ) {
      throw new CorruptRecordError(`${this.directory}: a fetched batch has a wrong checksum`)
    }
    const baseOffset = readBaseOffset(records, at)
    if (this.#logEndOffset === this.#logStartOffset && baseOffset < this.#logEndOffset) {
      // The leader's log starts inside this batch: so does ours now.
      this.truncateFullyAndStartAt(baseOffset)
    }
    if (baseOffset < this.#logEndOffset) {
      throw new CorruptRecordError(
        `${this.directory}: offset ${baseOffset} after ${this.#logEndOffset - 1}`,
      )
    }
    return size
  }

  #write(buffer: Buffer, at: number, size: number): void {
    const baseOffset = readBaseOffset(buffer, at)
    const lastOffset = readLastOffset(buffer, at)
    const maxTimestamp = readMaxTimestamp(buffer, at)
    const isDue = mustRoll(this.#active, this.config, { bytes: size, lastOffset, maxTimestamp })
    if (isDue) this.#roll(baseOffset)
    const segment = this.#active
    const position = segment.size
    const bytes = at === 0 && size === buffer.length ? buffer : buffer.subarray(at, at + size)
    segment.append([bytes], size)
    segment.index(position, size, lastOffset, maxTimestamp, this.config.indexIntervalBytes)
    this.#producers.update(buffer, at)
    this.#logEndOffset = lastOffset + 1
  }

  get #active(): Segment {
    return this.#segments[this.#segments.length - 1]!
  }

  /** The recovery point follows when all that is rolled is on the device, which nobody waits for. */
  #roll(baseOffset: number): void {
    const { disk, clock, onDiskError } = this.#ports
    const old = this.#active
    old.finish()
    this.#root()
    this.#epochs.flush()
    writeSnapshot(disk, this.directory, baseOffset, this.#producers)
    const unsynced = this.#segments.filter(({ isDurable }) => !isDurable)
    const segment = new Segment(disk, this.directory, baseOffset, clock.wallMs())
    segment.create()
    disk.syncDirectory(this.directory)
    this.#segments.push(segment)
    Promise.all(unsynced.map((each) => each.flushAsync())).then((flushed) => {
      if (flushed.includes(false) || !this.#segments.includes(old)) return
      this.#recoveryPoint = Math.max(this.#recoveryPoint, baseOffset)
    }, onDiskError)
  }

  #maybeFlush(): void {
    if (this.#logEndOffset - this.#recoveryPoint >= this.config.flushMessages) this.#flush()
  }

  flush(): void {
    this.#guarded(() => this.#flush())
  }

  #flush(): void {
    this.#root()
    this.#epochs.flush()
    const from = this.#recoveryPoint
    const first = segmentIndexOf(this.#segments, from)
    for (let index = first; index < this.#segments.length; index++) this.#segments[index]!.flush()
    if (first < this.#segments.length - 1 || from <= this.#segments[0]!.baseOffset) {
      this.#ports.disk.syncDirectory(this.directory)
    }
    this.#recoveryPoint = this.#logEndOffset
    this.lastFlushMs = this.#ports.clock.monotonicMs()
  }

  /** Once: what a new log left to the page cache. */
  #root(): void {
    if (this.#isRooted) return
    if (this.#topicId !== null) this.#writeTopicId(this.#topicId, true)
    this.#ports.disk.syncDirectory(this.directory)
    this.#ports.disk.syncDirectory(this.directory.slice(0, this.directory.lastIndexOf('/')))
    this.#isRooted = true
  }

  /** Throws OFFSET_OUT_OF_RANGE. The first batch comes whole when `minOneMessage`. */
  read(
    startOffset: number,
    maxBytes: number,
    isolation: ReadIsolation,
    minOneMessage: boolean,
  ): LogRead {
    if (startOffset < this.#logStartOffset || startOffset > this.#logEndOffset) {
      throw offsetOutOfRange(startOffset, this.#logStartOffset, this.#logEndOffset)
    }
    const limit = this.#limitOf(isolation)
    if (startOffset >= limit) return this.#readResult([], 0)
    const hot = this.#tail.read(startOffset, limit, maxBytes, minOneMessage)
    if (hot !== null) return this.#readResult(hot.chunks, hot.bytes)
    const range = this.#guarded(() =>
      findRange(this.#segments, { startOffset, limit, maxBytes, minOneMessage }),
    )
    if (range === null) return this.#readResult([], 0)
    const { segment, position, bytes } = range
    return {
      ...this.#readResult([], bytes),
      chunks: null,
      materialize: async () => {
        const target = Buffer.allocUnsafeSlow(bytes)
        const got = await segment.file.readAsync(target, position)
        return [retain(target.subarray(0, got))]
      },
    }
  }

  #readResult(chunks: Buffer[], bytes: number): LogRead {
    return {
      highWatermark: this.#highWatermark,
      lastStableOffset: this.#highWatermark,
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      abortedTransactions: null,
      chunks,
      bytes,
      materialize: () => Promise.resolve(chunks),
    }
  }

  #limitOf(isolation: ReadIsolation): number {
    return isolation === 'log-end' ? this.#logEndOffset : this.#highWatermark
  }

  /** About how many bytes a read would give now; exact where the tail knows. */
  readableBytes(fromOffset: number, isolation: ReadIsolation): number {
    const limit = this.#limitOf(isolation)
    if (fromOffset >= limit) return 0
    return this.#tail.bytesBetween(fromOffset, limit) ?? Number.MAX_SAFE_INTEGER
  }

  setHighWatermark(offset: number): void {
    this.#highWatermark = Math.min(Math.max(offset, this.#logStartOffset), this.#logEndOffset)
  }

  /** No effect below the current one; throws OFFSET_OUT_OF_RANGE above the high watermark. */
  incrementLogStartOffset(offset: number): void {
    if (offset <= this.#logStartOffset) return
    if (offset > this.#highWatermark) {
      throw offsetOutOfRange(offset, this.#logStartOffset, this.#highWatermark)
    }
    this.#logStartOffset = offset
    this.#guarded(() => this.#epochs.truncateFromStart(offset))
  }

  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.#epochs.endOffsetFor(epoch, this.#logEndOffset)
  }

  assignEpochStartOffset(epoch: number, startOffset: number): void {
    this.#guarded(() => this.#epochs.assign(epoch, startOffset))
  }

  /** The whole batch that holds `offset` goes; the log then ends at `offset`. */
  truncateTo(offset: number): void {
    assert(offset >= 0, `${this.directory}: truncation to ${offset}`)
    if (offset >= this.#logEndOffset) {
      this.#guarded(() => this.#epochs.truncateFromEnd(this.#logEndOffset))
      return
    }
    if (offset <= this.#segments[0]!.baseOffset) {
      this.truncateFullyAndStartAt(offset)
      return
    }
    this.#tail.clear()
    this.#guarded(() => {
      while (this.#segments.length > 1 && this.#active.baseOffset >= offset) {
        this.#segments.pop()!.markDeleted()()
      }
      this.#active.truncateTo(offset)
      this.#epochs.truncateFromEnd(offset)
      removeSnapshotsAfter(this.#ports.disk, this.directory, offset)
    })
    this.#logEndOffset = offset
    this.#logStartOffset = Math.min(this.#logStartOffset, offset)
    this.#highWatermark = Math.min(this.#highWatermark, offset)
    this.#recoveryPoint = Math.min(this.#recoveryPoint, offset)
    this.#readProducers()
  }

  truncateFullyAndStartAt(offset: number): void {
    const { disk, clock } = this.#ports
    this.#tail.clear()
    this.#guarded(() => {
      for (const segment of this.#segments) segment.markDeleted()()
      removeSnapshotsAfter(disk, this.directory, -1)
      const segment = new Segment(disk, this.directory, offset, clock.wallMs())
      segment.create()
      this.#segments = [segment]
      this.#epochs.clear()
    })
    this.#producers.clear()
    this.#logStartOffset = offset
    this.#logEndOffset = offset
    this.#highWatermark = offset
    this.#recoveryPoint = offset
  }

  /**
   * A truncated producer may send its sequences again. All that is not committed is looked at again,
   * for the last five batches of whoever is about to; a snapshot knows one.
   */
  #readProducers(): void {
    const { disk } = this.#ports
    this.#producers = this.#guarded(() =>
      readProducers({
        disk,
        directory: this.directory,
        segments: this.#segments,
        endOffset: this.#highWatermark,
        onUnusable: () => {},
      }),
    )
  }

  /** The first record at or after a time; null when there is none. */
  offsetForTimestamp(timestamp: number): TimedOffset | null {
    return this.#guarded(() => findTimestamp(this.#segments, timestamp, this.#logStartOffset))
  }

  /** The first record that carries the largest timestamp; null for an empty log. */
  maxTimestampOffset(): TimedOffset | null {
    const latest = Math.max(...this.#segments.map(({ maxTimestamp }) => maxTimestamp))
    return latest < 0 ? null : this.offsetForTimestamp(latest)
  }

  expireProducers(nowMs: number, expirationMs: number): void {
    this.#producers.expire(nowMs, expirationMs)
  }

  /**
   * Removes what retention allows, oldest first; the returned functions remove the files. The log
   * start moves before anything goes.
   */
  deleteOldSegments(nowMs: number): (() => void)[] {
    return this.#guarded(() => {
      const count = countDeletable(this.#segments, {
        nowMs,
        logStartOffset: this.#logStartOffset,
        logEndOffset: this.#logEndOffset,
        highWatermark: this.#highWatermark,
        config: this.config,
      })
      if (count === 0) return []
      if (count === this.#segments.length) this.#roll(this.#logEndOffset)
      this.#logStartOffset = Math.max(this.#logStartOffset, this.#segments[count]!.baseOffset)
      this.#epochs.truncateFromStart(this.#logStartOffset)
      return this.#segments.splice(0, count).map((segment) => segment.markDeleted())
    })
  }

  /** Flushed, with a snapshot of the producers: the next start needs no scan. */
  close(): void {
    this.#guarded(() => {
      this.#active.finish()
      this.#flush()
      writeSnapshot(this.#ports.disk, this.directory, this.#logEndOffset, this.#producers)
      this.closeFiles()
    })
  }

  /** Without flushing: the directory has failed, or the log is deleted. */
  closeFiles(): void {
    this.#tail.clear()
    for (const segment of this.#segments) segment.close()
  }

  /** An error of the disk takes the directory offline and is told as KAFKA_STORAGE_ERROR. */
  #guarded<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#ports.onDiskError(error)
      throw new StorageError(StorageErrorCode.KAFKA_STORAGE_ERROR, error.message, error)
    }
  }
}
