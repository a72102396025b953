import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  MalformedMessageError,
} from '../../src/protocol/codec.ts'
import { fetch } from '../../src/protocol/messages/fetch.ts'
import { findCoordinator } from '../../src/protocol/messages/find-coordinator.ts'
import { listOffsets } from '../../src/protocol/messages/list-offsets.ts'
import { metadata } from '../../src/protocol/messages/metadata.ts'
import { produce } from '../../src/protocol/messages/produce.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'

function fetchAnswer(records: readonly Buffer[] | null) {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 7, records }
  return { responses: [{ topic: 't', partitions: [partition] }] }
}

test('record bytes are in the output by reference', () => {
  const records = [Buffer.from('first'), Buffer.alloc(0), Buffer.from('second')]
  for (const version of [4, 12]) {
    const chunks = encodeResponse(fetch, version, fetchAnswer(records))
    assert.ok(chunks.includes(records[0]!) && chunks.includes(records[2]!))
    const decoded = decodeResponse(fetch, version, Buffer.concat(chunks))
    assert.equal(String(decoded.responses[0]!.partitions[0]!.records![0]), 'firstsecond')
  }
})

test('many partitions make the scratch buffer grow and stay right', () => {
  const partitions = Array.from({ length: 3000 }, (_, partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: partitionIndex * 1e9,
    records: [Buffer.from(`records of ${partitionIndex}`)],
  }))
  const chunks = encodeResponse(fetch, 11, { responses: [{ topic: 'many', partitions }] })
  const decoded = decodeResponse(fetch, 11, Buffer.concat(chunks)).responses[0]!.partitions
  assert.equal(decoded.length, 3000)
  assert.equal(decoded[2999]!.highWatermark, 2999e9)
  assert.equal(String(decoded[2999]!.records![0]), 'records of 2999')
})

test('decoded records are a slice of the frame', () => {
  const partitionData = [{ index: 0, records: [Buffer.from('batch')] }]
  const value = { acks: -1, timeoutMs: 1, topicData: [{ name: 't', partitionData }] }
  const frame = Buffer.concat(encodeRequest(produce, 3, value))
  const records = decodeRequest(produce, 3, frame).topicData[0]!.partitionData[0]!.records!
  assert.equal(records.length, 1)
  assert.equal(records[0]!.buffer, frame.buffer)
})

test('records may be null or empty', () => {
  for (const version of [4, 12]) {
    const read = (records: readonly Buffer[] | null) => {
      const bytes = Buffer.concat(encodeResponse(fetch, version, fetchAnswer(records)))
      return decodeResponse(fetch, version, bytes).responses[0]!.partitions[0]!.records
    }
    assert.equal(read(null), null)
    assert.deepEqual(read([]), [Buffer.alloc(0)])
  }
})

test('fields that a version lacks are dropped, and decode to their default', () => {
  const value = { topics: [{ name: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' }] }
  const bytes = Buffer.concat(encodeRequest(metadata, 1, value))
  assert.deepEqual(decodeRequest(metadata, 1, bytes), {
    topics: [{ name: 't', topicId: ZERO_UUID }],
    allowAutoTopicCreation: true,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  })
})

test('null where a version does not allow it is refused on both sides', () => {
  assert.throws(() => encodeRequest(metadata, 0, { topics: null }), MalformedMessageError)
  const nothing = Buffer.from('ffffffff', 'hex')
  assert.throws(() => decodeRequest(metadata, 0, nothing), MalformedMessageError)
  assert.equal(decodeRequest(metadata, 1, nothing).topics, null)
})

test('bytes after a complete body are ignored', () => {
  const body = Buffer.concat(encodeRequest(findCoordinator, 0, { key: 'g' }))
  const longer = Buffer.concat([body, Buffer.from('more')])
  assert.equal(decodeRequest(findCoordinator, 0, longer).key, 'g')
})

test('a body may begin anywhere in its frame', () => {
  const body = Buffer.concat([
    Buffer.from('header'),
    ...encodeRequest(findCoordinator, 0, { key: 'g' }),
  ])
  assert.equal(decodeRequest(findCoordinator, 0, body, 6).key, 'g')
})

test('a count that cannot be true allocates nothing', () => {
  const malformed = { name: 'MalformedMessageError', message: /array of 2147483647 elements/ }
  assert.throws(() => decodeRequest(metadata, 1, Buffer.from('7fffffff0001', 'hex')), malformed)
  const compact = Buffer.from('ffffffff0f', 'hex')
  assert.throws(() => decodeRequest(metadata, 12, compact), MalformedMessageError)
})

test('a varint of more than five bytes is malformed', () => {
  const bytes = Buffer.from('808080808000', 'hex')
  assert.throws(() => decodeRequest(metadata, 12, bytes), /varint/)
})

test('unknown tagged fields are skipped by their size', () => {
  // topics null, two flags, then tags 3 (two bytes) and 9 (none).
  const bytes = Buffer.from('00' + '00' + '01' + '02' + '0302abcd' + '0900', 'hex')
  const decoded = decodeRequest(metadata, 12, bytes)
  assert.equal(decoded.includeTopicAuthorizedOperations, true)
})

test('a tagged field cannot read beyond its size', () => {
  const body = encodeResponse(fetch, 12, {
    responses: [
      {
        topic: 't',
        partitions: [
          {
            partitionIndex: 0,
            errorCode: 0,
            highWatermark: 0,
            records: null,
            divergingEpoch: { epoch: 1, endOffset: 2 },
          },
        ],
      },
    ],
  })
  const bytes = Buffer.concat(body)
  const at = bytes.indexOf(Buffer.from('01000d00000001', 'hex'))
  assert.ok(at > 0)
  bytes[at + 2] = 11
  assert.throws(() => decodeResponse(fetch, 12, bytes), MalformedMessageError)
})

test('a tagged struct with nothing but defaults is not written', () => {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 0, records: [] }
  const currentLeader = { leaderId: -1, leaderEpoch: -1 }
  const encode = (extra: object) =>
    Buffer.concat(
      encodeResponse(fetch, 12, {
        responses: [{ topic: 't', partitions: [{ ...partition, ...extra }] }],
      }),
    )
  assert.deepEqual(encode({ currentLeader }), encode({}))
  assert.notDeepEqual(encode({ currentLeader: { leaderId: 1 } }), encode({}))
})

test('a tagged field of more than 127 bytes has a size of two', () => {
  const host = 'h'.repeat(300)
  const nodeEndpoints = [
    { nodeId: 1, host, port: 2 },
    { nodeId: 2, host: `${host}2`, port: 3 },
  ]
  const bytes = Buffer.concat(encodeResponse(produce, 10, { responses: [], nodeEndpoints }))
  assert.deepEqual(
    decodeResponse(produce, 10, bytes).nodeEndpoints.map((each) => each.host),
    [host, `${host}2`],
  )
})

test('an int64 is exact up to 2^53 and rounded, not wrong, beyond', () => {
  const roundTrip = (timestamp: number) => {
    const partitions = [{ partitionIndex: 0, timestamp }]
    const value = { replicaId: -1, topics: [{ name: 't', partitions }] }
    const bytes = Buffer.concat(encodeRequest(listOffsets, 1, value))
    return decodeRequest(listOffsets, 1, bytes).topics[0]!.partitions[0]!.timestamp
  }
  for (const value of [
    0,
    -1,
    -2,
    1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 32),
    2 ** 53,
    -(2 ** 53),
  ]) {
    assert.equal(roundTrip(value), value)
  }
  assert.equal(roundTrip(2 ** 63), 2 ** 63)
  assert.equal(roundTrip(-(2 ** 63)), -(2 ** 63))
  assert.equal(roundTrip(Number.POSITIVE_INFINITY), 2 ** 63)
})

test('a version that is not implemented is a bug of the caller', () => {
  assert.throws(() => encodeRequest(metadata, 13, { topics: null }), /Metadata has no version 13/)
})
