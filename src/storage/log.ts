/**
 * The log of one partition: segments on disk, a tail in memory, leader epochs, producers, offsets. All
 * synchronous. A batch is checked and stamped by `appendAsLeader`, or taken as it is from the leader by
 * `appendAsFollower`; offsets move only after the write succeeded.
 */
import { assert } from '../base/assert.ts'
import { retain } from '../base/release.ts'
import {
  readBaseOffset,
  readLastOffset,
  readLastOffsetDelta,
  readLeaderEpoch,
  readMaxTimestamp,
  writeBaseOffset,
  writeLeaderEpoch,
} from '../records/batch-header.ts'
import { CorruptRecordError } from '../records/batches.ts'
import { validateForAppend } from '../records/validate.ts'
import { sizeOfCheckedBatch } from './checked-batch.ts'
import { DiskGuard } from './disk-guard.ts'
import type { EpochEnd, LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type {
  LoadedLog,
  LogAppend,
  LogEnds,
  LogPorts,
  LogRead,
  ReadIsolation,
} from './log-types.ts'
import { MemoryTail } from './memory-tail.ts'
import { readProducers, removeSnapshotsAfter, writeSnapshot } from './producer-snapshots.ts'
import type { ProducerState } from './producer-state.ts'
import { countDeletable } from './retention.ts'
import { isWithinSegment, mustRoll } from './roll.ts'
import { SegmentList } from './segment-list.ts'
import {
  type FileRange,
  findRange,
  findTimestamp,
  readRange,
  startsOf,
  type TimedOffset,
} from './segment-lookup.ts'
import { batchTooLarge, offsetOutOfRange } from './storage-error.ts'

export class Log {
  readonly directory: string
  config: LogConfig
  readonly #ports: LogPorts
  readonly #guard: DiskGuard
  readonly #epochs: LeaderEpochCache
  #producers: ProducerState
  readonly #tail: MemoryTail
  readonly #writeTopicId: (topicId: string, durable: boolean) => void
  /** Directory, topic id and first segment survive a power loss. */
  #isRooted = false
  readonly #segments: SegmentList
  #topicId: string | null
  #logStartOffset: number
  #logEndOffset: number
  #highWatermark: number
  #recoveryPoint: number
  #truncations = 0
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
    this.#guard = new DiskGuard(loaded.directory, ports.onDiskError)
    this.#writeTopicId = writeTopicId
    this.#topicId = loaded.topicId
    this.#segments = new SegmentList(ports.disk, loaded.directory, loaded.segments)
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
    return this.#segments.all.reduce((sum, segment) => sum + segment.size, 0)
  }

  get segmentCount(): number {
    return this.#segments.all.length
  }

  get firstSegmentOffset(): number {
    return this.#segments.all[0]!.baseOffset
  }

  assignTopicId(topicId: string): void {
    this.#guard.run(() => this.#writeTopicId(topicId, false))
    this.#topicId = topicId
    this.#isRooted = false
  }

  appendAsLeader(
    records: Buffer,
    leaderEpoch: number,
    options: { readonly origin: 'client' | 'coordinator' | 'replication'; readonly nowMs: number },
  ): LogAppend {
    const { config, directory } = this
    const valid = validateForAppend(records, config, options.nowMs, 'client', directory)
    const { batch, logAppendTimeMs } = valid
    if (batch.length > this.config.segmentBytes) {
      throw batchTooLarge(this.directory, batch.length, this.config.segmentBytes)
    }
    const known = this.#producers.check(batch)
    const logStartOffset = this.#logStartOffset
    if (known !== null) {
      const { firstOffset, lastOffset, timestamp } = known
      const offsets = { firstOffset, lastOffset, logStartOffset }
      return { ...offsets, logAppendTimeMs: timestamp, duplicate: true }
    }
    const firstOffset = this.#logEndOffset
    const lastOffset = firstOffset + readLastOffsetDelta(batch, 0)
    writeBaseOffset(batch, 0, firstOffset)
    writeLeaderEpoch(batch, 0, leaderEpoch)
    this.#guard.run(() => {
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
      this.#guard.run(() => {
        this.#epochs.assign(readLeaderEpoch(records, at), readBaseOffset(records, at))
        this.#write(records, at, size)
      })
      at += size
    }
    this.#guard.run(() => this.#maybeFlush())
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
    const size = sizeOfCheckedBatch(records, at)
    if (size < 0) return -1
    const baseOffset = readBaseOffset(records, at)
    if (this.#logEndOffset === this.#logStartOffset && baseOffset < this.#logEndOffset) {
      // The leader's log starts inside this batch: so does ours now.
      this.truncateFullyAndStartAt(baseOffset)
    }
    if (baseOffset < this.#logEndOffset) {
      throw new CorruptRecordError(`offset ${baseOffset} after ${this.#logEndOffset - 1}`)
    }
    return size
  }

  #write(buffer: Buffer, at: number, size: number): void {
    const lastOffset = readLastOffset(buffer, at)
    const maxTimestamp = readMaxTimestamp(buffer, at)
    const isDue = mustRoll(this.#segments.active, this.config, {
      bytes: size,
      lastOffset,
      maxTimestamp,
    })
    if (isDue) {
      // Where the last one ends, also when the leader lacks what came next: so a hole shows a loss.
      const end = this.#logEndOffset
      this.#roll(isWithinSegment(end, lastOffset) ? end : readBaseOffset(buffer, at))
    }
    const segment = this.#segments.active
    const position = segment.size
    const bytes = at === 0 && size === buffer.length ? buffer : buffer.subarray(at, at + size)
    segment.append([bytes], size)
    segment.index(position, size, lastOffset, maxTimestamp, this.config.indexIntervalBytes)
    this.#producers.update(buffer, at)
    this.#logEndOffset = lastOffset + 1
  }

  #roll(baseOffset: number): void {
    const { disk, clock } = this.#ports
    this.#segments.finish()
    this.#epochs.flush()
    this.#root()
    writeSnapshot(disk, this.directory, baseOffset, this.#producers)
    this.#segments.add(baseOffset, clock.wallMs())
    this.#flushLater()
  }

  /** The recovery point follows when all that is rolled is on the device, which nobody waits for. */
  #flushLater(): void {
    this.#segments.flushAsync().then(() => {
      // As it is now: much may have happened meanwhile.
      this.#recoveryPoint = Math.max(this.#recoveryPoint, this.#segments.durableEnd)
    }, this.#ports.onDiskError)
  }

  #maybeFlush(): void {
    if (this.#logEndOffset - this.#recoveryPoint >= this.config.flushMessages) this.#flush()
  }

  flush(): void {
    this.#guard.run(() => this.#flush())
  }

  #flush(): void {
    this.#epochs.flush()
    this.#root()
    this.#segments.flush(this.#recoveryPoint)
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
    const range = this.#guard.run(() =>
      findRange(this.#segments.all, { startOffset, limit, maxBytes, minOneMessage }),
    )
    if (range === null) return this.#readResult([], 0)
    const materialize = () => this.#readCold(range)
    return { ...this.#readResult([], range.bytes), chunks: null, materialize }
  }

  async #readCold(range: FileRange): Promise<Buffer[]> {
    const truncations = this.#truncations
    const isOurs = () => this.#segments.all.includes(range.segment)
    const records = await this.#guard.runAsync(() => readRange(range), isOurs)
    // What lies there now may be another leader's, and does not continue what the reader has.
    return truncations === this.#truncations ? [retain(records)] : []
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
    this.#guard.run(() => this.#epochs.truncateFromStart(offset))
  }

  endOffsetForEpoch(epoch: number): EpochEnd {
    return this.#epochs.endOffsetFor(epoch, this.#logEndOffset)
  }

  assignEpochStartOffset(epoch: number, startOffset: number): void {
    this.#guard.run(() => this.#epochs.assign(epoch, startOffset))
  }

  /**
   * The whole batch that holds `offset` goes. The log then ends at `offset`, or where that batch began:
   * it is fetched again from there. (Kafka leaves a hole.)
   */
  truncateTo(offset: number): void {
    assert(offset >= 0, `${this.directory}: truncation to ${offset}`)
    if (offset >= this.#logEndOffset) {
      this.#guard.run(() => this.#epochs.truncateFromEnd(this.#logEndOffset))
      return
    }
    if (offset <= this.#segments.all[0]!.baseOffset) {
      this.truncateFullyAndStartAt(offset)
      return
    }
    this.#tail.clear()
    const end = this.#guard.run(() => this.#cutAt(offset))
    this.#moveEnds({
      logStartOffset: Math.min(this.#logStartOffset, end),
      logEndOffset: end,
      highWatermark: Math.min(this.#highWatermark, end),
      recoveryPoint: Math.min(this.#recoveryPoint, end),
    })
    this.#readProducers()
  }

  /** Returns where the log ends now. */
  #cutAt(offset: number): number {
    const { end, hasRemoved } = this.#segments.cutAt(offset)
    this.#epochs.truncateFromEnd(end)
    const hasRemovedSnapshots = removeSnapshotsAfter(this.#ports.disk, this.directory, end)
    if (hasRemoved || hasRemovedSnapshots) this.#syncRemovals()
    this.#flushLater()
    return end
  }

  truncateFullyAndStartAt(offset: number): void {
    const { disk, clock } = this.#ports
    this.#tail.clear()
    this.#guard.run(() => {
      this.#segments.restartAt(offset, clock.wallMs())
      removeSnapshotsAfter(disk, this.directory, -1)
      this.#epochs.clear()
      this.#syncRemovals()
    })
    this.#producers.clear()
    this.#moveEnds({
      logStartOffset: offset,
      logEndOffset: offset,
      highWatermark: offset,
      recoveryPoint: offset,
    })
  }

  /** What is removed must not come back beside what is written in its place. */
  #syncRemovals(): void {
    this.#epochs.flush()
    this.#segments.syncNames()
  }

  /** After a truncation. What the checkpoints say beyond it would be believed of what comes in its place. */
  #moveEnds(ends: LogEnds): void {
    const isBelow =
      ends.recoveryPoint < this.#recoveryPoint ||
      ends.highWatermark < this.#highWatermark ||
      ends.logStartOffset < this.#logStartOffset
    this.#logStartOffset = ends.logStartOffset
    this.#logEndOffset = ends.logEndOffset
    this.#highWatermark = ends.highWatermark
    this.#recoveryPoint = ends.recoveryPoint
    this.#truncations += 1
    if (isBelow) this.#ports.onOffsetsFell()
  }

  /**
   * A truncated producer may send its sequences again. All that is not committed is looked at again,
   * for the last five batches of whoever is about to; a snapshot knows one.
   */
  #readProducers(): void {
    const { disk } = this.#ports
    const source = { disk, directory: this.directory, segments: this.#segments.all }
    const endOffset = this.#highWatermark
    const onUnusable = (): void => {}
    this.#producers = this.#guard.run(() => readProducers({ ...source, endOffset, onUnusable }))
  }

  /** The first record at or after a time; null when there is none. */
  offsetForTimestamp(timestamp: number): TimedOffset | null {
    return this.#guard.run(() => findTimestamp(this.#segments.all, timestamp, this.#logStartOffset))
  }

  /** The first record that carries the largest timestamp; null for an empty log. */
  maxTimestampOffset(): TimedOffset | null {
    const latest = Math.max(...this.#segments.all.map(({ maxTimestamp }) => maxTimestamp))
    return this.offsetForTimestamp(latest)
  }

  segmentStarts() {
    return this.#guard.run(() => startsOf(this.#segments.all, this.#logStartOffset))
  }

  expireProducers(nowMs: number, expirationMs: number): void {
    this.#producers.expire(nowMs, expirationMs)
  }

  /**
   * Removes what retention allows, oldest first; the returned functions remove the files. The log
   * start moves before anything goes.
   */
  deleteOldSegments(nowMs: number): (() => void)[] {
    return this.#guard.run(() => {
      const { all } = this.#segments
      const count = countDeletable(all, {
        nowMs,
        logStartOffset: this.#logStartOffset,
        logEndOffset: this.#logEndOffset,
        highWatermark: this.#highWatermark,
        config: this.config,
      })
      if (count === 0) return []
      if (count === all.length) this.#roll(this.#logEndOffset)
      this.#logStartOffset = Math.max(this.#logStartOffset, all[count]!.baseOffset)
      this.#epochs.truncateFromStart(this.#logStartOffset)
      return this.#segments.removeFirst(count)
    })
  }

  /** Flushed, with a snapshot of the producers: the next start needs no scan. */
  close(): void {
    this.#guard.run(() => {
      this.#segments.active.finish()
      this.#flush()
      writeSnapshot(this.#ports.disk, this.directory, this.#logEndOffset, this.#producers)
      this.closeFiles()
    })
  }

  /** Without flushing: the directory has failed, or the log is deleted. It takes nothing more. */
  closeFiles(): void {
    this.#guard.close()
    this.#tail.clear()
    this.#segments.close()
  }
}
