/**
 * Settings as DescribeConfigs tells them: the value that holds, and all that is written for it, the
 * strongest first. Kafka's order within a group of synonyms is by layer, then by precision, and what
 * comes before the name that was asked for is dropped: with `log.retention.hours` alone set,
 * `retention.ms` has the right value and no synonyms.
 */
import { BROKER_SETTINGS } from './config.ts'
import { TOPIC_SETTINGS } from './settings/log-settings.ts'
import { formatSetting, SETTING_TYPES, type Setting } from './settings/setting.ts'
import { UNUSED_SETTINGS } from './settings/unused-settings.ts'
import { type BrokerConfigLayers, topicValues } from './topic-config.ts'

/** Where a value comes from, as DescribeConfigs numbers it. */
export const ConfigSource = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  DYNAMIC_BROKER_LOGGER: 6,
} as const

export interface ConfigSynonym {
  readonly name: string
  /** Null when sensitive. */
  readonly value: string | null
  readonly source: number
}

export interface ConfigEntry {
  readonly name: string
  /** Null when unset, or sensitive. */
  readonly value: string | null
  readonly readOnly: boolean
  readonly source: number
  readonly isSensitive: boolean
  readonly synonyms: readonly ConfigSynonym[]
  readonly type: number
  readonly documentation: string
}

export function describeTopicConfig(
  layers: BrokerConfigLayers,
  overrides: ReadonlyMap<string, string>,
): ConfigEntry[] {
  const values = topicValues(layers, overrides)
  return Object.entries(TOPIC_SETTINGS).map(([name, { setting, synonyms }]) => {
    const own = overrides.get(name)
    const written = [
      ...(own === undefined ? [] : [{ name, value: own, source: ConfigSource.DYNAMIC_TOPIC }]),
      ...(synonyms[0] === undefined ? [] : synonymsOf(synonyms[0], layers)),
    ]
    return {
      name,
      value: formatSetting(values.get(name), setting.type),
      readOnly: false,
      source: written[0]?.source ?? ConfigSource.DEFAULT,
      isSensitive: false,
      synonyms: written,
      type: SETTING_TYPES[setting.type],
      documentation: setting.doc,
    }
  })
}

/** Every setting that is known, and the unknown ones that were given. */
export function describeBrokerConfig(layers: BrokerConfigLayers): ConfigEntry[] {
  const known: Record<string, Setting> = { ...BROKER_SETTINGS, ...UNUSED_SETTINGS }
  const unknown = [...layers.given.keys()].filter((name) => !(name in known))
  return [
    ...Object.entries(known)
      .filter(([, setting]) => !setting.isInternal)
      .map(([name, setting]) => brokerEntry(name, setting, layers)),
    ...unknown.map((name) => unknownEntry(name)),
  ]
}

/** What is set for all brokers at run time, and nothing else. */
export function describeBrokerDefaults({ dynamicDefault }: BrokerConfigLayers): ConfigEntry[] {
  const source = ConfigSource.DYNAMIC_DEFAULT_BROKER
  return [...dynamicDefault].map(([name, text]) => {
    const setting = settingOf(name)
    const value = isSensitive(setting) ? null : text
    return entry(name, setting, value, [{ name, value, source }])
  })
}

function brokerEntry(name: string, setting: Setting, layers: BrokerConfigLayers): ConfigEntry {
  const synonyms = synonymsOf(name, layers)
  const own = synonyms[0]
  const value = own === undefined ? formatSetting(setting.default, setting.type) : own.value
  return entry(name, setting, value, synonyms)
}

function entry(
  name: string,
  setting: Setting | undefined,
  value: string | null,
  synonyms: readonly ConfigSynonym[],
): ConfigEntry {
  return {
    name,
    value,
    readOnly: setting === undefined || setting.mode === 'read-only',
    source: synonyms[0]?.source ?? ConfigSource.DEFAULT,
    isSensitive: isSensitive(setting),
    synonyms,
    type: setting === undefined ? 0 : SETTING_TYPES[setting.type],
    documentation: setting?.doc ?? '',
  }
}

/** Nobody knows what it is, so it may be a secret. */
function unknownEntry(name: string): ConfigEntry {
  return entry(name, undefined, null, [{ name, value: null, source: ConfigSource.STATIC_BROKER }])
}

function settingOf(name: string): Setting | undefined {
  return BROKER_SETTINGS[name] ?? UNUSED_SETTINGS[name]
}

function isSensitive(setting: Setting | undefined): boolean {
  return setting === undefined || setting.type === 'password'
}

/** Settings that say the same in other units, or stand in for each other, the strongest first. */
const GROUPS: readonly (readonly string[])[] = [
  ['log.roll.ms', 'log.roll.hours'],
  ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
  ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
]
const FLUSH_INTERVAL = ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms']

function groupOf(name: string): readonly string[] {
  if (name === FLUSH_INTERVAL[0]) return FLUSH_INTERVAL
  return GROUPS.find((group) => group.includes(name)) ?? [name]
}

/** All that is written for a broker setting, from the first that is under its own name. */
function synonymsOf(name: string, layers: BrokerConfigLayers): ConfigSynonym[] {
  const group = groupOf(name)
  const written: ConfigSynonym[] = []
  const add = (source: number, textOf: (each: string) => string | null | undefined): void => {
    for (const each of group) {
      const text = textOf(each)
      if (text === null || text === undefined) continue
      const value = isSensitive(settingOf(each)) ? null : text.trim()
      written.push({ name: each, value, source })
    }
  }
  add(ConfigSource.DYNAMIC_BROKER, (each) => layers.dynamic.get(each))
  add(ConfigSource.DYNAMIC_DEFAULT_BROKER, (each) => layers.dynamicDefault.get(each))
  add(ConfigSource.STATIC_BROKER, (each) => layers.given.get(each))
  add(ConfigSource.DEFAULT, defaultText)
  const start = written.findIndex((each) => each.name === name)
  return start < 0 ? [] : written.slice(start)
}

function defaultText(name: string): string | null {
  const setting = settingOf(name)
  return setting === undefined ? null : formatSetting(setting.default, setting.type)
}
