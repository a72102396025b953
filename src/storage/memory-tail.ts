/**
 * The newest batches of a log, kept as the buffers they came in, so that followers and tail consumers
 * are served without the disk. All logs share one budget; a log that appends evicts the oldest of its
 * own first, then those of the log that was used longest ago. A buffer is free when it is evicted and
 * released by all who read it (`base/release.ts`).
 */
import { release, retain } from '../base/release.ts'

interface TailChunk {
  readonly baseOffset: number
  /** Inclusive. */
  readonly lastOffset: number
  readonly bytes: Buffer
  /** Of the bytes, also when they are gone. */
  readonly size: number
}

/** Batches up to this size are copied together into slabs. */
const COPIED_BYTES = 8 * 1024
const FIRST_SLAB_BYTES = 8 * 1024
const SLAB_BYTES = 64 * 1024

export class TailBudget {
  readonly #limitBytes: number
  readonly #tails = new Set<MemoryTail>()
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Called by a tail that grew: it is the most recently used. */
  grew(tail: MemoryTail, bytes: number): void {
    this.#usedBytes += bytes
    this.#tails.delete(tail)
    this.#tails.add(tail)
    while (this.#usedBytes > this.#limitBytes) {
      const coldest = this.#tails.values().next().value
      if (coldest === undefined || !coldest.evictOldest()) break
    }
  }

  shrank(tail: MemoryTail, bytes: number): void {
    this.#usedBytes -= bytes
    if (tail.isEmpty) this.#tails.delete(tail)
  }
}

export class MemoryTail {
  readonly #budget: TailBudget
  #chunks: TailChunk[] = []
  #first = 0
  #slab: Buffer = Buffer.alloc(0)
  #slabUsed = 0

  constructor(budget: TailBudget) {
    this.#budget = budget
  }

  get isEmpty(): boolean {
    return this.#first >= this.#chunks.length
  }

  get startOffset(): number {
    return this.#chunks[this.#first]?.baseOffset ?? Number.POSITIVE_INFINITY
  }

  push(baseOffset: number, lastOffset: number, bytes: Buffer): void {
    const kept = bytes.length <= COPIED_BYTES ? this.#copy(bytes) : retain(bytes)
    this.#chunks.push({ baseOffset, lastOffset, bytes: kept, size: kept.length })
    this.#budget.grew(this, bytes.length)
  }

  /** A small batch would keep the whole buffer alive in which it came. */
  #copy(bytes: Buffer): Buffer {
    if (bytes.length > this.#slab.length - this.#slabUsed) {
      this.#slab = Buffer.allocUnsafeSlow(this.#slab.length === 0 ? FIRST_SLAB_BYTES : SLAB_BYTES)
      this.#slabUsed = 0
    }
    const from = this.#slabUsed
    this.#slabUsed += bytes.copy(this.#slab, from)
    return this.#slab.subarray(from, this.#slabUsed)
  }

  /** Bytes of the batches from the one that holds `from` up to `to`; null when they are not all here. */
  bytesBetween(from: number, to: number): number | null {
    if (from < this.startOffset) return null
    let bytes = 0
    for (let at = this.#chunks.length - 1; at >= this.#first; at--) {
      const chunk = this.#chunks[at]!
      if (chunk.lastOffset < from) break
      if (chunk.baseOffset < to) bytes += chunk.bytes.length
    }
    return bytes
  }

  evictOldest(): boolean {
    const chunk = this.#chunks[this.#first]
    if (chunk === undefined) return false
    this.#first += 1
    release(chunk.bytes)
    if (this.#first > 32 && this.#first * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first)
      this.#first = 0
    }
    this.#budget.shrank(this, chunk.size)
    return true
  }

  clear(): void {
    while (this.evictOldest());
  }

  /**
   * Whole batches from the one that holds `offset`, below `limitOffset`; null when it is not here. Each
   * is retained for the reader.
   */
  read(
    offset: number,
    limitOffset: number,
    maxBytes: number,
    minOneMessage: boolean,
  ): { chunks: Buffer[]; bytes: number } | null {
    if (offset < this.startOffset || this.isEmpty) return null
    let low = this.#first
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#chunks[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for (let at = low; at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at]!
      if (chunk.lastOffset >= limitOffset) break
      const fits = bytes + chunk.bytes.length <= maxBytes
      if (!fits && !(minOneMessage && chunks.length === 0)) break
      chunks.push(retain(chunk.bytes))
      bytes += chunk.bytes.length
      if (!fits) break
    }
    return { chunks, bytes }
  }
}
