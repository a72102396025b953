/** Toxiproxy's HTTP API: routes, fields, defaults, status codes, words of refusals. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { MAX_PROXIES } from '../../../src/chaos/proxy/proxy-collection.ts'
import { MAX_TOXICS } from '../../../src/chaos/proxy/tcp-proxy.ts'
import { hostPort, Peer, ProxyBench } from '../../support/proxy-bench.ts'

type Answer = Awaited<ReturnType<ProxyBench['call']>>

function refused(answer: Answer, status: number, error: string | RegExp): void {
  const body = JSON.parse(answer.text) as { error: string; status: number }
  assert.equal(answer.status, status)
  assert.equal(body.status, status)
  if (typeof error === 'string') assert.equal(body.error, error)
  else assert.match(body.error, error)
}

test('a proxy is created, listed, shown, deleted', async (t) => {
  const bench = await ProxyBench.start(t)
  await bench.server.proxies.clear()
  assert.equal((await bench.call('GET', '/proxies')).text, '{}')
  const made = await bench.call('POST', '/proxies', {
    name: 'db',
    listen: 'localhost:0',
    upstream: 'localhost:1234',
  })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('content-type'), 'application/json')
  const { listen } = JSON.parse(made.text) as { listen: string }
  assert.match(listen, /^127\.0\.0\.1:\d+$/)
  const shown = { name: 'db', listen, upstream: 'localhost:1234', enabled: true, toxics: [] }
  assert.deepEqual(JSON.parse(made.text), shown)
  assert.deepEqual(JSON.parse((await bench.call('GET', '/proxies')).text), { db: shown })
  assert.deepEqual(JSON.parse((await bench.call('GET', '/proxies/db')).text), shown)
  const gone = await bench.call('DELETE', '/proxies/db')
  assert.deepEqual([gone.status, gone.text], [204, ''])
  refused(await bench.call('GET', '/proxies/db'), 404, 'proxy not found')
  refused(await bench.call('DELETE', '/proxies/db'), 404, 'proxy not found')
})

test('a proxy that is created disabled does not listen and keeps its words', async (t) => {
  const bench = await ProxyBench.start(t)
  const { text } = await bench.call('POST', '/proxies', {
    name: 'off',
    listen: 'localhost:7070',
    upstream: 'x:1',
    enabled: false,
  })
  const { listen, enabled } = JSON.parse(text) as { listen: string; enabled: boolean }
  assert.deepEqual([listen, enabled], ['localhost:7070', false])
})

test('what is no proxy is refused with the words of Toxiproxy', async (t) => {
  const bench = await ProxyBench.start(t)
  const { listen } = bench.proxy
  const post = (body: unknown) => bench.call('POST', '/proxies', body)
  refused(await post({}), 400, 'missing required field: name')
  refused(await post({ name: 'a' }), 400, 'missing required field: upstream')
  refused(await post({ name: 'bench', upstream: 'x:1' }), 409, 'proxy already exists')
  refused(
    await post({ name: 'b', listen, upstream: 'x:1' }),
    500,
    `listen tcp ${listen}: bind: address already in use`,
  )
  refused(
    await post({ name: 'b', listen: 'local373', upstream: 'x:1' }),
    500,
    'listen tcp: address local373: missing port in address',
  )
  refused(await post({ name: 'b', listen: 'a:b:c', upstream: 'x:1' }), 500, /too many colons/)
  refused(
    await post({ name: 'b', listen: '127.0.0.1:70000', upstream: 'x:1' }),
    500,
    /invalid port/,
  )
  refused(await post({ name: 1, upstream: 'x:1' }), 400, /^bad request body: name/)
  refused(await post({ name: 'b', upstream: 'x:1', enabled: 'yes' }), 400, /^bad request body/)
  refused(await post([]), 400, /^bad request body/)
  refused(await post('{'), 400, /^bad request body/)
  refused(await post(''), 400, 'bad request body: EOF')
  assert.equal(bench.server.proxies.all().length, 1)
})

test('POST and PATCH change what is given and close the connections when addresses change', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client } = await bench.pair()
  const { listen, upstream } = bench.proxy
  const same = await bench.call('PATCH', '/proxies/bench', { upstream })
  assert.equal(same.status, 200)
  client.socket.write('still open')
  await bench.accepted[0]!.sees('still open')
  const other = await bench.call('POST', '/proxies/bench', { upstream: '127.0.0.1:1' })
  assert.deepEqual(JSON.parse(other.text), {
    name: 'bench',
    listen,
    upstream: '127.0.0.1:1',
    enabled: true,
    toxics: [],
  })
  await client.closes()
  const off = await bench.call('POST', '/proxies/bench', { enabled: false, name: 'ignored' })
  assert.equal((JSON.parse(off.text) as { enabled: boolean }).enabled, false)
  refused(await bench.call('POST', '/proxies/nope', { enabled: false }), 404, 'proxy not found')
  refused(await bench.call('POST', '/proxies/bench', '{'), 400, /^bad request body/)
  refused(await bench.call('POST', '/proxies/bench', { listen: 'x' }), 500, /missing port/)
})

test('populate creates, leaves what is the same, replaces what is not', async (t) => {
  const bench = await ProxyBench.start(t)
  const { listen, upstream } = bench.proxy
  bench.proxy.addToxic({ type: 'noop' })
  const same = { name: 'bench', listen: listen.replace('127.0.0.1', 'localhost'), upstream }
  const first = await bench.call('POST', '/populate', [
    same,
    { name: 'two', listen: '127.0.0.1:0', upstream: 'x:1', enabled: false },
  ])
  assert.equal(first.status, 201)
  const made = JSON.parse(first.text) as { proxies: { name: string; toxics: unknown[] }[] }
  assert.deepEqual(
    made.proxies.map(({ name, toxics }) => [name, toxics.length]),
    [
      ['bench', 1],
      ['two', 0],
    ],
  )
  await bench.call('POST', '/populate', [{ ...same, upstream: 'y:1' }])
  const { toxics } = bench.server.proxies.get('bench')
  assert.deepEqual(toxics, [])
  assert.equal(bench.server.proxies.all().length, 2)
  assert.deepEqual(JSON.parse((await bench.call('POST', '/populate', [])).text), { proxies: [] })
})

test('populate looks at all before it makes the first, and tells what it made before a failure', async (t) => {
  const bench = await ProxyBench.start(t)
  const good = { name: 'one', listen: '127.0.0.1:0', upstream: 'x:1' }
  const post = (body: unknown) => bench.call('POST', '/populate', body)
  refused(await post([good, { name: '' }]), 400, 'missing required field: name at proxy 2')
  refused(await post([good, { name: 'b' }]), 400, 'missing required field: upstream at proxy 2')
  refused(await post({}), 400, /^bad request body/)
  refused(await post('['), 400, /^bad request body/)
  assert.equal(bench.server.proxies.all().length, 1)
  const failed = await post([good, { ...good, name: 'two', listen: 'local373' }])
  refused(failed, 500, /missing port/)
  const { proxies } = JSON.parse(failed.text) as { proxies: { name: string }[] }
  assert.deepEqual(
    proxies.map(({ name }) => name),
    ['one'],
  )
  assert.equal(bench.server.proxies.all().length, 2)
})

test('a toxic is added, listed, shown, changed, removed', async (t) => {
  const bench = await ProxyBench.start(t)
  const path = '/proxies/bench/toxics'
  const made = await bench.call('POST', path, { type: 'latency', attributes: { latency: 5 } })
  assert.equal(made.status, 200)
  const shown = {
    attributes: { latency: 5, jitter: 0 },
    name: 'latency_downstream',
    type: 'latency',
    stream: 'downstream',
    toxicity: 1,
  }
  assert.equal(made.text, JSON.stringify(shown))
  assert.deepEqual(JSON.parse((await bench.call('GET', path)).text), [shown])
  assert.deepEqual(JSON.parse((await bench.call('GET', '/proxies/bench')).text).toxics, [shown])
  assert.equal((await bench.call('GET', `${path}/latency_downstream`)).text, made.text)
  const changed = await bench.call('PATCH', `${path}/latency_downstream`, {
    attributes: { jitter: 3 },
    toxicity: 0.25,
    name: 'ignored',
  })
  assert.deepEqual(JSON.parse(changed.text), {
    ...shown,
    attributes: { latency: 5, jitter: 3 },
    toxicity: 0.25,
  })
  const again = await bench.call('POST', `${path}/latency_downstream`, {
    attributes: { latency: 9 },
  })
  assert.deepEqual(JSON.parse(again.text).attributes, { latency: 9, jitter: 3 })
  const gone = await bench.call('DELETE', `${path}/latency_downstream`)
  assert.deepEqual([gone.status, gone.text], [204, ''])
  assert.equal((await bench.call('GET', path)).text, '[]')
})

test('every type has its attributes, all 0 by default', async (t) => {
  const bench = await ProxyBench.start(t)
  const expected = {
    latency: { latency: 0, jitter: 0 },
    bandwidth: { rate: 0 },
    slow_close: { delay: 0 },
    timeout: { timeout: 0 },
    reset_peer: { timeout: 0 },
    slicer: { average_size: 0, size_variation: 0, delay: 0 },
    limit_data: { bytes: 0 },
    noop: {},
  }
  for (const [type, attributes] of Object.entries(expected)) {
    const { text } = await bench.call('POST', '/proxies/bench/toxics', { type, stream: 'upstream' })
    assert.deepEqual(JSON.parse(text).attributes, attributes, type)
    assert.equal(JSON.parse(text).name, `${type}_upstream`)
  }
  bench.proxy.addToxic({ type: 'noop', name: 'down' })
  bench.proxy.addToxic({ type: 'noop', name: 'up', stream: 'Upstream' })
  assert.deepEqual(
    bench.proxy.toxics.map(({ name }) => name).slice(-2),
    ['up', 'down'],
    'those to the server come first',
  )
})

test('what is no toxic is refused with the words of Toxiproxy', async (t) => {
  const bench = await ProxyBench.start(t)
  const post = (body: unknown) => bench.call('POST', '/proxies/bench/toxics', body)
  bench.proxy.addToxic({ type: 'noop', name: 'a' })
  refused(
    await post({ type: 'latency', stream: 'sideways' }),
    400,
    'stream was invalid, can be either upstream or downstream',
  )
  refused(await post({}), 400, 'invalid toxic type')
  refused(await post({ type: 'constructor' }), 400, 'invalid toxic type')
  refused(await post({ type: 'noop', name: 'a' }), 409, 'toxic already exists')
  refused(
    await post({ type: 'latency', name: 'a', stream: 'upstream' }),
    409,
    'toxic already exists',
  )
  const attributes = { latency: 'x' }
  refused(await post({ type: 'latency', attributes }), 400, /^bad request body: attributes.latency/)
  refused(await post({ type: 'latency', attributes: { jitter: 1.5 } }), 400, /^bad request body/)
  refused(await post({ type: 'latency', attributes: [] }), 400, /^bad request body/)
  refused(await post({ type: 'noop', toxicity: '1' }), 400, /^bad request body/)
  refused(await bench.call('POST', '/proxies/x/toxics', {}), 404, 'proxy not found')
  refused(await bench.call('GET', '/proxies/x/toxics'), 404, 'proxy not found')
  refused(await bench.call('GET', '/proxies/bench/toxics/x'), 404, 'toxic not found')
  refused(await bench.call('POST', '/proxies/bench/toxics/x', '{'), 404, 'toxic not found')
  refused(await bench.call('DELETE', '/proxies/bench/toxics/x'), 404, 'toxic not found')
  refused(await bench.call('POST', '/proxies/bench/toxics/a', '{'), 400, /^bad request body/)
  assert.equal(bench.proxy.toxics.length, 1)
})

test('reset enables all proxies and removes all toxics', async (t) => {
  const bench = await ProxyBench.start(t)
  bench.proxy.addToxic({ type: 'timeout' })
  await bench.call('POST', '/proxies/bench', { enabled: false })
  const answer = await bench.call('POST', '/reset')
  assert.deepEqual([answer.status, answer.text], [204, ''])
  assert.deepEqual([bench.proxy.enabled, bench.proxy.toxics.length], [true, 0])
  await bench.pair()
})

test('version and metrics', async (t) => {
  const bench = await ProxyBench.start(t)
  const version = await bench.call('GET', '/version')
  assert.match((JSON.parse(version.text) as { version: string }).version, /^2\.\d+\.\d+$/)
  const { client, upstream } = await bench.pair()
  client.socket.write('12345')
  await upstream.sees('12345')
  const { text, headers } = await bench.call('GET', '/metrics')
  assert.match(headers.get('content-type')!, /^text\/plain/)
  const { listen, upstream: to } = bench.proxy
  const labels = `direction="upstream",listener="${listen}",proxy="bench",upstream="${to}"`
  assert.ok(text.includes(`\ntoxiproxy_proxy_received_bytes_total{${labels}} 5\n`), text)
  assert.ok(text.includes(`\ntoxiproxy_proxy_sent_bytes_total{${labels}} 5\n`), text)
})

test('unknown paths, other methods, browsers, long bodies are refused', async (t) => {
  const bench = await ProxyBench.start(t)
  for (const path of ['/', '/proxy', '/proxies/', '/proxies/a/b', '/proxies/a/toxics/b/c']) {
    assert.equal((await bench.call('GET', path)).status, 404, path)
  }
  assert.equal((await bench.call('PUT', '/proxies', {})).status, 405)
  assert.equal((await bench.call('GET', '/reset')).status, 405)
  const browser = await fetch(`${bench.api}/proxies`, { headers: { 'user-agent': 'Mozilla/5.0' } })
  assert.equal(browser.status, 403)
  const lured = await fetch(`${bench.api}/proxies`, { headers: { origin: 'http://evil.example' } })
  assert.equal(lured.status, 403)
  assert.equal(await statusFor(bench.api, 'evil.example'), 403)
  assert.equal(await statusFor(bench.api, 'localhost'), 200)
  assert.equal((await bench.call('POST', '/proxies', ' '.repeat(1024 * 1024 + 1))).status, 413)
})

test('names may be anything that a path can say', async (t) => {
  const bench = await ProxyBench.start(t)
  for (const name of ['__proto__', 'a b', 'ü', '%', 'x"y\\z\n']) {
    const made = await bench.call('POST', '/proxies', { name, upstream: 'x:1' })
    assert.equal(made.status, 201, name)
    const shown = await bench.call('GET', `/proxies/${encodeURIComponent(name)}`)
    assert.equal((JSON.parse(shown.text) as { name: string }).name, name)
    const all = JSON.parse((await bench.call('GET', '/proxies')).text) as object
    assert.ok(Object.hasOwn(all, name))
  }
  assert.equal((await bench.call('GET', '/metrics')).status, 200)
  assert.equal((await bench.call('GET', '/proxies/%zz')).status, 404)
})

test('proxies and toxics are bounded in number', async (t) => {
  const bench = await ProxyBench.start(t)
  for (let i = 0; i < MAX_TOXICS; i++) bench.proxy.addToxic({ type: 'noop', name: `t${i}` })
  refused(
    await bench.call('POST', '/proxies/bench/toxics', { type: 'noop' }),
    400,
    'too many toxics',
  )
  const list = Array.from({ length: MAX_PROXIES - 1 }, (_, i) => ({
    name: `p${i}`,
    upstream: 'x:1',
    enabled: false,
  }))
  assert.equal((await bench.call('POST', '/populate', list)).status, 201)
  const further = { name: 'further', upstream: 'x:1' }
  refused(await bench.call('POST', '/proxies', further), 400, 'too many proxies')
})

test('the server closes all when it ends', async (t) => {
  const bench = await ProxyBench.start(t)
  const { client } = await bench.pair()
  const { listen } = bench.proxy
  await bench.server.close()
  await client.closes()
  const refusedPeer = new Peer(net.connect(hostPort(listen)))
  await refusedPeer.closes()
  assert.equal(refusedPeer.errorCode, 'ECONNREFUSED')
})

/** `fetch` sets a Host of its own. */
async function statusFor(api: string, host: string): Promise<number> {
  const request = http.get(`${api}/proxies`, { headers: { host } })
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage]
  answer.resume()
  return answer.statusCode!
}
