import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServerConnection, type ServerReply } from '../../src/network/server-connection.ts'
import { MemorySocket } from '../support/memory-socket.ts'

function frame(text: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(text.length)
  return Buffer.concat([size, Buffer.from(text)])
}

function connect(limits: { maxInFlight?: number; maxInFlightBytes?: number } = {}) {
  const socket = new MemorySocket()
  const asked: { text: string; reply: ServerReply }[] = []
  const closed: string[] = []
  const connection = new ServerConnection(
    socket,
    { maxRequestBytes: 100, maxInFlight: 8, maxInFlightBytes: 1000, ...limits },
    {
      onFrame: (request, reply) => asked.push({ text: request.toString(), reply }),
      onClose: (reason) => closed.push(reason),
    },
    () => 0,
  )
  return { socket, asked, closed, connection }
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
