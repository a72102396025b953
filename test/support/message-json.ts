/**
 * A decoded message in the JSON form of Kafka's own tools: only the fields of the version, bytes and
 * records as base64.
 */

import type { Field, Shape } from '../../src/protocol/types.ts'
import { isInRange } from '../../src/protocol/version-range.ts'

export function messageToJson(shape: Shape, version: number, value: object): object {
  return Object.fromEntries(
    Object.entries(shape)
      .filter(([, field]) => isInRange(field.versions, version))
      .map(([name, field]) => [name, fieldToJson(field, version, Reflect.get(value, name))]),
  )
}

function fieldToJson(field: Field, version: number, value: unknown): unknown {
  if (value === null) return null
  switch (field.kind) {
    case 'struct':
      return messageToJson(field.shape!, version, value as object)
    case 'bytes':
      return (value as Buffer).toString('base64')
    case 'records':
      return Buffer.concat(value as Buffer[]).toString('base64')
    case 'array': {
      const element = field.element!
      return (value as unknown[]).map((member) =>
        typeof element.kind === 'string'
          ? fieldToJson(element as Field, version, member)
          : messageToJson(element as Shape, version, member as object),
      )
    }
    default:
      return value
  }
}
