/** `zookeeper.connect`: `host:port,[::1]:port/chroot`. */

export interface ZkServerAddress {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

export interface ZkConnectString {
  readonly servers: readonly ZkServerAddress[]
  /** Empty for none, else an absolute path without a slash at its end. */
  readonly chroot: string
}

const DEFAULT_PORT = 2181
const PORT_MAX = 65_535

/** Throws with the reason when it makes no sense. */
export function parseConnectString(text: string): ZkConnectString {
  const slash = text.indexOf('/')
  const servers = (slash < 0 ? text : text.slice(0, slash))
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '')
    .map((server) => parseAddress(server, text))
  if (servers.length === 0) throw malformed(text, 'it names no server')
  return { servers, chroot: slash < 0 ? '' : parseChroot(text.slice(slash).trim(), text) }
}

export function formatServer({ host, port }: ZkServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function formatConnectString({ servers, chroot }: ZkConnectString): string {
  return servers.map(formatServer).join(',') + chroot
}

function parseAddress(server: string, text: string): ZkServerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)|([^[\]]*:[^[\]]*:[^[\]]*))(?::(\d+))?$/.exec(server)
  if (match === null) throw malformed(text, `'${server}' is no host:port`)
  const port = match[4] === undefined ? DEFAULT_PORT : Number(match[4])
  if (port < 1 || port > PORT_MAX) throw malformed(text, `port ${port} does not exist`)
  return { host: (match[1] ?? match[2] ?? match[3])!, port }
}

function parseChroot(path: string, text: string): string {
  const chroot = path.replace(/\/+$/, '')
  const names = chroot.split('/').slice(1)
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    throw malformed(text, `'${path}' is no path`)
  }
  return chroot
}

function malformed(text: string, reason: string): Error {
  return new Error(`zookeeper.connect '${text}' is malformed: ${reason}`)
}
