import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  MalformedMessageError,
} from '../../src/protocol/codec.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import type { Api } from '../../src/protocol/types.ts'
import { arbitraryMessage } from '../support/arbitrary-message.ts'

const SEED = 4711

interface Direction {
  readonly api: Api
  readonly version: number
  readonly values: fc.Arbitrary<object>
  encode(value: object): Buffer
  decode(bytes: Buffer): object
}

/** Every version of every message, requests and responses. */
function* directions(of: readonly Api[]): Generator<Direction> {
  for (const api of of) {
    for (let version = api.versions.min; version <= api.versions.max; version++) {
      yield {
        api,
        version,
        values: arbitraryMessage(api.request, version),
        encode: (value) => Buffer.concat(encodeRequest(api, version, value as never)),
        decode: (bytes) => decodeRequest(api, version, bytes),
      }
      yield {
        api,
        version,
        values: arbitraryMessage(api.response, version),
        encode: (value) => Buffer.concat(encodeResponse(api, version, value as never)),
        decode: (bytes) => decodeResponse(api, version, bytes),
      }
    }
  }
}

for (const api of MESSAGES) {
  test(`${api.name} comes back as it was in every version`, () => {
    for (const { values, encode, decode } of directions([api])) {
      fc.assert(
        fc.property(values, (value) => {
          assert.deepEqual(decode(encode(value)), value)
        }),
        { seed: SEED, numRuns: 15 },
      )
    }
  })

  test(`${api.name} cut short anywhere is malformed`, () => {
    for (const { values, encode, decode } of directions([api])) {
      for (const value of fc.sample(values, { seed: SEED, numRuns: 2 })) {
        const bytes = encode(value)
        for (let length = 0; length < bytes.length; length++) {
          assert.throws(() => decode(bytes.subarray(0, length)), MalformedMessageError)
        }
      }
    }
  })
}

test('random bytes are a message or malformed, and never give more elements than bytes', () => {
  const all = [...directions(MESSAGES)]
  fc.assert(
    fc.property(
      fc.nat(all.length - 1),
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      (index, random, sparse) => {
        // Mostly zeros reach deeper: short lengths, small counts.
        const bytes = Buffer.from(sparse ? random.map((byte) => (byte & 0xc0 ? 0 : byte)) : random)
        assertDecodesOrMalformed(all[index]!, bytes)
      },
    ),
    { seed: SEED, numRuns: 5000 },
  )
})

test('a message with bytes changed is a message or malformed', () => {
  for (const direction of directions(MESSAGES)) {
    const mutation = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(direction.values, fc.array(mutation, { maxLength: 4 }), (value, mutations) => {
        const bytes = direction.encode(value)
        for (const [at, byte] of mutations) if (bytes.length > 0) bytes[at % bytes.length] = byte
        assertDecodesOrMalformed(direction, bytes)
      }),
      { seed: SEED, numRuns: 10 },
    )
  }
})

function assertDecodesOrMalformed({ decode }: Direction, bytes: Buffer): void {
  let value: object
  try {
    value = decode(bytes)
  } catch (error) {
    assert.ok(error instanceof MalformedMessageError, String(error))
    return
  }
  assert.ok(elementsIn(value) <= bytes.length)
}

function elementsIn(value: unknown): number {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return 0
  const own = Array.isArray(value) && !Buffer.isBuffer(value[0]) ? value.length : 0
  return Object.values(value).reduce((sum: number, member) => sum + elementsIn(member), own)
}
