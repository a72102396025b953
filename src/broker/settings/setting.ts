/**
 * What a setting is: name, type, default, bounds, who may change it at run time, and its
 * documentation. The tables of settings are the one source for parsing, validation, DescribeConfigs
 * and `docs/configuration.md`. Names, defaults and the words of refusals are Kafka's.
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
  /** Null: unset. */
  readonly default: T
  readonly doc: string
  readonly unit?: 'ms' | 'bytes' | 'seconds' | 'hours' | 'minutes'
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  /** What is wrong with a value that `min`, `max` and `oneOf` cannot say; null: nothing. */
  readonly check?: (value: unknown) => string | null
  readonly mode: UpdateMode
  /** Not among what DescribeConfigs tells. */
  readonly isInternal?: boolean
}

export type SettingOptions = Partial<Omit<Setting, 'type' | 'default' | 'doc'>>
export type ValueOf<S> = S extends Setting<infer T> ? T : never

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

/** A value that a setting cannot have; the message is as Kafka has it. */
export class ConfigError extends Error {
  /** What would do, for whoever starts the broker. */
  readonly hint: string | null

  constructor(message: string, hint: string | null = null) {
    super(message)
    this.name = 'ConfigError'
    this.hint = hint
  }
}

/** The value that `text` stands for. Throws `ConfigError`. */
export function parseSetting(name: string, setting: Setting, text: string): unknown {
  const trimmed = text.trim()
  const value = parseType(setting.type, trimmed)
  if (value === undefined) {
    const why =
      setting.type === 'boolean'
        ? 'Expected value to be either true or false'
        : `Not a number of type ${setting.type.toUpperCase()}`
    throw refusal(name, setting, trimmed, why)
  }
  checkValue(name, setting, value)
  return value
}

const INTEGER_BITS: Partial<Record<SettingType, bigint>> = { short: 16n, int: 32n, long: 64n }
const DOUBLE = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/

/** Undefined: not a value of the type. */
function parseType(type: SettingType, text: string): unknown {
  switch (type) {
    case 'boolean':
      return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined
    case 'int':
    case 'short':
    case 'long': {
      if (!/^[+-]?\d+$/.test(text)) return undefined
      const exact = BigInt(text.replace(/^\+/, ''))
      return BigInt.asIntN(Number(INTEGER_BITS[type]), exact) === exact ? Number(exact) : undefined
    }
    case 'double':
      return DOUBLE.test(text) ? Number.parseFloat(text) : undefined
    case 'list':
      return text === '' ? [] : text.split(/\s*,\s*/)
    case 'string':
    case 'class':
    case 'password':
      return text
  }
}

function checkValue(name: string, setting: Setting, value: unknown): void {
  const { min, max, oneOf, check } = setting
  const fail = (shown: string | null, why: string): never => {
    throw refusal(name, setting, shown ?? '', why)
  }
  const shown = formatSetting(value, setting.type)
  if (typeof value === 'number') {
    if (min !== undefined && value < min) fail(shown, `Value must be at least ${min}`)
    if (max !== undefined && value > max) fail(shown, `Value must be no more than ${max}`)
  }
  for (const each of oneOf === undefined ? [] : Array.isArray(value) ? value : [value]) {
    if (!oneOf?.includes(String(each))) {
      fail(String(each), `String must be one of: ${oneOf?.join(', ')}`)
    }
  }
  const problem = check?.(value) ?? null
  if (problem !== null) {
    fail(Array.isArray(value) ? `[${value.join(', ')}]` : shown, problem.replace('{name}', name))
  }
}

function refusal(name: string, setting: Setting, shown: string, why: string): ConfigError {
  const value = setting.type === 'password' ? '[hidden]' : shown
  return new ConfigError(
    `Invalid value ${value} for configuration ${name}: ${why}`,
    `Set ${name} to ${expected(setting)}.`,
  )
}

/** What a setting takes, in words. */
function expected({ type, unit, min, max, oneOf, default: defaultValue }: Setting): string {
  const usual =
    defaultValue === null ? '' : ` (the default is ${formatSetting(defaultValue, type)})`
  if (oneOf !== undefined)
    return `${type === 'list' ? 'some' : 'one'} of ${oneOf.join(', ')}${usual}`
  if (type === 'boolean') return 'true or false'
  if (INTEGER_BITS[type] === undefined && type !== 'double') return `another value${usual}`
  const kind = type === 'double' ? 'a number' : 'a whole number'
  const bounds = [min === undefined ? '' : ` from ${min}`, max === undefined ? '' : ` up to ${max}`]
  return `${kind}${unit === undefined ? '' : ` of ${unit}`}${bounds.join('')}${usual}`
}

/** As Kafka prints it; null stays null. */
export function formatSetting(value: unknown, type?: SettingType): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'number') return String(value)
  if (type === 'double') return formatDouble(value)
  return value === LONG_MAX ? LONG_MAX_TEXT : BigInt(value).toString()
}

/** As `Double.toString` of Java: always with a point, with an exponent from 10^7 on. */
function formatDouble(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e')
    return `${digits.includes('.') ? digits : `${digits}.0`}E${Number(exponent)}`
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}
