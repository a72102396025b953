/**
 * Reads the primitive types of Kafka's protocol from a frame. Every length is checked against what
 * is left before anything is allocated; whatever does not fit raises `MalformedMessageError`.
 */

/** Bytes from outside that are not the message they claim to be. Close the connection. */
export class MalformedMessageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedMessageError'
  }
}

const UUID_BYTES = 16
const TWO_TO_32 = 0x1_0000_0000

export class MessageReader {
  readonly #buffer: Buffer
  #at: number
  #end: number

  constructor(buffer: Buffer, at: number, end: number = buffer.length) {
    this.#buffer = buffer
    this.#at = at
    this.#end = end
  }

  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  int8(): number {
    const at = this.#take(1)
    return (this.#buffer[at]! << 24) >> 24
  }

  int16(): number {
    const at = this.#take(2)
    return ((this.#buffer[at]! << 24) | (this.#buffer[at + 1]! << 16)) >> 16
  }

  uint16(): number {
    const at = this.#take(2)
    return (this.#buffer[at]! << 8) | this.#buffer[at + 1]!
  }

  int32(): number {
    return this.#int32At(this.#take(4))
  }

  /** Two 32-bit halves: exact up to 2^53, rounded beyond. */
  int64(): number {
    const at = this.#take(8)
    return this.#int32At(at) * TWO_TO_32 + (this.#int32At(at + 4) >>> 0)
  }

  float64(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  bool(): boolean {
    return this.#buffer[this.#take(1)] !== 0
  }

  uuid(): string {
    const at = this.#take(UUID_BYTES)
    return this.#buffer.toString('base64url', at, at + UUID_BYTES)
  }

  /** At most five bytes; the result is unsigned. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer[this.#take(1)]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new MalformedMessageError(`byte ${this.#at}: a varint of more than five bytes`)
  }

  utf8(length: number): string {
    const at = this.#take(length)
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** A slice of the frame, not a copy. */
  slice(length: number): Buffer {
    const at = this.#take(length)
    return this.#buffer.subarray(at, at + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** Narrows what may be read to the next `length` bytes; give the result to `widen`. */
  narrow(length: number): number {
    const end = this.#end
    if (length > end - this.#at) this.#take(length)
    this.#end = this.#at + length
    return end
  }

  /** Skips what is left of the narrowed part. */
  widen(end: number): void {
    this.#at = this.#end
    this.#end = end
  }

  fail(what: string): never {
    throw new MalformedMessageError(`byte ${this.#at}: ${what}`)
  }

  #int32At(at: number): number {
    const buffer = this.#buffer
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
  }

  /** `length` is never negative: who reads a signed length checks it. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) {
      this.fail(`${length} bytes expected, ${this.#end - at} left`)
    }
    this.#at = at + length
    return at
  }
}
