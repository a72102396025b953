/** Sparse map from offset to file position: 8 bytes an entry, relative offset and position, both int32. */
import type { Disk } from '../base/ports.ts'

const ENTRY_BYTES = 8

export class OffsetIndex {
  readonly #file: IndexFile
  readonly #baseOffset: number
  #entries: Buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.#file = new IndexFile(disk, path)
    this.#baseOffset = baseOffset
  }

  get count(): number {
    return this.#bytes / ENTRY_BYTES
  }

  /** False when there is no file, or its entries do not ascend: then it must be rebuilt. */
  load(): boolean {
    const bytes = this.#file.read()
    if (bytes === null) return false
    let end = bytes.length - (bytes.length % ENTRY_BYTES)
    // Kafka leaves a zero-filled tail after a crash.
    while (end > 0 && bytes.readInt32BE(end - 8) === 0 && bytes.readInt32BE(end - 4) === 0) end -= 8
    for (let at = ENTRY_BYTES; at < end; at += ENTRY_BYTES) {
      if (bytes.readInt32BE(at) <= bytes.readInt32BE(at - ENTRY_BYTES)) return false
    }
    this.#entries = bytes
    this.#bytes = end
    this.#file.hasEntries(end)
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
    this.#file.invalidate()
  }

  clear(): void {
    this.#bytes = 0
    this.#file.invalidate()
  }

  /** The file then holds exactly the entries. */
  flush(sync: boolean): void {
    this.#file.flush(this.#entries.subarray(0, this.#bytes), sync)
  }
}

/** Doubles the buffer when the next entry does not fit. */
export function withRoom(buffer: Buffer, used: number, bytes: number): Buffer {
  if (used + bytes <= buffer.length) return buffer
  const larger = Buffer.alloc(Math.max(64, buffer.length * 2))
  buffer.copy(larger, 0, 0, used)
  return larger
}

/** The file of an index: it grows as entries come, and is written anew when some have gone. */
export class IndexFile {
  readonly #disk: Disk
  readonly #path: string
  /** How many bytes stand in it; -1 when they are not those of the entries. */
  #writtenBytes = 0
  #isSynced = true

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** Null when there is none. */
  read(): Buffer | null {
    return this.#disk.exists(this.#path) ? this.#disk.readFile(this.#path) : null
  }

  /** What was read counts up to `bytes`. */
  hasEntries(bytes: number): void {
    this.#writtenBytes = this.#disk.stat(this.#path).bytes === bytes ? bytes : -1
  }

  invalidate(): void {
    this.#writtenBytes = -1
  }

  /** The file then holds exactly `entries`; with `sync`, on the device. */
  flush(entries: Buffer, sync: boolean): void {
    const isWritten = this.#writtenBytes === entries.length && this.#disk.exists(this.#path)
    if (isWritten && (this.#isSynced || !sync)) return
    const file = this.#disk.open(this.#path, 'write')
    try {
      const from = Math.max(0, this.#writtenBytes)
      if (entries.length > from) file.write([entries.subarray(from)], from)
      file.truncate(entries.length)
      if (sync) file.sync()
    } finally {
      file.close()
    }
    this.#writtenBytes = entries.length
    this.#isSynced = sync
  }
}
