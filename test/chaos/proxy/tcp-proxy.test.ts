/** The proxy over real sockets. Its clock is a fake one: no test waits for time to pass. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { hostPort, Peer, ProxyBench } from '../../support/proxy-bench.ts'
import { until } from '../../support/until.ts'

const MIB = 1024 * 1024

test('bytes go both ways, and each end is passed on as an end', async (t) => {
  const bench = await ProxyBench.start(t, { halfOpen: true })
  const { client, upstream } = await bench.pair()
  client.socket.end('question')
  await upstream.sees('question')
  await upstream.ends()
  assert.equal(client.hasEnded, false)
  upstream.socket.write('answer')
  await client.sees('answer')
  upstream.socket.end(', end')
  await client.sees('answer, end')
  await client.closes()
  await upstream.closes()
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
  assert.equal(client.errorCode, null)
})

test('what an upstream said before it ended arrives first', async (t) => {
  const bench = await ProxyBench.start(t, { halfOpen: true })
  const { client, upstream } = await bench.pair()
  upstream.socket.end(Buffer.alloc(3 * MIB))
  await client.ends()
  assert.equal(client.received, 3 * MIB)
  assert.equal(upstream.hasEnded, false)
  client.socket.end()
  await upstream.ends()
})

test('a client that is killed closes its connection to the upstream', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  client.socket.resetAndDestroy()
  await upstream.ends()
  upstream.socket.destroy()
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
})

test('a connection that the upstream refuses is reset at once', async (t) => {
  const bench = await ProxyBench.start(t)
  bench.stopUpstream()
  const client = bench.connect()
  await client.closes()
  assert.equal(client.errorCode, 'ECONNRESET')
  assert.equal(bench.proxy.connectionCount, 0)
})

test('an upstream that is no address refuses too', async (t) => {
  const bench = await ProxyBench.start(t)
  const proxy = await bench.server.proxies.create({ name: 'odd', upstream: 'nowhere' })
  const client = bench.connect(proxy)
  await client.closes()
  assert.equal(proxy.connectionCount, 0)
})

test('an upstream that does not read stops the client, and memory stays bounded', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  upstream.socket.pause()
  const block = Buffer.alloc(256 * 1024)
  let written = 0
  await until('the client is stopped', async () => {
    while (client.socket.writableLength < MIB) {
      client.socket.write(block)
      written += block.length
    }
    const before = client.socket.bytesWritten - client.socket.writableLength
    await new Promise((resolve) => setTimeout(resolve, 50))
    return before === client.socket.bytesWritten - client.socket.writableLength
  })
  assert.ok(bench.proxy.heldBytes < MIB / 2, `${bench.proxy.heldBytes} held`)
  upstream.socket.resume()
  await until('all arrives', () => upstream.received === written)
})

test('a client that does not read stops the upstream likewise', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  client.socket.pause()
  upstream.socket.write(Buffer.alloc(40 * MIB))
  await until('the upstream is stopped', async () => {
    const before = upstream.socket.writableLength
    await new Promise((resolve) => setTimeout(resolve, 50))
    return before === upstream.socket.writableLength
  })
  assert.ok(upstream.socket.writableLength > 0)
  assert.ok(bench.proxy.heldBytes < MIB / 2, `${bench.proxy.heldBytes} held`)
  client.socket.resume()
  await until('all arrives', () => client.received === 40 * MIB)
})

test('toxics that are added, changed and taken away apply to open connections', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  client.socket.write('a')
  await upstream.sees('a')
  bench.proxy.addToxic({ type: 'latency', stream: 'upstream', attributes: { latency: 500 } })
  client.socket.write('b')
  await until('it waits', () => bench.proxy.heldBytes === 1)
  bench.clock.advance(499)
  bench.proxy.updateToxic('latency_upstream', { attributes: { latency: 1_000 } })
  bench.clock.advance(500)
  assert.equal(bench.proxy.heldBytes, 1)
  bench.clock.advance(1)
  await upstream.sees('ab')
  client.socket.write('c')
  await until('it waits', () => bench.proxy.heldBytes === 1)
  bench.proxy.removeToxic('latency_upstream')
  await upstream.sees('abc')
  upstream.socket.write('back')
  await client.sees('back')
  assert.equal(bench.clock.pendingTimers, 0)
})

test('a toxic upstream leaves the way back alone', async (t) => {
  const bench = await ProxyBench.start(t)
  bench.proxy.addToxic({ type: 'timeout', stream: 'upstream' })
  const { client, upstream } = await bench.pair()
  client.socket.write('lost')
  upstream.socket.write('found')
  await client.sees('found')
  assert.equal(upstream.text, '')
})

test('timeout closes both sides when its time is over', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  bench.proxy.addToxic({ type: 'timeout', attributes: { timeout: 100 } })
  upstream.socket.write('lost')
  await until('it was dropped', () => bench.proxy.traffic[1]!.receivedBytes === 4)
  bench.clock.advance(100)
  await client.ends()
  await upstream.ends()
  await Promise.all([client.closes(), upstream.closes()])
  assert.equal(client.text, '')
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
})

test('a timeout that is taken away closes, for bytes are missing', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  bench.proxy.addToxic({ type: 'timeout' })
  upstream.socket.write('lost')
  await until('it was dropped', () => bench.proxy.traffic[1]!.receivedBytes === 4)
  bench.proxy.removeToxic('timeout_downstream')
  await client.closes()
  assert.equal(client.text, '')
})

test('reset_peer resets both sides', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  bench.proxy.addToxic({ type: 'reset_peer', stream: 'upstream', attributes: { timeout: 100 } })
  client.socket.write('a')
  await until('it waits', () => bench.proxy.heldBytes === 1)
  bench.clock.advance(100)
  await Promise.all([client.closes(), upstream.closes()])
  assert.deepEqual([client.errorCode, upstream.errorCode], ['ECONNRESET', 'ECONNRESET'])
  assert.equal(upstream.text, '')
})

test('reset_peer after the end of the stream closes all the same', async (t) => {
  const bench = await ProxyBench.start(t, { halfOpen: true })
  const { client, upstream } = await bench.pair()
  upstream.socket.end('bye')
  await client.ends()
  bench.proxy.addToxic({ type: 'reset_peer', stream: 'upstream' })
  client.socket.write('a')
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
  // After an end nobody reads: a reset shows when one writes.
  upstream.socket.destroy()
  client.socket.write('b')
  await client.closes()
})

test('slow_close holds the end back', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  bench.proxy.addToxic({ type: 'slow_close', attributes: { delay: 100 } })
  upstream.socket.end('bye')
  await client.sees('bye')
  await until('the end waits', () => bench.clock.pendingTimers === 1)
  assert.equal(client.hasEnded, false)
  bench.clock.advance(100)
  await client.ends()
})

test('limit_data closes after so many bytes', async (t) => {
  const bench = await ProxyBench.start(t)
  bench.proxy.addToxic({ type: 'limit_data', attributes: { bytes: 10 } })
  const { client, upstream } = await bench.pair()
  upstream.socket.write('0123456789abcdef')
  await client.closes()
  assert.equal(client.text, '0123456789')
})

test('disabled is down: nobody listens, connections are closed; enabled, it is back', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client, upstream } = await bench.pair()
  const { listen } = bench.proxy
  await bench.server.proxies.update('bench', { enabled: false })
  await Promise.all([client.closes(), upstream.closes()])
  const refused = new Peer(net.connect(hostPort(listen)))
  await refused.closes()
  assert.equal(refused.errorCode, 'ECONNREFUSED')
  assert.equal(bench.proxy.connectionCount, 0)
  await bench.server.proxies.update('bench', { enabled: true })
  assert.equal(bench.proxy.listen, listen)
  await bench.pair()
})

test('more connections than allowed are closed, the others stay', async (t) => {
  const bench = await ProxyBench.start(t, { maxConnections: 2 })
  const { client } = await bench.pair()
  await bench.pair()
  await bench.connect().closes()
  assert.equal(bench.proxy.connectionCount, 2)
  client.socket.destroy()
  await until('one is gone', () => bench.proxy.connectionCount === 1)
  await bench.pair()
})

test('200 connections under every toxic leave no socket and no timer behind', async (t) => {
  const bench = await ProxyBench.start(t)
  const clients = await manyClients(bench)
  const toxics = [
    { type: 'latency', attributes: { latency: 10, jitter: 5 } },
    { type: 'bandwidth', attributes: { rate: 100 } },
    { type: 'slicer', attributes: { average_size: 50, size_variation: 10, delay: 100 } },
    { type: 'slow_close', attributes: { delay: 20 } },
  ]
  for (const toxic of toxics) {
    bench.proxy.addToxic({ ...toxic, stream: 'upstream' })
    bench.proxy.addToxic(toxic)
  }
  for (const { socket } of bench.accepted) socket.pipe(socket)
  for (const { socket } of clients) socket.end('x'.repeat(1_000))
  await until('all is echoed', () => {
    bench.clock.advance(5)
    return clients.every(({ received, isClosed }) => received === 1_000 && isClosed)
  })
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
  assert.equal(bench.clock.pendingTimers, 0)
  assert.equal(bench.proxy.heldBytes, 0)
})

test('200 connections are gone when the proxy is removed, toxics or not', async (t) => {
  const bench = await ProxyBench.start(t)
  bench.proxy.addToxic({ type: 'latency', attributes: { latency: 1_000_000 } })
  const peers = [...(await manyClients(bench)), ...bench.accepted]
  for (const { socket } of peers) socket.write('a')
  await until('bytes wait', () => bench.proxy.heldBytes >= 200)
  const { proxy } = bench
  await bench.server.proxies.remove('bench')
  assert.equal(proxy.connectionCount, 0)
  assert.equal(bench.clock.pendingTimers, 0)
  await until('all are closed', () => peers.every(({ isClosed }) => isClosed))
})

async function manyClients(bench: ProxyBench): Promise<Peer[]> {
  const clients = Array.from({ length: 200 }, () => bench.connect())
  await until('all reach the upstream', () => bench.accepted.length === clients.length)
  return clients
}
