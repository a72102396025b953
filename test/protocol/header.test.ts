import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedMessageError } from '../../src/protocol/codec.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import {
  decodeRequestHeader,
  decodeResponseFrame,
  encodeRequestFrame,
  encodeResponseFrame,
} from '../../src/protocol/header.ts'
import { apiVersions } from '../../src/protocol/messages/api-versions.ts'
import { controlledShutdown } from '../../src/protocol/messages/controlled-shutdown.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import { metadata } from '../../src/protocol/messages/metadata.ts'

const lookup = (key: number) => MESSAGES.find((each) => each.key === key)
const hex = (chunks: Buffer[]) => Buffer.concat(chunks).toString('hex')

test('an ApiVersions request of version 0 has a header with a client id', () => {
  const frame = encodeRequestFrame(apiVersions, 0, 1, 'c', {})
  assert.equal(hex(frame), '0012000000000001000163')
})

test('an ApiVersions request of version 3 has tagged fields in header and body', () => {
  const value = { clientSoftwareName: 'x', clientSoftwareVersion: '1' }
  const frame = encodeRequestFrame(apiVersions, 3, 1, 'c', value)
  assert.equal(hex(frame), '0012000300000001000163000278023100')
})

test('an unknown version of ApiVersions is answered in the layout of version 0', () => {
  const request = Buffer.from('0012000700000001000163000278023100', 'hex')
  const header = decodeRequestHeader(request, lookup)!
  assert.equal(header.apiVersion, 7)
  const answer = encodeResponseFrame(apiVersions, 0, header.correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
  })
  assert.equal(hex(answer), '00000001002300000001001200000004')
})

test('the header of ControlledShutdown 0 has no client id', () => {
  const frame = encodeRequestFrame(controlledShutdown, 0, 9, 'ignored', { brokerId: 3 })
  assert.equal(hex(frame), '00070000' + '00000009' + '00000003')
  const header = decodeRequestHeader(Buffer.concat(frame), lookup)!
  assert.deepEqual([header.clientId, header.bodyOffset], [null, 8])
})

test('only flexible responses have tagged fields in the header, and ApiVersions never', () => {
  assert.equal(
    hex(encodeResponseFrame(controlledShutdown, 3, 1, empty())).slice(0, 10),
    '0000000100',
  )
  assert.equal(hex(encodeResponseFrame(controlledShutdown, 2, 1, empty())), '00000001000000000000')
  const versions = encodeResponseFrame(apiVersions, 4, 1, { errorCode: 0, apiKeys: [] })
  assert.equal(hex(versions), '00000001' + '0000' + '01' + '00000000' + '00')
})

const empty = () => ({ errorCode: 0, remainingPartitions: [] })

test('a client id may be null, and the body begins after the header', () => {
  for (const version of [1, 12]) {
    const frame = Buffer.concat(encodeRequestFrame(metadata, version, -5, null, { topics: [] }))
    const header = decodeRequestHeader(frame, lookup)!
    assert.equal(header.clientId, null)
    assert.equal(header.correlationId, -5)
    assert.equal(header.bodyOffset, version === 1 ? 10 : 11)
  }
})

test('unknown tagged fields of a header are skipped', () => {
  const frame = Buffer.from('0003000c' + '00000001' + '000163' + '01' + '0703aabbcc' + '00', 'hex')
  assert.equal(decodeRequestHeader(frame, lookup)!.bodyOffset, 17)
})

test('an api key that nobody knows has no header', () => {
  assert.equal(decodeRequestHeader(Buffer.from('03e700000000000100016300', 'hex'), lookup), null)
})

test('a header cut short is malformed', () => {
  const frame = Buffer.concat(encodeRequestFrame(metadata, 12, 1, 'client', { topics: [] }))
  const { bodyOffset } = decodeRequestHeader(frame, lookup)!
  for (let length = 0; length < bodyOffset; length++) {
    assert.throws(
      () => decodeRequestHeader(frame.subarray(0, length), lookup),
      MalformedMessageError,
    )
  }
})

test('a response frame comes back as it was', () => {
  const frame = Buffer.concat(encodeResponseFrame(controlledShutdown, 3, 1, empty()))
  assert.deepEqual(decodeResponseFrame(controlledShutdown, 3, frame), empty())
})

test('the answer to an unknown version of ApiVersions is read in the layout of version 0', () => {
  const frame = Buffer.from('00000001002300000001001200000004', 'hex')
  const answer = decodeResponseFrame(apiVersions, 4, frame)
  assert.equal(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION)
  assert.deepEqual(answer.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
})
