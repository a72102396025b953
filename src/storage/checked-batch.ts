/** Batches that are taken as they stand: fetched from a leader, or found in a log at its recovery. */
import { ATTRIBUTES_AT, readCrc, readMagic } from '../records/batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from '../records/batches.ts'
import { crc32c } from '../records/crc32c.ts'

/** -1 when it is not whole. Throws `CorruptRecordError`. */
export function sizeOfCheckedBatch(records: Buffer, at: number): number {
  const size = sizeOfBatchAt(records, at, records.length)
  if (size < 0 || readMagic(records, at) !== 2) return size
  if (crc32c(records, at + ATTRIBUTES_AT, at + size) !== readCrc(records, at)) {
    throw new CorruptRecordError('a batch with a wrong checksum')
  }
  return size
}
