/** Settings that Kafka does not have. */
import { boolean, list, nullableString } from './setting.ts'

/** `host:port`, `[::1]:port`, or `:port` for all interfaces. */
const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^\s:[\]]*):(\d{1,5})$/
/** `ID=host:port`. */
const PEER = /^(\d{1,9})\s*=\s*(\S+)$/
const PORT_MAX = 65_535

export const SAMSA_SETTINGS = {
  'samsa.http.listener': nullableString(
    null,
    'Where `/metrics`, `/healthz`, `/readyz`, `/loggers` and `/events` are: `host:port`; port 0 is any free one, unset is none. The port is told as `jmx_port`.',
    { check: listenerProblem },
  ),
  'samsa.faults.enable': boolean(
    false,
    'Whether whoever reaches `samsa.http.listener` may kill, hold or expire this broker (`/faults`). For tests of failures.',
  ),
  'samsa.peer.addresses': list(
    [],
    'Where this broker connects to reach these brokers, instead of their registered addresses: `2=127.0.0.1:40012,3=127.0.0.1:40013`. For proxies between brokers.',
    { check: peersProblem },
  ),
} as const

/** Null for none. Of a value that was checked. */
export function httpAddress(setting: string | null): { host: string; port: number } | null {
  const match = HOST_PORT.exec(setting ?? '')
  if (match === null) return null
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}

/** By broker id. Of a value that was checked. */
export function peerAddresses(
  setting: readonly string[],
): ReadonlyMap<number, { host: string; port: number }> {
  const addresses = new Map<number, { host: string; port: number }>()
  for (const pair of setting) {
    const [, id = '', text = ''] = PEER.exec(pair) ?? []
    const address = httpAddress(text)
    if (address !== null) addresses.set(Number(id), address)
  }
  return addresses
}

function peersProblem(value: unknown): string | null {
  const expected = 'expected ID=host:port, such as 2=127.0.0.1:40012'
  const ids = new Set<number>()
  for (const pair of Array.isArray(value) ? value.map(String) : []) {
    const [, id = '', text = ''] = PEER.exec(pair) ?? []
    const { host = '', port = 0 } = httpAddress(text) ?? {}
    if (host === '' || port < 1 || port > PORT_MAX) return expected
    if (ids.has(Number(id))) return `broker ${id} is named twice`
    ids.add(Number(id))
  }
  return null
}

function listenerProblem(value: unknown): string | null {
  if (value === null || value === '') return null
  const address = httpAddress(String(value))
  if (address !== null && address.port <= PORT_MAX) return null
  return 'expected host:port, such as 127.0.0.1:9404'
}
