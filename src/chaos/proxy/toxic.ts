/**
 * Toxics as the HTTP API shows them: types, attributes, defaults, checks of what comes from outside.
 * Names and defaults are Toxiproxy's. `cut` is ours: a link that is gone. Unlike `timeout` it keeps
 * even the end of the stream to itself, new connections wait before they reach the upstream, and
 * when it is removed only those connections are reset that lost something.
 */
import { ApiError, badRequestBody, objectOf, stringOf } from './api-error.ts'

/** `upstream`: from the client to the server; `downstream`: back. */
export type Direction = 'upstream' | 'downstream'

/** Attributes of each type; all are whole numbers, 0 by default. */
export const TOXIC_TYPES = {
  /** Milliseconds. */
  latency: ['latency', 'jitter'],
  /** KB/s, a KB being 1,000 bytes. */
  bandwidth: ['rate'],
  /** Milliseconds. */
  slow_close: ['delay'],
  /** Milliseconds without data until the connection is closed; 0: never. */
  timeout: ['timeout'],
  /** Milliseconds. */
  reset_peer: ['timeout'],
  /** Bytes, bytes, microseconds. */
  slicer: ['average_size', 'size_variation', 'delay'],
  limit_data: ['bytes'],
  noop: [],
  cut: [],
} as const
export type ToxicType = keyof typeof TOXIC_TYPES

export type Attributes = Readonly<Record<string, number>>

export interface Toxic {
  readonly attributes: Attributes
  readonly name: string
  readonly type: ToxicType
  /** As it was given: `Upstream` is told back as that. */
  readonly stream: string
  /** Share of the connections that it is applied to, 0 to 1. */
  readonly toxicity: number
}

export function directionOf(toxic: Toxic): Direction {
  return toxic.stream.toLowerCase() as Direction
}

/** `isTaken`: whether a toxic has this name already. Throws `ApiError`. */
export function newToxic(body: unknown, isTaken: (name: string) => boolean): Toxic {
  const given = objectOf(body, 'a toxic')
  const type = stringOf(given.type, 'type', '')
  const stream = stringOf(given.stream, 'stream', 'downstream')
  const toxicity = toxicityOf(given.toxicity, 1)
  const name = stringOf(given.name, 'name', '') || `${type}_${stream}`
  if (!/^(up|down)stream$/i.test(stream)) {
    throw new ApiError('stream was invalid, can be either upstream or downstream', 400)
  }
  if (!isToxicType(type)) throw new ApiError('invalid toxic type', 400)
  if (isTaken(name)) throw new ApiError('toxic already exists', 409)
  return { attributes: attributesOf(type, given.attributes, {}), name, type, stream, toxicity }
}

/** Attributes and toxicity can change, and those that are not given stay. Throws `ApiError`. */
export function changedToxic(toxic: Toxic, body: unknown): Toxic {
  const given = objectOf(body, 'a toxic')
  return {
    ...toxic,
    attributes: attributesOf(toxic.type, given.attributes, toxic.attributes),
    toxicity: toxicityOf(given.toxicity, toxic.toxicity),
  }
}

function isToxicType(type: string): type is ToxicType {
  return Object.hasOwn(TOXIC_TYPES, type)
}

function attributesOf(type: ToxicType, given: unknown, present: Attributes): Attributes {
  const values = given === undefined || given === null ? {} : objectOf(given, 'attributes')
  const attributes: Record<string, number> = {}
  for (const name of TOXIC_TYPES[type]) {
    const value = values[name] ?? present[name] ?? 0
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw badRequestBody(`attributes.${name} must be a whole number`)
    }
    attributes[name] = value
  }
  return attributes
}

function toxicityOf(value: unknown, fallback: number): number {
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'number') throw badRequestBody('toxicity must be a number')
  return value
}
