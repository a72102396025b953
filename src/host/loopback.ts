/**
 * Which names are surely ours. A page of a stranger may have a name of its own resolve to our address
 * and then ask us as its own origin (DNS rebinding): only the name that it asks for betrays it.
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
export function askedName(request: IncomingMessage): string | null | undefined {
  const { host } = request.headers
  if (host === undefined) return undefined
  return URL.parse(`http://${host}`)?.hostname ?? null
}

/** Whether a server that listens on `listensOn` may answer. A browser always gives a name. */
export function isAskedByOurName(request: IncomingMessage, listensOn: string): boolean {
  const name = askedName(request)
  if (name === undefined) return true
  return name !== null && (isLoopback(listensOn) ? isLoopback(name) : isSafeName(name))
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase()
}
