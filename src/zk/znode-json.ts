/**
 * Reads the JSON of a znode as strictly as Kafka does: an integer is a JSON number without a
 * fraction, a string is a JSON string, nothing is coerced, unknown keys are ignored. What a znode
 * holds was written by somebody else, so no decoder throws: garbage is an outcome with a reason.
 */

export type Decoded<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'error'; readonly message: string }

/** Thrown by the readers below and caught by `decodeJson`; never leaves this folder. */
export class ZnodeFormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ZnodeFormatError'
  }
}

const SHOWN_CHARACTERS = 200
const UUID_TEXT = /^[A-Za-z0-9_-]{22}$/
const DECIMAL_TEXT = /^-?\d{1,19}$/

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8')
}

/** `read` gets the root object; null data and a root that is no object are errors. */
export function decodeJson<T>(data: Buffer | null, read: (root: JsonFields) => T): Decoded<T> {
  if (data === null) return { kind: 'error', message: 'the znode has no data' }
  try {
    return { kind: 'ok', value: read(new JsonFields(parse(data), '')) }
  } catch (error) {
    if (!(error instanceof ZnodeFormatError)) throw error
    const shown = data.subarray(0, SHOWN_CHARACTERS).toString('utf8')
    return { kind: 'error', message: `${error.message} in ${shown}` }
  }
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'))
  } catch {
    throw new ZnodeFormatError('no valid JSON')
  }
}

/** One JSON object with typed access to its fields. */
export class JsonFields {
  readonly #fields: Record<string, unknown>
  readonly #at: string

  constructor(value: unknown, at: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ZnodeFormatError(`${at === '' ? 'the root' : at} is no object`)
    }
    this.#fields = value as Record<string, unknown>
    this.#at = at
  }

  /** In the order of the text, but for keys that look like array indices, which come first. */
  keys(): string[] {
    return Object.keys(this.#fields)
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key)
  }

  /** Neither absent nor null. */
  isSet(key: string): boolean {
    return this.has(key) && this.#fields[key] !== null
  }

  int32(key: string): number {
    return int32Of(this.#required(key), this.#name(key))
  }

  int32Or(key: string, absent: number): number {
    return this.has(key) ? this.int32(key) : absent
  }

  /** Exact up to 2^53. */
  integer(key: string): number {
    const value = this.#required(key)
    if (!Number.isSafeInteger(value)) throw notA('integer', this.#name(key))
    return value as number
  }

  string(key: string): string {
    return stringOf(this.#required(key), this.#name(key))
  }

  /** An integer written as a decimal string. */
  decimalString(key: string): number {
    const value = decimalOf(this.string(key))
    if (value === null) throw notA('decimal string', this.#name(key))
    return value
  }

  uuid(key: string): string {
    const value = this.string(key)
    if (!UUID_TEXT.test(value)) throw notA('base64 UUID', this.#name(key))
    return value
  }

  object(key: string): JsonFields {
    return new JsonFields(this.#required(key), this.#name(key))
  }

  array(key: string): unknown[] {
    const value = this.#required(key)
    if (!Array.isArray(value)) throw notA('array', this.#name(key))
    return value
  }

  objects(key: string): JsonFields[] {
    return this.array(key).map((item, at) => new JsonFields(item, `${this.#name(key)}[${at}]`))
  }

  int32s(key: string): number[] {
    return this.array(key).map((item, at) => int32Of(item, `${this.#name(key)}[${at}]`))
  }

  strings(key: string): string[] {
    return this.array(key).map((item, at) => stringOf(item, `${this.#name(key)}[${at}]`))
  }

  #required(key: string): unknown {
    if (!this.has(key)) throw new ZnodeFormatError(`${this.#name(key)} is missing`)
    return this.#fields[key]
  }

  #name(key: string): string {
    return this.#at === '' ? key : `${this.#at}.${key}`
  }
}

/** Null when it is not a decimal integer that a number can hold exactly. */
export function decimalOf(text: string): number | null {
  if (!DECIMAL_TEXT.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

function int32Of(value: unknown, name: string): number {
  if (!Number.isInteger(value) || (value as number) !== ((value as number) | 0)) {
    throw notA('32-bit integer', name)
  }
  return value as number
}

function stringOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw notA('string', name)
  return value
}

function notA(expected: string, name: string): ZnodeFormatError {
  return new ZnodeFormatError(`${name} is no ${expected}`)
}
