/**
 * The settings of a broker: the tables of `settings/` in one, and their values from `--override`, the
 * environment and `server.properties` in this order of precedence.
 */
import { parseProperties } from '../base/properties.ts'
import { checkTogether } from './config-checks.ts'
import {
  type Environment,
  listenersFromAdvertised,
  settingsFromEnvironment,
} from './settings/environment.ts'
import {
  LOG_BROKER_SETTINGS,
  TOPIC_DEFAULT_SETTINGS,
  type TopicDefaults,
} from './settings/log-settings.ts'
import { SAMSA_SETTINGS } from './settings/samsa-settings.ts'
import {
  LOG_DIR_SETTINGS,
  REPLICATION_SETTINGS,
  SERVER_SETTINGS,
  TOPIC_ADMIN_SETTINGS,
} from './settings/server-settings.ts'
import { ConfigError, parseSetting, type Setting, type ValueOf } from './settings/setting.ts'
import { isUnused } from './settings/unused-settings.ts'

const TYPED_SETTINGS = {
  ...SERVER_SETTINGS,
  ...TOPIC_ADMIN_SETTINGS,
  ...REPLICATION_SETTINGS,
  ...LOG_DIR_SETTINGS,
  ...LOG_BROKER_SETTINGS,
  ...SAMSA_SETTINGS,
} as const

/** Every setting that has an effect, or is accepted with a documented one. */
export const BROKER_SETTINGS: Readonly<Record<string, Setting>> = {
  ...TYPED_SETTINGS,
  ...TOPIC_DEFAULT_SETTINGS,
}

type TypedSettings = typeof TYPED_SETTINGS

/** Values by Kafka's names. */
export type BrokerConfig = {
  readonly [K in keyof TypedSettings]: ValueOf<TypedSettings[K]>
} & TopicDefaults

export interface LoadedConfig {
  readonly config: BrokerConfig
  /** What was given, as it was written, by name. */
  readonly given: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

export interface ConfigSources {
  /** Text of a `server.properties`. */
  readonly properties?: string
  readonly env?: Environment
  /** `key=value`, the last one of a key wins. */
  readonly overrides?: readonly string[]
}

/** Throws `ConfigError`: what is wrong, and what to do. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  try {
    const given = gatherSettings(sources)
    const config = parseSettings(given)
    checkTogether(config, given)
    return { config, given, warnings: warningsFor(given) }
  } catch (error) {
    if (!(error instanceof ConfigError) || error.hint === null) throw error
    const sentence = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`
    throw new ConfigError(`${sentence} ${error.hint}`)
  }
}

function gatherSettings({ properties = '', env = {}, overrides = [] }: ConfigSources) {
  const fromEnvironment = settingsFromEnvironment(env)
  const given = new Map([
    ...parseProperties(properties),
    ...fromEnvironment,
    ...overrides.map(parseOverride),
  ])
  const advertised = fromEnvironment.get('advertised.listeners')
  if (advertised !== undefined && !given.has('listeners')) {
    given.set('listeners', listenersFromAdvertised(advertised))
  }
  shareBrokerId(given)
  return given
}

function parseOverride(override: string): [name: string, value: string] {
  const at = override.indexOf('=')
  if (at <= 0) throw new ConfigError(`--override ${override}: write it as key=value`)
  return [override.slice(0, at).trim(), override.slice(at + 1).trim()]
}

/** The two names of one setting: who sets one has set the other. */
function shareBrokerId(given: Map<string, string>): void {
  const brokerId = given.get('broker.id')
  const nodeId = given.get('node.id')
  if (brokerId !== undefined && nodeId !== undefined && brokerId.trim() !== nodeId.trim()) {
    throw new ConfigError(
      'You must set `node.id` to the same value as `broker.id`.',
      'Remove one of them.',
    )
  }
  if (brokerId === undefined && nodeId !== undefined) given.set('broker.id', nodeId)
  if (nodeId === undefined && brokerId !== undefined) given.set('node.id', brokerId)
}

function parseSettings(given: ReadonlyMap<string, string>): BrokerConfig {
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(BROKER_SETTINGS)) {
    const text = given.get(name)
    values[name] = text === undefined ? setting.default : parseSetting(name, setting, text)
  }
  // Every name of the table has a value of its type now.
  return values as unknown as BrokerConfig
}

function warningsFor(given: ReadonlyMap<string, string>): string[] {
  const names = [...given.keys()].filter((name) => !(name in BROKER_SETTINGS))
  const unused = names.filter((name) => isUnused(name) && name !== 'node.id')
  const unknown = names.filter((name) => !isUnused(name))
  const warnings = unknown.map((name) => `${name} is not a known setting and is ignored.`)
  if (unused.length > 0) {
    warnings.push(`These settings are accepted and have no effect: ${unused.join(', ')}.`)
  }
  if (given.has('inter.broker.protocol.version')) {
    warnings.push('inter.broker.protocol.version is ignored: brokers speak as Kafka 3.9 does.')
  }
  return warnings
}

/** `log.dirs`, or `log.dir`; absolute or relative as written, without trailing slashes. */
export function logDirsOf(config: BrokerConfig): string[] {
  const text = config['log.dirs'] ?? config['log.dir']
  return text
    .split(',')
    .map((dir) => dir.trim().replace(/(.)\/+$/, '$1'))
    .filter((dir) => dir !== '')
}
