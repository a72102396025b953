import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ChaosApiError, ChaosClient } from '../../src/chaos/chaos-client.ts'
import { ChaosEngine } from '../../src/chaos/engine.ts'
import { chaosHandler, handleChaosRequest } from '../../src/chaos/http-api.ts'
import { Verifier } from '../../src/chaos/verifier.ts'
import { VerifierSwitch } from '../../src/chaos/verifier-switch.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FakeTarget } from '../support/fake-target.ts'
import { LogBrokers } from '../support/log-brokers.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'

async function setUp() {
  const clock = new FakeClock()
  const target = new FakeTarget(clock, ['zookeeper'])
  const engine = new ChaosEngine(target, clock)
  const brokers = new LogBrokers(clock)
  const ports = { clock, random: new SeededRandom(1), open: brokers.open }
  const verifier = new VerifierSwitch(() => new Verifier(ports))
  const handle = chaosHandler(engine, verifier)
  const server = http.createServer((request, response) => {
    void handle(request, response, new URL(request.url!, 'http://x')).then((isOurs) => {
      if (!isOurs) response.writeHead(404).end('{"error":"not there"}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    clock,
    target,
    engine,
    verifier,
    url,
    client: new ChaosClient(`${url}/`, 'secret'),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof ChaosApiError, String(error))
    return `${error.status} ${error.message}`
  }
  return 'accepted'
}

test('faults are listed, started and ended over HTTP', async () => {
  await using api = await setUp()
  const { client, target } = api
  const { available, active } = await client.list()
  assert.deepEqual(active, [])
  assert.deepEqual(available.find(({ kind }) => kind === 'kill')!.targets, [1, 2, 3])
  assert.match(available.find(({ kind }) => kind === 'cut-peers')!.reason!, /proxy/)

  const fault = await client.start({ kind: 'kill', target: 2, forMs: 5_000 })
  assert.deepEqual([fault.id, fault.kind, fault.target], ['f1', 'kill', 2])
  assert.equal(fault.endsAtMs - fault.startedAtMs, 5_000)
  assert.deepEqual((await client.list()).active, [fault])
  await client.end('f1')
  assert.deepEqual(target.log, ['0 SIGKILL 2', '0 start 2'])

  await client.start({ kind: 'pause', target: 1 })
  await client.start({ kind: 'slow', target: 3, latencyMs: 7, jitterMs: 0, links: ['zookeeper'] })
  await client.start({ kind: 'disk-full', target: 2, forMs: 9_000, logDir: '/one' })
  await client.endAll()
  assert.deepEqual((await client.list()).active, [])
  assert.ok(target.log.includes('0 fill /one of 2 for 9000'))
  assert.ok(target.log.includes('0 slow broker-3-to-zookeeper 7 0'))
})

test('what is refused comes with a status and the reason', async () => {
  await using api = await setUp()
  const { client, target } = api
  await client.start({ kind: 'kill', target: 2 })
  assert.match(await refusal(client.start({ kind: 'pause', target: 2 })), /^409 .*under kill/)
  assert.match(await refusal(client.start({ kind: 'cut-peers', target: 2 })), /^409 .*proxy/)
  assert.match(await refusal(client.start({ kind: 'kill', target: 7 })), /^400 .*one of 1, 2, 3/)
  assert.match(await refusal(client.end('f9')), /^404 no fault f9/)
  target.failures.set('SIGSTOP 1', 1)
  assert.equal(await refusal(client.start({ kind: 'pause', target: 1 })), '502 SIGSTOP 1 failed')
  const nobody = new ChaosClient('http://127.0.0.1:1', null)
  assert.match(await refusal(nobody.list()), /^0 no dashboard answers at http:\/\/127.0.0.1:1/)
})

test('whatever a body holds, it is answered', async () => {
  const engine = new ChaosEngine(new FakeTarget(new FakeClock()), new FakeClock())
  const post = (body: Record<string, unknown>) =>
    handleChaosRequest(engine, null, { method: 'POST', path: '/api/faults', body })
  const bodies = [
    {},
    { kind: 7 },
    { kind: '__proto__', target: 1 },
    { kind: 'kill' },
    { kind: 'kill', target: '1' },
    { kind: 'kill', target: 1.5 },
    { kind: 'kill', target: 1, forMs: '9' },
    { kind: 'slow', target: 1, latencyMs: -1 },
    { kind: 'slow', target: 1, links: [] },
    { kind: 'slow', target: 1, links: ['moon'] },
    { kind: 'slow', target: 1, links: 'peer' },
    { kind: 'disk-full', target: 1, logDir: 2 },
  ]
  for (const body of bodies) assert.equal((await post(body))!.status, 400, JSON.stringify(body))
  assert.deepEqual(engine.active, [])
  const ask = (method: string, path: string) =>
    handleChaosRequest(engine, null, { method, path, body: null })
  assert.equal(await ask('PUT', '/api/faults'), null)
  assert.equal(await ask('GET', '/api/faults/f1'), null)
  assert.equal((await ask('POST', '/api/verifier'))!.status, 409)
  const state = { running: false, verdict: null, reason: 'there is no verifier' }
  assert.deepEqual((await ask('GET', '/api/verifier'))!.body, state)
})

test('the verifier is switched on and off, and its verdict can be had', async () => {
  await using api = await setUp()
  const { client, clock } = api
  assert.deepEqual(await client.verifier(), { running: false, verdict: null })
  assert.equal((await client.switchVerifier(true)).running, true)
  await clock.advanceAsync(1_000)
  assert.equal((await client.switchVerifier(true)).running, true)
  assert.equal((await client.switchVerifier(false)).running, true)
  await until('it has read to the end', async () => {
    await clock.advanceAsync(100)
    return !(await client.verifier()).running
  })
  const { verdict } = await client.verifier()
  assert.ok(verdict!.acked > 100)
  assert.equal(verdict!.lost, 0)
  // A second run counts from nothing.
  await client.switchVerifier(true)
  assert.ok((await client.verifier()).verdict!.acked < 10)
  const stopped = api.verifier.stop()
  await clock.advanceAsync(1_000)
  await stopped
})
