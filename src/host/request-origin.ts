/**
 * Whether a stranger's page may be behind a request. It may have a browser ask us from its own origin,
 * which the browser tells; or have a name of its own resolve to our address and ask us as its own
 * origin (DNS rebinding), and then only the name that it asks for betrays it.
 */
import type { IncomingMessage } from 'node:http'
import net from 'node:net'
import os from 'node:os'

export function isLoopback(host: string): boolean {
  const name = withoutBrackets(host)
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (net.isIPv4(name)) return name.startsWith('127.')
  return name === '::1' || name.startsWith('::ffff:127.')
}

/** No stranger's DNS answers for these: addresses, names without a dot, this machine's own. */
export function isSafeName(host: string): boolean {
  const name = withoutBrackets(host)
  const own = os.hostname().toLowerCase()
  if (isLoopback(name) || net.isIP(name) !== 0 || !name.includes('.')) return true
  return name === own || name === `${own}.local`
}

/** Of the `Host` header, without the port; null when it is none, undefined when it is not there. */
function askedName(request: IncomingMessage): string | null | undefined {
  const { host } = request.headers
  if (host === undefined) return undefined
  return URL.parse(`http://${host}`)?.hostname ?? null
}

/**
 * Whether a server that listens on `listensOn` may answer. A browser always gives a name. `names` are
 * those by which it is known beside those that are surely ours.
 */
export function isAskedByOurName(
  request: IncomingMessage,
  listensOn: string,
  names: readonly string[] = [],
): boolean {
  const name = askedName(request)
  if (name === undefined) return true
  if (name === null) return false
  const isOurs = isLoopback(listensOn) ? isLoopback(name) : isSafeName(name)
  return isOurs || names.some((known) => withoutBrackets(known) === withoutBrackets(name))
}

/** What is no browser sends no Origin. */
export function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host, 'sec-fetch-site': site } = request.headers
  // Another port of this machine is another origin, of the same site.
  if (site === 'cross-site' || site === 'same-site') return false
  if (origin === undefined) return true
  try {
    return new URL(origin).host === host?.toLowerCase()
  } catch {
    return false // "null" is the origin of a sandboxed page.
  }
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase()
}
