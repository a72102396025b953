/**
 * CRC-32C (Castagnoli), the checksum of record batches. Large ranges go to the native package where it
 * loads; small ones, and machines without it, to eight table lookups per eight bytes.
 */
import { createRequire } from 'node:module'

type NativeCrc = (input: Uint8Array, initial?: number) => number

const POLYNOMIAL = 0x82f63b78
/** Below this the call out of JavaScript costs more than it saves. */
const NATIVE_FROM_BYTES = 256

const TABLES = makeTables()
const nativeCrc32c = loadNative()

/** Of `buffer[start, end)`, unsigned. */
export function crc32c(buffer: Uint8Array, start = 0, end = buffer.length): number {
  if (nativeCrc32c !== null && end - start >= NATIVE_FROM_BYTES) {
    return nativeCrc32c(buffer.subarray(start, end))
  }
  return crc32cInJavaScript(buffer, start, end)
}

export function crc32cInJavaScript(buffer: Uint8Array, start: number, end: number): number {
  const t = TABLES
  let crc = -1
  let at = start
  for (; at + 8 <= end; at += 8) {
    const low =
      crc ^
      (buffer[at]! | (buffer[at + 1]! << 8) | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24))
    crc =
      t[1792 + (low & 0xff)]! ^
      t[1536 + ((low >>> 8) & 0xff)]! ^
      t[1280 + ((low >>> 16) & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^
      t[768 + buffer[at + 4]!]! ^
      t[512 + buffer[at + 5]!]! ^
      t[256 + buffer[at + 6]!]! ^
      t[buffer[at + 7]!]!
  }
  for (; at < end; at++) crc = t[(crc ^ buffer[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Table k (256 entries from k * 256) advances a byte by k more zero bytes. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!
  }
  return tables
}

/** The package is optional: null where it is not installed for this platform. */
function loadNative(): NativeCrc | null {
  try {
    const { crc32c: native } = createRequire(import.meta.url)('@node-rs/crc32') as {
      crc32c: NativeCrc
    }
    return native(Buffer.from('123456789')) === 0xe3069283 ? native : null
  } catch {
    return null
  }
}
