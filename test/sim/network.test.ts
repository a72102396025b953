import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket } from '../../src/base/ports.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SimNetwork } from './network.ts'
import { SimProcess } from './sim-process.ts'
import { SimWorld } from './world.ts'

interface End {
  readonly socket: Socket
  readonly received: string[]
  closed: string | null
}

function watch(socket: Socket): End {
  const end: End = { socket, received: [], closed: null }
  socket.setHandlers({
    onData: (chunk) => void end.received.push(chunk.toString()),
    onClose: (error) => {
      end.closed = error?.message ?? 'closed'
    },
  })
  return end
}

function text(end: End | undefined): string {
  return end?.received.join('') ?? ''
}

async function bench() {
  const world = new SimWorld()
  const network = new SimNetwork(world, new SeededRandom(3))
  const server = new SimProcess(world, 'server')
  const client = new SimProcess(world, 'client')
  const accepted: End[] = []
  await network.transportOf(server).listen('', 80, (socket) => void accepted.push(watch(socket)))
  const transport = network.transportOf(client)
  const connect = async () =>
    watch(await world.settle(transport.connect('server', 80, 1000), 2000, 'connect'))
  return { world, network, server, client, accepted, transport, connect }
}

test('bytes arrive in order and after a while, whole or in pieces', async () => {
  const { world, accepted, connect } = await bench()
  const end = await connect()
  for (let i = 0; i < 200; i++) end.socket.write([Buffer.from(`${i},`)])
  await world.runFor(0)
  assert.equal(text(accepted[0]), '')
  await world.runFor(50)
  assert.equal(text(accepted[0]), Array.from({ length: 200 }, (_, i) => `${i},`).join(''))
})

test('nobody listening refuses, a host that is off or cut off lets time out', async () => {
  const { world, network, transport } = await bench()
  const attempt = (port: number) =>
    world.settle(transport.connect('server', port, 1000), 3000, 'connect')
  await assert.rejects(attempt(81), /ECONNREFUSED/)
  network.block('server', 'client')
  await assert.rejects(attempt(80), /ETIMEDOUT/)
  network.unblock('server', 'client')
  network.powerOff('server')
  await assert.rejects(attempt(80), /ETIMEDOUT/)
})

test('a blocked way holds back what is sent, the other way is open', async () => {
  const { world, network, accepted, connect } = await bench()
  const end = await connect()
  await world.runFor(5)
  network.block('client', 'server')
  end.socket.write([Buffer.from('question')])
  accepted[0]?.socket.write([Buffer.from('greeting')])
  await world.runFor(5000)
  assert.equal(text(accepted[0]), '')
  assert.equal(text(end), 'greeting')
  network.unblock('client', 'server')
  await world.runFor(5)
  assert.equal(text(accepted[0]), 'question')
})

test('an end that was blocked on its way arrives when the way is open again', async () => {
  const { world, network, accepted, connect } = await bench()
  const end = await connect()
  await world.runFor(5)
  network.block('client', 'server')
  end.socket.destroy()
  await world.runFor(100)
  assert.equal(end.closed, 'closed')
  assert.equal(accepted[0]?.closed, null)
  network.unblock('client', 'server')
  await world.runFor(5)
  assert.equal(accepted[0]?.closed, 'closed')
})

test('the connections of a killed program are reset', async () => {
  const { world, server, connect } = await bench()
  const end = await connect()
  server.die()
  await world.runFor(5)
  assert.equal(end.closed, 'connection reset')
})

test('a host that loses power leaves its peers in the dark until it is up again', async () => {
  const { world, network, server, connect } = await bench()
  const end = await connect()
  network.powerOff('server')
  server.die()
  end.socket.write([Buffer.from('anyone?')])
  await world.runFor(10_000)
  assert.equal(end.closed, null)
  network.powerOn('server')
  end.socket.write([Buffer.from('anyone now?')])
  await world.runFor(10)
  assert.equal(end.closed, 'connection reset')
})

test('a paused program gets everything at once when it wakes', async () => {
  const { world, server, accepted, connect } = await bench()
  const end = await connect()
  await world.runFor(5)
  server.pause()
  let ticks = 0
  server.after(100, () => {
    ticks += 1
  })
  for (const word of ['a', 'b', 'c']) {
    end.socket.write([Buffer.from(word)])
    await world.runFor(100)
  }
  assert.equal(text(accepted[0]), '')
  assert.equal(ticks, 0)
  server.resume()
  await world.runFor(0)
  assert.equal(text(accepted[0]), 'abc')
  assert.equal(ticks, 1)
})

test('a peer that does not read fills the sender, which is told when it goes on', async () => {
  const { world, accepted, connect } = await bench()
  const end = await connect()
  await world.runFor(5)
  accepted[0]?.socket.pause()
  let drained = 0
  end.socket.setHandlers({
    onData: () => {},
    onDrain: () => {
      drained += 1
    },
    onClose: () => {},
  })
  let wrote = 0
  while (end.socket.write([Buffer.alloc(100_000)])) wrote += 1
  await world.runFor(100)
  assert.ok(wrote > 5)
  assert.equal(drained, 0)
  accepted[0]?.socket.resume()
  await world.runFor(10)
  assert.equal(drained, 1)
  assert.equal(end.socket.queuedBytes(), 0)
})

test('the same seed makes the same run', async () => {
  const run = async () => {
    const { world, accepted, connect } = await bench()
    const end = await connect()
    const times: number[] = []
    for (let i = 0; i < 50; i++) {
      end.socket.write([Buffer.from('x')])
      const seen = accepted[0]?.received.length ?? 0
      await world.runUntil(() => (accepted[0]?.received.length ?? 0) > seen, 100)
      times.push(world.nowMs)
    }
    return times
  }
  assert.deepEqual(await run(), await run())
})
