/** Answers of the dashboard's server, and the small bodies that it reads. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import zlib from 'node:zlib'

const gzip = promisify(zlib.gzip)

/** Smaller bodies gain nothing. */
const GZIP_FROM_BYTES = 1024

/** Nobody has more to say to us than a fault. */
export const BODY_LIMIT_BYTES = 4 * 1024

export class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'RequestError'
    this.status = status
  }
}

/** Encoded once, and packed once when somebody takes it so, however many ask for it. */
export class JsonBody {
  readonly bytes: Buffer
  #packed: Promise<Buffer> | null = null

  constructor(value: unknown) {
    this.bytes = Buffer.from(`${JSON.stringify(value)}\n`)
  }

  packed(): Promise<Buffer> {
    this.#packed ??= gzip(this.bytes)
    return this.#packed
  }
}

export function answerJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: unknown,
): Promise<void> {
  return answerBody(request, response, status, new JsonBody(value))
}

export async function answerBody(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: JsonBody,
): Promise<void> {
  const { bytes } = body
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
  if (bytes.length < GZIP_FROM_BYTES || !acceptsGzip(request)) {
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(bytes)
    return
  }
  const packed = await body.packed()
  response
    .writeHead(status, { ...headers, 'content-encoding': 'gzip', 'content-length': packed.length })
    .end(packed)
}

export function answerError(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const body = `${JSON.stringify({ error: message })}\n`
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="samsa dashboard"' } : {}),
    })
    .end(body)
}

export function acceptsGzip(request: IncomingMessage): boolean {
  return /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
}

/** A JSON object of at most `BODY_LIMIT_BYTES`. */
export async function readJsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_LIMIT_BYTES) throw new RequestError(413, 'the body is too large')
    chunks.push(chunk)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new RequestError(400, 'the body is not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError(400, 'the body is not a JSON object')
  }
  return value as Record<string, unknown>
}
