import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Socket, Transport } from '../../src/base/ports.ts'
import type { Dispatcher } from '../../src/broker/dispatch.ts'
import { ListenerSockets } from '../../src/broker/listener-sockets.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemorySocket } from '../support/memory-socket.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

const PRODUCE = 0
const FETCH = 1

/** Requests are answered by two bytes, their API key. */
async function bench() {
  let accept: (socket: Socket) => void = () => {}
  const transport: Transport = {
    listen: (_host, port, onSocket) => {
      accept = onSocket
      return Promise.resolve({ port, close: () => Promise.resolve() })
    },
    connect: () => Promise.reject(new Error('not used')),
  }
  const logger = new SilentLoggers().get('test')
  const sockets = new ListenerSockets(transport, new FakeClock(), logger, {
    maxRequestBytes: 100,
    connectionsMaxIdleMs: -1,
    maxConnections: 10,
    maxConnectionsPerIp: 10,
  })
  await sockets.listen({ listener: 'PLAINTEXT', host: '', port: 9092 })
  const dispatcher: Pick<Dispatcher, 'dispatch'> = {
    dispatch: (frame, _connection, reply) => reply([frame.subarray(0, 2)]),
  }
  sockets.serve(dispatcher as Dispatcher)
  const client = (apiKey: number): MemorySocket => {
    const socket = new MemorySocket()
    accept(socket)
    ask(socket, apiKey)
    return socket
  }
  return { sockets, client }
}

function ask(socket: MemorySocket, apiKey: number): void {
  const frame = Buffer.alloc(8)
  frame.writeInt32BE(4, 0)
  frame.writeInt16BE(apiKey, 4)
  socket.receive(frame)
}

test('producers are sent away after their answers, others stay, and all may come back', async () => {
  const { sockets, client } = await bench()
  const producer = client(PRODUCE)
  const consumer = client(FETCH)
  const both = client(FETCH)
  ask(both, PRODUCE)
  sockets.closeProducers('their partitions have moved')
  assert.deepEqual([producer.ended, consumer.ended, both.ended], [true, false, true])
  assert.equal(producer.written.length, 1)
  assert.equal(sockets.connectionCount, 1)
  const again = client(PRODUCE)
  assert.equal(again.written.length, 1)
  assert.equal(again.ended, false)
  await sockets.close()
  assert.deepEqual([consumer.destroyed, again.destroyed], [true, true])
})
