/** Garbage at the API: it answers, it lives, and the proxies still work. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { answer } from '../../../src/chaos/proxy/api.ts'
import { Peer, ProxyBench } from '../../support/proxy-bench.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { until } from '../../support/until.ts'

const METHODS = ['GET', 'POST', 'POST', 'POST', 'POST', 'PATCH', 'DELETE', 'PUT', 'HEAD']
const WORDS = ['proxies', 'bench', 'toxics', 'populate', 'reset', 'version', '', '..', '%', '%00']
const NAMES = ['a', 'b', 'bench', '__proto__', '', null, 7, {}, 'toString']
const TYPES = ['latency', 'bandwidth', 'slow_close', 'timeout', 'reset_peer', 'slicer']
const NUMBERS = [0, 1, -1, 1.5, 2 ** 31, 2 ** 53 - 1, -(2 ** 53 - 1), 1e308, '1', null, true, []]

function anything(random: SeededRandom, depth = 0): unknown {
  const list = () => Array.from({ length: random.nextInt(4) }, () => anything(random, depth + 1))
  switch (random.nextInt(depth > 3 ? 3 : 6)) {
    case 0:
      return random.pick(NUMBERS)
    case 1:
      return random.pick([...NAMES, ...TYPES, 'cut', 'limit_data', 'noop', 'upstream'])
    case 2:
      return random.bytes(random.nextInt(8)).toString('latin1')
    case 3:
      return list()
    default:
      return bodyOf(random, depth + 1)
  }
}

function bodyOf(random: SeededRandom, depth = 0): unknown {
  const body: Record<string, unknown> = {}
  const value = (good: () => unknown) =>
    random.chance(0.85) ? good() : anything(random, depth + 1)
  if (random.chance(0.7)) body.name = value(() => random.pick(NAMES))
  if (random.chance(0.7))
    body.type = value(() => random.pick([...TYPES, 'limit_data', 'noop', 'cut']))
  if (random.chance(0.5))
    body.stream = value(() => random.pick(['upstream', 'downstream', 'UPSTREAM']))
  if (random.chance(0.5)) body.toxicity = value(() => random.pick([0, 0.5, 1, -1, 7]))
  if (random.chance(0.5)) body.listen = value(() => random.pick(['', '127.0.0.1:0', 'x', '1:2:3']))
  if (random.chance(0.5)) body.upstream = value(() => random.pick(['', '127.0.0.1:1', 'x', ':']))
  if (random.chance(0.3)) body.enabled = value(() => random.chance(0.5))
  if (random.chance(0.7)) {
    body.attributes = value(() => ({
      latency: random.pick(NUMBERS),
      jitter: random.pick(NUMBERS),
      rate: random.pick(NUMBERS),
      timeout: random.pick(NUMBERS),
      delay: random.pick(NUMBERS),
      average_size: random.pick(NUMBERS),
      size_variation: random.pick(NUMBERS),
      bytes: random.pick(NUMBERS),
    }))
  }
  return body
}

function pathOf(random: SeededRandom): string {
  const known = ['/proxies', '/populate', '/reset', '/version', '/metrics', '/proxies/bench']
  const deep = [
    '/proxies/bench/toxics',
    '/proxies/bench/toxics/a',
    '/proxies/a',
    '/proxies/a/toxics',
  ]
  if (random.chance(0.8)) return random.pick([...known, ...deep, ...deep])
  return `/${Array.from({ length: random.nextInt(6) }, () => random.pick(WORDS)).join('/')}`
}

test('random requests are answered, and connections under whatever came of them do no harm', async (t) => {
  const bench = await ProxyBench.start(t)
  const random = new SeededRandom(4711)
  const statuses = new Set<number>()
  for (let i = 0; i < 8_000; i++) {
    const body = random.chance(0.5) ? bodyOf(random) : anything(random)
    const text = JSON.stringify(random.chance(0.05) ? [body] : body)
    const { status, body: answered } = await answer(bench.server.proxies, {
      method: random.pick(METHODS),
      path: pathOf(random),
      body: random.chance(0.05) ? text.slice(random.nextInt(text.length)) : text,
    })
    statuses.add(status)
    if (status === 200 || status === 201) assert.ok(answered.length > 0)
    if (i % 10 === 0) {
      const proxy = random.pick(bench.server.proxies.all())
      if (proxy?.enabled === true && proxy.connectionCount < 20) {
        bench.connect(proxy).socket.write(random.bytes(1 + random.nextInt(3_000)))
      }
      for (const { socket } of bench.accepted.slice(-5))
        if (!socket.destroyed) socket.write('hello')
      await new Promise((resolve) => setImmediate(resolve))
      bench.clock.advance(random.nextInt(100))
    }
  }
  assert.deepEqual([...statuses].sort(), [200, 201, 204, 400, 404, 405, 409, 500])
  await bench.server.proxies.clear()
  assert.equal(bench.clock.pendingTimers, 0)
})

test('garbage in the place of HTTP hurts nobody', async (t) => {
  const bench = await ProxyBench.start(t)
  const random = new SeededRandom(1)
  const texts = [
    Buffer.from('GET /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'),
    Buffer.from('POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"name"'),
    Buffer.from('POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
    Buffer.from(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
    Buffer.from('GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n'),
    ...Array.from({ length: 50 }, () => random.bytes(1 + random.nextInt(2_000))),
  ]
  const peers = texts.map((text) => {
    const peer = new Peer(net.connect(bench.server.port, '127.0.0.1'))
    peer.socket.end(text)
    return peer
  })
  await until('all are dropped', () => peers.every(({ isClosed }) => isClosed))
  assert.equal((await bench.call('GET', '/version')).status, 200)
  await bench.pair()
})
