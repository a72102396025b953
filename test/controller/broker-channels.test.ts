/** Section 3.12 of the control plane: the way of requests to one broker. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BrokerChannels,
  type ControlChannel,
  type ControlRequest,
  type ControlResponse,
  QUEUE_LIMIT,
} from '../../src/controller/broker-channels.ts'
import type { Broker } from '../../src/controller/controller-context.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

class Peer {
  readonly clock = new FakeClock()
  readonly sent: number[] = []
  readonly answers: ControlResponse[] = []
  readonly refused: string[] = []
  readonly overrun: number[] = []
  readonly ports: number[] = []
  connections = 0
  /** What the next attempts meet, in order; then all is well. */
  readonly script: ('refuse' | 'break' | 'hold')[] = []
  isFenced = false
  lastChannel: { close(): void } | null = null
  readonly channels: BrokerChannels

  constructor() {
    this.channels = new BrokerChannels(
      {
        clock: this.clock,
        connect: ({ port }) => this.#connect(port),
        isFenced: () => this.isFenced,
        log: new SilentLoggers().get('test'),
      },
      'PLAINTEXT',
      {
        onResponse: (_id, response) => this.answers.push(response),
        onRefused: ({ brokerId }, epoch) => this.refused.push(`${brokerId}@${epoch}`),
        onOverrun: (id) => this.overrun.push(id),
      },
    )
  }

  #connect(port: number): Promise<ControlChannel> {
    if (this.script[0] === 'refuse') {
      this.script.shift()
      return Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
    }
    this.connections += 1
    this.ports.push(port)
    const listeners: (() => void)[] = []
    const channel = {
      send: (_api: unknown, _version: number, body: unknown) => {
        const outcome = this.script.shift()
        if (outcome === 'break') return Promise.reject(new Error('broken'))
        this.sent.push((body as { controllerEpoch: number }).controllerEpoch)
        if (outcome === 'hold') {
          return new Promise((_, reject) => listeners.push(() => reject(new Error('closed'))))
        }
        return Promise.resolve({ errorCode: 0 })
      },
      onClose: (listener: () => void) => listeners.push(listener),
      close: () => {
        for (const listener of listeners.splice(0)) listener()
      },
    }
    this.lastChannel = channel
    return Promise.resolve(channel as unknown as ControlChannel)
  }
}

const broker = (id: number, listener = 'PLAINTEXT'): Broker => ({
  id,
  epoch: 77,
  endpoints: [{ listener, host: 'h', port: 1, securityProtocol: 0 }],
  rack: null,
  features: new Map(),
})

/** Told apart by the controller epoch, which stands for a number here. */
const request = (mark: number): ControlRequest => ({
  kind: 'update-metadata',
  body: {
    controllerId: 1,
    controllerEpoch: mark,
    brokerEpoch: 77,
    topicStates: [],
    liveBrokers: [],
  },
})

test('requests go first in first out over one connection, one in flight', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  for (const mark of [1, 2, 3]) peer.channels.enqueue(2, request(mark))
  await settlePromises()
  assert.deepEqual(peer.sent, [1, 2, 3])
  assert.equal(peer.answers.length, 3)
  assert.equal(peer.connections, 1)
  peer.script.push('hold')
  for (const mark of [4, 5]) peer.channels.enqueue(2, request(mark))
  await settlePromises()
  assert.deepEqual(peer.sent, [1, 2, 3, 4])
  assert.deepEqual(peer.channels.queueSizes(), new Map([[2, 2]]))
})

test('a request that fails is sent again after 100 ms, for ever, before all others', async () => {
  const peer = new Peer()
  peer.script.push('refuse', 'break', 'refuse', 'break')
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  peer.channels.enqueue(2, request(2))
  await settlePromises()
  assert.deepEqual(peer.sent, [])
  await peer.clock.advanceAsync(99)
  assert.equal(peer.script.length, 3)
  await peer.clock.advanceAsync(301)
  assert.deepEqual(peer.script, [])
  assert.deepEqual(peer.sent, [1, 2])
})

test('a removed broker hears nothing any more, and its queue is discarded', async () => {
  const peer = new Peer()
  peer.script.push('refuse')
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  peer.channels.remove(2)
  await peer.clock.advanceAsync(1_000)
  assert.deepEqual(peer.sent, [])
  assert.equal(peer.clock.pendingTimers, 0)
  peer.channels.enqueue(2, request(2))
  await peer.clock.advanceAsync(1_000)
  assert.deepEqual(peer.sent, [])
})

test('an answer that comes after the removal is not heard', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  peer.channels.remove(2)
  await settlePromises()
  assert.deepEqual(peer.answers, [])
})

test('a fenced controller holds its requests until its session is beyond doubt', async () => {
  const peer = new Peer()
  peer.isFenced = true
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await peer.clock.advanceAsync(1_000)
  assert.deepEqual(peer.sent, [])
  peer.isFenced = false
  peer.channels.onUnfenced()
  await settlePromises()
  assert.deepEqual(peer.sent, [1])
})

test('a doubt so short that nobody tells of its end holds up nothing', async () => {
  const peer = new Peer()
  peer.isFenced = true
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await peer.clock.advanceAsync(1)
  peer.isFenced = false
  await peer.clock.advanceAsync(1_000)
  assert.deepEqual(peer.sent, [1])
  assert.equal(peer.clock.pendingTimers, 0)
})

test('a broker without the listener of the controller is skipped', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2, 'EXTERNAL'))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  assert.equal(peer.connections, 0)
})

test('an idle connection that breaks is renewed; a refusal then proves death', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  await peer.clock.advanceAsync(100)
  peer.lastChannel?.close()
  await settlePromises()
  assert.equal(peer.connections, 2)
  assert.deepEqual(peer.refused, [])
  peer.script.push('refuse')
  await peer.clock.advanceAsync(100)
  peer.lastChannel?.close()
  await settlePromises()
  assert.deepEqual(peer.refused, ['2@77'])
})

test('a connection that breaks again and again is not tried without a pause', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  for (let i = 0; i < 5; i++) {
    peer.lastChannel?.close()
    await settlePromises()
  }
  assert.equal(peer.connections, 1)
  await peer.clock.advanceAsync(100)
  assert.equal(peer.connections, 2)
})

test('what piles up for a silent broker is dropped at a limit', async () => {
  const peer = new Peer()
  peer.script.push('hold')
  peer.channels.add(broker(2))
  for (let mark = 1; mark <= QUEUE_LIMIT; mark++) peer.channels.enqueue(2, request(mark))
  await settlePromises()
  assert.deepEqual(peer.overrun, [])
  peer.channels.enqueue(2, request(0))
  assert.deepEqual(peer.overrun, [2])
  assert.deepEqual(peer.channels.queueSizes(), new Map([[2, 1]]))
})

const movedTo = (port: number): Broker => ({
  ...broker(2),
  endpoints: [{ listener: 'PLAINTEXT', host: 'h', port, securityProtocol: 0 }],
})

test('what waits for a broker is sent to its new address', async () => {
  const peer = new Peer()
  peer.script.push('hold')
  peer.channels.add(broker(2))
  for (const mark of [1, 2]) peer.channels.enqueue(2, request(mark))
  await settlePromises()
  peer.channels.move(movedTo(9))
  await peer.clock.advanceAsync(200)
  assert.deepEqual(peer.ports, [1, 9])
  // The first one once more: it had no answer.
  assert.deepEqual(peer.sent, [1, 1, 2])
})

test('an address that stays as it is keeps its connection', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  peer.channels.move({ ...broker(2), rack: 'elsewhere' })
  await peer.clock.advanceAsync(200)
  assert.equal(peer.connections, 1)
})

test('a refusal at an address that a broker has left proves nothing', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  await peer.clock.advanceAsync(200)
  peer.script.push('refuse')
  peer.channels.move(movedTo(9))
  await peer.clock.advanceAsync(200)
  assert.deepEqual(peer.refused, [])
})

test('a broker that gets the listener of the controller must be told everything', async () => {
  const peer = new Peer()
  peer.channels.add(broker(2, 'EXTERNAL'))
  peer.channels.move(broker(2))
  peer.channels.enqueue(2, request(1))
  await settlePromises()
  assert.deepEqual(peer.overrun, [2])
  assert.deepEqual(peer.sent, [1])
  peer.channels.move(broker(2, 'EXTERNAL'))
  peer.channels.enqueue(2, request(2))
  await peer.clock.advanceAsync(200)
  assert.deepEqual(peer.sent, [1])
})
