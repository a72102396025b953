/**
 * What a broker tells observers over HTTP (`samsa.http.listener`): its health, its metrics, the levels
 * of its loggers, its log as it is written, and faults when they are allowed. Everything an outsider
 * can send is bounded and answered; nothing here waits for an outsider.
 */
import type http from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { isLogLevelName, type LogLevels, ROOT_LOGGER } from '../broker/log-levels.ts'
import { type BrokerFaults, parseFault } from './broker-faults.ts'
import type { LogEvents } from './log-events.ts'
import { isAskedByOurName, isSameOrigin } from './request-origin.ts'

export interface EndpointSource {
  /** Why the broker cannot serve clients; empty when it can. */
  notReady(): readonly string[]
  /** The page of `/metrics`. */
  metrics(): Promise<string>
  readonly logLevels: LogLevels
  readonly events: LogEvents
  /** Null: not allowed. */
  readonly faults: BrokerFaults | null
}

export interface EndpointAddress {
  /** Empty: all interfaces. */
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** By which the broker is known to clients: it answers to them, and to those that are surely its own. */
  readonly names?: readonly string[]
}

export interface HttpEndpoint {
  readonly port: number
  close(): void
}

const BODY_BYTES_MAX = 16 * 1024
const HEADER_BYTES_MAX = 8 * 1024
const CONNECTIONS_MAX = 128
const EVENT_READERS_MAX = 32
const REQUEST_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 65_000
/** A flood of scrapes costs one. */
const PAGE_AGE_MS_MAX = 250
const LOGGER_NAME = /^[\w.$-]{1,200}$/
/** They tell little, and scrapers and probes come by any name. */
const FOR_EVERYBODY = new Set(['/metrics', '/healthz', '/readyz'])
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Route = (request: http.IncomingMessage, response: http.ServerResponse) => void | Promise<void>

/** Rejects with an error that names the address when it cannot be listened on. */
export function startHttpEndpoint(
  address: EndpointAddress,
  source: EndpointSource,
): Promise<HttpEndpoint> {
  const { host, port } = address
  const routes = routesOf(source)
  // An import would evaluate all its exports, WebSocket and with it undici: 6 MiB more.
  const server = process.getBuiltinModule('node:http').createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (request, response) => void serve(routes, address, request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  server.on('connect', (_request, socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n\r\n')
  })
  return new Promise((resolve, reject) => {
    server.on('error', (error) => {
      const at = `samsa.http.listener: cannot listen on ${host || '0.0.0.0'}:${port}`
      reject(new Error(`${at}: ${error.message}`, { cause: error }))
    })
    server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      const { port: realPort } = server.address() as AddressInfo
      const close = (): void => {
        server.close()
        server.closeAllConnections()
      }
      resolve({ port: realPort, close })
    })
  })
}

function routesOf(source: EndpointSource): Routes {
  const page = cached(() => source.metrics())
  const getLoggers: Route = (_request, response) =>
    sendJson(response, 200, { loggers: Object.fromEntries(source.logLevels.levels()) })
  return new Map([
    ['/healthz', { GET: (_request, response) => send(response, 200, 'text/plain', 'ok\n') }],
    ['/readyz', { GET: (_request, response) => sendReadiness(response, source.notReady()) }],
    [
      '/metrics',
      { GET: async (_request, response) => send(response, 200, METRICS_TYPE, await page()) },
    ],
    [
      '/loggers',
      {
        GET: getLoggers,
        PUT: async (request, response) =>
          setLevel(source.logLevels, await readJson(request), response),
      },
    ],
    ['/events', { GET: (request, response) => followEvents(source.events, request, response) }],
    [
      '/faults',
      {
        POST: (request, response) => injectFault(source.faults, request, response),
        DELETE: (_request, response) => sendJson(response, 200, allowed(source.faults).end()),
      },
    ],
  ])
}

type Routes = ReadonlyMap<string, Readonly<Record<string, Route>>>

async function serve(
  routes: Routes,
  address: EndpointAddress,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  // A reset while we write; there is nobody left to tell.
  response.on('error', () => {})
  try {
    const route = routeFor(routes, request, response)
    refuseStrangers(address, request)
    await route(request, response)
  } catch (error) {
    const status = error instanceof RequestError ? error.status : 500
    sendError(response, status, (error as Error).message)
  }
}

function routeFor(
  routes: Routes,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Route {
  const methods = routes.get(pathOf(request.url))
  if (methods === undefined) throw new RequestError(404, 'no such page')
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '')
  const route = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (route === undefined) {
    response.setHeader('Allow', Object.keys(methods).join(', '))
    throw new RequestError(405, `${method} is not for this page`)
  }
  return route
}

/** No page of ours runs in a browser: one that asks was lured here. */
function refuseStrangers({ host, names }: EndpointAddress, request: http.IncomingMessage): void {
  const { method, url, headers } = request
  if (FOR_EVERYBODY.has(pathOf(url))) return
  if (!isAskedByOurName(request, host, names)) {
    const hint = 'name it in advertised.listeners, or ask by address'
    throw new RequestError(403, `this broker does not know that it is ${headers.host}: ${hint}`)
  }
  const isRead = method === 'GET' || method === 'HEAD'
  if (!isRead && (headers.origin !== undefined || !isSameOrigin(request))) {
    throw new RequestError(403, 'not from a browser')
  }
}

function pathOf(url = ''): string {
  return url.split('?')[0]!
}

class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

function sendReadiness(response: http.ServerResponse, reasons: readonly string[]): void {
  if (reasons.length === 0) sendJson(response, 200, { ready: true })
  else sendJson(response, 503, { ready: false, reasons })
}

function setLevel(levels: LogLevels, body: unknown, response: http.ServerResponse): void {
  const { logger, level } = Object(body) as { logger?: unknown; level?: unknown }
  if (typeof logger !== 'string' || (logger !== '' && !LOGGER_NAME.test(logger))) {
    throw new RequestError(400, 'expected {"logger": name, "level": level}')
  }
  const name = logger === '' ? ROOT_LOGGER : logger
  const wanted = typeof level === 'string' ? level.toUpperCase() : level
  if (wanted === null && name !== ROOT_LOGGER) levels.setLevel(name, null)
  else if (typeof wanted === 'string' && isLogLevelName(wanted)) levels.setLevel(name, wanted)
  else throw new RequestError(400, 'level: one of ERROR, WARN, INFO, DEBUG; null removes it')
  sendJson(response, 200, { logger: name, level: levels.levels().get(name) ?? null })
}

function followEvents(
  events: LogEvents,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void {
  if (events.readerCount >= EVENT_READERS_MAX) throw new RequestError(503, 'too many readers')
  response.writeHead(200, {
    'Content-Type': 'application/x-ndjson; charset=utf-8',
    'Cache-Control': 'no-store',
  })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  // Out at once, also while there is nothing to tell.
  response.flushHeaders()
  request.socket.setKeepAlive(true, KEEP_ALIVE_MS)
  const { onDrain, stop } = events.follow(response)
  response.on('drain', onDrain)
  response.on('close', stop)
}

async function injectFault(
  faults: BrokerFaults | null,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const body = await readJson(request)
  const allowedFaults = allowed(faults)
  const fault = parseFault(body)
  if (typeof fault === 'string') throw new RequestError(400, fault)
  if (fault.kind === 'expire-session') {
    try {
      await allowedFaults.expireSession()
    } catch (error) {
      throw new RequestError(503, (error as Error).message)
    }
  } else if (fault.kind === 'disk-full') {
    const problem = allowedFaults.fillDisk(fault)
    if (problem !== null) throw new RequestError(400, problem)
  } else {
    // The answer leaves first.
    response.once('close', () => allowedFaults.strike(fault))
  }
  sendJson(response, 202, fault)
}

function allowed(faults: BrokerFaults | null): BrokerFaults {
  if (faults === null) throw new RequestError(403, 'samsa.faults.enable is false')
  return faults
}

async function readJson(request: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new RequestError(413, `more than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new RequestError(400, 'the body is not JSON')
  }
}

/** One page for all who ask while it is made, and shortly after. */
function cached(make: () => Promise<string>): () => Promise<string> {
  let page: Promise<string> | null = null
  let madeMs = 0
  return () => {
    const nowMs = performance.now()
    if (page === null || nowMs - madeMs > PAGE_AGE_MS_MAX) {
      madeMs = nowMs
      const made = make()
      page = made
      made.catch(() => {
        if (page === made) page = null
      })
    }
    return page
  }
}

function sendJson(response: http.ServerResponse, status: number, value: object): void {
  send(response, status, 'application/json', `${JSON.stringify(value)}\n`)
}

function sendError(response: http.ServerResponse, status: number, message: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  // What is left of a refused body is not waited for.
  if (status === 413) response.setHeader('Connection', 'close')
  sendJson(response, status, { error: message })
}

function send(response: http.ServerResponse, status: number, type: string, text: string): void {
  if (response.destroyed) return
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(text)
}
