/**
 * Settings of topics: overrides of the topic, then what the broker's settings give, then Kafka's
 * defaults; as a `LogConfig` for the log, and as entries for DescribeConfigs.
 */
import type { LogConfig } from '../storage/log-config.ts'
import { BROKER_SETTINGS } from './config.ts'
import { TOPIC_SETTINGS } from './settings/log-settings.ts'
import {
  ConfigError,
  formatSetting,
  parseSetting,
  SETTING_TYPES,
  type Setting,
} from './settings/setting.ts'

/** Where a value comes from, as DescribeConfigs numbers it. */
export const ConfigSource = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
} as const

export interface ConfigSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly source: number
  readonly isSensitive: boolean
  readonly synonyms: readonly ConfigSynonym[]
  readonly type: number
  readonly documentation: string
}

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
  for (const [name, text] of overrides) {
    const known = TOPIC_SETTINGS[name]
    if (known === undefined) return `Unknown topic config name: ${name}`
    try {
      parseSetting(name, known.setting, text)
    } catch (error) {
      if (error instanceof ConfigError) return error.message
      throw error
    }
  }
  return null
}

/** Overrides that are not valid are left out: a bad znode must not stop the log. */
export function logConfigOf(
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): LogConfig {
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(TOPIC_SETTINGS)) {
    values[camelCase(name)] = settingValue(name, layers, overrides)
  }
  // Every name of the table has a value of its type; the interface has the same names.
  return values as unknown as LogConfig
}

export function describeTopicConfig(
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): ConfigEntry[] {
  return Object.entries(TOPIC_SETTINGS).map(([name, { setting, synonyms }]) => {
    const found: ConfigSynonym[] = []
    const own = overrides.get(name)
    if (own !== undefined) found.push({ name, value: own, source: ConfigSource.DYNAMIC_TOPIC })
    for (const synonym of synonyms) found.push(...synonymsOf(synonym, layers))
    const first = found[0]
    return {
      name,
      value: first === undefined ? formatSetting(setting.default) : scaled(name, first),
      readOnly: false,
      source: first?.source ?? ConfigSource.DEFAULT,
      isSensitive: false,
      synonyms: found,
      type: SETTING_TYPES[setting.type],
      documentation: setting.doc,
    }
  })
}

export function describeBrokerConfig(layers: BrokerConfigLayers): ConfigEntry[] {
  return Object.entries(BROKER_SETTINGS).map(([name, setting]) => {
    const synonyms = synonymsOf(name, layers)
    const first = synonyms[0]
    return {
      name,
      value: first?.value ?? formatSetting(setting.default),
      readOnly: setting.mode === 'read-only',
      source: first?.source ?? ConfigSource.DEFAULT,
      isSensitive: setting.type === 'password',
      synonyms,
      type: SETTING_TYPES[setting.type],
      documentation: setting.doc,
    }
  })
}

/** What stands for a broker setting, strongest first; its default last, when it has one. */
function synonymsOf(name: string, layers: BrokerConfigLayers): ConfigSynonym[] {
  const found: ConfigSynonym[] = []
  const add = (value: string | null | undefined, source: number): void => {
    if (value !== undefined && value !== null) found.push({ name, value, source })
  }
  add(layers.dynamic.get(name), ConfigSource.DYNAMIC_BROKER)
  add(layers.dynamicDefault.get(name), ConfigSource.DYNAMIC_DEFAULT_BROKER)
  add(layers.given.get(name), ConfigSource.STATIC_BROKER)
  add(formatSetting(BROKER_SETTINGS[name]?.default), ConfigSource.DEFAULT)
  return found
}

function settingValue(
  name: string,
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): unknown {
  const { setting, synonyms } = TOPIC_SETTINGS[name]!
  const texts = [
    overrides.get(name),
    ...synonyms.flatMap((each) =>
      synonymsOf(each, layers).map((synonym) => scaled(name, synonym) ?? undefined),
    ),
  ]
  for (const text of texts) {
    const value = text === undefined ? undefined : parsedOrUndefined(name, setting, text)
    if (value !== undefined) return value
  }
  return setting.default
}

function parsedOrUndefined(name: string, setting: Setting, text: string): unknown {
  try {
    return parseSetting(name, setting, text)
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

const MS_PER_UNIT = { hours: 3_600_000, minutes: 60_000 } as const

/** A synonym in hours or minutes stands for milliseconds. */
function scaled(topicName: string, { name, value }: ConfigSynonym): string | null {
  if (!topicName.endsWith('.ms') || value === null) return value
  const unit = name.endsWith('.hours') ? 'hours' : name.endsWith('.minutes') ? 'minutes' : null
  if (unit === null) return value
  return Number(value) < 0 ? '-1' : String(Number(value) * MS_PER_UNIT[unit])
}

function camelCase(name: string): string {
  return name.replace(/\.(.)/g, (_dot, letter: string) => letter.toUpperCase())
}
