/** Edges of a cluster: cut, slow, heal. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { edgeName, localEdge } from '../../../src/chaos/proxy/edges.ts'
import { ProxyBench } from '../../support/proxy-bench.ts'
import { until } from '../../support/until.ts'

const PLACE = { kind: 'peer', from: 1, to: 2 } as const

async function startEdge(t: Parameters<typeof ProxyBench.start>[0]) {
  const bench = await ProxyBench.start(t)
  return { bench, edge: localEdge(PLACE, bench.proxy) }
}

test('edges are named after who connects to whom', () => {
  assert.equal(edgeName(PLACE), 'broker-1-to-broker-2')
  assert.equal(edgeName({ kind: 'zookeeper', from: 1, to: null }), 'broker-1-to-zookeeper')
  assert.equal(edgeName({ kind: 'client', from: null, to: 3 }), 'clients-to-broker-3')
})

test('a cut passes nothing in either direction and closes nothing', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.cut()
  client.socket.write('there')
  upstream.socket.end('and back')
  await until('all is lost', () =>
    bench.proxy.traffic.every(
      ({ receivedBytes, sentBytes }) => receivedBytes > 0 && sentBytes === 0,
    ),
  )
  bench.clock.advance(1_000_000)
  assert.deepEqual([client.text, client.hasEnded, upstream.text], ['', false, ''])
})

test('a connection that lost bytes in a cut is reset when it heals', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.cut()
  client.socket.write('lost')
  await until('it is lost', () => bench.proxy.traffic[0]!.receivedBytes === 4)
  edge.heal()
  client.socket.write('never')
  await Promise.all([client.closes(), upstream.closes()])
  assert.equal(upstream.text, '')
  assert.equal(upstream.errorCode, 'ECONNRESET')
  assert.equal(bench.proxy.connectionCount, 0)
})

test('a connection whose peer died in a cut is reset when it heals', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.cut()
  upstream.socket.destroy()
  await upstream.closes()
  client.socket.write('anybody?')
  await until('it is lost', () => bench.proxy.traffic[0]!.receivedBytes > 0)
  assert.equal(client.hasEnded, false)
  edge.heal()
  await client.closes()
  assert.equal(client.errorCode, 'ECONNRESET')
})

test('an idle connection lives on after a cut', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.cut()
  edge.cut()
  edge.heal()
  client.socket.write('still here')
  await upstream.sees('still here')
})

test('a connection made in a cut hangs and reaches the upstream when it heals', async (t) => {
  const { bench, edge } = await startEdge(t)
  edge.cut()
  const client = bench.connect()
  client.socket.write('hello')
  await until('it waits', () => bench.proxy.heldBytes === 5)
  assert.equal(bench.accepted.length, 0)
  edge.heal()
  await until('the upstream is reached', () => bench.accepted.length === 1)
  await bench.accepted[0]!.sees('hello')
  bench.accepted[0]!.socket.write('welcome')
  await client.sees('welcome')
})

test('a connection that gave up in a cut never reaches the upstream', async (t) => {
  const { bench, edge } = await startEdge(t)
  edge.cut()
  const client = bench.connect()
  client.socket.end('hello')
  await client.closes()
  await until('nothing is left', () => bench.proxy.connectionCount === 0)
  edge.heal()
  const { upstream } = await bench.pair()
  assert.equal(bench.accepted.length, 1)
  assert.equal(upstream.text, '')
})

test('that the upstream is dead is not to be seen through a cut', async (t) => {
  const { bench, edge } = await startEdge(t)
  edge.cut()
  bench.stopUpstream()
  const client = bench.connect()
  client.socket.write('hello')
  await until('it waits', () => bench.proxy.heldBytes === 5)
  assert.equal(client.isClosed, false)
  edge.heal()
  await client.closes()
  assert.equal(client.errorCode, 'ECONNRESET')
})

test('a slow edge delays both directions, can be made slower, and heals at once', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.slow(100, 0)
  client.socket.write('there')
  upstream.socket.write('back')
  await until('both wait', () => bench.proxy.heldBytes === 9)
  bench.clock.advance(100)
  await Promise.all([upstream.sees('there'), client.sees('back')])
  edge.slow(10_000, 0)
  client.socket.write('!')
  await until('it waits', () => bench.proxy.heldBytes === 1)
  edge.heal()
  await upstream.sees('there!')
  assert.equal(bench.clock.pendingTimers, 0)
})

test('what was on a slow way when it was cut is lost', async (t) => {
  const { bench, edge } = await startEdge(t)
  const { client, upstream } = await bench.pair()
  edge.slow(100, 0)
  client.socket.write('lost')
  await until('it waits', () => bench.proxy.heldBytes === 4)
  edge.cut()
  edge.heal()
  await Promise.all([client.closes(), upstream.closes()])
  assert.equal(upstream.text, '')
})

test('toxics of others stay when an edge heals', async (t) => {
  const { bench, edge } = await startEdge(t)
  bench.proxy.addToxic({ type: 'noop', name: 'mine' })
  edge.cut()
  edge.slow(1, 0)
  edge.heal()
  edge.heal()
  assert.deepEqual(
    bench.proxy.toxics.map(({ name }) => name),
    ['mine'],
  )
})
