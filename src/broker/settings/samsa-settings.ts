/** Settings that Kafka does not have. */
import { boolean, nullableString } from './setting.ts'

/** `host:port`, `[::1]:port`, or `:port` for all interfaces. */
const HOST_PORT = /^(\[[0-9a-fA-F:.%]+\]|[^\s:[\]]*):(\d{1,5})$/
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
} as const

/** Null for none. Of a value that was checked. */
export function httpAddress(setting: string | null): { host: string; port: number } | null {
  const match = HOST_PORT.exec(setting ?? '')
  if (match === null) return null
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}

function listenerProblem(value: unknown): string | null {
  if (value === null || value === '') return null
  const address = httpAddress(String(value))
  if (address !== null && address.port <= PORT_MAX) return null
  return 'expected host:port, such as 127.0.0.1:9404'
}
