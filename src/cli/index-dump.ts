/** What `samsa dump-log` prints of an index, and where index and log disagree. */
import path from 'node:path'
import type { Disk } from '../base/ports.ts'
import { readInt32, readInt64, readLastOffset, readMaxTimestamp } from '../records/batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from '../records/batches.ts'
import type { DumpOptions, DumpOutput } from './log-dump.ts'

const OFFSET_ENTRY = 8
const TIME_ENTRY = 12
/** Of a batch header of any format. */
const HEADER_BYTES = 61

export class CorruptIndexError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CorruptIndexError'
  }
}

export function dumpOffsetIndex(
  disk: Disk,
  file: string,
  options: DumpOptions,
  { out, err }: DumpOutput,
): void {
  const bytes = disk.readFile(file)
  if (!isToBeRead(file, bytes, OFFSET_ENTRY, options, out)) return
  const base = baseOffsetOf(file)
  const log = disk.readFile(file.replace(/\.index$/, '.log'))
  const mismatches: string[] = []
  for (let at = 0; at + OFFSET_ENTRY <= bytes.length; at += OFFSET_ENTRY) {
    const offset = base + readInt32(bytes, at)
    // The space that is set aside for entries to come is zero.
    if (offset === base && at > 0) break
    const position = readInt32(bytes, at + 4)
    const found = position + HEADER_BYTES <= log.length ? readLastOffset(log, position) : -1
    // Kafka's tool tells the last mismatch first.
    if (found !== offset) mismatches.unshift(`  Index offset: ${offset}, log offset: ${found}`)
    if (!options.verifyIndexOnly) out(`offset: ${offset} position: ${position}`)
  }
  tell(`Mismatches in :${file}`, mismatches, err)
}

export function dumpTimeIndex(
  disk: Disk,
  file: string,
  options: DumpOptions,
  { out, err }: DumpOutput,
): void {
  const bytes = disk.readFile(file)
  if (!isToBeRead(file, bytes, TIME_ENTRY, options, out)) return
  const base = baseOffsetOf(file)
  const log = disk.readFile(file.replace(/\.timeindex$/, '.log'))
  const mismatches: string[] = []
  const outOfOrder: string[] = []
  const absent: string[] = []
  let before = -1
  let position = 0
  for (let at = 0; at + TIME_ENTRY <= bytes.length; at += TIME_ENTRY) {
    const timestamp = readInt64(bytes, at)
    const offset = base + readInt32(bytes, at + 8)
    if (offset === base && at > 0) break
    // Offsets grow, unless the index is damaged.
    position = findBatch(log, position, offset) ?? findBatch(log, 0, offset) ?? -1
    const found = position < 0 ? -1 : readLastOffset(log, position)
    if (found !== offset) {
      absent.push(`Indexed offset: ${offset}, found log offset: ${found}`)
    } else {
      const largest = readMaxTimestamp(log, position)
      if (largest !== timestamp) {
        mismatches.push(`  Index timestamp: ${timestamp}, log timestamp: ${largest}`)
      }
      if (before >= timestamp) {
        outOfOrder.push(`  Index timestamp: ${timestamp}, Previously indexed timestamp: ${before}`)
      }
    }
    if (!options.verifyIndexOnly) out(`timestamp: ${timestamp} offset: ${offset}`)
    before = timestamp
    position = Math.max(position, 0)
  }
  tell(`Found timestamp mismatch in :${file}`, mismatches, err)
  tell(`Found out of order timestamp in :${file}`, outOfOrder, err)
  tell('The following indexed offsets are not found in the log.', absent, err)
}

function isToBeRead(
  file: string,
  bytes: Buffer,
  entryBytes: number,
  options: DumpOptions,
  out: (line: string) => void,
): boolean {
  if (bytes.length < entryBytes) {
    out(`${file} is empty.`)
    return false
  }
  if (!options.indexSanityCheck) return true
  checkSanity(file, bytes, entryBytes)
  out(`${file} passed sanity check.`)
  return false
}

/** Throws what Kafka says of an index that it would build anew. */
function checkSanity(file: string, bytes: Buffer, entryBytes: number): void {
  const kind = entryBytes === TIME_ENTRY ? 'time index' : 'index'
  const last = (Math.trunc(bytes.length / entryBytes) - 1) * entryBytes
  const corrupt = `Corrupt ${kind} found, ${kind} file (${file}) has non-zero size but the last`
  if (entryBytes === TIME_ENTRY && readInt64(bytes, last) < readInt64(bytes, 0)) {
    throw new CorruptIndexError(
      `${corrupt} timestamp is ${readInt64(bytes, last)} which is less than the first timestamp ` +
        `${readInt64(bytes, 0)}`,
    )
  }
  const base = baseOffsetOf(file)
  const lastOffset =
    base + readInt32(bytes, last + entryBytes - (entryBytes === OFFSET_ENTRY ? 8 : 4))
  if (lastOffset < base) {
    const first = kind === 'index' ? 'base' : 'first'
    throw new CorruptIndexError(
      `${corrupt} offset is ${lastOffset} which is less than the ${first} offset ${base}`,
    )
  }
  if (bytes.length % entryBytes !== 0) {
    throw new CorruptIndexError(
      `${kind} file (${file}) is corrupt, found ${bytes.length} bytes which is neither positive ` +
        `nor a multiple of ${entryBytes}`,
    )
  }
}

function tell(title: string, lines: readonly string[], err: (line: string) => void): void {
  if (lines.length === 0) return
  err(title)
  for (const line of lines) err(line)
}

/** Position of the first batch from `position` on that ends at `offset` or later; null without one. */
function findBatch(log: Buffer, position: number, offset: number): number | null {
  try {
    for (let at = position; at + HEADER_BYTES <= log.length; ) {
      const size = sizeOfBatchAt(log, at, log.length)
      if (size < 0) return null
      if (readLastOffset(log, at) >= offset) return at
      at += size
    }
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
  }
  return null
}

export function baseOffsetOf(file: string): number {
  return Number.parseInt(path.basename(file), 10)
}
