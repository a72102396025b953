/** The checksum of a batch or an old message, held against its bytes. */
import zlib from 'node:zlib'
import {
  ATTRIBUTES_AT,
  isLegacy,
  LEGACY_CRC_AT,
  MAGIC_AT,
  readCrc,
  readInt32,
} from './batch-header.ts'
import { crc32c } from './crc32c.ts'

/** `size` is that of the whole batch. CRC-32C for magic 2, plain CRC-32 before. */
export function hasValidChecksum(buffer: Buffer, at: number, size: number): boolean {
  return computeChecksum(buffer, at, size) === readChecksum(buffer, at)
}

export function readChecksum(buffer: Buffer, at: number): number {
  return isLegacy(buffer, at) ? readInt32(buffer, at + LEGACY_CRC_AT) >>> 0 : readCrc(buffer, at)
}

export function computeChecksum(buffer: Buffer, at: number, size: number): number {
  return isLegacy(buffer, at)
    ? zlib.crc32(buffer.subarray(at + MAGIC_AT, at + size))
    : crc32c(buffer, at + ATTRIBUTES_AT, at + size)
}
