import assert from 'node:assert/strict'
import test from 'node:test'
import { ConfigChanges, countConfigChanges } from '../../src/cluster/config-changes.ts'
import { configChangePrefix, encodeConfigChange, topicEntity } from '../../src/zk/znodes.ts'
import { ZkSessionBench } from '../support/zk-session-bench.ts'

const MINUTE_MS = 60_000

async function open() {
  const t = await ZkSessionBench.start()
  await t.make('/config', '/config/changes')
  const seen: string[] = []
  const failing = new Set<string>()
  const make = (first = 0) =>
    new ConfigChanges(t.session, t.clock, t.loggers.get('changes'), first, {
      onChange: async ({ type, name }) => {
        seen.push(`${type}/${name}`)
        if (failing.has(name)) throw new Error(`${name} fails`)
      },
      onMissed: async () => {
        seen.push('all')
      },
    })
  const changes = make()
  t.session.onNewSession(async () => changes.scan())
  const tell = async (...topics: string[]) => {
    for (const topic of topics) {
      const data = encodeConfigChange(topicEntity(topic))
      await t.others.create(configChangePrefix, data, 'persistent-sequential')
    }
    await t.settle()
  }
  return { t, changes, make, seen, failing, tell }
}

test('what is there is handled at the start, what comes as it comes, in order', async () => {
  const { t, changes, seen, tell } = await open()
  await tell('a', 'b')
  changes.scan()
  await t.settle()
  await tell('c')
  await tell('d', 'c')
  assert.deepEqual(seen, ['topics/a', 'topics/b', 'topics/c', 'topics/d', 'topics/c'])
})

test('a new life of the broker handles all again, a new session only what is new', async () => {
  const { t, changes, make, seen, tell } = await open()
  changes.scan()
  await tell('a')
  t.own.cutOff()
  await tell('b')
  t.server.processor.expire(t.session.sessionId, t.server.now())
  t.own.allowConnect()
  await t.settle()
  assert.deepEqual(seen, ['topics/a', 'topics/b'])
  seen.length = 0
  make().scan()
  await t.settle()
  assert.deepEqual(seen, ['topics/a', 'topics/b'])
})

test('what others have removed before it was seen makes all settings be read again', async () => {
  const { t, changes, seen, tell } = await open()
  changes.scan()
  await tell('a')
  const removeAll = async () => {
    const { children } = await t.others.children('/config/changes')
    for (const name of children) await t.others.delete(`/config/changes/${name}`, -1)
  }
  // The connection is lost, the session lives on.
  t.own.cutOff()
  await tell('b')
  await removeAll()
  await tell('c')
  t.own.allowConnect()
  await t.settle()
  assert.deepEqual(seen, ['topics/a', 'all'])
  await tell('d')
  assert.deepEqual(seen, ['topics/a', 'all', 'topics/d'])
  // What was handled may go.
  await removeAll()
  await tell('e')
  assert.deepEqual(seen.slice(3), ['topics/e'])
})

test('the same in a new session', async () => {
  const { t, changes, seen, tell } = await open()
  changes.scan()
  await tell('a')
  t.own.cutOff()
  await tell('b')
  const { children } = await t.others.children('/config/changes')
  for (const name of children) await t.others.delete(`/config/changes/${name}`, -1)
  t.server.processor.expire(t.session.sessionId, t.server.now())
  t.own.allowConnect()
  await t.settle()
  assert.deepEqual(seen, ['topics/a', 'all'])
})

test('what was told before the settings were read is only removed in time', async () => {
  const { t, make, seen, tell } = await open()
  await tell('a', 'b')
  const changes = make(await countConfigChanges(t.session))
  changes.scan()
  await tell('c')
  assert.deepEqual(seen, ['topics/c'])
  await t.clock.advanceAsync(16 * MINUTE_MS)
  await tell('d')
  assert.equal((await t.others.children('/config/changes')).children.length, 1)
})

test('a notification that is garbage or fails is logged, and the next one handled', async () => {
  const { t, changes, seen, failing, tell } = await open()
  failing.add('a')
  changes.scan()
  await t.others.create(configChangePrefix, Buffer.from('garbage'), 'persistent-sequential')
  await t.others.create(configChangePrefix, null, 'persistent-sequential')
  await tell('a', 'b')
  assert.deepEqual(seen, ['topics/a', 'topics/b'])
  assert.equal(t.linesAt('ERROR').length, 3)
  await tell('c')
  assert.equal(seen.length, 3)
  assert.equal(t.linesAt('ERROR').length, 3)
  // Not a notification, but counted by ZooKeeper as one: once too often read is harmless.
  await t.others.create('/config/changes/other', null, 'persistent')
  await tell('d')
  assert.deepEqual(seen.slice(3), ['all', 'topics/d'])
})

test('notifications older than 15 minutes are removed when something happens', async () => {
  const { t, changes, tell } = await open()
  changes.scan()
  await tell('old')
  await t.clock.advanceAsync(15 * MINUTE_MS)
  await tell('young')
  assert.equal((await t.others.children('/config/changes')).children.length, 2)
  await t.clock.advanceAsync(1)
  await tell('new')
  assert.equal((await t.others.children('/config/changes')).children.length, 2)
})

test('a stopped listener handles nothing more', async () => {
  const { changes, seen, tell } = await open()
  changes.scan()
  await tell('a')
  changes.stop()
  await tell('b')
  changes.scan()
  await tell('c')
  assert.deepEqual(seen, ['topics/a'])
})
