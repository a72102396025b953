/** The routes below `/api/`. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CallTimeoutError, isTransient, KafkaError } from '../client/kafka-error.ts'
import type { PartitionClient } from '../client/partition-client.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { EventLog } from './event-log.ts'
import { formatEventLine } from './history/event-lines.ts'
import { answerBody, answerJson, RequestError } from './http-answers.ts'
import { readRecordPage } from './record-browser.ts'
import type { ChaosHandler } from './server.ts'
import type { StateFold } from './state-fold.ts'
import type { Viewers } from './viewers.ts'

export interface ApiParts {
  readonly log: EventLog
  readonly historyId: string
  readonly viewers: Viewers
  readonly chaos: ChaosHandler | { readonly reason: string }
  readonly partitions: () => PartitionClient | null
  readonly isRecorded: boolean
  readonly source: string
  readonly token: string | null
  readonly state: StateFold
}

const FAULT_KINDS = [
  'kill',
  'terminate',
  'pause',
  'restart',
  'disk-full',
  'cut-zookeeper',
  'cut-peers',
  'cut-clients',
  'slow',
  'expire-session',
  'stop-zookeeper',
] as const

export async function answerApi(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  parts: ApiParts,
): Promise<void> {
  const route = url.pathname.slice('/api/'.length)
  if (/^(faults(\/[^/]+)?|verifier)$/.test(route)) {
    await answerChaos(request, response, url, parts)
    return
  }
  if (request.method !== 'GET') throw new RequestError(405, `${url.pathname} can only be read`)
  switch (route) {
    case 'health':
      return answerJson(request, response, 200, healthOf(parts))
    case 'state':
      return answerBody(request, response, 200, parts.state.body)
    case 'history':
      return answerHistory(response, parts.log)
    case 'records':
      return answerRecords(request, response, url, parts)
    default:
      throw new RequestError(404, `there is no ${url.pathname}`)
  }
}

function healthOf({ log, historyId, viewers, source, isRecorded, token, chaos }: ApiParts) {
  const { events } = log
  return {
    status: 'ok',
    source,
    historyId,
    events: events.length,
    firstSeq: events[0]?.seq ?? 0,
    viewers: viewers.count,
    needsToken: token !== null,
    hasChaos: typeof chaos === 'function',
    isRecorded,
  }
}

/** Written as fast as the reader takes it. Events that come meanwhile are not part of it. */
async function answerHistory(response: ServerResponse, { events }: EventLog): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'cache-control': 'no-store',
    'content-disposition': 'attachment; filename="samsa-history.jsonl"',
  })
  const lines = [...events]
  const chunks = function* (): Generator<string> {
    for (let at = 0; at < lines.length; at += 200) {
      yield lines
        .slice(at, at + 200)
        .map(formatEventLine)
        .join('')
    }
  }
  await pipeline(Readable.from(chunks()), response).catch(() => response.destroy())
}

async function answerRecords(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  parts: ApiParts,
): Promise<void> {
  const partitions = parts.partitions()
  if (partitions === null) throw new RequestError(503, 'no broker is known to read records from')
  try {
    await answerJson(request, response, 200, await readRecordPage(partitions, url.searchParams))
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      throw new RequestError(404, 'there is no such partition')
    }
    if (error instanceof KafkaError || isTransient(error) || error instanceof CallTimeoutError) {
      throw new RequestError(503, (error as Error).message)
    }
    throw error
  }
}

async function answerChaos(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  { chaos }: ApiParts,
): Promise<void> {
  if (typeof chaos === 'function') {
    if (!(await chaos(request, response, url))) {
      throw new RequestError(405, `${request.method} ${url.pathname} is not there`)
    }
    return
  }
  if (request.method !== 'GET') throw new RequestError(503, chaos.reason)
  const available = FAULT_KINDS.map((kind) => ({ kind, targets: [], reason: chaos.reason }))
  const isVerifier = url.pathname === '/api/verifier'
  const answer = isVerifier ? { running: false, reason: chaos.reason } : { available, active: [] }
  await answerJson(request, response, 200, answer)
}
