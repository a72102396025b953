import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ChaosEngine } from '../../src/chaos/engine.ts'
import { HttpTarget } from '../../src/chaos/http-target.ts'
import { encodeBrokerRegistration } from '../../src/zk/broker-znodes.ts'
import { ZkError, type ZkStat } from '../../src/zk/zk-client.ts'
import { FakeClock } from '../support/fake-clock.ts'

/** Registrations by id, with the port of their HTTP endpoint. */
function zkWith(ports: Map<number, number>) {
  const stat = {} as ZkStat
  return {
    get: async (path: string) => {
      const port = ports.get(Number(path.split('/').at(-1)))
      if (port === undefined) throw new ZkError('NO_NODE', path)
      const endpoint = { listener: 'PLAINTEXT', host: '127.0.0.1', port: 9, securityProtocol: 0 }
      const data = encodeBrokerRegistration({
        endpoints: [endpoint],
        rack: null,
        jmxPort: port,
        timestampMs: 0,
        features: new Map(),
      })
      return { data, stat }
    },
    children: async () => ({ children: [...ports.keys()].map(String), stat }),
  }
}

async function faultServer(answer: { status: number; body: string }) {
  const got: string[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      got.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`)
      response.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    got,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('brokers are found in ZooKeeper and asked to hurt themselves', async () => {
  await using endpoint = await faultServer({ status: 202, body: '{}' })
  const clock = new FakeClock()
  const ports = new Map([
    [2, endpoint.port],
    [1, endpoint.port],
    [3, -1],
  ])
  const target = new HttpTarget(zkWith(ports), clock)
  await target.open()
  assert.deepEqual(target.brokerIds, [1, 2])
  await target.signal(1, 'SIGKILL')
  await target.signal(2, 'SIGTERM')
  await target.expireSession(1)
  await target.signal(1, 'SIGSTOP', 4_000)
  let isAwake = false
  void target.signal(1, 'SIGCONT').then(() => {
    isAwake = true
  })
  await clock.advanceAsync(3_900)
  assert.equal(isAwake, false)
  await clock.advanceAsync(200)
  assert.equal(isAwake, true)
  assert.deepEqual(endpoint.got, [
    'POST /faults {"kind":"kill"}',
    'POST /faults {"kind":"terminate"}',
    'POST /faults {"kind":"expire-session"}',
    'POST /faults {"kind":"pause","forMs":4000}',
  ])
  // One that comes later is found, one that has gone is remembered.
  ports.delete(2)
  ports.set(4, endpoint.port)
  await clock.advanceAsync(2_100)
  assert.deepEqual(target.brokerIds, [1, 2, 4])
  await target.signal(2, 'SIGTERM')
  await target.close()
  assert.equal(clock.pendingTimers, 0)
})

test('whoever runs the containers starts killed brokers, at once', async () => {
  await using endpoint = await faultServer({ status: 202, body: '{}' })
  const clock = new FakeClock()
  const target = new HttpTarget(zkWith(new Map([[2, endpoint.port]])), clock)
  await target.open()
  const engine = new ChaosEngine(target, clock)
  const { id, detail } = await engine.start({ kind: 'kill', target: 2 })
  assert.equal(detail, 'SIGKILL to broker 2, its container starts it again')
  await engine.end(id)
  assert.deepEqual(endpoint.got, ['POST /faults {"kind":"kill"}'])
  await target.close()
  assert.equal(clock.pendingTimers, 0)
})

test('a pause cannot be ended before its time, and that is said at once', async () => {
  await using endpoint = await faultServer({ status: 202, body: '{}' })
  const clock = new FakeClock()
  const target = new HttpTarget(zkWith(new Map([[2, endpoint.port]])), clock)
  await target.open()
  const engine = new ChaosEngine(target, clock)
  const { id } = await engine.start({ kind: 'pause', target: 2, forMs: 30_000 })
  await clock.advanceAsync(10_500)
  await assert.rejects(engine.end(id), /wakes by itself, in 20 s$/)
  await clock.advanceAsync(20_000)
  assert.deepEqual(engine.active, [])
  await target.close()
})

test('a ZooKeeper that does not answer holds up no fault on a broker that is known', async () => {
  await using endpoint = await faultServer({ status: 202, body: '{}' })
  const clock = new FakeClock()
  const zk = zkWith(new Map([[2, endpoint.port]]))
  const target = new HttpTarget(zk, clock)
  await target.open()
  zk.get = () => new Promise(() => {})
  const killed = target.signal(2, 'SIGKILL')
  const unknown = target.signal(3, 'SIGKILL')
  unknown.catch(() => {})
  await clock.advanceAsync(2_000)
  await killed
  await assert.rejects(unknown, /ZooKeeper does not answer/)
  assert.deepEqual(endpoint.got, ['POST /faults {"kind":"kill"}'])
  void target.close()
})

test('what a broker says against it is the error', async () => {
  const body = '{"error":"samsa.faults.enable is false"}'
  await using endpoint = await faultServer({ status: 403, body })
  const ports = new Map([
    [1, endpoint.port],
    [3, -1],
  ])
  const target = new HttpTarget(zkWith(ports), new FakeClock())
  await target.open()
  const url = `http://127.0.0.1:${endpoint.port}/faults`
  await assert.rejects(target.signal(1, 'SIGKILL'), {
    message: `${url}: samsa.faults.enable is false`,
  })
  await assert.rejects(target.expireSession(3), /broker 3 has no HTTP endpoint/)
  await assert.rejects(target.expireSession(5), /broker 5 is not registered/)
  await target.close()
})
