/**
 * What a setting is: name, type, default, bounds, who may change it at run time, and its
 * documentation. The tables of settings are the one source for parsing, validation, DescribeConfigs
 * and `docs/configuration.md`. Names and defaults are Kafka's.
 */

/** Types as DescribeConfigs numbers them. */
export const SETTING_TYPES = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const
export type SettingType = keyof typeof SETTING_TYPES

/** Java's largest long does not fit a number: this one prints as it. */
export const LONG_MAX = 2 ** 63
const LONG_MAX_TEXT = '9223372036854775807'

/** `read-only` needs a restart; the others may be altered per broker, or for all brokers too. */
export type UpdateMode = 'read-only' | 'per-broker' | 'cluster-wide'

export interface Setting<T = unknown> {
  readonly type: SettingType
  /** Undefined: required. Null: unset. */
  readonly default: T
  readonly doc: string
  readonly unit?: 'ms' | 'bytes' | 'seconds' | 'hours' | 'minutes'
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly mode: UpdateMode
}

export interface SettingOptions {
  readonly unit?: NonNullable<Setting['unit']>
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly mode?: UpdateMode
}

type Make<T> = (defaultValue: T, doc: string, options?: SettingOptions) => Setting<T>

function maker<T>(type: SettingType): Make<T> {
  return (defaultValue, doc, options = {}) => ({
    type,
    default: defaultValue,
    doc,
    mode: 'read-only',
    ...options,
  })
}

export const boolean = maker<boolean>('boolean')
export const string = maker<string>('string')
export const nullableString = maker<string | null>('string')
export const int = maker<number>('int')
export const nullableInt = maker<number | null>('int')
export const long = maker<number>('long')
export const nullableLong = maker<number | null>('long')
export const double = maker<number>('double')
export const list = maker<readonly string[]>('list')
export const className = maker<string | null>('class')

/** A value that a setting cannot have; the message says why and what would do. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}

const RANGES: Partial<Record<SettingType, readonly [min: number, max: number, name: string]>> = {
  int: [-0x8000_0000, 0x7fff_ffff, 'INT'],
  short: [-0x8000, 0x7fff, 'SHORT'],
  long: [-LONG_MAX, LONG_MAX, 'LONG'],
}

/** The value that `text` stands for. Throws `ConfigError` in Kafka's words. */
export function parseSetting(name: string, setting: Setting, text: string): unknown {
  const trimmed = text.trim()
  const value = parseType(name, setting, trimmed)
  checkBounds(name, setting, value)
  return value
}

function parseType(name: string, setting: Setting, text: string): unknown {
  const fail = (why: string): never => {
    throw new ConfigError(`Invalid value ${text} for configuration ${name}: ${why}`)
  }
  switch (setting.type) {
    case 'boolean':
      if (/^true$/i.test(text)) return true
      if (/^false$/i.test(text)) return false
      return fail('Expected value to be either true or false')
    case 'int':
    case 'short':
    case 'long': {
      const [min, max, typeName] = RANGES[setting.type]!
      const number = Number(text)
      if (!/^[+-]?\d+$/.test(text) || number < min || number > max) {
        return fail(`Not a number of type ${typeName}`)
      }
      return number
    }
    case 'double': {
      const number = Number(text)
      return text === '' || Number.isNaN(number) ? fail('Not a number of type DOUBLE') : number
    }
    case 'list':
      return text === '' ? [] : text.split(',').map((part) => part.trim())
    case 'string':
    case 'class':
    case 'password':
      return text
  }
}

function checkBounds(name: string, setting: Setting, value: unknown): void {
  const { min, max, oneOf } = setting
  const shown = formatSetting(value)
  const fail = (why: string): never => {
    throw new ConfigError(`Invalid value ${shown} for configuration ${name}: ${why}`)
  }
  if (typeof value === 'number') {
    if (min !== undefined && value < min) fail(`Value must be at least ${min}`)
    if (max !== undefined && value > max) fail(`Value must be no more than ${max}`)
  }
  if (oneOf === undefined) return
  for (const each of Array.isArray(value) ? value : [value]) {
    if (!oneOf.includes(String(each))) fail(`String must be one of: ${oneOf.join(', ')}`)
  }
}

/** As Kafka prints it; null stays null. */
export function formatSetting(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.join(',')
  if (value === LONG_MAX) return LONG_MAX_TEXT
  if (typeof value === 'number' && Math.abs(value) >= 1e21) return BigInt(value).toString()
  return String(value)
}
