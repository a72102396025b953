/**
 * Writes the primitive types of Kafka's protocol. Small fields go into one scratch buffer that
 * grows; record bytes enter the output by reference, between slices of that buffer, and are never
 * copied.
 */

import { assert } from '../base/assert.ts'

const FIRST_SCRATCH_BYTES = 256
const TWO_TO_32 = 0x1_0000_0000
const TWO_TO_63 = 2 ** 63
const INT16_MAX = 0x7fff

export class MessageWriter {
  readonly #chunks: Buffer[] = []
  #scratch: Buffer = Buffer.allocUnsafe(FIRST_SCRATCH_BYTES)
  /** Start of the bytes in `#scratch` that are not yet in `#chunks`. */
  #start = 0
  #at = 0
  #chunkBytes = 0

  /** Bytes written so far. */
  get length(): number {
    return this.#chunkBytes + this.#at - this.#start
  }

  /** What was written, in order. The writer must not be used afterwards. */
  finish(): Buffer[] {
    this.#flush()
    return this.#chunks
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#scratch[at] = value
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#scratch[at] = value >> 8
    this.#scratch[at + 1] = value
  }

  int32(value: number): void {
    this.#int32At(this.#reserve(4), value)
  }

  /** Two 32-bit halves; numbers beyond the range of an int64 become its ends. */
  int64(value: number): void {
    const at = this.#reserve(8)
    if (value >= TWO_TO_63) {
      this.#int32At(at, 0x7fff_ffff)
      this.#int32At(at + 4, -1)
    } else if (value <= -TWO_TO_63) {
      this.#int32At(at, -0x8000_0000)
      this.#int32At(at + 4, 0)
    } else {
      this.#int32At(at, Math.floor(value / TWO_TO_32) | 0)
      this.#int32At(at + 4, value | 0)
    }
  }

  float64(value: number): void {
    const at = this.#reserve(8)
    this.#scratch.writeDoubleBE(value, at)
  }

  uuid(value: string): void {
    const at = this.#reserve(16)
    const written = this.#scratch.write(value, at, 16, 'base64url')
    assert(written === 16 && value.length === 22, `not a uuid: ${value}`)
  }

  uvarint(value: number): void {
    const at = this.#reserve(5)
    this.#at = this.#uvarintAt(at, value)
  }

  /** Text after an int16 length. */
  string(value: string): void {
    const bytes = Buffer.byteLength(value)
    assert(bytes <= INT16_MAX, `a string of ${bytes} bytes does not fit its int16 length`)
    this.int16(bytes)
    this.#utf8(value, bytes)
  }

  /** Text after an unsigned varint, its length plus one. */
  compactString(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.uvarint(bytes + 1)
    this.#utf8(value, bytes)
  }

  /** Copied. For record bytes use `reference`. */
  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length)
    this.#scratch.set(value, at)
  }

  /** The chunk itself becomes part of the output. */
  reference(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#flush()
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.length
  }

  /** What `write` writes, after its size as an unsigned varint: a tagged field. */
  sized(write: () => void): void {
    this.int8(0) // One byte is enough for the size of nearly every tagged field.
    const before = this.#at - this.#start
    const chunks = this.#chunks.length
    write()
    assert(chunks === this.#chunks.length, 'a tagged field cannot hold records')
    const size = this.#at - this.#start - before
    if (size < 0x80) {
      this.#scratch[this.#start + before - 1] = size
      return
    }
    const extra = uvarintBytes(size) - 1
    this.#reserve(extra)
    const from = this.#start + before
    this.#scratch.copyWithin(from + extra, from, from + size)
    this.#uvarintAt(from - 1, size)
  }

  #utf8(value: string, bytes: number): void {
    const at = this.#reserve(bytes)
    if (bytes > 32 || bytes !== value.length) {
      this.#scratch.write(value, at, bytes, 'utf8')
      return
    }
    // One byte for each character: ASCII, and short enough to beat the call out of JavaScript.
    for (let i = 0; i < bytes; i++) this.#scratch[at + i] = value.charCodeAt(i)
  }

  #int32At(at: number, value: number): void {
    const scratch = this.#scratch
    scratch[at] = value >> 24
    scratch[at + 1] = value >> 16
    scratch[at + 2] = value >> 8
    scratch[at + 3] = value
  }

  #uvarintAt(start: number, value: number): number {
    let at = start
    let rest = value
    while (rest > 0x7f) {
      this.#scratch[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#scratch[at++] = rest
    return at
  }

  #reserve(bytes: number): number {
    if (bytes > this.#scratch.length - this.#at) this.#grow(bytes)
    const at = this.#at
    this.#at = at + bytes
    return at
  }

  /** Only what is not yet part of the output moves to the new buffer. */
  #grow(bytes: number): void {
    const pending = this.#at - this.#start
    const size = Math.max(this.#scratch.length * 2, (pending + bytes) * 2)
    const larger = Buffer.allocUnsafe(size)
    this.#scratch.copy(larger, 0, this.#start, this.#at)
    this.#scratch = larger
    this.#start = 0
    this.#at = pending
  }

  #flush(): void {
    if (this.#at === this.#start) return
    this.#chunks.push(this.#scratch.subarray(this.#start, this.#at))
    this.#chunkBytes += this.#at - this.#start
    this.#start = this.#at
  }
}

function uvarintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes += 1
  return bytes
}
