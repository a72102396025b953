/**
 * What settings of brokers may become at run time, in the order of the checks and the words of Kafka's
 * `DynamicBrokerConfig`. Settings that have no effect here are held to the same rules: whoever alters
 * them hears of a mistake now, and not from the broker that takes them seriously.
 */
import { ErrorCode } from '../protocol/error-codes.ts'
import { BROKER_SETTINGS } from './config.ts'
import { ApiError } from './handler.ts'
import { ConfigError, formatSetting, long, parseSetting, type Setting } from './settings/setting.ts'
import { UNUSED_SETTINGS } from './settings/unused-settings.ts'
import type { BrokerConfigLayers } from './topic-config.ts'

type Config = ReadonlyMap<string, string>

/** Known only at run time, for throttles. */
const RUN_TIME_SETTINGS: Readonly<Record<string, Setting>> = Object.fromEntries(
  [
    'leader.replication.throttled.rate',
    'follower.replication.throttled.rate',
    'replica.alter.log.dirs.io.max.bytes.per.second',
  ].map((name) => [name, long(0, '', { min: 0, mode: 'cluster-wide' })]),
)

/** `forAll`: the defaults of the cluster, where per-broker settings may not stand. Throws `ApiError`. */
export function checkBrokerConfig(
  config: Config,
  layers: BrokerConfigLayers,
  forAll: boolean,
): void {
  const names = [...config.keys()]
  const modeOf = (name: string) => settingOf(name)?.mode
  refuseNames(
    'Cannot update these configs dynamically: Set',
    names.filter((name) => modeOf(name) === 'read-only'),
  )
  refuseNames(
    'These security configs can be dynamically updated only per-listener using the listener prefix: HashSet',
    names.filter((name) => STORE_SETTING.test(name)),
  )
  for (const [name, text] of config) checkType(name, text)
  refuseNames(
    'Cannot update these configs at default cluster level, broker id must be specified: Set',
    forAll ? names.filter((name) => modeOf(name) === 'per-broker' || isOfListener(name)) : [],
  )
  for (const [name, text] of config) checkThreads(name, text, layers)
  checkConnections(config, layers)
  if ((config.get('metric.reporters') ?? '') !== '') {
    const what = 'of Set(metric.reporters) failed with class class'
    throw dynamicError(
      `Validation of dynamic config update ${what} kafka.server.DynamicMetricsReporters`,
    )
  }
}

/** Key and trust stores. */
const STORE_SETTING = /^ssl\.(keystore|truststore|key)\./

const OF_LISTENER = /^listener\.name\.[^.]*\.(.*)$/
/** May have a value for one listener of all brokers. */
const FOR_ALL_LISTENERS = ['max.connections', 'max.connection.creation.rate', 'num.network.threads']

function isOfListener(name: string): boolean {
  const base = OF_LISTENER.exec(name)?.[1]
  return base !== undefined && !FOR_ALL_LISTENERS.includes(base)
}

function settingOf(name: string): Setting | undefined {
  return BROKER_SETTINGS[name] ?? UNUSED_SETTINGS[name]
}

function refuseNames(message: string, names: readonly string[]): void {
  if (names.length > 0) throw invalid(`${message}(${names.join(', ')})`)
}

/** What nobody knows is kept: it may be a setting of a plugin. */
function checkType(name: string, text: string): void {
  const base = OF_LISTENER.exec(name)?.[1] ?? name
  const setting = RUN_TIME_SETTINGS[base] ?? settingOf(base)
  if (setting === undefined || THREAD_POOLS.has(base)) return
  if (setting.type === 'class' && text.trim() !== setting.default) {
    throw invalid(
      `Invalid value ${text} for configuration ${base}: Class ${text} could not be found.`,
    )
  }
  parsed(base, setting, text)
}

function parsed(name: string, setting: Setting, text: string): unknown {
  try {
    return parseSetting(name, setting, text)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw invalid(error.message)
  }
}

const CLEANER_THREADS = 'log.cleaner.threads'
const THREAD_POOLS: ReadonlySet<string> = new Set([
  'background.threads',
  CLEANER_THREADS,
  'num.io.threads',
  'num.network.threads',
  'num.recovery.threads.per.data.dir',
  'num.replica.fetchers',
])

/** From half of what there are to double. */
function checkThreads(name: string, text: string, layers: BrokerConfigLayers): void {
  const setting = settingOf(name)
  if (!THREAD_POOLS.has(name) || setting === undefined) return
  const { min: _min, ...unbounded } = setting
  const count = parsed(name, unbounded, text) as number
  const current = Number(textOf(name, setting, layers))
  if (count === current) return
  if (name === CLEANER_THREADS) checkCleanerThreads(count, current)
  const refuse = (why: string): never => {
    const what = `Dynamic thread count update validation failed for ${name}=${count}`
    throw dynamicError(`${what}, value ${why}`)
  }
  if (count < 1) refuse('should be at least 1')
  if (count > current * 2) {
    refuse(`should not be greater than double the current value ${current}`)
  }
  if (count < current / 2) refuse(`should be at least half the current value ${current}`)
}

function checkCleanerThreads(count: number, current: number): void {
  const refuse = (why: string): never => {
    throw dynamicError(`Log cleaner threads ${why}`)
  }
  if (count < 1) refuse('should be at least 1')
  if (count < Math.floor(current / 2)) {
    refuse(`cannot be reduced to less than half the current value ${current}`)
  }
  if (count > current * 2) {
    refuse(`cannot be increased to more than double the current value ${current}`)
  }
}

const PER_IP = 'max.connections.per.ip'
const PER_IP_OVERRIDES = 'max.connections.per.ip.overrides'

function checkConnections(config: Config, layers: BrokerConfigLayers): void {
  const overrides = config.get(PER_IP_OVERRIDES) ?? layers.given.get(PER_IP_OVERRIDES) ?? ''
  for (const each of overrides.split(',').filter((text) => text.trim() !== '')) {
    const problem = problemOfOverride(each.trim())
    if (problem === null) continue
    throw invalid(`Error parsing configuration property '${PER_IP_OVERRIDES}': ${problem}`)
  }
  if (Number(config.get(PER_IP) ?? 1) === 0 && overrides === '') {
    throw invalid(
      `requirement failed: ${PER_IP} can be set to zero only if ${PER_IP_OVERRIDES} property is set.`,
    )
  }
}

/** `host:count`; the words are those of the Java that reads it. */
function problemOfOverride(text: string): string | null {
  const at = text.lastIndexOf(':')
  if (at < 0) return `begin 0, end -1, length ${text.length}`
  const count = text.slice(at + 1).trim()
  return /^[+-]?\d+$/.test(count) ? null : `For input string: "${count}"`
}

function textOf(name: string, setting: Setting, layers: BrokerConfigLayers): string | null {
  const { dynamic, dynamicDefault, given } = layers
  const text = dynamic.get(name) ?? dynamicDefault.get(name) ?? given.get(name)
  return text ?? formatSetting(setting.default, setting.type)
}

function dynamicError(message: string): ApiError {
  const exception = `org.apache.kafka.common.config.ConfigException: ${message}`
  return invalid(`Invalid value ${exception} for configuration Invalid dynamic configuration`)
}

function invalid(message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_REQUEST, message)
}
