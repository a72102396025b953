/** Checks of settings that need more than one value, in Kafka's words, with what to do about it. */
import type { BrokerConfig } from './config.ts'
import { parseListeners, securityProtocols } from './listeners.ts'
import { ConfigError } from './settings/setting.ts'

/** Throws `ConfigError`. `given`: what was set by hand. */
export function checkTogether(config: BrokerConfig, given: ReadonlyMap<string, string>): void {
  checkIdentity(config, given)
  checkLogs(config)
  checkReplication(config)
  checkListeners(config, given)
}

function demand(condition: boolean, message: string, hint: string): asserts condition {
  if (!condition) throw new ConfigError(message, hint)
}

function checkIdentity(config: BrokerConfig, given: ReadonlyMap<string, string>): void {
  const roles = given.get('process.roles') ?? ''
  demand(
    roles === '',
    `process.roles is ${roles}, but brokers without ZooKeeper (KRaft) are not supported`,
    'Remove process.roles, node.id and controller.*, and set zookeeper.connect and broker.id.',
  )
  demand(
    Boolean(config['zookeeper.connect']),
    'Missing required configuration `zookeeper.connect` which has no default value.',
    'Set it to the addresses of ZooKeeper: zookeeper.connect=host:2181,host:2181',
  )
  const id = config['broker.id']
  if (config['broker.id.generation.enable']) {
    demand(
      id >= -1 && id <= config['reserved.broker.max.id'],
      'broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id',
      `broker.id is ${id}, reserved.broker.max.id is ${config['reserved.broker.max.id']}: ` +
        'choose a smaller id, or set broker.id.generation.enable=false.',
    )
  } else {
    demand(
      id >= 0,
      'broker.id must be greater than or equal to 0',
      'Set broker.id, or set broker.id.generation.enable=true to have one generated.',
    )
  }
}

function checkLogs(config: BrokerConfig): void {
  const dirs = (config['log.dirs'] ?? config['log.dir']).split(',').map((dir) => dir.trim())
  demand(
    dirs.some((dir) => dir !== ''),
    'At least one log directory must be defined via log.dirs or log.dir.',
    'Set log.dirs to a directory.',
  )
  const rollMs = config['log.roll.ms']
  demand(
    rollMs === null || rollMs >= 1,
    'log.roll.ms must be greater than or equal to 1',
    'Set log.roll.ms to a larger value, or remove it.',
  )
  const retention =
    config['log.retention.ms'] ?? config['log.retention.minutes'] ?? config['log.retention.hours']
  demand(
    retention !== 0,
    'log.retention.ms must be unlimited (-1) or, greater than or equal to 1',
    'The same holds for log.retention.minutes and log.retention.hours.',
  )
}

function checkReplication(config: BrokerConfig): void {
  const waitMs = config['replica.fetch.wait.max.ms']
  demand(
    config['replica.socket.timeout.ms'] >= waitMs,
    'replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts',
    `They are ${config['replica.socket.timeout.ms']} and ${waitMs}.`,
  )
  demand(
    waitMs <= config['replica.lag.time.max.ms'],
    'replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR',
    `They are ${waitMs} and ${config['replica.lag.time.max.ms']}.`,
  )
}

function checkListeners(config: BrokerConfig, given: ReadonlyMap<string, string>): void {
  const listeners = parseListeners('listeners', config.listeners)
  const text = config['advertised.listeners']
  const advertised = text ? parseListeners('advertised.listeners', text) : listeners
  demand(
    !text || advertised.every(({ host }) => host !== '0.0.0.0'),
    'advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.',
    'Name the host under which clients reach this broker.',
  )
  const protocols = securityProtocols(config['listener.security.protocol.map'])
  for (const { listener } of listeners) {
    demand(
      protocols.has(listener),
      `Error creating broker listeners from '${config.listeners}': No security protocol defined for listener ${listener}`,
      `Add ${listener}:PLAINTEXT to listener.security.protocol.map.`,
    )
  }
  checkListenerNames(
    config,
    given,
    advertised.map(({ listener }) => listener),
    protocols,
  )
}

/** The listeners for brokers and for the controller are among those that are advertised. */
function checkListenerNames(
  config: BrokerConfig,
  given: ReadonlyMap<string, string>,
  names: readonly string[],
  protocols: ReadonlyMap<string, string>,
): void {
  const byName = config['inter.broker.listener.name']?.toUpperCase() ?? null
  demand(
    byName === null || !given.has('security.inter.broker.protocol'),
    'Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.',
    'Remove one of them.',
  )
  demand(
    byName === null || protocols.has(byName),
    `Listener with name ${byName} defined in inter.broker.listener.name not found in listener.security.protocol.map.`,
    `Add ${byName}:PLAINTEXT to it.`,
  )
  const options = `must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are ${names.join(',')}`
  const interBroker = byName ?? config['security.inter.broker.protocol'].toUpperCase()
  demand(
    names.includes(interBroker),
    `inter.broker.listener.name ${options}`,
    `Set it to the listener over which brokers reach each other; it is ${interBroker} now.`,
  )
  const controlPlane = config['control.plane.listener.name']?.toUpperCase() ?? null
  demand(
    controlPlane === null || protocols.has(controlPlane),
    `Listener with ${controlPlane} defined in control.plane.listener.name not found in listener.security.protocol.map.`,
    `Add ${controlPlane}:PLAINTEXT to it.`,
  )
  demand(
    controlPlane !== interBroker,
    `control.plane.listener.name, when defined, should have a different value from the inter broker listener name. Currently they both have the value ListenerName(${interBroker})`,
    'Give it a listener of its own, or remove control.plane.listener.name.',
  )
  demand(
    controlPlane === null || names.includes(controlPlane),
    `control.plane.listener.name ${options}`,
    'Add the listener, or remove control.plane.listener.name.',
  )
}
