/** Zig-zag varints as records use them. */
import { CorruptRecordError } from './batches.ts'

/** Moves over a buffer; every read is checked against the end. */
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

  byte(): number {
    if (this.at >= this.end) throw new CorruptRecordError('a record ends too early')
    return this.buffer[this.at++]!
  }

  /** At most five bytes. */
  varint(): number {
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
    let low = 0
    let high = 0
    for (let at = 0; at < 10; at++) {
      const byte = this.byte()
      if (at < 4) low |= (byte & 0x7f) << (7 * at)
      else high += (byte & 0x7f) * 2 ** (7 * (at - 4))
      if (byte < 0x80) {
        const raw = high * 2 ** 28 + (low >>> 0)
        return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
      }
    }
    throw new CorruptRecordError('a varlong of more than ten bytes')
  }

  skip(bytes: number): void {
    if (bytes < 0 || bytes > this.remaining) {
      throw new CorruptRecordError(`${bytes} bytes of a record, ${this.remaining} left`)
    }
    this.at += bytes
  }

  /** Null for a length of -1. */
  nullableBytes(): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    const from = this.at
    this.skip(length)
    return this.buffer.subarray(from, this.at)
  }
}

/** Appends to a list of bytes. */
export function pushVarint(out: number[], value: number): void {
  let raw = ((value << 1) ^ (value >> 31)) >>> 0
  while (raw > 0x7f) {
    out.push((raw & 0x7f) | 0x80)
    raw >>>= 7
  }
  out.push(raw)
}

export function pushVarlong(out: number[], value: number): void {
  let raw = value >= 0 ? value * 2 : -value * 2 - 1
  while (raw > 0x7f) {
    out.push((raw % 128) | 0x80)
    raw = Math.floor(raw / 128)
  }
  out.push(raw)
}
