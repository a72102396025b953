/**
 * The language in which `messages/` describes Kafka's messages. One schema covers all versions of a
 * message; the TypeScript types of its values are inferred from it, so the schema is the only
 * description there is. `codec.ts` turns a schema into bytes and back.
 *
 * What a field decodes to in a version that lacks it is its default: the one given, else null for a
 * nullable field, else the zero of its type. A field that is nullable, or has a default of its own,
 * a tag or a versions string may be left out by whoever encodes (only `records` may not); where a
 * version lacks the field, a given value is dropped silently, so one handler serves all versions.
 *
 * Decoded values are read-only all the way down: absent structs and arrays are shared constants.
 */

import { ALL_VERSIONS, NO_VERSIONS, parseVersionRange, type VersionRange } from './version-range.ts'

export { ZERO_UUID } from './uuid.ts'

declare const inferred: unique symbol

export type ScalarKind =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint16'
  | 'float64'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'records'

/**
 * `Out` is what decoding gives, `In` what encoding takes; they differ in the fields that may be
 * left out (`Omittable`).
 */
export interface Field<Out = unknown, In = unknown, Omittable extends boolean = boolean> {
  readonly kind: ScalarKind | 'array' | 'struct'
  readonly versions: VersionRange
  /** In other versions null is malformed. */
  readonly nullableVersions: VersionRange
  /** The field is a tagged one in all its versions. */
  readonly tag: number | undefined
  /** Undefined: null when nullable, else the zero of the type. */
  readonly defaultValue: unknown
  /** What an array holds. */
  readonly element?: Element
  /** The fields of a struct. */
  readonly shape?: Shape
  readonly [inferred]?: { readonly out: Out; readonly in: In; readonly omittable: Omittable }
}

export interface Shape {
  readonly [name: string]: Field
}

type Element = Field | Shape

export interface FieldOptions<T> {
  readonly default?: T
}

export interface NullableOptions<T> extends FieldOptions<T> {
  /** Versions in which the field may be null; default all. */
  readonly nullable?: string
}

type OutOf<F> = F extends Field<infer Out, infer _In, infer _O> ? Out : never
type InOf<F> = F extends Field<infer _Out, infer In, infer _O> ? In : never

type RequiredKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends Field<infer _Out, infer _In, false> ? K : never
}[keyof S]

/** The value of a struct as decoding gives it. */
export type Decoded<S extends Shape> = { readonly [K in keyof S]: OutOf<S[K]> }

/** The value of a struct as encoding takes it. */
export type Encodable<S extends Shape> = { readonly [K in RequiredKeys<S>]: InOf<S[K]> } & {
  readonly [K in Exclude<keyof S, RequiredKeys<S>>]?: InOf<S[K]> | undefined
}

type ElementOut<E extends Element> = E extends Field
  ? OutOf<E>
  : E extends Shape
    ? Decoded<E>
    : never
type ElementIn<E extends Element> = E extends Field
  ? InOf<E>
  : E extends Shape
    ? Encodable<E>
    : never

interface ScalarField<T> {
  (): Field<T, T, false>
  (options: FieldOptions<T>): Field<T, T, true>
  (versions: string, options?: FieldOptions<T>): Field<T, T, true>
}

type NullableScalarField<T> = (
  versions?: string,
  options?: NullableOptions<T | null>,
) => Field<T | null, T | null, true>

export const int8: ScalarField<number> = scalar('int8')
export const int16: ScalarField<number> = scalar('int16')
export const int32: ScalarField<number> = scalar('int32')
/** A number on our side: exact up to 2^53, beyond that rounded, never an error. */
export const int64: ScalarField<number> = scalar('int64')
export const uint16: ScalarField<number> = scalar('uint16')
export const float64: ScalarField<number> = scalar('float64')
export const bool: ScalarField<boolean> = scalar('bool')
export const string: ScalarField<string> = scalar('string')
export const nullableString: NullableScalarField<string> = nullableScalar('string')
/** Decoding gives a slice of the frame, which keeps the whole frame alive. */
export const bytes: ScalarField<Buffer> = scalar('bytes')
export const nullableBytes: NullableScalarField<Buffer> = nullableScalar('bytes')
/** 22 characters of base64url; `ZERO_UUID` is none. */
export const uuid: ScalarField<string> = scalar('uuid')
/**
 * Record batches. Decoding gives null or exactly one slice of the frame; encoding takes any number
 * of chunks and puts them into its output by reference.
 */
export function records(): Field<readonly Buffer[] | null, readonly Buffer[] | null, false> {
  return nullableField('records', undefined, undefined)
}

export function array<E extends Element>(
  element: E,
): Field<readonly ElementOut<E>[], readonly ElementIn<E>[], false>
export function array<E extends Element>(
  element: E,
  versions: string,
  options?: FieldOptions<readonly ElementOut<E>[]>,
): Field<readonly ElementOut<E>[], readonly ElementIn<E>[], true>
export function array(element: Element, versions?: string, options?: FieldOptions<unknown>): Field {
  return { ...field('array', versions, options), element }
}

export function nullableArray<E extends Element>(
  element: E,
  versions?: string,
  options?: NullableOptions<readonly ElementOut<E>[] | null>,
): Field<readonly ElementOut<E>[] | null, readonly ElementIn<E>[] | null, true> {
  return { ...nullableField('array', versions, options), element }
}

/** A struct inside a struct; its default has the default of every field. */
export function struct<S extends Shape>(shape: S): Field<Decoded<S>, Encodable<S>, false>
export function struct<S extends Shape>(
  shape: S,
  versions: string,
): Field<Decoded<S>, Encodable<S>, true>
export function struct(shape: Shape, versions?: string): Field {
  return { ...field('struct', versions, undefined), shape }
}

export function nullableStruct<S extends Shape>(
  shape: S,
  versions?: string,
  options?: NullableOptions<null>,
): Field<Decoded<S> | null, Encodable<S> | null, true> {
  return { ...nullableField('struct', versions, options), shape }
}

/** Puts a field among the tagged ones. They come last in a shape, in the order of their tags. */
export function tagged<Out, In>(tag: number, of: Field<Out, In>): Field<Out, In, true> {
  return { ...(of as Field<Out, In, true>), tag }
}

function scalar<T>(kind: ScalarKind): ScalarField<T> {
  return ((first?: string | FieldOptions<T>, second?: FieldOptions<T>) =>
    typeof first === 'object'
      ? field(kind, undefined, first)
      : field(kind, first, second)) as ScalarField<T>
}

function nullableScalar<T>(kind: ScalarKind): NullableScalarField<T> {
  return (versions, options) => nullableField(kind, versions, options)
}

function field(
  kind: Field['kind'],
  versions: string | undefined,
  options: FieldOptions<unknown> | undefined,
): Field<never, never, never> {
  return {
    kind,
    versions: versions === undefined ? ALL_VERSIONS : parseVersionRange(versions),
    nullableVersions: NO_VERSIONS,
    tag: undefined,
    defaultValue: options?.default,
  }
}

function nullableField(
  kind: Field['kind'],
  versions: string | undefined,
  options: NullableOptions<unknown> | undefined,
): Field<never, never, never> {
  const nullable = options?.nullable
  return {
    ...field(kind, versions, options),
    nullableVersions: nullable === undefined ? ALL_VERSIONS : parseVersionRange(nullable),
    defaultValue: options?.default === undefined ? null : options.default,
  }
}

/** One API key: its request and its response in all the versions that we implement. */
export interface Api<Request extends Shape = Shape, Response extends Shape = Shape> {
  readonly key: number
  /** Kafka's name, such as `LeaderAndIsr`. */
  readonly name: string
  readonly versions: VersionRange
  /** Versions with compact lengths and tagged fields (KIP-482). */
  readonly flexible: VersionRange
  readonly request: Request
  readonly response: Response
}

export function api<const Request extends Shape, const Response extends Shape>(description: {
  readonly key: number
  readonly name: string
  readonly versions: string
  readonly flexible: string
  readonly request: Request
  readonly response: Response
}): Api<Request, Response> {
  return {
    ...description,
    versions: parseVersionRange(description.versions),
    flexible: parseVersionRange(description.flexible),
  }
}

/** A request as decoding gives it. */
export type RequestOf<A extends Api> = Decoded<A['request']>
/** A response as decoding gives it. */
export type ResponseOf<A extends Api> = Decoded<A['response']>
/** A request as encoding takes it. */
export type RequestInput<A extends Api> = Encodable<A['request']>
/** A response as encoding takes it: what a handler returns. */
export type ResponseInput<A extends Api> = Encodable<A['response']>
