/** `host:port` as Toxiproxy takes it: `[::1]:80`, `:80` for all interfaces, port 0 for any. */
import dns from 'node:dns/promises'
import net from 'node:net'

export interface Address {
  /** Empty: all interfaces. */
  readonly host: string
  readonly port: number
}

/** Throws an error whose message names the address. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text)
  if (match === null) {
    const isWithoutPort = !text.includes(':') || text.endsWith(']')
    const problem = isWithoutPort ? 'missing port in address' : 'too many colons in address'
    throw new Error(`address ${text}: ${problem}`)
  }
  const port = match[3]!
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new Error(`address ${text}: invalid port`)
  }
  return { host: match[1] ?? match[2]!, port: Number(port) }
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Where to listen: a name becomes its address. Nothing at all is any port of the loopback. */
export async function resolveListen(text: string): Promise<Address> {
  if (text === '') return { host: '127.0.0.1', port: 0 }
  const { host, port } = parseAddress(text)
  if (host === '' || net.isIP(host) !== 0) return { host, port }
  try {
    const found = await dns.lookup(host, { all: true })
    const best = found.find(({ family }) => family === 4) ?? found[0]
    if (best !== undefined) return { host: best.address, port }
  } catch {
    // Said below.
  }
  throw new Error(`lookup ${host}: no such host`)
}
