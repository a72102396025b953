import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServerConnection, type ServerReply } from '../../src/network/server-connection.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemorySocket } from '../support/memory-socket.ts'

function frame(text: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(text.length)
  return Buffer.concat([size, Buffer.from(text)])
}

function connect(limits: { maxInFlight?: number; maxInFlightBytes?: number } = {}) {
  const socket = new MemorySocket()
  const clock = new FakeClock()
  const asked: { text: string; reply: ServerReply }[] = []
  const closed: string[] = []
  const connection = new ServerConnection(
    socket,
    { maxRequestBytes: 100, maxInFlight: 8, maxInFlightBytes: 1000, ...limits },
    {
      onFrame: (request, reply) => asked.push({ text: request.toString(), reply }),
      onClose: (reason) => closed.push(reason),
    },
    () => clock.monotonicMs(),
  )
  return { socket, asked, closed, connection, clock }
}

const written = (socket: MemorySocket) => socket.written.map((chunk) => chunk.toString('latin1'))

test('answers leave in the order of the requests, each with its size', () => {
  const { socket, asked } = connect()
  socket.receive(frame('a'), frame('b'))
  asked[1]!.reply([Buffer.from('B'), Buffer.from('b')])
  assert.deepEqual(written(socket), [])
  asked[0]!.reply([Buffer.from('A')])
  assert.deepEqual(written(socket), ['\0\0\0\x01A', '\0\0\0\x02Bb'])
})

test('a request without an answer lets the next one through', () => {
  const { socket, asked } = connect()
  socket.receive(frame('a'), frame('b'))
  asked[1]!.reply([Buffer.from('B')])
  asked[0]!.reply(null)
  assert.deepEqual(written(socket), ['\0\0\0\x01B'])
})

test('a refused request closes the connection after the answers before it', () => {
  const { socket, asked, closed } = connect()
  socket.receive(frame('a'), frame('b'))
  asked[1]!.reply('close')
  assert.equal(socket.destroyed, false)
  asked[0]!.reply([Buffer.from('A')])
  assert.deepEqual(written(socket), ['\0\0\0\x01A'])
  assert.equal(socket.ended, true)
  assert.equal(closed.length, 1)
})

test('a connection that is ended sends what was answered and reads no more', () => {
  const { socket, asked, closed, connection } = connect()
  socket.lingers = true
  socket.receive(frame('a'), frame('b'))
  asked[0]!.reply([Buffer.from('A')])
  connection.end('moved')
  asked[1]!.reply([Buffer.from('B')])
  socket.receive(frame('c'))
  assert.deepEqual(written(socket), ['\0\0\0\x01A'])
  assert.deepEqual([socket.ended, asked.length, closed.length], [true, 2, 0])
  socket.destroy()
  assert.deepEqual(closed, ['moved'])
})

test('beyond the limit of requests under way the socket is not read', () => {
  const { socket, asked } = connect({ maxInFlight: 2 })
  socket.receive(Buffer.concat([frame('a'), frame('b'), frame('c')]))
  assert.equal(asked.length, 2)
  assert.equal(socket.paused, true)
  asked[0]!.reply([Buffer.from('A')])
  assert.deepEqual(
    asked.map(({ text }) => text),
    ['a', 'b', 'c'],
  )
  asked[1]!.reply([Buffer.from('B')])
  assert.equal(socket.paused, false)
})

test('a peer that does not take its answers is not read until it does', () => {
  const { socket, asked } = connect({ maxInFlightBytes: 50 })
  socket.queued = 60
  socket.receive(frame('a'))
  assert.equal(asked.length, 0)
  assert.equal(socket.paused, true)
  socket.drain()
  assert.equal(asked.length, 1)
  assert.equal(socket.paused, false)
})

test('a frame larger than allowed closes the connection without an answer', () => {
  const { socket, asked, closed } = connect()
  socket.receive(Buffer.from([0, 0, 0, 101]))
  assert.equal(asked.length, 0)
  assert.deepEqual(written(socket), [])
  assert.equal(socket.destroyed, true)
  assert.match(closed[0] ?? '', /101 bytes/)
})

test('an answer that comes after the connection closed is dropped', () => {
  const { socket, asked, connection } = connect()
  socket.receive(frame('a'))
  connection.close('test')
  asked[0]!.reply([Buffer.from('A')])
  assert.deepEqual(written(socket), [])
})

test('a request answered at once in the middle of a chunk keeps the order', () => {
  const socket = new MemorySocket()
  new ServerConnection(
    socket,
    { maxRequestBytes: 100, maxInFlight: 1, maxInFlightBytes: 1000 },
    { onFrame: (request, reply) => reply([Buffer.from(request)]), onClose() {} },
    () => 0,
  )
  socket.receive(Buffer.concat(['a', 'b', 'c', 'd'].map(frame)))
  assert.deepEqual(written(socket), ['\0\0\0\x01a', '\0\0\0\x01b', '\0\0\0\x01c', '\0\0\0\x01d'])
  assert.equal(socket.paused, false)
})

test('a refused connection whose peer takes nothing can still be closed', () => {
  const { socket, asked, closed, connection } = connect()
  socket.lingers = true
  socket.receive(frame('a'))
  asked[0]!.reply('close')
  assert.equal(socket.ended, true)
  assert.equal(socket.destroyed, false)
  socket.receive(frame('b'))
  assert.equal(asked.length, 1)
  connection.close('idle for too long')
  assert.equal(socket.destroyed, true)
  assert.deepEqual(closed, ['the request was refused'])
})

test('bytes in, bytes out and a drained socket are signs of life', () => {
  const { socket, asked, connection, clock } = connect()
  clock.advance(10)
  socket.receive(frame('a'))
  assert.equal(connection.lastActiveMs, 10)
  clock.advance(10)
  asked[0]!.reply([Buffer.from('A')])
  assert.equal(connection.lastActiveMs, 20)
  clock.advance(10)
  socket.drain()
  assert.equal(connection.lastActiveMs, 30)
})

test('HTTP and TLS on a plaintext port close the connection without an answer', () => {
  for (const hello of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('1603010200010001', 'hex'),
  ]) {
    const { socket, asked } = connect({})
    socket.receive(hello)
    assert.equal(asked.length, 0)
    assert.deepEqual(written(socket), [])
    assert.equal(socket.destroyed, true)
  }
})
