/**
 * Random values of any message in any version, from its schema. Fields that the version lacks have
 * their default, as after decoding.
 */

import fc from 'fast-check'
import type { Field, Shape } from '../../src/protocol/types.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'
import { isInRange } from '../../src/protocol/version-range.ts'

export function arbitraryMessage(shape: Shape, version: number): fc.Arbitrary<object> {
  return fc.record(
    Object.fromEntries(
      Object.entries(shape).map(([name, field]) => [name, arbitraryField(field, version)]),
    ),
    { noNullPrototype: true },
  )
}

function arbitraryField(field: Field, version: number): fc.Arbitrary<unknown> {
  const absent = fc.constant(defaultOf(field))
  if (!isInRange(field.versions, version)) return absent
  const present = arbitraryOfType(field, version)
  const choices: fc.WeightedArbitrary<unknown>[] = [{ arbitrary: present, weight: 6 }]
  if (isInRange(field.nullableVersions, version)) {
    choices.push({ arbitrary: fc.constant(null), weight: 1 })
  }
  if (field.tag !== undefined) choices.push({ arbitrary: absent, weight: 2 })
  return fc.oneof(...choices)
}

function arbitraryOfType(field: Field, version: number): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer()
    case 'int64':
      return fc.maxSafeInteger()
    case 'float64':
      return fc.double({ noNaN: true }).map((value) => value + 0)
    case 'bool':
      return fc.boolean()
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 12 })
    case 'bytes':
      return arbitraryBytes()
    case 'records':
      return arbitraryBytes().map((bytes) => [bytes])
    case 'uuid':
      return fc
        .uint8Array({ minLength: 16, maxLength: 16 })
        .map((bytes) => Buffer.from(bytes).toString('base64url'))
    case 'struct':
      return arbitraryMessage(field.shape!, version)
    case 'array': {
      const element = field.element!
      const of =
        'kind' in element && typeof element.kind === 'string'
          ? arbitraryField(element as Field, version)
          : arbitraryMessage(element as Shape, version)
      return fc.array(of, { maxLength: 3 })
    }
  }
}

function arbitraryBytes(): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
}

function defaultOf(field: Field): unknown {
  if (field.defaultValue !== undefined) return field.defaultValue
  switch (field.kind) {
    case 'bool':
      return false
    case 'string':
      return ''
    case 'bytes':
      return Buffer.alloc(0)
    case 'uuid':
      return ZERO_UUID
    case 'array':
    case 'records':
      return []
    case 'struct':
      return Object.fromEntries(
        Object.entries(field.shape!).map(([name, member]) => [name, defaultOf(member)]),
      )
    default:
      return 0
  }
}
