/** Sparse map from timestamp to offset: 12 bytes an entry, int64 timestamp and int32 relative offset. */
import type { Disk } from '../base/ports.ts'
import { readInt64, writeInt64 } from '../records/batch-header.ts'
import { IndexFile, withRoom } from './offset-index.ts'

const ENTRY_BYTES = 12

export interface TimeIndexEntry {
  readonly timestamp: number
  readonly offset: number
}

export class TimeIndex {
  readonly #file: IndexFile
  readonly #baseOffset: number
  #entries: Buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(disk: Disk, path: string, baseOffset: number) {
    this.#file = new IndexFile(disk, path)
    this.#baseOffset = baseOffset
  }

  get last(): TimeIndexEntry | null {
    return this.#bytes === 0 ? null : this.#entry(this.#bytes - ENTRY_BYTES)
  }

  load(): boolean {
    const bytes = this.#file.read()
    if (bytes === null) return false
    let end = bytes.length - (bytes.length % ENTRY_BYTES)
    while (end > 0 && readInt64(bytes, end - ENTRY_BYTES) === 0) end -= ENTRY_BYTES
    for (let at = ENTRY_BYTES; at < end; at += ENTRY_BYTES) {
      if (readInt64(bytes, at) <= readInt64(bytes, at - ENTRY_BYTES)) return false
    }
    this.#entries = bytes
    this.#bytes = end
    this.#file.hasEntries(end)
    return true
  }

  /** Only a timestamp greater than the last one makes an entry. */
  maybeAppend(timestamp: number, offset: number): void {
    if (timestamp < 0 || timestamp <= (this.last?.timestamp ?? -1)) return
    this.#entries = withRoom(this.#entries, this.#bytes, ENTRY_BYTES)
    writeInt64(this.#entries, this.#bytes, timestamp)
    this.#entries.writeInt32BE(offset - this.#baseOffset, this.#bytes + 8)
    this.#bytes += ENTRY_BYTES
  }

  /** The last entry whose timestamp is at most `timestamp`. */
  floor(timestamp: number): TimeIndexEntry | null {
    let found: TimeIndexEntry | null = null
    for (let at = 0; at < this.#bytes; at += ENTRY_BYTES) {
      if (readInt64(this.#entries, at) > timestamp) break
      found = this.#entry(at)
    }
    return found
  }

  truncateTo(offset: number): void {
    while (this.#bytes > 0 && this.#entry(this.#bytes - ENTRY_BYTES).offset >= offset) {
      this.#bytes -= ENTRY_BYTES
    }
    this.#file.invalidate()
  }

  clear(): void {
    this.#bytes = 0
    this.#file.invalidate()
  }

  flush(sync: boolean): void {
    this.#file.flush(this.#entries.subarray(0, this.#bytes), sync)
  }

  #entry(at: number): TimeIndexEntry {
    return {
      timestamp: readInt64(this.#entries, at),
      offset: this.#entries.readInt32BE(at + 8) + this.#baseOffset,
    }
  }
}
