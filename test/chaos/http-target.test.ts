import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProxiedEdge } from '../../src/chaos/cluster-target.ts'
import { ChaosEngine } from '../../src/chaos/engine.ts'
import { HttpTarget } from '../../src/chaos/http-target.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { faultServer, zkWith } from '../support/fault-server.ts'

test('brokers are found in ZooKeeper and asked to hurt themselves', async () => {
  await using endpoint = await faultServer(() => ({ status: 202, body: '{}' }))
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
  await using endpoint = await faultServer(() => ({ status: 202, body: '{}' }))
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
  await using endpoint = await faultServer(() => ({ status: 202, body: '{}' }))
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
  await using endpoint = await faultServer(() => ({ status: 202, body: '{}' }))
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

test('a full disk has room again when the broker says so, and a lost directory is told', async () => {
  const answers = ['{"kind":"disk-full"}', '{"offlineLogDirs":[]}', '{"offlineLogDirs":["/one"]}']
  await using endpoint = await faultServer(() => ({ status: 200, body: answers.shift()! }))
  const target = new HttpTarget(zkWith(new Map([[1, endpoint.port]])), new FakeClock())
  await target.open()
  await target.fillDisk(1, 3_000, '/one')
  assert.equal(await target.freeDisk(1), false)
  assert.equal(await target.freeDisk(1), true)
  assert.deepEqual(endpoint.got, [
    'POST /faults {"kind":"disk-full","forMs":3000,"logDir":"/one"}',
    'DELETE /faults ',
    'DELETE /faults ',
  ])
  await target.close()
})

test('links whose proxies come late can be cut then; what was left of earlier cuts is healed', async () => {
  await using endpoint = await faultServer(() => ({ status: 202, body: '{}' }))
  const clock = new FakeClock()
  const done: string[] = []
  const edge: ProxiedEdge = {
    ...{ kind: 'zookeeper', from: 2, to: null, proxy: 'broker-2-to-zookeeper' },
    cut: () => done.push('cut'),
    slow: () => done.push('slow'),
    heal: () => done.push('heal'),
  }
  const settled = async () => {
    done.push('settled')
  }
  let areThere = false
  const target = new HttpTarget(zkWith(new Map([[2, endpoint.port]])), clock, async () => {
    if (!areThere) throw new Error('not yet')
    return { edges: [edge], settled }
  })
  await target.open()
  const engine = new ChaosEngine(target, clock)
  const cut = { kind: 'cut-zookeeper', target: 2, forMs: 5_000 } as const
  await assert.rejects(engine.start(cut), /in containers docker\/proxies\.env/)
  areThere = true
  await clock.advanceAsync(2_100)
  await engine.start(cut)
  assert.deepEqual(done, ['heal', 'cut'])
  await clock.advanceAsync(5_000)
  assert.deepEqual(done, ['heal', 'cut', 'heal'])
  await engine.start(cut)
  engine.abandon()
  await target.close()
  assert.deepEqual(done.slice(3), ['cut', 'heal', 'settled'])
  assert.equal(clock.pendingTimers, 0)
})

test('what a broker says against it is the error', async () => {
  const body = '{"error":"samsa.faults.enable is false"}'
  await using endpoint = await faultServer(() => ({ status: 403, body }))
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
