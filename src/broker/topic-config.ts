/**
 * Settings of topics: overrides of the topic, then what the broker's settings give, then Kafka's
 * defaults; as a `LogConfig` for the log. Where a value comes from is in `config-description.ts`.
 */
import type { LogConfig } from '../storage/log-config.ts'
import { BROKER_SETTINGS } from './config.ts'
import { TOPIC_SETTINGS } from './settings/log-settings.ts'
import {
  ConfigError,
  formatSetting,
  LONG_MAX,
  parseSetting,
  type Setting,
} from './settings/setting.ts'

/** Settings of the broker as they were given, by layer. */
export interface BrokerConfigLayers {
  /** From the properties file, the environment, the command line. */
  readonly given: ReadonlyMap<string, string>
  /** From `/config/brokers/N`. */
  readonly dynamic: ReadonlyMap<string, string>
  /** From `/config/brokers/<default>`. */
  readonly dynamicDefault: ReadonlyMap<string, string>
}

/** Null, or what is wrong with the first bad override, in Kafka's words. */
export function topicConfigProblem(overrides: ReadonlyMap<string, string>): string | null {
  const values = new Map<string, unknown>()
  for (const [name, text] of overrides) {
    const known = TOPIC_SETTINGS[name]
    if (known === undefined) return `Unknown topic config name: ${name}`
    try {
      values.set(name, parseSetting(name, known.setting, text))
    } catch (error) {
      if (error instanceof ConfigError) return error.message
      throw error
    }
  }
  return conflictOf(values)
}

function conflictOf(values: ReadonlyMap<string, unknown>): string | null {
  if (values.get('remote.storage.enable') === true) {
    return 'Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.'
  }
  if (values.get('remote.log.delete.on.disable') || values.get('remote.log.copy.disable')) {
    return "It is invalid to set `remote.log.delete.on.disable` or `remote.log.copy.disable` under Zookeeper's mode."
  }
  const lag = (which: string) => Number(values.get(`${which}.compaction.lag.ms`))
  // Not a number where one is not set: no conflict then.
  return lag('min') > lag('max')
    ? `conflict topic config setting min.compaction.lag.ms (${lag('min')}) > max.compaction.lag.ms (${lag('max')})`
    : null
}

/** Overrides that are not valid are left out: a bad znode must not stop the log. */
export function logConfigOf(
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): LogConfig {
  const values = topicValues(layers, overrides)
  // Every name of the table has a value of its type; the interface has the same names.
  return Object.fromEntries(
    [...values].map(([name, value]) => [camelCase(name), value]),
  ) as unknown as LogConfig
}

/** The values that hold for a topic, by name. */
export function topicValues(
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): Map<string, unknown> {
  const values = new Map<string, unknown>()
  for (const name of Object.keys(TOPIC_SETTINGS)) {
    values.set(name, topicValue(name, layers, overrides))
  }
  // The two bounds of timestamps took the place of one.
  const difference = values.get('message.timestamp.difference.max.ms')
  for (const side of ['message.timestamp.before.max.ms', 'message.timestamp.after.max.ms']) {
    if (values.get(side) === LONG_MAX) values.set(side, difference)
  }
  return values
}

function topicValue(
  name: string,
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): unknown {
  const { setting, synonyms } = TOPIC_SETTINGS[name]!
  const own = parsedOrUndefined(name, setting, overrides.get(name))
  if (own !== undefined) return own
  for (const synonym of synonyms) {
    for (const { text } of brokerTexts(synonym, layers)) {
      const value = parsedOrUndefined(name, setting, scaled(name, synonym, text))
      if (value !== undefined) return value
    }
  }
  return setting.default
}

export interface BrokerText {
  readonly layer: 'dynamic' | 'dynamic-default' | 'static' | 'default'
  readonly text: string
}

/** What is written for a broker setting, strongest layer first; its default last, if it has one. */
export function brokerTexts(name: string, layers: BrokerConfigLayers): BrokerText[] {
  const setting = BROKER_SETTINGS[name]
  const candidates = [
    ['dynamic', layers.dynamic.get(name)],
    ['dynamic-default', layers.dynamicDefault.get(name)],
    ['static', layers.given.get(name)],
    ['default', setting && formatSetting(setting.default, setting.type)],
  ] as const
  return candidates.flatMap(([layer, text]) =>
    text === undefined || text === null ? [] : [{ layer, text }],
  )
}

function parsedOrUndefined(name: string, setting: Setting, text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return parseSetting(name, setting, text)
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

const MS_PER_UNIT = { hours: 3_600_000, minutes: 60_000 } as const

/** A synonym in hours or minutes stands for milliseconds; any negative retention for no end. */
function scaled(topicName: string, synonym: string, text: string): string {
  if (topicName === 'retention.ms' && Number(text) < 0) return '-1'
  const unit = /\.(hours|minutes)$/.exec(synonym)?.[1] as keyof typeof MS_PER_UNIT | undefined
  return unit === undefined ? text : String(Number(text) * MS_PER_UNIT[unit])
}

function camelCase(name: string): string {
  return name.replace(/\.(.)/g, (_dot, letter: string) => letter.toUpperCase())
}
