/** Where the broker that these settings are of can be reached from its own machine. */
import { parseProperties } from '../base/properties.ts'
import { parseListeners, securityProtocols } from '../broker/listeners.ts'
import {
  type Environment,
  listenersFromAdvertised,
  settingsFromEnvironment,
} from '../broker/settings/environment.ts'

const ANY_HOST = new Set(['', '0.0.0.0', '::'])

/** `host:port` of its first listener that speaks PLAINTEXT. */
export function ownAddress(properties: string, env: Environment): string {
  const fromEnvironment = settingsFromEnvironment(env)
  const given = new Map([...parseProperties(properties), ...fromEnvironment])
  const advertised = fromEnvironment.get('advertised.listeners')
  const derived = advertised === undefined ? undefined : listenersFromAdvertised(advertised)
  const listeners = given.get('listeners') ?? derived ?? 'PLAINTEXT://:9092'
  const protocols = securityProtocols(given.get('listener.security.protocol.map') ?? '')
  const plain = parseListeners('listeners', listeners).find(
    ({ listener }) => (protocols.get(listener) ?? listener) === 'PLAINTEXT',
  )
  if (plain === undefined) throw new Error(`no listener of ${listeners} speaks PLAINTEXT`)
  const { host, port } = plain
  if (ANY_HOST.has(host)) return `127.0.0.1:${port}`
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
