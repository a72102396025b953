/** Sparse map from offset to file position: 8 bytes an entry, relative offset and position, both int32. */
import type { Disk } from '../base/ports.ts'

const ENTRY_BYTES = 8

export class OffsetIndex {
  readonly #disk: Disk
  readonly #path: string
  readonly #baseOffset: number
  #entries: Buffer = Buffer.alloc(0)
  #bytes = 0
  #flushedBytes = 0

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.#disk = disk
    this.#path = path
    this.#baseOffset = baseOffset
  }

  get count(): number {
    return this.#bytes / ENTRY_BYTES
  }

  /** False when there is no file, or its entries do not ascend: then it must be rebuilt. */
  load(): boolean {
    if (!this.#disk.exists(this.#path)) return false
    const bytes = this.#disk.readFile(this.#path)
    let end = bytes.length - (bytes.length % ENTRY_BYTES)
    // Kafka leaves a zero-filled tail after a crash.
    while (end > 0 && bytes.readInt32BE(end - 8) === 0 && bytes.readInt32BE(end - 4) === 0) end -= 8
    for (let at = ENTRY_BYTES; at < end; at += ENTRY_BYTES) {
      if (bytes.readInt32BE(at) <= bytes.readInt32BE(at - ENTRY_BYTES)) return false
    }
    this.#entries = bytes
    this.#bytes = end
    this.#flushedBytes = end === bytes.length ? end : -1
    return true
  }

  append(offset: number, position: number): void {
    this.#entries = withRoom(this.#entries, this.#bytes, ENTRY_BYTES)
    this.#entries.writeInt32BE(offset - this.#baseOffset, this.#bytes)
    this.#entries.writeInt32BE(position, this.#bytes + 4)
    this.#bytes += ENTRY_BYTES
  }

  /** Position of the greatest entry at or below `offset`; 0 without one. */
  positionOf(offset: number): number {
    const relative = offset - this.#baseOffset
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries.readInt32BE(middle * ENTRY_BYTES) <= relative) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.#entries.readInt32BE((low - 1) * ENTRY_BYTES + 4)
  }

  /** Drops entries for offsets from `offset` on. */
  truncateTo(offset: number): void {
    const relative = offset - this.#baseOffset
    while (this.#bytes > 0 && this.#entries.readInt32BE(this.#bytes - ENTRY_BYTES) >= relative) {
      this.#bytes -= ENTRY_BYTES
    }
    this.#flushedBytes = -1
  }

  clear(): void {
    this.#bytes = 0
    this.#flushedBytes = -1
  }

  /** The file then holds exactly the entries. */
  flush(sync: boolean): void {
    this.#flushedBytes = flushEntries(
      this.#disk,
      this.#path,
      this.#entries.subarray(0, this.#bytes),
      this.#flushedBytes,
      sync,
    )
  }
}

/** Doubles the buffer when the next entry does not fit. */
export function withRoom(buffer: Buffer, used: number, bytes: number): Buffer {
  if (used + bytes <= buffer.length) return buffer
  const larger = Buffer.alloc(Math.max(64, buffer.length * 2))
  buffer.copy(larger, 0, 0, used)
  return larger
}

/** Appends what the file lacks, or rewrites it when `flushedBytes` is -1. */
export function flushEntries(
  disk: Disk,
  path: string,
  entries: Buffer,
  flushedBytes: number,
  sync: boolean,
): number {
  if (flushedBytes === entries.length && disk.exists(path)) return flushedBytes
  const file = disk.open(path, 'write')
  try {
    const from = Math.max(0, flushedBytes)
    if (entries.length > from) file.write([entries.subarray(from)], from)
    file.truncate(entries.length)
    if (sync) file.sync()
  } finally {
    file.close()
  }
  return entries.length
}
