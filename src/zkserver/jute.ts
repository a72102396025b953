/** ZooKeeper's serialization: big-endian numbers, length-prefixed strings, buffers and vectors. */

export class JuteError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JuteError'
  }
}

/** Reads from untrusted bytes: every length is checked against what is left. */
export class JuteReader {
  readonly #buffer: Buffer
  #at: number

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer
    this.#at = at
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  int(): number {
    return this.#buffer.readInt32BE(this.#take(4, 'int'))
  }

  long(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8, 'long'))
  }

  bool(): boolean {
    return this.#buffer[this.#take(1, 'bool')] !== 0
  }

  /** A copy: a slice would keep its whole frame alive. */
  buffer(): Buffer | null {
    const length = this.int()
    if (length === -1) return null
    const at = this.#take(length, 'buffer')
    return Buffer.from(this.#buffer.subarray(at, at + length))
  }

  /** Null reads as the empty string. */
  string(): string {
    const length = this.int()
    if (length === -1) return ''
    const at = this.#take(length, 'string')
    return this.#buffer.toString('utf8', at, at + length)
  }

  /** `minBytes` is the least that one element takes; it bounds the count before any allocation. */
  vector<T>(minBytes: number, element: () => T): T[] {
    const count = this.int()
    if (count === -1) return []
    if (count < 0 || count * minBytes > this.remaining) {
      throw new JuteError(`vector of ${count} elements with ${this.remaining} bytes left`)
    }
    const elements: T[] = []
    for (let i = 0; i < count; i++) elements.push(element())
    return elements
  }

  #take(bytes: number, what: string): number {
    if (bytes < 0 || bytes > this.remaining) {
      throw new JuteError(`${what} of ${bytes} bytes with ${this.remaining} left`)
    }
    const at = this.#at
    this.#at += bytes
    return at
  }
}

export class JuteWriter {
  #buffer: Buffer
  #length = 0

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  int(value: number): this {
    this.#reserve(4)
    this.#length = this.#buffer.writeInt32BE(value, this.#length)
    return this
  }

  long(value: bigint): this {
    this.#reserve(8)
    this.#length = this.#buffer.writeBigInt64BE(value, this.#length)
    return this
  }

  bool(value: boolean): this {
    this.#reserve(1)
    this.#buffer[this.#length] = value ? 1 : 0
    this.#length += 1
    return this
  }

  buffer(value: Buffer | null): this {
    if (value === null) return this.int(-1)
    this.int(value.length)
    this.#reserve(value.length)
    this.#length += value.copy(this.#buffer, this.#length)
    return this
  }

  string(value: string): this {
    const bytes = Buffer.byteLength(value, 'utf8')
    this.int(bytes)
    this.#reserve(bytes)
    this.#length += this.#buffer.write(value, this.#length, 'utf8')
    return this
  }

  vector<T>(values: readonly T[], element: (value: T) => void): this {
    this.int(values.length)
    for (const value of values) element(value)
    return this
  }

  /** The bytes written so far; the writer is not to be used any more. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Finishes a message that began with a placeholder int for its own length. */
  finishFrame(): Buffer {
    this.#buffer.writeInt32BE(this.#length - 4, 0)
    return this.finish()
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
