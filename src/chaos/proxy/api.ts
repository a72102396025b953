/** The routes of Toxiproxy's HTTP API, apart from HTTP: method, path and body in, status and body out. */
import { ApiError, badRequestBody } from './api-error.ts'
import type { ProxyCollection } from './proxy-collection.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** The version of Toxiproxy whose API this is; clients ask for it. */
export const TOXIPROXY_VERSION = '2.12.0'

export interface ApiRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly body: string
}

export interface ApiResponse {
  readonly status: number
  readonly contentType?: string
  readonly body: string
}

interface Route {
  readonly methods: readonly string[]
  /** `:` stands for any word. */
  readonly path: string
  readonly run: (
    proxies: ProxyCollection,
    words: readonly string[],
    body: string,
  ) => ApiResponse | Promise<ApiResponse>
}

const CHANGE = ['POST', 'PATCH']

const ROUTES: readonly Route[] = [
  { methods: ['GET'], path: '/proxies', run: (proxies) => json(200, allShown(proxies)) },
  {
    methods: ['POST'],
    path: '/proxies',
    run: async (proxies, _words, body) => json(201, shown(await proxies.create(parsed(body)))),
  },
  {
    methods: ['POST'],
    path: '/populate',
    run: (proxies, _words, body) => populate(proxies, body),
  },
  {
    methods: ['GET'],
    path: '/proxies/:',
    run: (proxies, [name = '']) => json(200, shown(proxies.get(name))),
  },
  {
    methods: CHANGE,
    path: '/proxies/:',
    run: async (proxies, [name = ''], body) => {
      proxies.get(name)
      return json(200, shown(await proxies.update(name, parsed(body))))
    },
  },
  {
    methods: ['DELETE'],
    path: '/proxies/:',
    run: async (proxies, [name = '']) => {
      await proxies.remove(name)
      return NO_CONTENT
    },
  },
  {
    methods: ['GET'],
    path: '/proxies/:/toxics',
    run: (proxies, [name = '']) => json(200, proxies.get(name).toxics),
  },
  {
    methods: ['POST'],
    path: '/proxies/:/toxics',
    run: (proxies, [name = ''], body) => json(200, proxies.get(name).addToxic(parsed(body))),
  },
  {
    methods: ['GET'],
    path: '/proxies/:/toxics/:',
    run: (proxies, [name = '', toxic = '']) => json(200, proxies.get(name).toxic(toxic)),
  },
  {
    methods: CHANGE,
    path: '/proxies/:/toxics/:',
    run: (proxies, [name = '', toxic = ''], body) => {
      const proxy = proxies.get(name)
      proxy.toxic(toxic)
      return json(200, proxy.updateToxic(toxic, parsed(body)))
    },
  },
  {
    methods: ['DELETE'],
    path: '/proxies/:/toxics/:',
    run: (proxies, [name = '', toxic = '']) => {
      proxies.get(name).removeToxic(toxic)
      return NO_CONTENT
    },
  },
  {
    methods: ['POST'],
    path: '/reset',
    run: async (proxies) => {
      await proxies.reset()
      return NO_CONTENT
    },
  },
  {
    methods: ['GET'],
    path: '/version',
    run: () => ({
      status: 200,
      contentType: 'application/json;charset=utf-8',
      body: `{"version": "${TOXIPROXY_VERSION}"}\n`,
    }),
  },
  {
    methods: ['GET'],
    path: '/metrics',
    run: (proxies) => ({
      status: 200,
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: metricsText(proxies),
    }),
  },
]

const PLAIN_TEXT = 'text/plain; charset=utf-8'
const NO_CONTENT: ApiResponse = { status: 204, body: '' }
const UNKNOWN_PATH = { status: 404, contentType: PLAIN_TEXT, body: '404 page not found\n' }

/** Never rejects. */
export async function answer(
  proxies: ProxyCollection,
  { method, path, body }: ApiRequest,
): Promise<ApiResponse> {
  const fitting = ROUTES.flatMap((route) => {
    const words = wordsOf(route.path, path)
    return words === null ? [] : [{ route, words }]
  })
  if (fitting.length === 0) return UNKNOWN_PATH
  const chosen = fitting.find(({ route }) => route.methods.includes(method))
  if (chosen === undefined) return { status: 405, body: '' }
  try {
    return await chosen.route.run(proxies, chosen.words, body)
  } catch (error) {
    return refusal(error as Error)
  }
}

/** The body is JSON, the type says text: so it is in Toxiproxy. */
function refusal(error: Error): ApiResponse {
  const status = statusOf(error)
  const body = `${JSON.stringify({ error: error.message, status })}\n`
  return { status, contentType: PLAIN_TEXT, body }
}

function statusOf(error: Error): number {
  return error instanceof ApiError ? error.status : 500
}

/** What was made is told even when the rest failed. */
async function populate(proxies: ProxyCollection, body: string): Promise<ApiResponse> {
  let list: unknown
  try {
    list = parsed(body)
  } catch (error) {
    return populated([], error as Error)
  }
  const { proxies: made, failure } = await proxies.populate(list)
  return populated(made, failure)
}

function populated(made: readonly TcpProxy[], failure: Error | null): ApiResponse {
  const list = made.map(shown)
  if (failure === null) return json(201, { proxies: list })
  const status = statusOf(failure)
  return json(status, { error: failure.message, status, proxies: list })
}

/** The words that stand where the route has `:`; null when the path is another one. */
function wordsOf(route: string, path: string): readonly string[] | null {
  const expected = route.split('/')
  const given = path.split('/')
  if (given.length !== expected.length) return null
  const words: string[] = []
  for (const [index, part] of expected.entries()) {
    const word = given[index]!
    if (part !== ':') {
      if (part !== word) return null
      continue
    }
    const decoded = decodedWord(word)
    if (decoded === null || decoded === '') return null
    words.push(decoded)
  }
  return words
}

function decodedWord(word: string): string | null {
  try {
    return decodeURIComponent(word)
  } catch {
    return null
  }
}

function parsed(body: string): unknown {
  if (body.trim() === '') throw badRequestBody('EOF')
  try {
    return JSON.parse(body)
  } catch (error) {
    throw badRequestBody((error as Error).message)
  }
}

function json(status: number, value: unknown): ApiResponse {
  return { status, contentType: 'application/json', body: JSON.stringify(value) }
}

function shown({ name, listen, upstream, enabled, toxics }: TcpProxy) {
  return { name, listen, upstream, enabled, toxics }
}

/** By name; a name may be any, `__proto__` too. */
function allShown(proxies: ProxyCollection): object {
  return Object.fromEntries(proxies.all().map((proxy) => [proxy.name, shown(proxy)]))
}

function metricsText(proxies: ProxyCollection): string {
  const lines = (what: 'received' | 'sent'): string => {
    const name = `toxiproxy_proxy_${what}_bytes_total`
    const samples = proxies.all().flatMap((proxy) =>
      proxy.traffic.map((traffic) => {
        const labels = Object.entries({
          direction: traffic.direction,
          listener: proxy.listen,
          proxy: proxy.name,
          upstream: proxy.upstream,
        }).map(([label, value]) => `${label}="${labelValue(value)}"`)
        const bytes = what === 'received' ? traffic.receivedBytes : traffic.sentBytes
        return `${name}{${labels.join(',')}} ${bytes}\n`
      }),
    )
    return `# HELP ${name} Bytes ${what} on a link of a proxy.\n# TYPE ${name} counter\n${samples.join('')}`
  }
  return lines('received') + lines('sent')
}

function labelValue(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')
}
