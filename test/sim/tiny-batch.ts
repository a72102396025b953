/** Batches of one text value each, made and read without the code that is being checked. */

import { crc32c } from '../../src/records/crc32c.ts'

const HEADER_BYTES = 61

export interface TinyRecord {
  readonly offset: number
  readonly leaderEpoch: number
  readonly value: string
}

/** A v2 batch with one record; the value must be shorter than 50 bytes, so that varints have one. */
export function tinyBatch(value: string, timestampMs: number): Buffer {
  const text = Buffer.from(value)
  // Attributes, timestamp delta, offset delta, key length -1, value length, value, no headers.
  const body = Buffer.from([0, 0, 0, 1, text.length * 2, ...text, 0])
  const batch = Buffer.alloc(HEADER_BYTES + 1 + body.length)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch[16] = 2
  batch.writeBigInt64BE(BigInt(timestampMs), 27)
  batch.writeBigInt64BE(BigInt(timestampMs), 35)
  batch.writeBigInt64BE(-1n, 43)
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(1, 57)
  batch[HEADER_BYTES] = body.length * 2
  body.copy(batch, HEADER_BYTES + 1)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

/** The records of whole tiny batches; what is cut off at the end is left out. */
export function readTinyBatches(bytes: Buffer): TinyRecord[] {
  const records: TinyRecord[] = []
  for (let at = 0; bytes.length - at >= HEADER_BYTES; ) {
    const size = 12 + bytes.readInt32BE(at + 8)
    if (size < HEADER_BYTES || bytes.length - at < size) break
    const valueAt = at + HEADER_BYTES + 6
    const length = (bytes[valueAt - 1] as number) / 2
    records.push({
      offset: Number(bytes.readBigInt64BE(at)),
      leaderEpoch: bytes.readInt32BE(at + 12),
      value: bytes.toString('utf8', valueAt, valueAt + length),
    })
    at += size
  }
  return records
}
