/** Proxies with their HTTP API on a port, as Toxiproxy's server is. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { isAskedByOurName, isLoopback } from '../../host/request-origin.ts'
import { answer } from './api.ts'
import { ProxyCollection } from './proxy-collection.ts'
import type { ProxyPorts } from './tcp-proxy.ts'

export const DEFAULT_API_PORT = 8474

export interface ProxyServerOptions extends ProxyPorts {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

export interface ProxyServer {
  readonly host: string
  readonly port: number
  readonly proxies: ProxyCollection
  /** Ends the API, all proxies and all their connections. */
  close(): Promise<void>
}

const MAX_BODY_BYTES = 1024 * 1024
const MAX_API_CONNECTIONS = 256
const REQUEST_TIMEOUT_MS = 25_000

/** Rejects when it cannot listen. */
export async function startProxyServer(options: ProxyServerOptions): Promise<ProxyServer> {
  const proxies = new ProxyCollection(options)
  const server = http.createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void serve(proxies, options.host, request, response),
  )
  server.maxConnections = MAX_API_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options)))
    server.listen({ host: options.host, port: options.port }, () => {
      server.removeAllListeners('error')
      server.on('error', (error) => options.log.warn('Proxy API', error))
      resolve()
    })
  })
  return {
    host: options.host,
    port: (server.address() as AddressInfo).port,
    proxies,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await proxies.clear()
      await closed
    },
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: ProxyServerOptions): Error {
  const at = `${host}:${port}`
  if (error.code !== 'EADDRINUSE') return new Error(`cannot listen on ${at}: ${error.message}`)
  return new Error(`${at} is taken: stop what listens there or choose another port`)
}

async function serve(
  proxies: ProxyCollection,
  host: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const refusal = refusalOf(request, host)
  if (refusal !== null) {
    response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' }).end(`${refusal}\n`)
    return
  }
  const body = await bodyOf(request)
  if (body === null) {
    response.writeHead(413, { connection: 'close' }).end()
    return
  }
  const path = (request.url ?? '/').split('?', 1)[0]!
  const { method = '' } = request
  const { status, contentType, body: text } = await answer(proxies, { method, path, body })
  const headers = contentType === undefined ? {} : { 'content-type': contentType }
  response.writeHead(status, headers).end(text)
}

/** A page in a browser must not reach what listens on this machine. Null: welcome. */
function refusalOf(request: http.IncomingMessage, host: string): string | null {
  const { 'user-agent': agent, origin } = request.headers
  // Toxiproxy's own check; some browsers let pages write what they like there.
  if (agent?.startsWith('Mozilla/')) return 'User agent not allowed'
  if (origin !== undefined) return 'Origin not allowed'
  // Beyond this machine it goes by whatever name its network gives it, as Toxiproxy does.
  return !isLoopback(host) || isAskedByOurName(request, host) ? null : 'Host not allowed'
}

/** Null when it is too long. */
async function bodyOf(request: http.IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_BODY_BYTES) return null
      chunks.push(chunk)
    }
  } catch {
    // The client went away in the middle; nobody will read the answer.
    return null
  }
  return Buffer.concat(chunks).toString('utf8')
}
