/**
 * Who may do what. On loopback everyone on this machine may read and write, but no page of another
 * origin may make a browser do it; elsewhere whoever changes something needs the token.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isAskedByOurName, isSameOrigin } from '../host/request-origin.ts'

export interface AccessRules {
  /** What the server listens on. */
  readonly host: string
  /** By which it is known beside those that are surely ours. */
  readonly names?: readonly string[]
  /** Null: none is needed. */
  readonly token: string | null
}

export type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly reason: string }

const OK: Verdict = { kind: 'ok' }

/** Reading: a name that a stranger's DNS may point at us is not ours. */
export function mayRead(request: IncomingMessage, { host, names = [] }: AccessRules): Verdict {
  if (isAskedByOurName(request, host, names)) return OK
  const asked = request.headers.host
  return refused(403, `this dashboard does not know that it is ${asked}: start it with --name`)
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

function tokenOf(request: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')
  if (bearer !== null) return bearer[1]!
  return new URLSearchParams((request.url ?? '').split('?')[1] ?? '').get('token')
}

function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function refused(status: 401 | 403, reason: string): Verdict {
  return { kind: 'refused', status, reason }
}
