/** What `samsa dump-log` prints of one file, in the words of Kafka 3.9's DumpLogSegments. */
import path from 'node:path'
import type { Disk } from '../base/ports.ts'
import {
  ATTRIBUTES_AT,
  addToSequence,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBaseOffset,
  readBaseSequence,
  readBaseTimestamp,
  readCompression,
  readCrc,
  readInt32,
  readInt64,
  readLastOffset,
  readLastSequence,
  readLeaderEpoch,
  readMagic,
  readMaxTimestamp,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
} from '../records/batch-header.ts'
import { CorruptRecordError, sizeOfBatchAt } from '../records/batches.ts'
import { COMPRESSION_NAMES } from '../records/compression.ts'
import { crc32c } from '../records/crc32c.ts'
import { readRecords } from '../records/reader.ts'
import { baseOffsetOf, dumpOffsetIndex, dumpTimeIndex } from './index-dump.ts'

export interface DumpOptions {
  /** Keys and values of records. */
  readonly printDataLog: boolean
  readonly deepIteration: boolean
  readonly skipRecordMetadata: boolean
  readonly indexSanityCheck: boolean
  /** Tells where indexes and log disagree, and nothing else of the indexes. */
  readonly verifyIndexOnly: boolean
  /** Bytes of the log to look at. */
  readonly maxBytes: number
}

export type Print = (line: string) => void

export interface DumpOutput {
  readonly out: Print
  readonly err: Print
}

export function dumpFile(disk: Disk, file: string, options: DumpOptions, output: DumpOutput): void {
  const name = path.basename(file)
  const suffix = name.slice(name.indexOf('.'))
  output.out(`Dumping ${file}`)
  switch (suffix) {
    case '.log':
      dumpLog(disk, file, options, output)
      return
    case '.index':
      dumpOffsetIndex(disk, file, options, output)
      return
    case '.timeindex':
      dumpTimeIndex(disk, file, options, output)
      return
    case '.snapshot':
      dumpSnapshot(disk, file, output)
      return
    case '.txnindex':
      dumpTransactionIndex(disk, file, output)
      return
    default:
      output.err(`Ignoring unknown file ${file}`)
  }
}

function dumpLog(disk: Disk, file: string, options: DumpOptions, { out, err }: DumpOutput): void {
  out(`Log starting offset: ${baseOffsetOf(file)}`)
  const bytes = disk.readFile(file)
  const end = Math.min(bytes.length, options.maxBytes)
  const gaps: [before: number, after: number][] = []
  let at = 0
  let lastOffset = -1
  try {
    for (let size = sizeOfBatchAt(bytes, at, end); size > 0; size = sizeOfBatchAt(bytes, at, end)) {
      out(batchLine(bytes, at, size))
      if (options.deepIteration) {
        lastOffset = dumpRecords(bytes, at, lastOffset, gaps, options, out)
      } else {
        lastOffset = readLastOffset(bytes, at)
      }
      at += size
    }
  } catch (error) {
    if (!(error instanceof CorruptRecordError)) throw error
    err(error.message)
  }
  const left = end - at
  if (left > 0 && options.maxBytes >= bytes.length) {
    out(`Found ${left} invalid bytes at the end of ${path.basename(file)}`)
  }
  if (gaps.length > 0) {
    err(`Non-consecutive offsets in ${file}`)
    for (const [before, after] of gaps) err(`  ${before} is followed by ${after}`)
  }
}

function batchLine(bytes: Buffer, at: number, size: number): string {
  if (readMagic(bytes, at) < 2) {
    return `offset: ${readBaseOffset(bytes, at)} position: ${at} size: ${size} magic: ${readMagic(bytes, at)}`
  }
  const crc = readCrc(bytes, at)
  const isValid = crc32c(bytes, at + ATTRIBUTES_AT, at + size) === crc
  const horizon = hasDeleteHorizon(bytes, at)
    ? `OptionalLong[${readBaseTimestamp(bytes, at)}]`
    : 'OptionalLong.empty'
  return [
    `baseOffset: ${readBaseOffset(bytes, at)}`,
    `lastOffset: ${readLastOffset(bytes, at)}`,
    `count: ${readRecordCount(bytes, at)}`,
    `baseSequence: ${readBaseSequence(bytes, at)}`,
    `lastSequence: ${readLastSequence(bytes, at)}`,
    `producerId: ${readProducerId(bytes, at)}`,
    `producerEpoch: ${readProducerEpoch(bytes, at)}`,
    `partitionLeaderEpoch: ${readLeaderEpoch(bytes, at)}`,
    `isTransactional: ${isTransactional(bytes, at)}`,
    `isControl: ${isControl(bytes, at)}`,
    `deleteHorizonMs: ${horizon}`,
    `position: ${at}`,
    `${timeLabel(bytes, at)}: ${readMaxTimestamp(bytes, at)}`,
    `size: ${size}`,
    `magic: ${readMagic(bytes, at)}`,
    `compresscodec: ${COMPRESSION_NAMES[readCompression(bytes, at)] ?? 'unknown'}`,
    `crc: ${crc}`,
    `isvalid: ${isValid}`,
  ].join(' ')
}

function timeLabel(bytes: Buffer, at: number): string {
  return isLogAppendTime(bytes, at) ? 'LogAppendTime' : 'CreateTime'
}

/** Returns the offset of the last record. */
function dumpRecords(
  bytes: Buffer,
  at: number,
  before: number,
  gaps: [number, number][],
  options: DumpOptions,
  out: Print,
): number {
  let last = before
  const baseSequence = readBaseSequence(bytes, at)
  const baseOffset = readBaseOffset(bytes, at)
  for (const record of readRecords(bytes, at)) {
    if (last !== -1 && record.offset !== last + 1) gaps.push([last, record.offset])
    last = record.offset
    const sequence = baseSequence < 0 ? -1 : addToSequence(baseSequence, last - baseOffset)
    const parts: string[] = ['|']
    if (!options.skipRecordMetadata) {
      const keys = record.headers.map(({ key }) => key).join(',')
      parts.push(
        `offset: ${record.offset}`,
        `${timeLabel(bytes, at)}: ${record.timestamp}`,
        `keySize: ${record.key?.length ?? -1}`,
        `valueSize: ${record.value?.length ?? -1}`,
        `sequence: ${sequence}`,
        `headerKeys: [${keys}]`,
      )
    }
    if (isControl(bytes, at)) parts.push(...controlParts(record.key, record.value))
    else if (options.printDataLog) {
      if (record.key !== null) parts.push(`key: ${record.key.toString()}`)
      if (record.value !== null) parts.push(`payload: ${record.value.toString()}`)
    }
    out(parts.join(' '))
  }
  return last
}

function controlParts(key: Buffer | null, value: Buffer | null): string[] {
  const type = key?.readInt16BE(2) ?? -1
  if (type !== 0 && type !== 1) return [`controlType: UNKNOWN(${type})`]
  const epoch = value !== null && value.length >= 6 ? readInt32(value, 2) : -1
  return [`endTxnMarker: ${type === 1 ? 'COMMIT' : 'ABORT'}`, `coordinatorEpoch: ${epoch}`]
}

function dumpSnapshot(disk: Disk, file: string, { out, err }: DumpOutput): void {
  const bytes = disk.readFile(file)
  const isGood = bytes.length >= 10 && crc32c(bytes, 6) === readInt32(bytes, 2) >>> 0
  if (!isGood) {
    err(`Snapshot ${file} is corrupt`)
    return
  }
  for (let at = 10; at + 46 <= bytes.length; at += 46) {
    const lastSequence = readInt32(bytes, at + 10)
    const lastOffset = readInt64(bytes, at + 14)
    const offsetDelta = readInt32(bytes, at + 22)
    const timestamp = readInt64(bytes, at + 26)
    const open = readInt64(bytes, at + 38)
    const batch =
      lastOffset < 0
        ? ''
        : `firstSequence: ${lastSequence - offsetDelta} lastSequence: ${lastSequence} ` +
          `lastOffset: ${lastOffset} offsetDelta: ${offsetDelta} timestamp: ${timestamp}`
    out(
      `producerId: ${readInt64(bytes, at)} producerEpoch: ${bytes.readInt16BE(at + 8)} ` +
        `coordinatorEpoch: ${readInt32(bytes, at + 34)} currentTxnFirstOffset: ` +
        `${open < 0 ? 'OptionalLong.empty' : `OptionalLong[${open}]`} ` +
        `lastTimestamp: ${timestamp} ${batch}`,
    )
  }
}

function dumpTransactionIndex(disk: Disk, file: string, { out }: DumpOutput): void {
  const bytes = disk.readFile(file)
  for (let at = 0; at + 34 <= bytes.length; at += 34) {
    out(
      `version: ${bytes.readInt16BE(at)} producerId: ${readInt64(bytes, at + 2)} ` +
        `firstOffset: ${readInt64(bytes, at + 10)} lastOffset: ${readInt64(bytes, at + 18)} ` +
        `lastStableOffset: ${readInt64(bytes, at + 26)}`,
    )
  }
}
