/** Session, client and server together, over real sockets that misbehave. */

import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../src/host/clock.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { makeJsClient } from './zk-socket-harness.ts'

interface Bench {
  readonly session: ZkSession
  readonly proxy: TcpProxy
  readonly connect: string
}

async function withSession(tickMs: number, run: (bench: Bench) => Promise<void>): Promise<void> {
  const loggers = new SilentLoggers()
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers,
    dataDir: null,
    host: '127.0.0.1',
    port: 0,
    tickMs,
  })
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: server.port })
  const session = new ZkSession({
    connect: () =>
      makeJsClient({ connect: `127.0.0.1:${proxy.port}`, sessionTimeoutMs: 2 * tickMs }),
    clock: systemClock,
    logger: loggers.get('zk'),
  })
  try {
    await session.start(10_000)
    await run({ session, proxy, connect: `127.0.0.1:${server.port}` })
  } finally {
    await session.close()
    await proxy.close()
    await server.close()
  }
}

test('a server that falls silent fences; when it speaks again there is a new session', async () => {
  await withSession(100, async ({ session, proxy, connect }) => {
    const first = session.sessionId
    await session.create('/e', null, 'ephemeral')
    const log: string[] = []
    session.onSessionExpired(async () => {
      log.push('expired')
    })
    session.onNewSession(async () => {
      log.push(`new, ${await session.exists('/e')}`)
    })
    const inFlight = session.get('/e')
    inFlight.catch(() => {})
    proxy.silence()
    await until('fenced', () => session.isFenced())
    const other = makeJsClient({ connect, sessionTimeoutMs: 10_000 })
    await until('expired at the server', async () => (await other.exists('/e')) === null)
    await other.close()
    assert.equal(session.isFenced(), true)
    proxy.heal()
    await until('a new session', () => log.length === 2)
    assert.deepEqual(log, ['expired', 'new, null'])
    assert.notEqual(session.sessionId, first)
    await until('lifted', () => !session.isFenced())
  })
})

test('a short outage costs neither the session nor an operation', async () => {
  await withSession(10_000, async ({ session, proxy }) => {
    const first = session.sessionId
    await session.create('/a', Buffer.from('x'), 'persistent')
    proxy.breakAll('refuse')
    const reads = Array.from({ length: 30 }, () => session.get('/a'))
    await until('noticed', () => session.state === 'suspended')
    proxy.heal()
    for (const { data } of await Promise.all(reads)) assert.equal(data?.toString(), 'x')
    assert.equal(session.sessionId, first)
  })
})

test('half an answer and then nothing: the operation goes on another connection', async () => {
  await withSession(1_000, async ({ session, proxy }) => {
    await session.create('/a', Buffer.alloc(100_000, 1), 'persistent')
    const accepted = proxy.accepted
    proxy.cutAfter(50_000)
    const read = session.get('/a')
    await until('dropped', () => session.state === 'suspended')
    proxy.heal()
    assert.equal((await read).data?.length, 100_000)
    assert.ok(proxy.accepted > accepted)
  })
})

test('a server that accepts and says nothing: the start fails in time', async () => {
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: 1 })
  proxy.breakAll('accept-only')
  const session = new ZkSession({
    connect: () => makeJsClient({ connect: `127.0.0.1:${proxy.port}`, sessionTimeoutMs: 300 }),
    clock: systemClock,
    logger: new SilentLoggers().get('zk'),
  })
  await assert.rejects(session.start(700), /Timed out waiting for connection/)
  assert.ok(proxy.accepted >= 2)
  await proxy.close()
})
