import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { BUFFERED_LIMIT_BYTES } from '../../src/dashboard/viewers.ts'
import { GrowingLog, rawViewer, startServer, TestViewer } from '../support/dashboard-bench.ts'
import { until } from '../support/until.ts'

/** Node's own server below the dashboard's. */
function watchedServer() {
  let made: http.Server | null = null
  const createServer = ((options: http.ServerOptions, listener: http.RequestListener) => {
    made = http.createServer(options, listener)
    return made
  }) as typeof http.createServer
  const server = (): http.Server => made!
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      server().getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
    })
  return { createServer, server, connections }
}

test('a viewer gets the whole history, then each event as it comes', async () => {
  await using t = await startServer()
  t.log.addLines(1_700)
  const viewer = new TestViewer(t.port)
  await until('live', () => viewer.isLive)
  assert.equal(viewer.events.length, 1_700)
  t.log.addLines(3)
  await until('the new ones', () => viewer.lastSeq === 1_702)
  assert.deepEqual(viewer.events, t.log.events)
})

test('a viewer that comes back goes on where it was, and anew in another history', async () => {
  await using t = await startServer()
  t.log.addLines(1_200)
  const first = new TestViewer(t.port)
  await until('live', () => first.isLive)
  first.socket.close()
  t.log.addLines(5)
  const again = new TestViewer(t.port, `?history=${first.historyId}&after=${first.lastSeq}`)
  await until('live again', () => again.isLive)
  assert.deepEqual([again.startSeq, again.events.length], [1_200, 5])
  for (const query of ['?history=another&after=3', `?history=${first.historyId}&after=99999`]) {
    const anew = new TestViewer(t.port, query)
    await until('live anew', () => anew.isLive)
    assert.deepEqual([anew.startSeq, anew.events.length], [0, 1_205])
  }
})

test('a history that was folded is told anew to who had not read it, without holes', async () => {
  const log = new GrowingLog(1_000)
  await using t = await startServer({ log })
  log.addLines(900)
  const early = new TestViewer(t.port)
  await until('live', () => early.isLive)
  log.addLines(5_000)
  const late = new TestViewer(t.port)
  await until('late is live', () => late.isLive)
  await until('early has all', () => early.lastSeq === 5_899)
  assert.deepEqual(late.events, log.events)
  assert.equal(early.hasHoles, false)
})

test('200 viewers get everything, and come back all at once', async () => {
  await using t = await startServer()
  t.log.addLines(600)
  let viewers = Array.from({ length: 200 }, () => new TestViewer(t.port))
  for (let round = 0; round < 3; round++) {
    await until('all live', () => viewers.every(({ isLive }) => isLive))
    t.log.addLines(20)
    const { length } = t.log.events
    await until('all told', () => viewers.every(({ lastSeq }) => lastSeq === length - 1))
    assert.ok(viewers.every(({ hasHoles }) => !hasHoles))
    viewers = viewers.map(({ socket, historyId, lastSeq }) => {
      socket.terminate()
      return new TestViewer(t.port, `?history=${historyId}&after=${lastSeq}`)
    })
  }
  for (const { socket } of viewers) socket.terminate()
})

test('a viewer that never reads holds no memory and delays nobody; in the end it is dropped', async () => {
  await using t = await startServer({ pingEveryMs: 300 })
  const never = await rawViewer(t.port)
  const viewer = new TestViewer(t.port)
  await until('live', () => viewer.isLive)
  // Far more than the sockets of the operating system take.
  const line = 'x'.repeat(2_000)
  for (let i = 0; i < 40; i++) {
    t.log.addLines(250, line)
    const { length } = t.log.events
    await until('the other one has all', () => viewer.lastSeq === length - 1)
    const frameBytes = 250 * 2_300
    assert.ok(t.server.bufferedBytes <= BUFFERED_LIMIT_BYTES + frameBytes)
  }
  await until('dropped', () => t.server.viewers === 1)
  never.destroy()
  viewer.socket.terminate()
})

test('a reader that takes nothing of its answer is dropped, a viewer with nothing to hear is not', async () => {
  const { createServer, connections } = watchedServer()
  await using t = await startServer({ idleTimeoutMs: 200, pingEveryMs: 3_600_000, createServer })
  const viewer = new TestViewer(t.port)
  await until('live', () => viewer.isLive)
  // Far more than the sockets of the operating system take.
  t.log.addLines(15_000, 'x'.repeat(2_000))
  await until('the viewer has all', () => viewer.lastSeq === 14_999)
  const stuck = net.connect(t.port, '127.0.0.1')
  stuck.on('error', () => {})
  stuck.pause()
  stuck.write('GET /api/history HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await until('both are there', async () => (await connections()) === 2)
  await until('the stuck one is dropped', async () => (await connections()) === 1)
  t.log.addLines(1)
  await until('the viewer goes on', () => viewer.lastSeq === 15_000)
  viewer.socket.terminate()
  stuck.destroy()
})

test('a connection that cannot be accepted harms nobody who is there', async () => {
  const { createServer, server } = watchedServer()
  await using t = await startServer({ createServer })
  const viewer = new TestViewer(t.port)
  await until('live', () => viewer.isLive)
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' })
  for (let i = 0; i < 3; i++) server().emit('error', error)
  t.log.addLines(1)
  await until('the viewer goes on', () => viewer.lastSeq === 0)
  const answer = await fetch(`${t.url}/api/health`)
  assert.equal(((await answer.json()) as { viewers: number }).viewers, 1)
  viewer.socket.terminate()
})

test('garbage, huge frames and talk end the viewer that sends them, and nobody else', async () => {
  await using t = await startServer()
  const good = new TestViewer(t.port)
  await until('live', () => good.isLive)
  const garbage = await rawViewer(t.port)
  await until('accepted', () => t.server.viewers === 2)
  garbage.resume()
  garbage.write(Buffer.from('ffffffffffffffffffffffffffffffff', 'hex'))
  await until('garbage is gone', () => t.server.viewers === 1)
  const huge = new TestViewer(t.port)
  await until('huge is live', () => huge.isLive)
  huge.socket.send(Buffer.alloc(100_000))
  await until('huge is gone', () => huge.closeCode !== 0)
  assert.equal(huge.closeCode, 1009)
  const talker = new TestViewer(t.port)
  await until('talker is live', () => talker.isLive)
  talker.socket.send('hello')
  await until('talker is gone', () => talker.closeCode !== 0)
  assert.equal(talker.closeCode, 1008)
  t.log.addLines(1)
  await until('the good one goes on', () => good.lastSeq === 0)
  good.socket.terminate()
})

test('pages of other origins, other paths and one viewer too many get no socket', async () => {
  await using t = await startServer({ maxViewers: 2 })
  const host = `127.0.0.1:${t.port}`
  const refused = async (query: string, headers: Record<string, string>): Promise<number> => {
    const viewer = new TestViewer(t.port, query, headers)
    const status = await new Promise<number>((resolve) => {
      viewer.socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode!))
      viewer.socket.on('open', () => resolve(101))
    })
    viewer.socket.terminate()
    return status
  }
  assert.equal(await refused('', { origin: 'http://evil.example' }), 403)
  assert.equal(await refused('', { host: 'evil.example' }), 403)
  assert.equal(await refused('/else', {}), 404)
  assert.equal(await refused('', { origin: `http://${host}` }), 101)
  await until('it left', () => t.server.viewers === 0)
  const two = [new TestViewer(t.port), new TestViewer(t.port)]
  await until('two are live', () => two.every(({ isLive }) => isLive))
  assert.equal(await refused('', {}), 503)
  for (const { socket } of two) socket.terminate()
})
