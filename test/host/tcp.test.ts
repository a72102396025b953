import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import type { Listener, Socket } from '../../src/base/ports.ts'
import { retain } from '../../src/base/release.ts'
import { systemTransport } from '../../src/host/tcp.ts'

const HOST = '127.0.0.1'

interface Pair {
  readonly server: Socket
  readonly client: Socket
  readonly listener: Listener
}

async function pair(): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<Socket>()
  const listener = await systemTransport.listen(HOST, 0, resolve)
  const client = await systemTransport.connect(HOST, listener.port, 1000)
  return { server: await promise, client, listener }
}

/** All bytes until the close. */
function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve) =>
    socket.setHandlers({
      onData: (chunk) => chunks.push(Buffer.from(chunk)),
      onClose: () => resolve(Buffer.concat(chunks)),
    }),
  )
}

test('chunks arrive as one stream, and end() flushes before it closes', async () => {
  const { server, client, listener } = await pair()
  const big = Buffer.alloc(3_000_000, 7)
  const atClient = received(client)
  const atServer = received(server)
  server.write([Buffer.from('head'), big])
  server.end()
  assert.ok(Buffer.concat([Buffer.from('head'), big]).equals(await atClient))
  await atServer
  await listener.close()
})

test('what is retained is released when it is sent, not before', async () => {
  const { server, client, listener } = await pair()
  const kept = Buffer.alloc(2_000_000, 1)
  const retained = retain(Buffer.alloc(2_000_000, 2))
  const expected = Buffer.concat([kept, retained])
  const atClient = received(client)
  server.setHandlers({ onData() {}, onClose() {} })
  server.write([kept, retained])
  assert.equal(retained.length, 2_000_000)
  server.end()
  assert.ok(expected.equals(await atClient))
  assert.equal(retained.length, 0)
  assert.equal(kept.length, 2_000_000)
  await listener.close()
})

test('bytes that come before the handlers are set are not lost', async () => {
  const { server, client, listener } = await pair()
  const atClient = received(client)
  client.write([Buffer.from('early')])
  client.end()
  await atClient
  assert.equal((await received(server)).toString(), 'early')
  await listener.close()
})

test('a socket that closed before its handlers were set tells it once', async () => {
  const { server, client, listener } = await pair()
  const gone = received(client)
  client.destroy()
  await gone
  server.destroy()
  let closes = 0
  await new Promise<void>((resolve) => {
    server.setHandlers({
      onData() {},
      onClose() {
        closes++
        setImmediate(resolve)
      },
    })
  })
  assert.equal(closes, 1)
  await listener.close()
})

test('a peer that does not read makes write ask for patience, and drain tells when it is over', async () => {
  const { server, client, listener } = await pair()
  const drained = new Promise<void>((resolve) => {
    server.setHandlers({ onData() {}, onDrain: resolve, onClose() {} })
  })
  let rounds = 0
  while (server.write([Buffer.alloc(1_000_000)])) assert.ok(rounds++ < 100)
  client.setHandlers({ onData() {}, onClose() {} })
  await drained
  assert.equal(server.queuedBytes(), 0)
  client.destroy()
  server.destroy()
  await listener.close()
})

test('a closed listener is free at once, open sockets stay', async () => {
  const { server, client, listener } = await pair()
  await listener.close()
  const again = await systemTransport.listen(HOST, listener.port, (socket) => socket.destroy())
  await again.close()
  const atServer = received(server)
  client.setHandlers({ onData() {}, onClose() {} })
  client.write([Buffer.from('still here')])
  client.end()
  assert.equal((await atServer).toString(), 'still here')
})

test('a taken port is named, with what to do', async () => {
  const { listener, server, client } = await pair()
  await assert.rejects(
    systemTransport.listen(HOST, listener.port, () => {}),
    new RegExp(`^Error: 127\\.0\\.0\\.1:${listener.port} is taken: stop what listens there`),
  )
  await assert.rejects(
    systemTransport.listen('203.0.113.7', 0, () => {}),
    /203\.0\.113\.7:0 is no address of this machine/,
  )
  server.destroy()
  client.destroy()
  await listener.close()
})

test('a refused connection names host and port', async () => {
  const { listener, server, client } = await pair()
  server.destroy()
  client.destroy()
  await listener.close()
  for (const host of [HOST, 'localhost']) {
    await assert.rejects(systemTransport.connect(host, listener.port, 1000), (error: Error) => {
      assert.match(error.message, new RegExp(`ECONNREFUSED.*|.*${listener.port}`))
      assert.match(error.message, new RegExp(String(listener.port)))
      return true
    })
  }
})

test('a host that never answers is given up in time', async (t) => {
  // A full backlog: the kernel neither accepts nor refuses.
  const server = net.createServer()
  server.listen({ host: HOST, port: 0, backlog: 1 })
  await once(server, 'listening')
  t.after(() => server.close())
  t.mock.method(net, 'connect', () => new net.Socket())
  await assert.rejects(
    systemTransport.connect(HOST, 1, 20),
    /no connection to 127\.0\.0\.1:1 within 20 ms/,
  )
})
