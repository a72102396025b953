/**
 * Zig-zag varints as records use them. The cursor is what every walk over records moves on: no object
 * per record, one byte (most fields) or two decided before the general case.
 */
import { CorruptRecordError } from './batches.ts'

/** Moves over `buffer[at, end)`; nothing is read past the end. */
export class RecordCursor {
  readonly buffer: Buffer
  readonly end: number
  at: number

  constructor(buffer: Buffer, at: number, end: number) {
    this.buffer = buffer
    this.at = at
    this.end = end
  }

  get remaining(): number {
    return this.end - this.at
  }

  /** At most five bytes. */
  varint(): number {
    const at = this.at
    if (at + 1 < this.end) {
      const first = this.buffer[at]!
      if (first < 0x80) {
        this.at = at + 1
        return (first >>> 1) ^ -(first & 1)
      }
      const second = this.buffer[at + 1]!
      if (second < 0x80) {
        this.at = at + 2
        const raw = (first & 0x7f) | (second << 7)
        return (raw >>> 1) ^ -(raw & 1)
      }
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    let raw = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
    throw new CorruptRecordError('a varint of more than five bytes')
  }

  /** At most ten bytes; exact up to 2^53. */
  varlong(): number {
    const at = this.at
    if (at + 1 < this.end) {
      const first = this.buffer[at]!
      const second = this.buffer[at + 1]!
      if (first < 0x80 || second < 0x80) return this.varint()
    }
    return this.#longVarlong()
  }

  #longVarlong(): number {
    let low = 0
    let high = 0
    for (let at = 0; at < 10; at++) {
      const byte = this.byte()
      if (at < 4) low |= (byte & 0x7f) << (7 * at)
      // Of the tenth byte only the lowest bit is within 64.
      else high += (at < 9 ? byte & 0x7f : byte & 1) * 2 ** (7 * (at - 4))
      if (byte < 0x80) return unZigZag(low, high)
    }
    throw new CorruptRecordError('a varlong of more than ten bytes')
  }

  byte(): number {
    if (this.at >= this.end) throw new CorruptRecordError('a record ends too early')
    return this.buffer[this.at++]!
  }

  skip(bytes: number): void {
    if (bytes < 0 || bytes > this.end - this.at) {
      throw new CorruptRecordError(`${bytes} bytes of a record, ${this.remaining} left`)
    }
    this.at += bytes
  }

  /** Past a field that may be null; its length, -1 for null. */
  skipField(): number {
    const length = this.varint()
    if (length >= 0) this.skip(length)
    else if (length !== -1) throw new CorruptRecordError(`a field of ${length} bytes`)
    return length
  }

  /** Null for a length of -1. */
  nullableBytes(): Buffer | null {
    const length = this.skipField()
    return length < 0 ? null : this.buffer.subarray(this.at - length, this.at)
  }
}

/** `low` holds 28 bits, `high` those above. */
function unZigZag(low: number, high: number): number {
  const half = high * 2 ** 27 + (low >>> 1)
  return (low & 1) === 0 ? half : -half - 1
}

export function sizeOfVarint(value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  let bytes = 1
  for (; raw > 0x7f; raw >>>= 7) bytes += 1
  return bytes
}

/** Returns where it ends. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  let to = at
  for (; raw > 0x7f; raw >>>= 7) target[to++] = (raw & 0x7f) | 0x80
  target[to++] = raw
  return to
}

export function sizeOfVarlong(value: number): number {
  let raw = zigZag(value)
  let bytes = 1
  for (; raw > 0x7f; raw = Math.floor(raw / 128)) bytes += 1
  return bytes
}

/** Exact up to 2^52. Returns where it ends. */
export function writeVarlong(target: Buffer, at: number, value: number): number {
  let raw = zigZag(value)
  let to = at
  for (; raw > 0x7f; raw = Math.floor(raw / 128)) target[to++] = (raw % 128) | 0x80
  target[to++] = raw
  return to
}

function zigZag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
