/**
 * One segment of a log: the file of batches and its two indexes. The indexes live in memory and are
 * written to files of exact length when the segment is flushed, rolled or closed.
 */
import type { Disk, DiskFile } from '../base/ports.ts'
import { releaseBytes } from '../base/release.ts'
import {
  BATCH_OVERHEAD,
  readBaseOffset,
  readLastOffset,
  readMaxTimestamp,
  readSizeInBytes,
} from '../records/batch-header.ts'
import { OffsetIndex } from './offset-index.ts'
import { TimeIndex } from './time-index.ts'

export interface FoundBatch {
  readonly position: number
  readonly sizeInBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
}

/** Bytes that the first read of a scan brings: the index leads to the batch, or near it. */
const FIRST_SCAN_BYTES = 1024
/** The most that one brings. */
const SCAN_BYTES = 64 * 1024
const MIN_BATCH_BYTES = 26

export class Segment {
  readonly baseOffset: number
  /** Without the suffix. */
  readonly path: string
  readonly offsetIndex: OffsetIndex
  readonly timeIndex: TimeIndex
  readonly createdMs: number
  size: number
  /** Largest timestamp of any batch; -1 when there is none. */
  maxTimestamp = -1
  offsetOfMaxTimestamp = -1
  /** Largest timestamp of the first batch; null before it is known. Decides when to roll by time. */
  firstTimestamp: number | null = null
  readonly #disk: Disk
  #file: DiskFile | null = null
  #bytesSinceIndexEntry = 0
  #unsynced = false
  /** Grow with each write and truncation, so that a sync knows whether it covered all. */
  #writes = 0
  #cuts = 0
  #syncedCuts = 0

  constructor(disk: Disk, directory: string, baseOffset: number, nowMs: number) {
    this.#disk = disk
    this.baseOffset = baseOffset
    this.path = `${directory}/${segmentName(baseOffset)}`
    this.size = disk.exists(`${this.path}.log`) ? disk.stat(`${this.path}.log`).bytes : 0
    this.offsetIndex = new OffsetIndex(disk, `${this.path}.index`, baseOffset)
    this.timeIndex = new TimeIndex(disk, `${this.path}.timeindex`, baseOffset)
    this.createdMs = nowMs
  }

  /** Opened at first use: most segments of most partitions are never touched. */
  get file(): DiskFile {
    this.#file ??= this.#disk.open(`${this.path}.log`, 'write')
    return this.#file
  }

  /** When the file was last written, by the wall clock. */
  get modifiedMs(): number {
    return this.#disk.stat(`${this.path}.log`).modifiedMs
  }

  /** Makes the file, so that the segment is found again. An index that lies here is another one's. */
  create(): void {
    this.file.size()
    this.offsetIndex.clear()
    this.timeIndex.clear()
  }

  /** `index` must be called for each batch of what is written, before. */
  append(chunks: readonly Uint8Array[], bytes: number): void {
    this.file.write(chunks, this.size)
    this.size += bytes
    this.markUnsynced()
  }

  /** Takes note of a batch of `bytes` at `position`. */
  index(
    position: number,
    bytes: number,
    lastOffset: number,
    maxTimestamp: number,
    intervalBytes: number,
  ): void {
    this.firstTimestamp ??= maxTimestamp
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp
      this.offsetOfMaxTimestamp = lastOffset
    }
    if (this.#bytesSinceIndexEntry > intervalBytes) {
      this.offsetIndex.append(lastOffset, position)
      this.timeIndex.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp)
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += bytes
  }

  /** The first batch whose last offset is at or past `offset`. */
  find(offset: number): FoundBatch | null {
    const start = this.offsetIndex.positionOf(offset)
    return this.scan(start, (buffer, at) => readLastOffset(buffer, at) >= offset)
  }

  /** The first batch from position `start` on that matches. Reads headers only. */
  scan(start: number, matches: (buffer: Buffer, at: number) => boolean): FoundBatch | null {
    let memory: Buffer = Buffer.alloc(0)
    let window = memory
    let windowStart = 0
    let found: FoundBatch | null = null
    for (let position = start; found === null && position + BATCH_OVERHEAD <= this.size; ) {
      if (position < windowStart || position + BATCH_OVERHEAD > windowStart + window.length) {
        memory = widened(memory)
        window = memory.subarray(0, this.size - position)
        windowStart = position
        if (this.file.read(window, position) < BATCH_OVERHEAD) break
      }
      const at = position - windowStart
      const sizeInBytes = readSizeInBytes(window, at)
      if (sizeInBytes < MIN_BATCH_BYTES || position + sizeInBytes > this.size) break
      if (matches(window, at)) {
        const baseOffset = readBaseOffset(window, at)
        found = { position, sizeInBytes, baseOffset, lastOffset: readLastOffset(window, at) }
      }
      position += sizeInBytes
    }
    releaseBytes(memory)
    return found
  }

  /** The first batch of which some record may carry `timestamp` or a later one. */
  findTimestamp(timestamp: number, fromOffset: number): FoundBatch | null {
    const floor = this.timeIndex.floor(timestamp)
    const start = this.offsetIndex.positionOf(Math.max(floor?.offset ?? 0, fromOffset))
    return this.scan(
      start,
      (buffer, at) =>
        readMaxTimestamp(buffer, at) >= timestamp && readLastOffset(buffer, at) >= fromOffset,
    )
  }

  readBatch(found: FoundBatch): Buffer {
    const batch = Buffer.allocUnsafe(found.sizeInBytes)
    this.file.read(batch, found.position)
    return batch
  }

  /** Cuts before the batch that holds `offset`. Returns where the segment ends then. */
  truncateTo(offset: number): number {
    const found = this.find(offset)
    const end = Math.min(offset, found?.baseOffset ?? offset)
    this.truncateAt(found?.position ?? this.size, end)
    return end
  }

  truncateAt(position: number, offset: number): void {
    this.file.truncate(position)
    this.size = position
    this.#cuts += 1
    this.markUnsynced()
    this.offsetIndex.truncateTo(offset)
    this.timeIndex.truncateTo(offset)
    this.learnTimestamps()
  }

  /** From the time index and the batches after its last entry. */
  learnTimestamps(): void {
    const last = this.timeIndex.last
    this.maxTimestamp = last?.timestamp ?? -1
    this.offsetOfMaxTimestamp = last?.offset ?? -1
    this.firstTimestamp = null
    const start = last === null ? 0 : this.offsetIndex.positionOf(last.offset)
    this.scan(start, (buffer, at) => {
      const timestamp = readMaxTimestamp(buffer, at)
      if (timestamp > this.maxTimestamp) {
        this.maxTimestamp = timestamp
        this.offsetOfMaxTimestamp = readLastOffset(buffer, at)
      }
      return false
    })
    this.scan(0, (buffer, at) => {
      this.firstTimestamp = readMaxTimestamp(buffer, at)
      return true
    })
  }

  /** What it holds may be with the operating system only. */
  markUnsynced(): void {
    this.#unsynced = true
    this.#writes += 1
  }

  /** Everything durable: log and indexes. */
  flush(): void {
    if (this.#unsynced) {
      this.file.sync()
      this.#unsynced = false
      this.#syncedCuts = this.#cuts
    }
    this.offsetIndex.flush(true)
    this.timeIndex.flush(true)
  }

  /** Nothing was written since the last flush. */
  get isDurable(): boolean {
    return !this.#unsynced
  }

  /** A power loss may bring back what a truncation has cut off. */
  get mayGrowBack(): boolean {
    return this.#syncedCuts !== this.#cuts
  }

  /** Without blocking. It is not durable then when it was written again or closed meanwhile. */
  async flushAsync(): Promise<void> {
    if (!this.#unsynced) return
    const [writes, cuts] = [this.#writes, this.#cuts]
    const file = this.file
    await file.syncAsync()
    if (this.#file !== file) return
    this.#syncedCuts = Math.max(this.#syncedCuts, cuts)
    if (this.#writes !== writes) return
    this.#unsynced = false
    this.offsetIndex.flush(true)
    this.timeIndex.flush(true)
  }

  /** No more appends: the indexes are completed and written. */
  finish(): void {
    this.timeIndex.maybeAppend(this.maxTimestamp, this.offsetOfMaxTimestamp)
    this.offsetIndex.flush(false)
    this.timeIndex.flush(false)
  }

  close(): void {
    this.#file?.close()
    this.#file = null
  }

  /** Renamed at once, so that it is never found again; removed by the returned function. */
  markDeleted(): () => void {
    this.close()
    const suffixes = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot']
    const files = suffixes.map((suffix) => this.path + suffix)
    const existing = files.filter((file) => this.#disk.exists(file))
    for (const file of existing) this.#disk.rename(file, `${file}.deleted`)
    return () => {
      for (const file of existing) this.#disk.remove(`${file}.deleted`)
    }
  }
}

/** For the next read of a scan: four times as much as the last, up to a bound. */
function widened(memory: Buffer): Buffer {
  if (memory.length === SCAN_BYTES) return memory
  releaseBytes(memory)
  const wanted = memory.length === 0 ? FIRST_SCAN_BYTES : memory.length * 4
  return Buffer.allocUnsafe(Math.min(wanted, SCAN_BYTES))
}

export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0')
}
