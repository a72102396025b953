/**
 * Walks the batches that lie back to back in a buffer, without an object for each. A partial batch at
 * the end is normal in fetch responses and ends the walk.
 */
import {
  BATCH_OVERHEAD,
  HEADER_SIZE_UP_TO_MAGIC,
  LOG_OVERHEAD,
  readMagic,
  readSizeInBytes,
} from './batch-header.ts'

/** Smallest length field that any format may have. */
const MIN_LENGTH = 14

/** Bytes that are not the batch they claim to be. */
export class CorruptRecordError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CorruptRecordError'
  }
}

/**
 * Size of the batch at `at`, or -1 when the buffer ends before it does. Throws `CorruptRecordError`
 * for a length or a magic that no batch has.
 */
export function sizeOfBatchAt(buffer: Buffer, at: number, end: number): number {
  if (end - at < LOG_OVERHEAD) return -1
  const size = readSizeInBytes(buffer, at)
  if (size < MIN_LENGTH + LOG_OVERHEAD) {
    const length = size - LOG_OVERHEAD
    throw new CorruptRecordError(
      `Record size ${length} is less than the minimum record overhead (${MIN_LENGTH})`,
    )
  }
  if (end - at < HEADER_SIZE_UP_TO_MAGIC) return -1
  const magic = readMagic(buffer, at)
  if (magic < 0 || magic > 2) {
    throw new CorruptRecordError(`Invalid magic found in record: ${magic}`)
  }
  if (magic === 2 && size < BATCH_OVERHEAD) {
    throw new CorruptRecordError(`a batch of ${size} bytes has no room for its header`)
  }
  return end - at < size ? -1 : size
}

/** Calls back with position and size of each whole batch; returns where the last one ended. */
export function forEachBatch(
  buffer: Buffer,
  visit: (at: number, size: number) => void,
  start = 0,
  end = buffer.length,
): number {
  let at = start
  for (;;) {
    const size = sizeOfBatchAt(buffer, at, end)
    if (size < 0) return at
    visit(at, size)
    at += size
  }
}

/** End of the last whole batch in `buffer[start, end)`. */
export function endOfWholeBatches(buffer: Buffer, start = 0, end = buffer.length): number {
  return forEachBatch(buffer, () => {}, start, end)
}
