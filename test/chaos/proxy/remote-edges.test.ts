/** Edges whose proxies run in another process. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOf, remoteEdges } from '../../../src/chaos/proxy/remote-edges.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { ProxyBench } from '../../support/proxy-bench.ts'
import { SilentLoggers } from '../../support/silent-loggers.ts'
import { until } from '../../support/until.ts'

test('the name of a proxy tells its edge', () => {
  const zookeeper = { kind: 'zookeeper', from: 1, to: null }
  assert.deepEqual(placeOf('broker-1-to-zookeeper'), zookeeper)
  assert.deepEqual(placeOf('broker-1-to-zookeeper-2'), zookeeper)
  assert.deepEqual(placeOf('broker-1-to-broker-12'), { kind: 'peer', from: 1, to: 12 })
  assert.deepEqual(placeOf('clients-to-broker-3'), { kind: 'client', from: null, to: 3 })
  for (const name of ['db', 'broker-x-to-zookeeper', 'clients-to-zookeeper', 'broker-1-to-']) {
    assert.equal(placeOf(name), null, name)
  }
})

test('edges are found, cut, slowed and healed over HTTP, an ensemble as one', async (t) => {
  const bench = await ProxyBench.start(t)
  const { proxies } = bench.server
  for (const name of ['broker-1-to-zookeeper', 'broker-1-to-zookeeper-2', 'broker-1-to-broker-2']) {
    await proxies.create({ name, upstream: bench.proxy.upstream })
  }
  const ports = { clock: new FakeClock(), log: new SilentLoggers().get('test') }
  const { edges, settled } = await remoteEdges(ports, bench.api)
  assert.deepEqual(
    edges.map(({ kind, proxy }) => [kind, proxy]),
    [
      ['peer', 'broker-1-to-broker-2'],
      ['zookeeper', 'broker-1-to-zookeeper'],
    ],
  )
  const toxicsOf = (name: string) => proxies.get(name).toxics.map((toxic) => toxic.name)
  edges[1]!.cut()
  for (const name of ['broker-1-to-zookeeper', 'broker-1-to-zookeeper-2']) {
    await until(`${name} is cut`, () => toxicsOf(name).length === 2)
  }
  edges[1]!.heal()
  await settled()
  assert.deepEqual(toxicsOf('broker-1-to-zookeeper-2'), [])
  edges[0]!.slow(10, 1)
  edges[0]!.slow(20, 2)
  await until('it is as slow as was said last', () => {
    const [first, second] = proxies.get('broker-1-to-broker-2').toxics
    return first?.attributes.latency === 20 && second?.attributes.jitter === 2
  })
  assert.deepEqual(toxicsOf('bench'), [])
})

test('a command that does not get through is sent again', async (t) => {
  const bench = await ProxyBench.start(t)
  const { proxies } = bench.server
  const name = 'broker-1-to-broker-2'
  await proxies.create({ name, upstream: 'x:1' })
  const loggers = new SilentLoggers()
  const clock = new FakeClock()
  const { edges } = await remoteEdges({ clock, log: loggers.get('test') }, bench.api)
  const [edge] = edges
  await proxies.remove(name)
  edge!.cut()
  await until('it failed once', () => clock.pendingTimers === 1)
  await proxies.create({ name, upstream: 'x:1' })
  clock.advance(500)
  await until('it is cut', () => proxies.get(name).toxics.length === 2)
  await proxies.remove(name)
  edge!.slow(1, 1)
  await until('it is given up', () => {
    clock.advance(500)
    return loggers.lines.length === 2
  })
  assert.match(loggers.lines[0]!, /adding edge_slow_upstream at http.* failed/)
})
