/** `GET /api/records`: a page of a partition's records for people to look at, from an offset on. */
import { recordsOf } from '../client/fetched-records.ts'
import { OffsetSpec, type PartitionClient } from '../client/partition-client.ts'
import { RequestError } from './http-answers.ts'

export interface RecordPage {
  readonly topic: string
  readonly partition: number
  readonly logStartOffset: number
  /** Exclusive end of what may be read. */
  readonly highWatermark: number
  readonly nextOffset: number
  readonly records: readonly ShownRecord[]
}

export interface ShownRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: ShownBytes | null
  readonly value: ShownBytes | null
  readonly headers: readonly (readonly [name: string, value: ShownBytes | null])[]
}

export interface ShownBytes {
  readonly text: string
  /** `hex` when the bytes are no UTF-8 text. */
  readonly as: 'text' | 'hex'
  /** Of the whole, of which `text` may be the beginning. */
  readonly bytes: number
}

export const RECORDS_LIMIT = 500
/** Shown of one key or value. */
export const SHOWN_BYTES_LIMIT = 2 * 1024
const FETCH_BYTES = 512 * 1024
const DEFAULT_LIMIT = 50
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/

/** `offset` may be `earliest`, `latest` (the last page), or a number; default the last page. */
export async function readRecordPage(
  partitions: Pick<PartitionClient, 'leaderOf' | 'listOffset' | 'fetch'>,
  query: URLSearchParams,
): Promise<RecordPage> {
  const topic = query.get('topic') ?? ''
  if (!TOPIC.test(topic)) throw new RequestError(400, 'topic: a name is needed')
  const partition = wholeNumber(query, 'partition', 0, 1_000_000)
  const limit = Math.max(1, wholeNumber(query, 'limit', DEFAULT_LIMIT, RECORDS_LIMIT))
  // An unknown topic is told at once; looking for its offsets would be tried again and again.
  await partitions.leaderOf(topic, partition)
  const logStartOffset = (await partitions.listOffset(topic, partition, OffsetSpec.EARLIEST)).offset
  const latest = (await partitions.listOffset(topic, partition, OffsetSpec.LATEST)).offset
  const asked = startOf(query.get('offset') ?? 'latest', logStartOffset, latest, limit)
  const start = Math.min(Math.max(asked, logStartOffset), latest)
  const fetched = await partitions.fetch(topic, partition, start, {
    maxBytes: FETCH_BYTES,
    maxWaitMs: 0,
  })
  const found = { topic, partition, fetchOffset: start, ...fetched }
  const { records, nextOffset } = recordsOf(found, 'read-uncommitted')
  const page = records.slice(0, limit)
  const last = page.at(-1)
  return {
    topic,
    partition,
    logStartOffset,
    highWatermark: fetched.highWatermark,
    nextOffset: records.length > limit && last !== undefined ? last.offset + 1 : nextOffset,
    records: page.map(({ offset, timestamp, key, value, headers }) => ({
      offset,
      timestampMs: timestamp,
      key: shown(key),
      value: shown(value),
      headers: headers.slice(0, 20).map(([name, bytes]) => [name, shown(bytes)] as const),
    })),
  }
}

function startOf(offset: string, earliest: number, latest: number, limit: number): number {
  if (offset === 'earliest') return earliest
  if (offset === 'latest') return latest - limit
  const asked = Number(offset)
  if (!Number.isSafeInteger(asked)) {
    throw new RequestError(400, 'offset: a number, "earliest" or "latest"')
  }
  return asked
}

function wholeNumber(query: URLSearchParams, name: string, fallback: number, max: number): number {
  const text = query.get(name)
  if (text === null || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RequestError(400, `${name}: a whole number up to ${max}`)
  }
  return value
}

function shown(bytes: Buffer | null): ShownBytes | null {
  if (bytes === null) return null
  const head = bytes.subarray(0, SHOWN_BYTES_LIMIT)
  try {
    // A character that the limit cuts in two is no sign of binary data.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, {
      stream: head.length < bytes.length,
    })
    if (!hasControlCharacters(text)) return { text, as: 'text', bytes: bytes.length }
  } catch {
    // No UTF-8: shown as hexadecimal.
  }
  const hex = head.subarray(0, SHOWN_BYTES_LIMIT / 4).toString('hex')
  return { text: hex, as: 'hex', bytes: bytes.length }
}

function hasControlCharacters(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 32 && code !== 9 && code !== 10 && code !== 13) return true
  }
  return false
}
