/**
 * Faults and verifier over HTTP, for the page and for `samsa chaos`. Who may ask is the server's business
 * that mounts this.
 *
 *     GET    /api/faults       {"available": [...], "active": [...]}
 *     POST   /api/faults       {"kind", "target", "forMs"?, "latencyMs"?, "jitterMs"?, "links"?, "logDir"?} → 201
 *     DELETE /api/faults/ID    ends one; without ID all
 *     GET    /api/verifier     {"running", "verdict"}
 *     POST   /api/verifier     {"running": true|false}
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerJson, readJsonBody } from '../dashboard/http-answers.ts'
import type { ChaosEngine } from './engine.ts'
import { FaultError, type FaultRequest } from './faults.ts'
import type { VerifierControl } from './verifier-switch.ts'

export interface ChaosRequest {
  readonly method: string
  readonly path: string
  /** Null when there is none. */
  readonly body: Readonly<Record<string, unknown>> | null
}

export interface ChaosAnswer {
  readonly status: number
  readonly body: unknown
}

const STATUS: Readonly<Record<FaultError['reason'], number>> = {
  invalid: 400,
  impossible: 409,
  conflict: 409,
  unknown: 404,
  closed: 503,
}
const LINKS = new Set<unknown>(['zookeeper', 'peer', 'client'])

/** Null when method and path are none of its own. Never rejects. */
export async function handleChaosRequest(
  engine: ChaosEngine,
  verifier: VerifierControl | null,
  request: ChaosRequest,
): Promise<ChaosAnswer | null> {
  try {
    return await route(engine, verifier, request)
  } catch (error) {
    const { message } = error as Error
    const status = error instanceof FaultError ? STATUS[error.reason] : 502
    return { status, body: { error: message } }
  }
}

/** As the dashboard's server mounts it; false when method and path are none of its own. */
export function chaosHandler(engine: ChaosEngine, verifier: VerifierControl | null) {
  return async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> => {
    const method = request.method ?? 'GET'
    const body = method === 'POST' ? await readJsonBody(request) : null
    const answer = await handleChaosRequest(engine, verifier, { method, path: url.pathname, body })
    if (answer === null) return false
    await answerJson(request, response, answer.status, answer.body)
    return true
  }
}

async function route(
  engine: ChaosEngine,
  verifier: VerifierControl | null,
  { method, path, body }: ChaosRequest,
): Promise<ChaosAnswer | null> {
  const id = /^\/api\/faults\/([\w-]+)$/.exec(path)?.[1]
  switch (`${method} ${id === undefined ? path : '/api/faults/ID'}`) {
    case 'GET /api/faults':
      return { status: 200, body: { available: engine.options, active: engine.active } }
    case 'POST /api/faults':
      return { status: 201, body: await engine.start(parseRequest(body ?? {})) }
    case 'DELETE /api/faults/ID':
      await engine.end(id!)
      return { status: 200, body: { id } }
    case 'DELETE /api/faults':
      await engine.endAll()
      return { status: 200, body: {} }
    case 'GET /api/verifier':
      return { status: 200, body: stateOf(verifier) }
    case 'POST /api/verifier':
      return switchVerifier(verifier, body?.running)
    default:
      return null
  }
}

/** Checks the types; the engine checks the rest. */
function parseRequest(body: Readonly<Record<string, unknown>>): FaultRequest {
  const { kind, target, links, logDir } = body
  if (typeof kind !== 'string')
    throw new FaultError('invalid', 'kind: expected the name of a fault')
  if (target !== 'zookeeper' && !Number.isSafeInteger(target)) {
    throw new FaultError('invalid', "target: expected the id of a broker, or 'zookeeper'")
  }
  const isLinks = Array.isArray(links) && links.length > 0 && links.every((each) => LINKS.has(each))
  if (links !== undefined && !isLinks) {
    throw new FaultError('invalid', 'links: expected some of zookeeper, peer, client')
  }
  if (logDir !== undefined && typeof logDir !== 'string') {
    throw new FaultError('invalid', "logDir: expected one of the broker's log.dirs")
  }
  const numbers = Object.fromEntries(
    ['forMs', 'latencyMs', 'jitterMs']
      .filter((name) => body[name] !== undefined)
      .map((name) => [name, body[name]]),
  )
  const given = { ...(links !== undefined && { links }), ...(logDir !== undefined && { logDir }) }
  return { kind, target, ...numbers, ...given } as FaultRequest
}

function stateOf(verifier: VerifierControl | null): object {
  if (verifier === null) return { running: false, verdict: null, reason: 'there is no verifier' }
  return { running: verifier.isRunning, verdict: verifier.verdict }
}

async function switchVerifier(
  verifier: VerifierControl | null,
  running: unknown,
): Promise<ChaosAnswer> {
  if (verifier === null) return { status: 409, body: { error: 'there is no verifier here' } }
  if (typeof running !== 'boolean') {
    throw new FaultError('invalid', 'running: expected true or false')
  }
  if (running) await verifier.start()
  // Its last reading takes a while; who asks sees when it is over.
  else verifier.stop().catch(() => {})
  return { status: 200, body: stateOf(verifier) }
}
