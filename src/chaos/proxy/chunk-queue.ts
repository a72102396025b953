/** What waits at one place of a chain: pieces of the stream, in order, and at last its ending. */
import type { Chunk, Ending } from './effects.ts'

/** More than this is not asked for. What is moved here when a toxic goes may exceed it once. */
const QUEUE_BYTES = 64 * 1024
/** A link with a latency holds what is on its way: 4 MiB, 40 MB/s at 100 ms. */
const WIDE_QUEUE_BYTES = 4 * 1024 * 1024
/** Small pieces cost more than their bytes. */
const QUEUE_CHUNKS = 1024

export class ChunkQueue {
  readonly #limitBytes: number
  #items: (Chunk | Ending)[] = []
  /** The items before this one are gone; they are cut off in one go. */
  #first = 0
  #bytes = 0

  constructor(size: 'narrow' | 'wide' = 'narrow') {
    this.#limitBytes = size === 'wide' ? WIDE_QUEUE_BYTES : QUEUE_BYTES
  }

  get bytes(): number {
    return this.#bytes
  }

  get hasRoom(): boolean {
    return this.#bytes < this.#limitBytes && this.#items.length - this.#first < QUEUE_CHUNKS
  }

  peek(): Chunk | Ending | null {
    return this.#items[this.#first] ?? null
  }

  push(item: Chunk | Ending): void {
    this.#items.push(item)
    if (item.kind === 'chunk') this.#bytes += item.data.length
  }

  shift(): Chunk | Ending | null {
    const item = this.#items[this.#first]
    if (item === undefined) return null
    this.#first += 1
    if (item.kind === 'chunk') this.#bytes -= item.data.length
    if (this.#first === this.#items.length) this.clear()
    else if (this.#first >= QUEUE_CHUNKS) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }

  /** Takes the first bytes of the piece at the head, or all of it. */
  shiftBytes(bytes: number): Chunk | null {
    const head = this.peek()
    if (head?.kind !== 'chunk') return null
    if (bytes >= head.data.length) return this.shift() as Chunk
    this.#items[this.#first] = { ...head, data: head.data.subarray(bytes) }
    this.#bytes -= bytes
    return { ...head, data: head.data.subarray(0, bytes) }
  }

  clear(): void {
    this.#items = []
    this.#first = 0
    this.#bytes = 0
  }
}
