import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { UnnumberedEvent } from '../../src/dashboard/history/events.ts'
import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import { ZkObserver } from '../../src/dashboard/observer/zk-observer.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { loadNativeZooKeeper } from '../../src/host/zk-native.ts'
import type { ZkClient } from '../../src/zk/zk-client.ts'
import {
  encodeBrokerRegistration,
  encodeController,
  encodeControllerEpoch,
  encodePartitionState,
} from '../../src/zk/znodes.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { makeJsClient } from '../contract/zk-socket-harness.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

type Znode = Extract<UnnumberedEvent, { kind: 'znode' }>

const SESSION_TIMEOUT_MS = 4_000

async function startZooKeeper(t: TestContext, port = 0) {
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers: new SilentLoggers(),
    dataDir: null,
    host: '127.0.0.1',
    port,
    tickMs: 500,
  })
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port })
  const writer = makeJsClient({
    connect: `127.0.0.1:${server.port}`,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
  })
  t.after(async () => {
    await writer.close()
    await proxy.close()
    await server.close()
  })
  await until('the writer is connected', () => writer.state === 'connected')
  return { server, proxy, writer }
}

async function observe(
  t: TestContext,
  connect: string,
  prefer: 'js' | 'native' = 'js',
  abandonMs = 30_000,
) {
  const events: UnnumberedEvent[] = []
  const made: ZkClient[] = []
  const options = { zookeeper: connect, prefer, sessionTimeoutMs: SESSION_TIMEOUT_MS }
  const client = await openObserverClient(systemClock, options)
  const connectAndKeep = () => {
    made.push(client.connect())
    return made.at(-1)!
  }
  const logger = new SilentLoggers().get('observer')
  const observer = new ZkObserver(
    { clock: systemClock, connect: connectAndKeep, logger, firstAnswerMs: 200, abandonMs },
    (event) => events.push(event),
  )
  t.after(() => observer.stop())
  return {
    observer,
    events,
    made,
    kind: client.kind,
    znodes: () => events.filter((event): event is Znode => event.kind === 'znode'),
    brief: () => events.flatMap((event) => (event.kind === 'znode' ? [briefOf(event)] : [])),
  }
}

function briefOf({ change, path }: Znode): string {
  return `${change} ${path}`
}

async function makePath(zk: ZkClient, path: string): Promise<void> {
  const names = path.split('/').slice(1)
  for (let depth = 1; depth <= names.length; depth++) {
    await zk.create(`/${names.slice(0, depth).join('/')}`, null, 'persistent').catch(() => {})
  }
}

const registration = (port: number) =>
  encodeBrokerRegistration({
    endpoints: [{ listener: 'PLAINTEXT', host: '127.0.0.1', port, securityProtocol: 0 }],
    rack: null,
    jmxPort: -1,
    timestampMs: 1,
    features: new Map(),
  })

const state = (leader: number, leaderEpoch: number, controllerEpoch: number) =>
  encodePartitionState({ leader, leaderEpoch, controllerEpoch, isr: [1], leaderRecoveryState: 0 })

test('what is there is found, who controls first; what happens then is told with its writer', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  await makePath(writer, '/brokers/ids')
  await makePath(writer, '/brokers/topics/t/partitions/0')
  await makePath(writer, '/not-kafka/at-all')
  await writer.create('/controller_epoch', encodeControllerEpoch(7), 'persistent')
  await writer.create('/controller', encodeController(1, 5), 'ephemeral')
  await writer.create('/brokers/ids/1', registration(9092), 'ephemeral')
  await writer.create('/brokers/topics/t/partitions/0/state', state(1, 3, 7), 'persistent')
  const { observer, events, znodes, brief } = await observe(t, `127.0.0.1:${server.port}`)
  await observer.start()
  assert.deepEqual(brief(), [
    'found /',
    'found /controller',
    'found /controller_epoch',
    'found /brokers',
    'found /brokers/ids',
    'found /brokers/ids/1',
    'found /brokers/topics',
    'found /brokers/topics/t',
    'found /brokers/topics/t/partitions',
    'found /brokers/topics/t/partitions/0',
    'found /brokers/topics/t/partitions/0/state',
  ])
  assert.deepEqual(znodes().at(-1)!.writer, { kind: 'controller', brokerId: 1, epoch: 7 })
  assert.deepEqual(events[0], {
    ...events[0]!,
    kind: 'link',
    to: { kind: 'zookeeper' },
    isUp: true,
  })

  const seen = events.length
  await writer.set('/brokers/topics/t/partitions/0/state', state(2, 4, 7), 0)
  await writer.delete('/brokers/ids/1', -1)
  await writer.delete('/controller', -1)
  await writer.multi([
    { kind: 'create', path: '/controller', data: encodeController(2, 6), mode: 'ephemeral' },
    { kind: 'set', path: '/controller_epoch', data: encodeControllerEpoch(8), version: 0 },
  ])
  await writer.set('/brokers/topics/t/partitions/0/state', state(2, 5, 8), 1)
  await until(
    'all is told',
    () => brief().at(-1)!.endsWith('/state') && znodes().at(-1)!.version === 2,
  )
  const told = events.slice(seen) as Znode[]
  assert.deepEqual(told.map(briefOf), [
    'changed /brokers/topics/t/partitions/0/state',
    'deleted /brokers/ids/1',
    'deleted /controller',
    'created /controller',
    'changed /controller_epoch',
    'changed /brokers/topics/t/partitions/0/state',
  ])
  assert.deepEqual(
    told.map(({ writer: by }) => by),
    [
      { kind: 'controller', brokerId: 1, epoch: 7 },
      { kind: 'session-end', brokerId: 1 },
      { kind: 'session-end', brokerId: 1 },
      { kind: 'broker', brokerId: 2 },
      { kind: 'controller', brokerId: 2, epoch: 8 },
      { kind: 'controller', brokerId: 2, epoch: 8 },
    ],
  )
  assert.equal(told[0]!.before, state(1, 3, 7).toString())
  assert.equal(told[0]!.data, state(2, 4, 7).toString())
  assert.match(told[3]!.ephemeralOwner, /^0x[0-9a-f]+$/)
  const times = told.map(({ atMs }) => atMs)
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  )
})

const native = await loadNativeZooKeeper()

for (const prefer of ['js', 'native'] as const) {
  const skip = prefer === 'native' && native.kind === 'unavailable' ? native.reason : false
  test(`a thousand partitions are found (${prefer})`, { skip }, async (t) => {
    const { server, writer } = await startZooKeeper(t)
    await makeTopic(writer, 'big', 1_000)
    const { observer, brief, kind } = await observe(t, `127.0.0.1:${server.port}`, prefer)
    await observer.start()
    assert.equal(kind, prefer)
    assert.equal(brief().length, 5 + 2_000)
  })
}

test('a topic that comes is told from above, one that goes from below', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  await makePath(writer, '/brokers/topics')
  const { observer, brief } = await observe(t, `127.0.0.1:${server.port}`)
  await observer.start()
  const found = brief().length
  await makeTopic(writer, 't', 2)
  await until('it is there', () => brief().length === found + 6)
  const created = brief().slice(found)
  assert.deepEqual(new Set(created.map((line) => line.split(' ')[0])), new Set(['created']))
  assert.equal(created[0], 'created /brokers/topics/t')
  assert.match(created.at(-1)!, /state$/)
  const before = brief().length
  await removeTopic(writer, 't', 2)
  await until('it is gone', () => brief().length === before + 6)
  const deleted = brief().slice(before)
  assert.deepEqual([...deleted].sort(), [
    'deleted /brokers/topics/t',
    'deleted /brokers/topics/t/partitions',
    'deleted /brokers/topics/t/partitions/0',
    'deleted /brokers/topics/t/partitions/0/state',
    'deleted /brokers/topics/t/partitions/1',
    'deleted /brokers/topics/t/partitions/1/state',
  ])
  assert.equal(deleted.at(-1), 'deleted /brokers/topics/t')
})

test('ZooKeeper away is a link that is down; what changed meanwhile is told when it is back', async (t) => {
  const { proxy, writer } = await startZooKeeper(t)
  await makeTopic(writer, 't', 2)
  await writer.create('/brokers/x', null, 'persistent')
  const { observer, brief, events } = await observe(t, `127.0.0.1:${proxy.port}`)
  await observer.start()
  proxy.breakAll('refuse')
  await until('it is noticed', () => linkStates(events).at(-1) === false)
  const seen = brief().length
  const path = '/brokers/topics/t/partitions/1/state'
  await writer.set(path, state(9, 9, 9), 0)
  await writer.delete('/brokers/x', -1)
  await writer.create('/brokers/y', Buffer.from('new'), 'persistent')
  proxy.heal()
  await until('all is told', () => brief().length === seen + 3)
  assert.deepEqual(brief().slice(seen).sort(), [
    `changed ${path}`,
    'created /brokers/y',
    'deleted /brokers/x',
  ])
  assert.deepEqual(linkStates(events), [true, false, true])
})

test('after its session expired it goes on with a new one and tells only differences', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  await makeTopic(writer, 't', 20)
  const { observer, brief, made } = await observe(t, `127.0.0.1:${server.port}`)
  await observer.start()
  const found = brief().length
  server.expireSession(made[0]!.sessionId)
  await writer.set('/brokers/topics/t/partitions/7/state', state(9, 9, 9), 0)
  await until('it is told', () => brief().length > found)
  assert.equal(made.length, 2)
  await writer.set('/brokers/topics/t/partitions/8/state', state(9, 9, 9), 0)
  await until('the new session hears', () => brief().length === found + 2)
  assert.deepEqual(brief().slice(found), [
    'changed /brokers/topics/t/partitions/7/state',
    'changed /brokers/topics/t/partitions/8/state',
  ])
})

test('another ZooKeeper in its place, with smaller zxids, is taken as it is', async (t) => {
  const first = await startZooKeeper(t)
  await makeTopic(first.writer, 't', 30)
  await first.writer.create('/controller', encodeController(1, 1), 'persistent')
  const { port } = first.server
  const { observer, brief, znodes } = await observe(t, `127.0.0.1:${port}`, 'js', 300)
  await observer.start()
  const found = brief().length
  await first.server.close()
  const { writer } = await startZooKeeper(t, port)
  await writer.create('/controller', encodeController(2, 2), 'persistent')
  const ofController = () => znodes().filter(({ path }) => path === '/controller')
  await until(
    'the new one is seen',
    () => ofController().at(-1)?.data?.includes('"brokerid":2') === true,
  )
  await until('the old tree is gone', () => brief().includes('deleted /brokers'))
  assert.equal(new Set(brief().slice(found)).size, brief().length - found)
})

test('under a chroot that does not exist yet it waits, and finds what is made there', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  const { observer, brief } = await observe(t, `127.0.0.1:${server.port}/kafka/one`)
  await observer.start()
  assert.deepEqual(brief(), [])
  await makePath(writer, '/kafka/one/brokers/ids')
  await until('all is told', () => brief().length === 3)
  assert.deepEqual(brief(), ['created /', 'created /brokers', 'created /brokers/ids'])
})

test('a node that is deleted and made again is told as both', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  await writer.create('/controller', encodeController(1, 1), 'ephemeral')
  const { observer, brief } = await observe(t, `127.0.0.1:${server.port}`)
  await observer.start()
  const found = brief().length
  await writer.multi([
    { kind: 'delete', path: '/controller', version: -1 },
    { kind: 'create', path: '/controller', data: encodeController(2, 2), mode: 'ephemeral' },
  ])
  await until('it is told', () => brief().length === found + 2)
  assert.deepEqual(brief().slice(found), ['deleted /controller', 'created /controller'])
})

test('before ZooKeeper is there nothing is told but that it is away', async (t) => {
  const { proxy, writer } = await startZooKeeper(t)
  await makePath(writer, '/brokers/ids')
  proxy.breakAll('refuse')
  const { observer, brief, events } = await observe(t, `127.0.0.1:${proxy.port}`)
  const started = observer.start()
  await until('it is told', () => events.length === 1)
  assert.deepEqual(linkStates(events), [false])
  proxy.heal()
  await started
  assert.equal(brief().length, 3)
  assert.deepEqual(linkStates(events), [false, true])
})

test('what a random writer leaves behind is the tree that was told', async (t) => {
  const { proxy, writer } = await startZooKeeper(t)
  await makePath(writer, '/config')
  const { observer, events } = await observe(t, `127.0.0.1:${proxy.port}`)
  await observer.start()
  const random = new SeededRandom(4_711)
  for (let step = 0; step < 600; step++) {
    const below = random.chance(0.5) ? '' : `/${random.nextInt(3)}`
    const path = `/config/${random.nextInt(3)}${below}`
    const data = Buffer.from(String(step))
    const act = random.pick([
      () => writer.create(path, data, 'persistent'),
      () => writer.set(path, data, -1),
      () => writer.delete(path, -1),
    ])
    const done = (act() as Promise<unknown>).catch(() => {})
    if (random.chance(0.75)) await done
    if (step % 150 === 149) proxy.breakAll()
  }
  const wanted = await treeOf(writer, '/config')
  await until('both are the same', () => isDeepStrictEqual(toldTree(events, '/config'), wanted))
})

test('credentials are not shown', async (t) => {
  const { server, writer } = await startZooKeeper(t)
  await makePath(writer, '/config/users')
  const config = { 'SCRAM-SHA-256': 'salt=abc,stored_key=def', producer_byte_rate: '5' }
  const text = Buffer.from(JSON.stringify({ version: 1, config }))
  await writer.create('/config/users/alice', text, 'persistent')
  const { observer, znodes } = await observe(t, `127.0.0.1:${server.port}`)
  await observer.start()
  const { data } = znodes().find(({ path }) => path === '/config/users/alice')!
  assert.deepEqual(JSON.parse(data!), {
    version: 1,
    config: { 'SCRAM-SHA-256': '(hidden)', producer_byte_rate: '5' },
  })
})

function linkStates(events: readonly UnnumberedEvent[]): boolean[] {
  return events.flatMap((event) => (event.kind === 'link' ? [event.isUp] : []))
}

/** What the events add up to; each must fit what was told before it. */
function toldTree(events: readonly UnnumberedEvent[], root: string): Record<string, string | null> {
  const tree = new Map<string, string | null>()
  for (const event of events) {
    if (event.kind !== 'znode' || !event.path.startsWith(root)) continue
    const { path, change, data, before } = event
    const isNew = change === 'found' || change === 'created'
    assert.equal(tree.has(path), !isNew, `${change} ${path}`)
    if (!isNew) assert.equal(before, tree.get(path), `${change} ${path}`)
    if (change === 'deleted') tree.delete(path)
    else tree.set(path, data)
  }
  return Object.fromEntries([...tree].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function makeTopic(zk: ZkClient, topic: string, count: number): Promise<void> {
  const root = `/brokers/topics/${topic}/partitions`
  await makePath(zk, root)
  const numbers = Array.from({ length: count }, (_, number) => number)
  await Promise.all(numbers.map((each) => zk.create(`${root}/${each}`, null, 'persistent')))
  await Promise.all(
    numbers.map((each) => zk.create(`${root}/${each}/state`, state(1, 0, 1), 'persistent')),
  )
}

async function removeTopic(zk: ZkClient, topic: string, count: number): Promise<void> {
  const root = `/brokers/topics/${topic}`
  for (let number = 0; number < count; number++) {
    await zk.delete(`${root}/partitions/${number}/state`, -1)
    await zk.delete(`${root}/partitions/${number}`, -1)
  }
  await zk.delete(`${root}/partitions`, -1)
  await zk.delete(root, -1)
}

async function treeOf(zk: ZkClient, path: string): Promise<Record<string, string | null>> {
  const { data } = await zk.get(path)
  const { children } = await zk.children(path)
  const below = await Promise.all(children.map((name) => treeOf(zk, `${path}/${name}`)))
  const tree: Record<string, string | null> = { [path]: data?.toString() ?? null }
  for (const each of below) Object.assign(tree, each)
  return Object.fromEntries(Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1)))
}
