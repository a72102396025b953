/**
 * From fetched batches to the records that a consumer shows: those before the asked offset, control
 * records and, for read-committed, those of aborted transactions are left out.
 */

import {
  BATCH_OVERHEAD,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBaseOffset,
  readBaseTimestamp,
  readCompression,
  readLastOffset,
  readMagic,
  readMaxTimestamp,
  readProducerId,
  readRecordCount,
} from '../records/batch-header.ts'
import { CorruptRecordError, forEachBatch } from '../records/batches.ts'
import { decompress } from '../records/compression.ts'
import type { FetchedPartition } from './assigned-consumer.ts'

export interface FetchedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [key: string, value: Buffer | null])[]
}

export interface FetchedRecords {
  readonly records: FetchedRecord[]
  /** Where the next fetch begins. */
  readonly nextOffset: number
}

/** In the key of a control record, after its version. */
const ABORT_MARKER = 0

export function recordsOf(
  fetched: FetchedPartition,
  isolation: 'read-committed' | 'read-uncommitted',
): FetchedRecords {
  const buffer = fetched.records
  const records: FetchedRecord[] = []
  let nextOffset = fetched.fetchOffset
  const aborted = new AbortedProducers(
    isolation === 'read-committed' ? fetched.abortedTransactions : [],
  )
  forEachBatch(buffer, (at, size) => {
    const lastOffset = readLastOffset(buffer, at)
    nextOffset = Math.max(nextOffset, lastOffset + 1)
    if (readMagic(buffer, at) !== 2) {
      throw new CorruptRecordError('a batch of an old format, which is not read here')
    }
    const batch = decodeBatch(buffer, at, size)
    const producerId = readProducerId(buffer, at)
    aborted.reach(lastOffset)
    if (isControl(buffer, at)) {
      const marker = batch[0]?.key
      if (marker?.length === 4 && marker.readInt16BE(2) === ABORT_MARKER) aborted.end(producerId)
      return
    }
    if (isTransactional(buffer, at) && aborted.has(producerId)) return
    for (const record of batch) if (record.offset >= fetched.fetchOffset) records.push(record)
  })
  return { records, nextOffset }
}

/** Producers whose transaction, at the offset reached so far, is going to be aborted. */
class AbortedProducers {
  readonly #ahead: { readonly producerId: number; readonly firstOffset: number }[]
  readonly #now = new Set<number>()

  constructor(transactions: FetchedPartition['abortedTransactions']) {
    this.#ahead = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  reach(offset: number): void {
    while (this.#ahead.length > 0 && this.#ahead[0]!.firstOffset <= offset) {
      this.#now.add(this.#ahead.shift()!.producerId)
    }
  }

  end(producerId: number): void {
    this.#now.delete(producerId)
  }

  has(producerId: number): boolean {
    return this.#now.has(producerId)
  }
}

function decodeBatch(buffer: Buffer, at: number, size: number): FetchedRecord[] {
  const packed = buffer.subarray(at + BATCH_OVERHEAD, at + size)
  const reader = new RecordReader(decompress(readCompression(buffer, at), packed))
  const baseOffset = readBaseOffset(buffer, at)
  const baseTimestamp = readBaseTimestamp(buffer, at)
  const appendTime = isLogAppendTime(buffer, at) ? readMaxTimestamp(buffer, at) : null
  const count = readRecordCount(buffer, at)
  const records: FetchedRecord[] = []
  for (let i = 0; i < count; i++) {
    const record = reader.next()
    records.push({
      offset: baseOffset + record.offsetDelta,
      timestamp: appendTime ?? baseTimestamp + record.timestampDelta,
      timestampType: appendTime === null ? 'CreateTime' : 'LogAppendTime',
      key: record.key,
      value: record.value,
      headers: record.headers,
    })
  }
  return records
}

/** Records of format 2: lengths and deltas are zigzag varints. */
class RecordReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  next() {
    this.#varint() // Length of the record.
    this.#at += 1 // Attributes, none defined.
    const timestampDelta = this.#varint()
    const offsetDelta = this.#varint()
    const key = this.#bytes()
    const value = this.#bytes()
    const headers: [string, Buffer | null][] = []
    const count = this.#varint()
    for (let i = 0; i < count; i++) {
      const name = this.#bytes()
      headers.push([String(name ?? ''), this.#bytes()])
    }
    return { timestampDelta, offsetDelta, key, value, headers }
  }

  #bytes(): Buffer | null {
    const length = this.#varint()
    if (length < 0) return null
    const end = this.#at + length
    if (end > this.#buffer.length) throw new CorruptRecordError('a record beyond its batch')
    const bytes = this.#buffer.subarray(this.#at, end)
    this.#at = end
    return bytes
  }

  /** Up to ten bytes; exact up to 2^53. */
  #varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = this.#buffer[this.#at++]
      if (byte === undefined) throw new CorruptRecordError('a record beyond its batch')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      scale *= 128
    }
    throw new CorruptRecordError('a varint of more than ten bytes')
  }
}
