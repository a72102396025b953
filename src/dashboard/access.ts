/**
 * Who may do what. On loopback everyone on this machine may read and write, but no page of another
 * origin may make a browser do it; elsewhere whoever changes something needs the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import net from 'node:net'

export interface AccessRules {
  /** What the server listens on. */
  readonly host: string
  /** Null: none is needed. */
  readonly token: string | null
}

export type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly reason: string }

const OK: Verdict = { kind: 'ok' }

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (net.isIPv4(name)) return name.startsWith('127.')
  return name === '::1' || name.startsWith('::ffff:127.')
}

/** Reading: a name that a stranger's DNS points at 127.0.0.1 is not ours. */
export function mayRead(request: IncomingMessage, rules: AccessRules): Verdict {
  // A browser always gives a name; a plain script need not.
  if (request.headers.host === undefined || !isLoopback(rules.host)) return OK
  const host = hostNameOf(request)
  if (host !== null && isLoopback(host)) return OK
  return refused(403, `this dashboard answers to localhost, not to ${request.headers.host}`)
}

export function mayWrite(request: IncomingMessage, rules: AccessRules): Verdict {
  const read = mayRead(request, rules)
  if (read.kind === 'refused') return read
  if (!isSameOrigin(request)) return refused(403, 'a page of another origin may not do this')
  if (rules.token === null) return OK
  const given = tokenOf(request)
  if (given === null) {
    return refused(401, 'a token is needed: "Authorization: Bearer TOKEN" or ?token=TOKEN')
  }
  return equalSecrets(given, rules.token) ? OK : refused(401, 'the token is wrong')
}

/** What is no browser sends no Origin. */
export function isSameOrigin(request: IncomingMessage): boolean {
  if (request.headers['sec-fetch-site'] === 'cross-site') return false
  const { origin, host } = request.headers
  if (origin === undefined) return true
  try {
    return new URL(origin).host === host?.toLowerCase()
  } catch {
    return false // "null" is the origin of a sandboxed page.
  }
}

function tokenOf(request: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')
  if (bearer !== null) return bearer[1]!
  return new URLSearchParams((request.url ?? '').split('?')[1] ?? '').get('token')
}

function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function hostNameOf(request: IncomingMessage): string | null {
  try {
    return new URL(`http://${request.headers.host}`).hostname
  } catch {
    return null
  }
}

function refused(status: 401 | 403, reason: string): Verdict {
  return { kind: 'refused', status, reason }
}
