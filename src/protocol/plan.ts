/**
 * Turns a schema into code: for one version, a tree of closures that read and write it. What
 * depends on the version (which fields exist, compact lengths, nullability, defaults) is decided
 * here, once, and not again for each message.
 */

import { MalformedMessageError, type MessageReader } from './reader.ts'
import type { Field, Shape } from './types.ts'
import { ZERO_UUID } from './uuid.ts'
import { isInRange } from './version-range.ts'
import type { MessageWriter } from './writer.ts'

export interface Plan {
  read(reader: MessageReader): unknown
  write(writer: MessageWriter, value: unknown): void
  /** A tagged field with its default value is not written. */
  isDefault(value: unknown): boolean
  /** What the field is where it is absent. Shared, hence frozen. */
  readonly defaultValue: unknown
  /** No encoding is shorter: bounds the count of an array before it is allocated. */
  readonly minBytes: number
}

type Struct = Record<string, unknown>

/** The version of a message that a plan is for. */
interface Target {
  readonly version: number
  readonly flexible: boolean
}

export function compileMessage(shape: Shape, version: number, flexible: boolean): Plan {
  return compileStruct(shape, { version, flexible })
}

function compileField(field: Field, target: Target): Plan {
  const nullable = isInRange(field.nullableVersions, target.version)
  const plan = compileType(field, target, nullable)
  if (field.defaultValue === undefined) return plan
  const defaultValue = field.defaultValue
  if (Array.isArray(defaultValue)) {
    return {
      ...plan,
      defaultValue: Object.freeze(defaultValue),
      isDefault: (value) => Array.isArray(value) && value.length === 0,
    }
  }
  return { ...plan, defaultValue, isDefault: (value) => value === defaultValue }
}

function compileType(field: Field, target: Target, nullable: boolean): Plan {
  switch (field.kind) {
    case 'array':
      return compileArray(field, target, nullable)
    case 'struct':
      return nullable
        ? compileNullableStruct(compileStruct(field.shape!, target))
        : compileStruct(field.shape!, target)
    case 'string':
      return compileString(target, nullable)
    case 'bytes':
    case 'records':
      return compileBytes(field.kind, target, nullable)
    default:
      return FIXED[field.kind]
  }
}

function fixed<T>(
  minBytes: number,
  defaultValue: T,
  read: (reader: MessageReader) => T,
  write: (writer: MessageWriter, value: T) => void,
): Plan {
  return {
    read,
    write: write as Plan['write'],
    isDefault: (value) => value === defaultValue,
    defaultValue,
    minBytes,
  }
}

const FIXED = {
  int8: fixed(
    1,
    0,
    (reader) => reader.int8(),
    (writer, value) => writer.int8(value),
  ),
  int16: fixed(
    2,
    0,
    (reader) => reader.int16(),
    (writer, value) => writer.int16(value),
  ),
  int32: fixed(
    4,
    0,
    (reader) => reader.int32(),
    (writer, value) => writer.int32(value),
  ),
  int64: fixed(
    8,
    0,
    (reader) => reader.int64(),
    (writer, value) => writer.int64(value),
  ),
  uint16: fixed(
    2,
    0,
    (reader) => reader.uint16(),
    (writer, value) => writer.int16(value),
  ),
  float64: fixed(
    8,
    0,
    (reader) => reader.float64(),
    (writer, value) => writer.float64(value),
  ),
  bool: fixed(
    1,
    false,
    (reader) => reader.bool(),
    (writer, value) => writer.int8(value ? 1 : 0),
  ),
  uuid: fixed(
    16,
    ZERO_UUID,
    (reader) => reader.uuid(),
    (writer, value) => writer.uuid(value),
  ),
}

/**
 * Length of a string, a byte sequence or an array, -1 for null. Lengths below -1 are taken for
 * null as well, as Kafka's parser does.
 */
type LengthReader = (reader: MessageReader) => number

const COMPACT_LENGTH: LengthReader = (reader) => reader.uvarint() - 1
const INT32_LENGTH: LengthReader = (reader) => reader.int32()
const INT16_LENGTH: LengthReader = (reader) => reader.int16()

function compileString({ flexible }: Target, nullable: boolean): Plan {
  const readLength = flexible ? COMPACT_LENGTH : INT16_LENGTH
  return {
    read(reader) {
      const length = readLength(reader)
      if (length >= 0) return reader.utf8(length)
      return nullable ? null : reader.fail('null where a string must be')
    },
    write(writer, value) {
      if (value === null) {
        assertNullable(nullable, 'string')
        if (flexible) writer.uvarint(0)
        else writer.int16(-1)
      } else if (flexible) writer.compactString(value as string)
      else writer.string(value as string)
    },
    isDefault: (value) => value === '',
    defaultValue: '',
    minBytes: flexible ? 1 : 2,
  }
}

function compileBytes(kind: 'bytes' | 'records', { flexible }: Target, nullable: boolean): Plan {
  const readLength = flexible ? COMPACT_LENGTH : INT32_LENGTH
  const isRecords = kind === 'records'
  return {
    read(reader) {
      const length = readLength(reader)
      if (length < 0) return nullable ? null : reader.fail(`null where ${kind} must be`)
      const slice = reader.slice(length)
      return isRecords ? [slice] : slice
    },
    write(writer, value) {
      if (value === null) {
        assertNullable(nullable, kind)
        writeLength(writer, flexible, -1)
      } else if (isRecords) {
        const chunks = value as readonly Buffer[]
        let length = 0
        for (const chunk of chunks) length += chunk.length
        writeLength(writer, flexible, length)
        for (const chunk of chunks) writer.reference(chunk)
      } else {
        writeLength(writer, flexible, (value as Buffer).length)
        writer.bytes(value as Buffer)
      }
    },
    isDefault: (value) => value !== null && (value as Buffer).length === 0,
    defaultValue: isRecords ? Object.freeze([]) : Buffer.alloc(0),
    minBytes: flexible ? 1 : 4,
  }
}

function compileArray(field: Field, target: Target, nullable: boolean): Plan {
  const { flexible } = target
  const readLength = flexible ? COMPACT_LENGTH : INT32_LENGTH
  const of = field.element!
  const element = isField(of) ? compileField(of, target) : compileStruct(of, target)
  const minBytes = Math.max(element.minBytes, 1)
  return {
    read(reader) {
      const count = readLength(reader)
      if (count < 0) return nullable ? null : reader.fail('null where an array must be')
      if (count * minBytes > reader.remaining) {
        reader.fail(`an array of ${count} elements, ${reader.remaining} bytes left`)
      }
      // Grows as elements come: a count that lies costs nothing.
      const values: unknown[] = []
      for (let i = 0; i < count; i++) values.push(element.read(reader))
      return values
    },
    write(writer, value) {
      if (value === null) {
        assertNullable(nullable, 'array')
        writeLength(writer, flexible, -1)
        return
      }
      const values = value as readonly unknown[]
      writeLength(writer, flexible, values.length)
      for (let i = 0; i < values.length; i++) element.write(writer, values[i])
    },
    isDefault: (value) => value !== null && (value as unknown[]).length === 0,
    defaultValue: Object.freeze([]),
    minBytes: flexible ? 1 : 4,
  }
}

function compileNullableStruct(plan: Plan): Plan {
  return {
    read: (reader) => (reader.int8() < 0 ? null : plan.read(reader)),
    write(writer, value) {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) plan.write(writer, value)
    },
    isDefault: (value) => value === null,
    defaultValue: null,
    minBytes: 1,
  }
}

function compileStruct(shape: Shape, target: Target): Plan {
  const defaults: Struct = {}
  const names: string[] = []
  const plans: Plan[] = []
  const tags: TagPlan[] = []
  for (const [name, field] of Object.entries(shape)) {
    const plan = compileField(field, target)
    defaults[name] = plan.defaultValue
    if (!isInRange(field.versions, target.version)) continue
    if (field.tag !== undefined) tags.push({ tag: field.tag, name, plan })
    else {
      names.push(name)
      plans.push(plan)
    }
  }
  tags.sort((a, b) => a.tag - b.tag)
  const { flexible } = target
  return {
    read(reader) {
      // A copy of the defaults gives every decoded struct the same hidden class.
      const value = { ...defaults }
      for (let i = 0; i < names.length; i++) value[names[i]!] = plans[i]!.read(reader)
      if (flexible) readTags(reader, tags, value)
      return value
    },
    write(writer, value) {
      const struct = value as Struct
      for (let i = 0; i < names.length; i++) {
        const name = names[i]!
        const member = struct[name]
        plans[i]!.write(writer, member === undefined ? defaults[name] : member)
      }
      if (flexible) writeTags(writer, tags, struct)
    },
    isDefault(value) {
      const struct = value as Struct
      const isSet = (name: string, plan: Plan) =>
        struct[name] !== undefined && !plan.isDefault(struct[name])
      return (
        !names.some((name, i) => isSet(name, plans[i]!)) &&
        !tags.some(({ name, plan }) => isSet(name, plan))
      )
    },
    defaultValue: Object.freeze({ ...defaults }),
    minBytes: plans.reduce((sum, plan) => sum + plan.minBytes, flexible ? 1 : 0),
  }
}

interface TagPlan {
  readonly tag: number
  readonly name: string
  readonly plan: Plan
}

function readTags(reader: MessageReader, tags: readonly TagPlan[], value: Struct): void {
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint()
    const end = reader.narrow(reader.uvarint())
    for (let j = 0; j < tags.length; j++) {
      const known = tags[j]!
      if (known.tag === tag) value[known.name] = known.plan.read(reader)
    }
    reader.widen(end)
  }
}

function writeTags(writer: MessageWriter, tags: readonly TagPlan[], value: Struct): void {
  let count = 0
  for (let i = 0; i < tags.length; i++) if (isWritten(tags[i]!, value)) count += 1
  writer.uvarint(count)
  if (count === 0) return
  for (const known of tags) {
    if (!isWritten(known, value)) continue
    writer.uvarint(known.tag)
    writer.sized(() => known.plan.write(writer, value[known.name]))
  }
}

function isWritten({ name, plan }: TagPlan, value: Struct): boolean {
  const member = value[name]
  return member !== undefined && !plan.isDefault(member)
}

function writeLength(writer: MessageWriter, flexible: boolean, length: number): void {
  if (flexible) writer.uvarint(length + 1)
  else writer.int32(length)
}

function assertNullable(nullable: boolean, what: string): void {
  if (!nullable) throw new MalformedMessageError(`null given for a ${what} that cannot be null`)
}

/** A struct has no member `kind` that is a string: its members are fields. */
function isField(of: Field | Shape): of is Field {
  return typeof (of as Field).kind === 'string'
}
