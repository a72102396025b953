/** Bytes that Kafka wrote, and its verdicts on bytes: `test/golden/record-batches-kafka-3.9.txt`. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { hasValidChecksum } from '../../src/records/batch-checksum.ts'
import {
  isLegacy,
  isLogAppendTime,
  readBaseOffset,
  readCompression,
  readLastOffset,
  readMagic,
  readMaxTimestamp,
} from '../../src/records/batch-header.ts'
import { forEachBatch } from '../../src/records/batches.ts'
import { COMPRESSION_NAMES } from '../../src/records/compression.ts'
import { InvalidRecordsError } from '../../src/records/invalid-records-error.ts'
import { downconvert, upconvert } from '../../src/records/legacy.ts'
import { type Record, readRecords } from '../../src/records/reader.ts'
import { validateForAppend } from '../../src/records/validate.ts'
import { validationConfig } from '../support/validation-config.ts'

const FILE = path.join(import.meta.dirname, '..', 'golden', 'record-batches-kafka-3.9.txt')

interface Golden {
  readonly kind: string
  readonly name: string
  readonly bytes: Buffer
  readonly lines: readonly string[]
}

const GOLDENS: readonly Golden[] = fs
  .readFileSync(FILE, 'utf8')
  .split('\n\n')
  .slice(1)
  .map((block) => {
    const [title = '', hex = '', ...lines] = block.trimEnd().split('\n')
    const [kind = '', name = ''] = title.split(': ')
    return { kind, name, bytes: Buffer.from(hex, 'hex'), lines }
  })

const ofKind = (wanted: string) => GOLDENS.filter(({ kind }) => kind === wanted)

/** In the form of the file. */
function described(bytes: Buffer): string[] {
  const lines: string[] = []
  forEachBatch(bytes, (at, size) => {
    assert.ok(hasValidChecksum(bytes, at, size))
    const records = readRecords(bytes, at)
    const magic = readMagic(bytes, at)
    const first = isLegacy(bytes, at) ? records[0]!.offset : readBaseOffset(bytes, at)
    const type = isLogAppendTime(bytes, at) ? 'LogAppendTime' : 'CreateTime'
    const codec = COMPRESSION_NAMES[readCompression(bytes, at)]
    lines.push(
      `B ${magic} ${first} ${readLastOffset(bytes, at)} ${codec} ${magic === 0 ? 'NoTimestampType' : type} ${readMaxTimestamp(bytes, at)}`,
      ...records.map(describedRecord),
    )
  })
  return lines
}

function describedRecord({ offset, timestamp, key, value, headers }: Record): string {
  const hex = (field: Buffer | null) => (field === null ? 'null' : `${field.toString('hex')}.`)
  const shown = headers.map((each) => ` ${each.key}=${each.value?.toString('hex') ?? 'null'}`)
  return `R ${offset} ${timestamp} ${hex(key)} ${hex(value)} ${headers.length}${shown.join('')}`
}

for (const { name, bytes, lines } of ofKind('read')) {
  test(`what Kafka wrote is read as Kafka reads it: ${name}`, () => {
    assert.deepEqual(described(bytes), lines)
  })
}

interface AppendSettings {
  readonly compressionType: string
  readonly compacted: boolean
  readonly timestampType: string
  readonly before: string
  readonly after: string
  readonly nowMs: number
}

function appended(bytes: Buffer, settings: AppendSettings) {
  const config = validationConfig({
    compressionType: settings.compressionType,
    cleanupPolicy: settings.compacted ? ['compact'] : ['delete'],
    messageTimestampType: settings.timestampType,
    messageTimestampBeforeMaxMs: Number(settings.before),
    messageTimestampAfterMaxMs: Number(settings.after),
  })
  const batch = isLegacy(bytes, 0) ? upconvert(bytes) : Buffer.from(bytes)
  return validateForAppend(batch, config, settings.nowMs)
}

for (const { name, bytes, lines } of ofKind('append')) {
  const settings = JSON.parse(lines[0]!) as AppendSettings
  const [verdict, first, second, hex] = lines[1]!.split(' ')
  if (verdict === 'ok') {
    test(`an append becomes what Kafka makes of it: ${name}`, () => {
      const { batch, logAppendTimeMs, maxTimestamp } = appended(bytes, settings)
      assert.deepEqual([logAppendTimeMs, maxTimestamp], [Number(first), Number(second)])
      assert.deepEqual(described(batch), described(Buffer.from(hex!, 'hex')))
      // Two compressors differ; everything else is the same to the byte.
      if (readCompression(batch, 0) === 0) assert.equal(batch.toString('hex'), hex)
    })
  } else {
    test(`an append is refused as Kafka refuses it: ${name}`, () => {
      assert.throws(
        () => appended(bytes, settings),
        (error) => {
          assert.ok(error instanceof InvalidRecordsError)
          // Kafka's parser breaks where ours finds a record to be wrong.
          const codes = first === '-1' ? [-1, 87] : [Number(first)]
          assert.ok(codes.includes(error.code), `code ${error.code}, expected ${first}`)
          assert.deepEqual(
            error.recordErrors.map(({ batchIndex }) => batchIndex),
            JSON.parse(second!),
          )
          return true
        },
      )
    })
  }
}

for (const { name, bytes, lines } of ofKind('downconvert')) {
  test(`an old consumer gets what Kafka would send: ${name}`, () => {
    const [magic, fetchOffset] = lines[0]!.split(' ').map(Number)
    const outcome = downconvert(bytes, { magic: magic as 0 | 1, fetchOffset: fetchOffset! })
    assert.ok(outcome.kind === 'ok')
    const expected = Buffer.from(lines[1]!, 'hex')
    assert.deepEqual(described(outcome.records), described(expected))
    assert.equal(plainPart(outcome.records).toString('hex'), plainPart(expected).toString('hex'))
  })
}

/** The messages before the first compressed one. */
function plainPart(bytes: Buffer): Buffer {
  let end = bytes.length
  forEachBatch(bytes, (at) => {
    if (readCompression(bytes, at) !== 0) end = Math.min(end, at)
  })
  return bytes.subarray(0, end)
}
