/** `listeners` and `advertised.listeners`: what to listen on, and what peers and clients are told. */
import type { Endpoint } from '../cluster/image.ts'
import type { BrokerConfig } from './config.ts'
import type { ListenAddress } from './listener-sockets.ts'
import { ConfigError } from './settings/setting.ts'

const LISTENER = /^([^:]+):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(\d+)$/
const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** Throws `ConfigError` for what is no listener, and for two of one name or port. */
export function parseListeners(setting: string, text: string): ListenAddress[] {
  const listeners = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const match = LISTENER.exec(part)
      if (match === null) {
        throw new ConfigError(
          `Error creating broker listeners from '${text}': Unable to parse ${part} to a broker endpoint`,
          `Write each of ${setting} as NAME://host:port.`,
        )
      }
      return { listener: match[1]!.toUpperCase(), host: match[2]!, port: Number(match[3]) }
    })
  const names = new Set(listeners.map(({ listener }) => listener))
  if (names.size !== listeners.length) {
    throw new ConfigError(
      `Each listener must have a different name, ${setting}: ${text}`,
      'Invent a name for the second one, and add it to listener.security.protocol.map.',
    )
  }
  // Many names may lead to one port from outside, but each is bound on its own.
  const ports = listeners.map(({ port }) => port).filter((port) => port !== 0)
  if (setting === 'listeners' && new Set(ports).size !== ports.length) {
    throw new ConfigError(
      `Each listener must have a different port, ${setting}: ${text}`,
      'Change one of the ports.',
    )
  }
  if (listeners.length === 0) {
    throw new ConfigError(
      'There must be at least one broker advertised listener.',
      `Set ${setting}, for instance to PLAINTEXT://:9092.`,
    )
  }
  return listeners
}

export function listenAddresses(config: BrokerConfig): ListenAddress[] {
  return parseListeners('listeners', config.listeners)
}

/** Under which clients and peers know this broker, as far as settings tell. */
export function advertisedHosts(config: BrokerConfig): string[] {
  const text = config['advertised.listeners']
  const advertised = text ? parseListeners('advertised.listeners', text) : listenAddresses(config)
  return advertised.map(({ host }) => host).filter((host) => host !== '')
}

/** With the ports that were really bound, for listeners on port 0. */
export function advertisedEndpoints(
  config: BrokerConfig,
  bound: readonly ListenAddress[],
  hostName: string,
): Endpoint[] {
  const advertised = config['advertised.listeners']
  const addresses = advertised ? parseListeners('advertised.listeners', advertised) : bound
  const protocols = securityProtocols(config['listener.security.protocol.map'])
  return addresses.map(({ listener, host, port }) => {
    if (advertised && host === '0.0.0.0') {
      throw new ConfigError(
        'advertised.listeners cannot use the nonroutable meta-address 0.0.0.0: name a real host',
      )
    }
    const real = bound.find((each) => each.listener === listener)
    if (real === undefined) {
      throw new ConfigError(`advertised.listeners: ${listener} is not one of listeners`)
    }
    const protocol = protocols.get(listener)
    if (protocol === undefined) {
      throw new ConfigError(`No security protocol defined for listener ${listener}`)
    }
    if (protocol !== 'PLAINTEXT') {
      throw new ConfigError(`Listener ${listener}: ${protocol} is not supported yet, use PLAINTEXT`)
    }
    const isAny = host === '' || host === '0.0.0.0' || host === '::'
    return {
      listener,
      host: isAny ? hostName : host,
      port: port === 0 ? real.port : port,
      securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol),
    }
  })
}

export function securityProtocols(map: string): Map<string, string> {
  return new Map(
    map.split(',').map((entry) => {
      const [name = '', protocol = ''] = entry.trim().split(':')
      return [name.toUpperCase(), protocol.toUpperCase()] as const
    }),
  )
}

/** Name of the listener on which brokers reach each other. */
export function interBrokerListener(config: BrokerConfig): string {
  return (
    config['inter.broker.listener.name'] ?? config['security.inter.broker.protocol']
  ).toUpperCase()
}
