import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transport } from '../../src/base/ports.ts'
import { ChannelError, ClientChannel } from '../../src/network/client-channel.ts'
import { decodeRequestHeader, encodeResponseFrame } from '../../src/protocol/header.ts'
import { apiVersions } from '../../src/protocol/messages/api-versions.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemorySocket } from '../support/memory-socket.ts'

async function connect() {
  const socket = new MemorySocket()
  const clock = new FakeClock()
  const transport: Transport = {
    listen: () => Promise.reject(new Error('not used')),
    connect: () => Promise.resolve(socket),
  }
  const channel = await ClientChannel.connect(transport, clock, {
    host: 'h',
    port: 1,
    clientId: 'test',
    connectTimeoutMs: 1000,
    requestTimeoutMs: 5000,
  })
  return { socket, clock, channel }
}

const ask = (channel: ClientChannel, timeoutMs?: number) =>
  channel.send(apiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }, timeoutMs)

function answer(socket: MemorySocket, correlationId: number, errorCode: number): void {
  const chunks = encodeResponseFrame(apiVersions, 3, correlationId, {
    errorCode,
    apiKeys: [],
    throttleTimeMs: 0,
  })
  const body = Buffer.concat(chunks)
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  socket.receive(Buffer.concat([size, body]))
}

test('answers find their requests by correlation id, in any order', async () => {
  const { socket, channel } = await connect()
  const first = ask(channel)
  const second = ask(channel)
  const ids = socket.written.map(
    (bytes) => decodeRequestHeader(bytes.subarray(4), () => apiVersions)!.correlationId,
  )
  answer(socket, ids[1]!, 2)
  answer(socket, ids[0]!, 1)
  assert.equal((await first).errorCode, 1)
  assert.equal((await second).errorCode, 2)
  assert.equal(channel.inFlight, 0)
})

test('when the connection ends, everything under way is rejected and the channel is dead', async () => {
  const { socket, channel } = await connect()
  let closed = 0
  channel.onClose(() => closed++)
  const pending = ask(channel)
  socket.destroy()
  await assert.rejects(pending, ChannelError)
  await assert.rejects(ask(channel), ChannelError)
  assert.equal(closed, 1)
  assert.equal(channel.isOpen, false)
})

test('a request that is not answered in time ends the connection', async () => {
  const { socket, clock, channel } = await connect()
  const slow = ask(channel)
  const quick = ask(channel, 100)
  clock.advance(99)
  assert.equal(socket.destroyed, false)
  clock.advance(1)
  await assert.rejects(quick, /did not answer in time/)
  await assert.rejects(slow, ChannelError)
  assert.equal(socket.destroyed, true)
})

test('an answer to nothing that was asked ends the connection', async () => {
  const { socket, channel } = await connect()
  const pending = ask(channel)
  answer(socket, 4711, 0)
  await assert.rejects(pending, ChannelError)
})

test('an answer that cannot be parsed rejects its request and ends the connection', async () => {
  const { socket, channel } = await connect()
  const pending = ask(channel)
  const [{ length = 0 } = {}] = socket.written
  assert.ok(length > 0)
  // Correlation id 0, no error, then an array that announces more than there is.
  socket.receive(Buffer.from('0000000a' + '00000000' + '0000' + '7f000000', 'hex'))
  await assert.rejects(pending, /sent what is not an answer/)
  assert.equal(channel.isOpen, false)
})

test('the timer of a channel is gone when nothing is under way any more', async () => {
  const { socket, clock, channel } = await connect()
  const pending = ask(channel, 1000)
  answer(socket, 0, 0)
  await pending
  clock.advance(1000)
  assert.equal(clock.pendingTimers, 0)
  assert.equal(channel.isOpen, true)
})
