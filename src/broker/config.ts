/**
 * The settings of a broker: the tables of `settings/` in one, values from `--override`, environment
 * and `server.properties` in this order of precedence, and the checks that need more than one value.
 */
import { parseProperties } from '../base/properties.ts'
import { IGNORED_SETTINGS } from './settings/ignored-settings.ts'
import { LOG_BROKER_SETTINGS, TOPIC_DEFAULT_SETTINGS } from './settings/log-settings.ts'
import {
  LOG_DIR_SETTINGS,
  REPLICATION_SETTINGS,
  SERVER_SETTINGS,
  TOPIC_ADMIN_SETTINGS,
} from './settings/server-settings.ts'
import { ConfigError, parseSetting, type Setting } from './settings/setting.ts'

const TYPED_SETTINGS = {
  ...SERVER_SETTINGS,
  ...TOPIC_ADMIN_SETTINGS,
  ...REPLICATION_SETTINGS,
  ...LOG_DIR_SETTINGS,
  ...LOG_BROKER_SETTINGS,
} as const

/** Every setting that has an effect, or is accepted with a documented one. */
export const BROKER_SETTINGS: Readonly<Record<string, Setting>> = {
  ...TYPED_SETTINGS,
  ...TOPIC_DEFAULT_SETTINGS,
}

type ValueOf<S> = S extends Setting<infer T> ? T : never
type TypedSettings = typeof TYPED_SETTINGS

/** Values by Kafka's names. Those that are topic settings under another name are `unknown` here. */
export type BrokerConfig = { readonly [K in keyof TypedSettings]: ValueOf<TypedSettings[K]> } & {
  readonly [name: string]: unknown
}

export interface LoadedConfig {
  readonly config: BrokerConfig
  /** What was given, as it was written, by name. */
  readonly given: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

export interface ConfigSources {
  /** Text of a `server.properties`. */
  readonly properties?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** `key=value`, the last one of a key wins. */
  readonly overrides?: readonly string[]
}

/** Throws `ConfigError` with the setting's name and what to do. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const given = new Map<string, string>()
  for (const [key, value] of parseProperties(sources.properties ?? '')) given.set(key, value)
  for (const [key, value] of settingsFromEnvironment(sources.env ?? {})) given.set(key, value)
  for (const override of sources.overrides ?? []) {
    const at = override.indexOf('=')
    if (at <= 0) throw new ConfigError(`--override ${override}: write it as key=value`)
    given.set(override.slice(0, at).trim(), override.slice(at + 1).trim())
  }
  const warnings: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(BROKER_SETTINGS)) values[name] = setting.default
  for (const [name, text] of given) {
    const setting = BROKER_SETTINGS[name]
    if (setting !== undefined) values[name] = parseSetting(name, setting, text)
    else if (IGNORED_SETTINGS.has(name)) warnings.push(`${name} is accepted and has no effect yet.`)
    else warnings.push(`${name} is not a known setting and is ignored.`)
  }
  // Every name of the table has a value now.
  const config = values as unknown as BrokerConfig
  checkTogether(config)
  return { config, given, warnings }
}

/** Names of the images that are not settings. */
const NOT_SETTINGS = new Set([
  'KAFKA_VERSION',
  'KAFKA_HEAP_OPTS',
  'KAFKA_LOG4J_OPTS',
  'KAFKA_OPTS',
  'KAFKA_JMX_OPTS',
  'KAFKA_JVM_PERFORMANCE_OPTS',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_LOG4J_ROOT_LOGLEVEL',
  'KAFKA_LOG4J_LOGGERS',
  'KAFKA_TOOLS_LOG4J_LOGLEVEL',
  'KAFKA_JMX_HOSTNAME',
  'KAFKA_HOME',
])

/** `KAFKA_LOG_DIRS` is `log.dirs`; two underscores are one, three a dash (as Kafka's images do). */
function settingsFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): [name: string, value: string][] {
  return Object.entries(env).flatMap(([variable, value]): [string, string][] => {
    if (value === undefined || !variable.startsWith('KAFKA_') || NOT_SETTINGS.has(variable)) {
      return []
    }
    const name = variable
      .slice('KAFKA_'.length)
      .toLowerCase()
      .replace(/_{1,3}/g, (run) => (run.length === 1 ? '.' : run.length === 2 ? '_' : '-'))
    return name in BROKER_SETTINGS || IGNORED_SETTINGS.has(name) ? [[name, value]] : []
  })
}

function checkTogether(config: BrokerConfig): void {
  const refuse = (message: string): never => {
    throw new ConfigError(message)
  }
  if (!config['zookeeper.connect']) {
    refuse('Missing required configuration zookeeper.connect: set it to host:port of ZooKeeper')
  }
  if (config['replica.fetch.wait.max.ms'] > config['replica.lag.time.max.ms']) {
    refuse(
      'replica.fetch.wait.max.ms should always be less than or equal to ' +
        'replica.lag.time.max.ms to prevent frequent changes in ISR',
    )
  }
  const id = config['broker.id']
  if (config['broker.id.generation.enable'] && id > config['reserved.broker.max.id']) {
    refuse(
      `broker.id ${id} must be at most reserved.broker.max.id ` +
        `(${config['reserved.broker.max.id']}): choose a smaller one or set ` +
        'broker.id.generation.enable=false',
    )
  }
  if (id < 0 && !config['broker.id.generation.enable']) {
    refuse('broker.id must be set when broker.id.generation.enable is false')
  }
}

/** `log.dirs`, or `log.dir`; absolute or relative as written, without trailing slashes. */
export function logDirsOf(config: BrokerConfig): string[] {
  const text = config['log.dirs'] ?? config['log.dir']
  return text
    .split(',')
    .map((dir) => dir.trim().replace(/(.)\/+$/, '$1'))
    .filter((dir) => dir !== '')
}
