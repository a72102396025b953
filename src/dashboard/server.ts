/**
 * The dashboard's server: the page, the events as they come (`/ws`), and a small HTTP API. It learns
 * everything from an event log, so that it shows a live cluster and a recorded run alike.
 */
import { randomBytes } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { PartitionClient } from '../client/partition-client.ts'
import { isSameOrigin } from '../host/request-origin.ts'
import { type AccessRules, mayRead, mayWrite, type Verdict } from './access.ts'
import { type ApiParts, answerApi } from './api-routes.ts'
import type { EventLog } from './event-log.ts'
import { acceptsGzip, answerError, RequestError } from './http-answers.ts'
import { PageFiles } from './page-files.ts'
import { StateFold } from './state-fold.ts'
import { Viewers } from './viewers.ts'

/** Answers `/api/faults` and `/api/verifier`; false when the path is none of its own. */
export type ChaosHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => Promise<boolean>

export interface ServerOptions {
  readonly log: EventLog
  readonly host: string
  readonly port: number
  /** Names with dots by which browsers may ask for it. */
  readonly names?: readonly string[]
  /** Needed for what changes something; null: not needed. */
  readonly token: string | null
  /** Absent: faults and verifier cannot be had, for this reason. */
  readonly chaos: ChaosHandler | { readonly reason: string }
  /** Null: no broker is known to read records from. */
  readonly partitions: () => PartitionClient | null
  /** Shown by the page: `ZooKeeper at 127.0.0.1:2181`, `run.jsonl`. */
  readonly source: string
  /** Nothing is ever added, and there is no cluster behind it. */
  readonly isRecorded: boolean
  readonly maxViewers?: number
  readonly pingEveryMs?: number
  /** A reader that takes nothing of its answer for so long is dropped; default 90 s. */
  readonly idleTimeoutMs?: number
  readonly createServer?: typeof http.createServer
}

const CONNECTIONS_LIMIT = 2_000
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** A fault may take this to end. */
const DEFAULT_IDLE_TIMEOUT_MS = 90_000
/** How often who is too slow is looked for. */
const CHECK_EVERY_MS = 5_000

/** Everything comes from here: no other host, no inline script. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

export class DashboardServer {
  readonly #rules: AccessRules
  readonly #options: ServerOptions
  readonly #files = new PageFiles()
  readonly #viewers: Viewers
  readonly #server: http.Server
  readonly #api: ApiParts

  constructor(options: ServerOptions) {
    this.#options = options
    const { host, token, names = [] } = options
    this.#rules = { host, token, names }
    const historyId = randomBytes(9).toString('base64url')
    this.#viewers = new Viewers(options.log, { ...options, historyId })
    const state = new StateFold(options.log)
    this.#api = { ...options, historyId, viewers: this.#viewers, state }
    const often = { connectionsCheckingInterval: CHECK_EVERY_MS }
    const createServer = options.createServer ?? http.createServer
    this.#server = createServer(often, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => fail(response, error))
    })
    this.#server.maxConnections = CONNECTIONS_LIMIT
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS
    this.#server.timeout = options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  get viewers(): number {
    return this.#viewers.count
  }

  /** Bytes that wait for viewers which have not read them. */
  get bufferedBytes(): number {
    return this.#viewers.bufferedBytes
  }

  /** Rejects when the port is taken. */
  async start(): Promise<number> {
    const { host, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject)
        // Too many open files: who comes now is not served, who is here is.
        this.#server.on('error', () => {})
        resolve()
      })
    })
    // Whoever asks meanwhile is answered all the same.
    this.#files.warm().catch(() => {})
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#viewers.close()
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    const url = urlOf(request)
    if (url === null) throw new RequestError(400, 'the path is not one')
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    allow(isRead ? mayRead(request, this.#rules) : mayWrite(request, this.#rules))
    if (url.pathname.startsWith('/api/')) {
      await answerApi(request, response, url, this.#api)
      return
    }
    if (!isRead) throw new RequestError(405, 'the page can only be read')
    await this.#answerFile(request, response, url.pathname)
  }

  async #answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    urlPath: string,
  ): Promise<void> {
    const file = await this.#files.read(urlPath)
    if (file === null) throw new RequestError(404, 'there is no such page')
    const headers = {
      'content-type': file.type,
      etag: file.etag,
      'cache-control': 'no-cache',
      vary: 'accept-encoding',
    }
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304, headers).end()
      return
    }
    const isPacked = acceptsGzip(request)
    const body = isPacked ? file.packed : file.body
    response.writeHead(200, {
      ...headers,
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      'content-length': body.length,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const url = urlOf(request)
    const read = mayRead(request, this.#rules)
    if (url?.pathname !== '/ws') refuseUpgrade(socket, '404 Not Found')
    else if (read.kind === 'refused' || !isSameOrigin(request)) {
      refuseUpgrade(socket, '403 Forbidden')
    } else if (this.#viewers.isFull) refuseUpgrade(socket, '503 Service Unavailable')
    else this.#viewers.accept(request, socket, head, url.searchParams)
  }
}

function urlOf(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? '', 'http://dashboard')
}

function allow(verdict: Verdict): void {
  if (verdict.kind === 'refused') throw new RequestError(verdict.status, verdict.reason)
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof RequestError) answerError(response, error.status, error.message)
  else answerError(response, 500, error instanceof Error ? error.message : String(error))
}
