/** From a frame to an answer, whatever a handler makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handleMetadata } from '../../src/broker/apis/metadata.ts'
import { Dispatcher } from '../../src/broker/dispatch.ts'
import { type AnyHandler, handler } from '../../src/broker/handler.ts'
import { RequestMetrics } from '../../src/broker/request-metrics.ts'
import type { BrokerServices } from '../../src/broker/services.ts'
import { MetadataCache } from '../../src/cluster/image.ts'
import { decodeResponseFrame, encodeRequestFrame } from '../../src/protocol/header.ts'
import { metadata } from '../../src/protocol/messages/metadata.ts'
import type { RequestInput, ResponseOf } from '../../src/protocol/types.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

type Reply = Buffer[] | null | 'close'

function ask(handlers: AnyHandler[], frame: Buffer): Promise<Reply> {
  // No more of a broker is touched by the requests below.
  const services = {
    clock: new FakeClock(),
    metadata: new MetadataCache(),
    clusterId: 'c',
  } as unknown as BrokerServices
  const dispatcher = new Dispatcher(handlers, services, new RequestMetrics(), new SilentLoggers())
  const connection = { listener: 'PLAINTEXT', remoteAddress: '127.0.0.1' }
  return new Promise((resolve) => dispatcher.dispatch(frame, connection, resolve))
}

function frameOf(version: number, request: RequestInput<typeof metadata>): Buffer {
  return Buffer.concat(encodeRequestFrame(metadata, version, 7, 'test', request))
}

async function topicsOf(
  version: number,
  request: RequestInput<typeof metadata>,
): Promise<ResponseOf<typeof metadata>> {
  const reply = await ask([handleMetadata], frameOf(version, request))
  assert.ok(Array.isArray(reply))
  return decodeResponseFrame(metadata, version, Buffer.concat(reply))
}

test('an answer that cannot be encoded closes the connection, now or later', async () => {
  const unfit = { brokers: [], topics: [{ name: null }] } as never
  const answers = [() => unfit, () => Promise.resolve(unfit)]
  for (const answer of answers) {
    const unfitHandler = handler(metadata, answer, () => unfit)
    assert.equal(await ask([unfitHandler], frameOf(4, { topics: [] })), 'close')
  }
})

test('a failure whose answer cannot be made closes the connection, now or later', async () => {
  const broken = () => {
    throw new Error('broken')
  }
  for (const handle of [broken, () => Promise.resolve().then(broken)]) {
    const reply = await ask([handler(metadata, handle, broken)], frameOf(4, { topics: [] }))
    assert.equal(reply, 'close')
  }
})

// As Kafka 3.9 answers, where ids have come to the schema of version 10 but not to the broker.
test('metadata before version 12 refuses topics by id or without a name, all of the request', async () => {
  const topicId = Buffer.alloc(16, 7).toString('base64url')
  for (const version of [10, 11]) {
    const asked = [
      { topicId, name: null },
      { topicId: ZERO_UUID, name: 'b' },
    ]
    const { brokers, clusterId, controllerId, topics } = await topicsOf(version, { topics: asked })
    assert.deepEqual(
      { brokers, clusterId, controllerId },
      { brokers: [], clusterId: null, controllerId: -1 },
    )
    assert.deepEqual(
      topics.map(({ errorCode, name, topicId }) => [errorCode, name, topicId]),
      [
        [42, '', topicId],
        [42, 'b', ZERO_UUID],
      ],
    )
    const [nameless] = (await topicsOf(version, { topics: [{ topicId: ZERO_UUID, name: null }] }))
      .topics
    assert.deepEqual([nameless?.errorCode, nameless?.name], [42, ''])
  }
})
