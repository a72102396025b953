/** The client library that people use with Toxiproxy, unchanged, against our server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import toxiproxyClient from 'toxiproxy-node-client'
import { ProxyBench } from '../../support/proxy-bench.ts'
import { until } from '../../support/until.ts'

const { Toxiproxy } = toxiproxyClient

test('toxiproxy-node-client drives our proxy', async (t) => {
  const bench = await ProxyBench.start(t)
  const toxiproxy = new Toxiproxy(bench.api)
  const { upstream: to } = bench.proxy
  assert.match(await toxiproxy.getVersion(), /"version": "2\./)

  const proxy = await toxiproxy.createProxy({ name: 'db', listen: '127.0.0.1:0', upstream: to })
  assert.equal(proxy.enabled, true)
  assert.deepEqual(Object.keys(await toxiproxy.getAll()).sort(), ['bench', 'db'])

  const ours = bench.server.proxies.get('db')
  const client = bench.connect(ours)
  await until('the upstream is reached', () => bench.accepted.length === 1)
  const toxic = await proxy.addToxic({
    name: 'slow',
    type: 'latency',
    stream: 'upstream',
    toxicity: 1,
    attributes: { latency: 1_000, jitter: 0 },
  })
  client.socket.write('later')
  await until('it waits', () => ours.heldBytes === 5)
  const attributes = { latency: 2_000, jitter: 0 }
  const updated = await toxic.update({ ...toxic.toJson(), attributes })
  assert.deepEqual(updated.attributes, attributes)
  assert.deepEqual((await proxy.getToxic('slow')).attributes, attributes)
  bench.clock.advance(1_999)
  assert.equal(ours.heldBytes, 5)
  bench.clock.advance(1)
  await bench.accepted[0]!.sees('later')
  await toxic.remove()
  await assert.rejects(proxy.getToxic('slow'), /status code 404/)

  await proxy.addToxic({
    name: 'hole',
    type: 'timeout',
    stream: 'downstream',
    toxicity: 1,
    attributes: { timeout: 0 },
  })
  const down = await proxy.update({ enabled: false, listen: proxy.listen, upstream: to })
  assert.equal(down.enabled, false)
  await client.closes()
  await toxiproxy.reset()
  const back = await toxiproxy.get('db')
  assert.equal(back.enabled, true)
  assert.deepEqual(ours.toxics, [])

  const populated = await toxiproxy.populate([
    { name: 'one', listen: '127.0.0.1:0', upstream: to },
    { name: 'two', listen: '127.0.0.1:0', upstream: to },
  ])
  assert.deepEqual(Object.keys(populated), ['one', 'two'])
  await proxy.remove()
  await assert.rejects(toxiproxy.get('db'), /status code 404/)
})
