import assert from 'node:assert/strict'
import test from 'node:test'
import { Registration, RegistrationError } from '../../src/cluster/registration.ts'
import { isZkError, type ZkOperations } from '../../src/zk/zk-client.ts'
import { decodeBrokerRegistration } from '../../src/zk/znodes.ts'
import { SESSION_TIMEOUT_MS, ZkSessionBench } from '../support/zk-session-bench.ts'

const PATH = '/brokers/ids/1'
const ENDPOINT = { listener: 'PLAINTEXT', host: 'h1', port: 9092, securityProtocol: 0 }
const OWN = { endpoints: [ENDPOINT], rack: null }

async function open() {
  const t = await ZkSessionBench.start()
  await t.make('/brokers', '/brokers/ids')
  const { clock, session } = t
  const logger = t.loggers.get('registration')
  const registration = new Registration({ zk: session, clock, logger }, 1, OWN)
  const missing: number[] = []
  registration.onMissing(() => missing.push(clock.monotonicMs()))
  return { t, registration, missing }
}

async function portOf(zk: ZkOperations): Promise<number | undefined> {
  const decoded = decodeBrokerRegistration((await zk.get(PATH)).data)
  return decoded.kind === 'ok' ? decoded.value.endpoints[0]?.port : undefined
}

test('a registration is one multi: data version 1, and the czxid is the broker epoch', async () => {
  const { t, registration } = await open()
  assert.equal(registration.brokerEpoch, -1)
  const epoch = await registration.register()
  const stat = await t.others.exists(PATH)
  assert.equal(epoch, Number(stat?.czxid))
  assert.equal(registration.brokerEpoch, epoch)
  assert.equal(stat?.version, 1)
  assert.equal(stat?.czxid, stat?.mzxid)
  assert.equal(stat?.ephemeralOwner, t.session.sessionId)
  assert.equal(await portOf(t.others), 9092)
})

test('a registration whose reply was lost is recognised as our own', async () => {
  const { t, registration } = await open()
  t.own.loseReplies()
  const epoch = await registration.register()
  assert.equal(epoch, Number((await t.others.exists(PATH))?.czxid))
})

test('a leftover of an earlier session of this process is removed (KAFKA-7165)', async () => {
  const { t, registration } = await open()
  await registration.register()
  const leftover = t.own
  const first = registration.brokerEpoch
  // The client believes that its session expired, the server still keeps it (ZOOKEEPER-2985).
  const { sessionId } = t.session
  leftover.cutOff()
  const kept = t.server.processor.sessions.get(sessionId)!
  t.server.processor.sessions.remove(sessionId)
  leftover.allowConnect()
  await t.settle()
  t.server.processor.sessions.add(sessionId, kept.timeoutMs, 0)
  assert.notEqual(t.session.sessionId, sessionId)
  assert.equal((await t.others.exists(PATH))?.ephemeralOwner, sessionId)
  const epoch = await registration.register()
  assert.ok(epoch > first)
  assert.equal((await t.others.exists(PATH))?.ephemeralOwner, t.session.sessionId)
})

test('the znode of a process that died just now is waited for', async () => {
  const { t, registration } = await open()
  const dead = t.server.connect(SESSION_TIMEOUT_MS)
  await dead.create(PATH, null, 'ephemeral')
  dead.cutOff()
  const registering = registration.register()
  await t.clock.advanceAsync(5_000)
  assert.equal(registration.brokerEpoch, -1)
  await t.clock.advanceAsync(2_500)
  const epoch = await registering
  assert.equal((await t.others.exists(PATH))?.ephemeralOwner, t.session.sessionId)
  assert.equal(epoch, registration.brokerEpoch)
  const waits = t.linesAt('INFO').filter((line) => line.includes('Waiting for the earlier session'))
  assert.equal(waits.length, 1)
})

test('a living broker with the same id is a clear error, after the wait', async () => {
  const { t, registration, missing } = await open()
  await t.others.create(PATH, null, 'ephemeral')
  const registering = registration.register()
  registering.catch(() => {})
  const { lastZxid } = t.server.processor
  await t.clock.advanceAsync(SESSION_TIMEOUT_MS + 1_999)
  // The wait itself writes nothing into ZooKeeper's log.
  assert.equal(t.server.processor.lastZxid, lastZxid + 1n)
  await t.clock.advanceAsync(1)
  await assert.rejects(registering, (error) => {
    assert.ok(error instanceof RegistrationError)
    assert.match(error.message, /Broker id 1 is already registered/)
    return true
  })
  assert.equal(registration.brokerEpoch, -1)
  // When the other one goes after all, there is a second chance.
  await t.others.delete(PATH, -1)
  await t.settle()
  assert.equal(missing.length, 1)
  await registration.register()
  assert.equal((await t.others.exists(PATH))?.ephemeralOwner, t.session.sessionId)
})

test('a new session gives a new and larger broker epoch, with the latest endpoints', async () => {
  const { t, registration } = await open()
  const first = await registration.register()
  await registration.update({ endpoints: [{ ...ENDPOINT, port: 9999 }], rack: 'r' })
  assert.equal(await portOf(t.others), 9999)
  const stat = await t.others.exists(PATH)
  assert.equal(Number(stat?.czxid), first)
  assert.equal(stat?.version, 2)
  t.session.onNewSession(async () => {
    await registration.register()
  })
  await t.expire()
  assert.ok(registration.brokerEpoch > first)
  assert.equal(await portOf(t.others), 9999)
})

test('expired twice in a row there is one registration, and its watch', async () => {
  const { t, registration, missing } = await open()
  await registration.register()
  t.session.onNewSession(async () => {
    await registration.register()
  })
  await t.expire()
  await t.expire()
  assert.deepEqual((await t.others.children('/brokers/ids')).children, ['1'])
  assert.equal((await t.others.exists(PATH))?.ephemeralOwner, t.session.sessionId)
  assert.deepEqual(missing, [])
  await t.others.delete(PATH, -1)
  await t.settle()
  assert.equal(missing.length, 1)
})

test('a registration that somebody deletes is missed, however often', async () => {
  const { t, registration, missing } = await open()
  registration.onMissing(() => {
    missing.push(registration.brokerEpoch)
    void registration.register()
  })
  await registration.register()
  let epoch = registration.brokerEpoch
  for (let round = 1; round <= 4; round++) {
    await t.others.delete(PATH, -1)
    await t.settle()
    assert.equal(missing.length, round)
    assert.ok(registration.brokerEpoch > epoch)
    epoch = registration.brokerEpoch
    assert.equal(epoch, Number((await t.others.exists(PATH))?.czxid))
  }
})

test('whether it is registered is known at any time', async () => {
  const { t, registration } = await open()
  assert.equal(registration.isRegistered, false)
  await registration.register()
  assert.equal(registration.isRegistered, true)
  await t.others.delete(PATH, -1)
  await t.settle()
  assert.equal(registration.isRegistered, false)
  await registration.register()
  assert.equal(registration.isRegistered, true)
  await t.expire()
  assert.equal(registration.isRegistered, false)
  await registration.register()
  assert.equal(registration.isRegistered, true)
})

test('the port of the own pages is told, and outlives new endpoints', async () => {
  const { t } = await open()
  const logger = t.loggers.get('registration')
  const ports = { zk: t.session, clock: t.clock, logger }
  const registration = new Registration(ports, 1, { ...OWN, jmxPort: 9404 })
  const told = async () => {
    const decoded = decodeBrokerRegistration((await t.others.get(PATH)).data)
    return decoded.kind === 'ok' ? decoded.value.jmxPort : undefined
  }
  await registration.register()
  assert.equal(await told(), 9404)
  await registration.update(OWN)
  assert.equal(await told(), 9404)
})

test('a change of the own znode is no loss, nor is its end after stop', async () => {
  const { t, registration, missing } = await open()
  await registration.register()
  await t.others.set(PATH, Buffer.from('{}'), -1)
  await t.settle()
  assert.deepEqual(missing, [])
  registration.stop()
  await t.others.delete(PATH, -1)
  await t.settle()
  assert.deepEqual(missing, [])
})

test('a session that ends while the stale znode is waited for ends the wait', async () => {
  const { t, registration } = await open()
  await t.others.create(PATH, null, 'ephemeral')
  const registering = registration.register()
  registering.catch(() => {})
  await t.settle()
  await t.session.close()
  await t.clock.advanceAsync(SESSION_TIMEOUT_MS + 2_000)
  await assert.rejects(registering, (error) => isZkError(error, 'SESSION_EXPIRED'))
})

test('an address that another broker registered is a clear error, our own is none', async () => {
  const { t, registration } = await open()
  await registration.register()
  await registration.checkEndpoints()
  const { data } = await t.others.get(PATH)
  await t.others.create('/brokers/ids/2', Buffer.from('garbage'), 'ephemeral')
  await registration.checkEndpoints()
  await t.others.create('/brokers/ids/3', data, 'ephemeral')
  await assert.rejects(
    registration.checkEndpoints(),
    /PLAINTEXT:\/\/h1:9092 in advertised listeners are already registered by broker 3/,
  )
})
