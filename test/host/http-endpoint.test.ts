/** The endpoint over real sockets, with a broker made of paper. */
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { type BrokerFault, BrokerFaults, parseFault } from '../../src/host/broker-faults.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemDisk } from '../../src/host/disk.ts'
import { DiskFull } from '../../src/host/disk-full.ts'
import { type HttpEndpoint, startHttpEndpoint } from '../../src/host/http-endpoint.ts'
import { LogEvents } from '../../src/host/log-events.ts'
import { logLevelsPort } from '../../src/host/log-levels.ts'
import { WinstonLoggers } from '../../src/host/logging.ts'
import { until } from '../support/until.ts'

let reasons: string[] = []
let scrapes = 0
let expiries = 0
const struck: BrokerFault[] = []
const diskFull = new DiskFull(systemDisk, systemClock, ['/one', '/two'])
const events = new LogEvents()
const loggers = new WinstonLoggers()
let endpoint: HttpEndpoint
let faultless: HttpEndpoint

class PaperFaults extends BrokerFaults {
  override strike(fault: Parameters<BrokerFaults['strike']>[0]): void {
    struck.push(fault)
  }
}

before(async () => {
  const source = {
    notReady: () => reasons,
    metrics: async () => {
      scrapes += 1
      return 'up 1\n'
    },
    logLevels: logLevelsPort(loggers),
    events,
  }
  const faults = new PaperFaults({
    expireSession: async () => {
      expiries += 1
      if (expiries > 1) throw new Error('there is no ZooKeeper session')
    },
    diskFull,
    offlineLogDirs: () => ['/two'],
  })
  const at = { host: '127.0.0.1', port: 0 }
  endpoint = await startHttpEndpoint(at, { ...source, faults })
  faultless = await startHttpEndpoint(at, { ...source, faults: null })
})

after(() => {
  endpoint.close()
  faultless.close()
})

interface Answer {
  readonly status: number
  readonly body: string
}

function ask(
  method: string,
  path: string,
  { body = '', headers = {}, port = endpoint.port } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false })
    request.on('error', reject)
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body: text }))
    })
    request.end(body)
  })
}

/** What comes back for bytes that need not be HTTP. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(endpoint.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.end(bytes)
  })
}

test('health and readiness', async () => {
  assert.deepEqual(await ask('GET', '/healthz'), { status: 200, body: 'ok\n' })
  assert.deepEqual(await ask('GET', '/readyz'), { status: 200, body: '{"ready":true}\n' })
  reasons = ['recovering logs']
  assert.deepEqual(await ask('GET', '/readyz?verbose'), {
    status: 503,
    body: '{"ready":false,"reasons":["recovering logs"]}\n',
  })
  reasons = []
})

test('a flood of scrapes costs one', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('GET', '/metrics')))
  for (const answer of answers) assert.deepEqual(answer, { status: 200, body: 'up 1\n' })
  assert.equal(scrapes, 1)
})

test('levels are read and set', async () => {
  const put = (value: unknown) => ask('PUT', '/loggers', { body: JSON.stringify(value) })
  const set = await put({ logger: 'kafka.controller', level: 'debug' })
  assert.deepEqual(set, { status: 200, body: '{"logger":"kafka.controller","level":"DEBUG"}\n' })
  const { loggers: told } = JSON.parse((await ask('GET', '/loggers')).body)
  assert.deepEqual([told.root, told['kafka.controller']], ['INFO', 'DEBUG'])
  await put({ logger: 'kafka.controller', level: null })
  assert.equal(loggers.levels().get('kafka.controller'), 'info')
  for (const wrong of [
    null,
    7,
    [],
    {},
    { logger: 'a' },
    { logger: 'a', level: 'LOUD' },
    { logger: 'a b', level: 'INFO' },
    { logger: 'x'.repeat(300), level: 'INFO' },
    { logger: 'root', level: null },
  ]) {
    assert.equal((await put(wrong)).status, 400, JSON.stringify(wrong))
  }
})

test('events go on until the reader leaves', async () => {
  events.add({ atMs: 1, level: 'info', logger: 'a', message: 'before' })
  const request = http.get({ host: '127.0.0.1', port: endpoint.port, path: '/events' })
  let text = ''
  request.on('error', () => {})
  request.on('response', (response) => response.on('data', (chunk) => (text += chunk)))
  await until('the first line', () => text.includes('before'))
  events.add({ atMs: 2, level: 'info', logger: 'a', message: 'after' })
  await until('the second line', () => text.includes('after'))
  request.destroy()
  await until('the reader is forgotten', () => events.readerCount === 0)
})

test('faults are obeyed after the answer, and only where they are allowed', async () => {
  const post = (value: unknown, port = endpoint.port) =>
    ask('POST', '/faults', { body: JSON.stringify(value), port })
  assert.equal((await post({ kind: 'kill' }, faultless.port)).status, 403)
  assert.equal((await post({ kind: 'pause', forMs: 10 })).status, 202)
  await until('the fault strikes', () => struck.length === 1)
  assert.deepEqual(struck, [{ kind: 'pause', forMs: 10 }])
  assert.equal((await post({ kind: 'expire-session' })).status, 202)
  assert.deepEqual(await post({ kind: 'expire-session' }), {
    status: 503,
    body: '{"error":"there is no ZooKeeper session"}\n',
  })
  assert.equal((await post({ kind: 'flood' })).status, 400)
  const browser = { body: '{"kind":"kill"}', headers: { origin: 'http://127.0.0.1' } }
  assert.equal((await ask('POST', '/faults', browser)).status, 403)
  assert.equal(struck.length, 1)
})

test('what changes something, and the log, are for those who ask by a name of the broker', async () => {
  const body = '{"logger":"a","level":"INFO"}'
  const put = (headers: Record<string, string>, port = endpoint.port) =>
    ask('PUT', '/loggers', { body, headers, port }).then(({ status }) => status)
  for (const host of [`127.0.0.1:${endpoint.port}`, 'localhost', '[::1]:9404']) {
    assert.equal(await put({ host }), 200, host)
  }
  assert.equal(await put({ host: 'evil.example' }), 403)
  assert.equal(await put({ host: 'kafka-1' }), 403)
  assert.equal(await put({ host: 'a b' }), 403)
  for (const site of ['cross-site', 'same-site']) {
    assert.equal(await put({ 'sec-fetch-site': site }), 403, site)
  }
  const kill = { body: '{"kind":"kill"}', headers: { host: 'evil.example' } }
  assert.equal((await ask('POST', '/faults', kill)).status, 403)
  assert.equal(struck.length, 1)
  const stranger = { headers: { host: 'evil.example', 'sec-fetch-site': 'cross-site' } }
  for (const page of ['/metrics', '/healthz', '/readyz']) {
    assert.equal((await ask('GET', page, stranger)).status, 200, page)
  }
  for (const page of ['/loggers', '/events']) {
    assert.equal((await ask('GET', page, stranger)).status, 403, page)
  }
})

test('beyond this machine a broker goes by its address, names without a dot, and those it told clients', async () => {
  const names = ['Kafka-1.example', '2001:db8::1']
  const source = { notReady: () => [], metrics: async () => '', logLevels: logLevelsPort(loggers) }
  const open = await startHttpEndpoint(
    { host: '0.0.0.0', port: 0, names },
    { ...source, events, faults: null },
  )
  try {
    const body = '{"logger":"a","level":"INFO"}'
    const put = (host: string) =>
      ask('PUT', '/loggers', { body, headers: { host }, port: open.port })
    const ours = [
      'kafka-1:9404',
      '10.0.0.7:9404',
      'kafka-1.example',
      'localhost',
      '[2001:db8::1]:1',
    ]
    for (const host of ours) assert.equal((await put(host)).status, 200, host)
    for (const host of ['kafka-2.example', 'kafka-1.example.evil']) {
      const answer = await put(host)
      assert.equal(answer.status, 403, host)
      assert.match(answer.body, /does not know that it is .*: name it in advertised\.listeners/)
    }
  } finally {
    open.close()
  }
})

test('a disk is full at once, for a while or until told otherwise', async () => {
  const post = (value: object) => ask('POST', '/faults', { body: JSON.stringify(value) })
  const fault = { kind: 'disk-full', forMs: 60_000 }
  assert.deepEqual(await post(fault), { status: 202, body: `${JSON.stringify(fault)}\n` })
  assert.ok(diskFull.isFull('/one/orders-0/0.log'))
  assert.deepEqual(await ask('DELETE', '/faults'), {
    status: 200,
    body: '{"offlineLogDirs":["/two"]}\n',
  })
  assert.ok(!diskFull.isFull('/one'))
  assert.equal((await post({ ...fault, logDir: '/two' })).status, 202)
  assert.ok(!diskFull.isFull('/one/orders-0/0.log'))
  assert.ok(diskFull.isFull('/two/orders-0/0.log'))
  assert.ok(!diskFull.isFull('/twofold'))
  assert.equal((await ask('DELETE', '/faults')).status, 200)
  assert.deepEqual(await post({ ...fault, logDir: '/three' }), {
    status: 400,
    body: '{"error":"logDir: expected one of /one, /two"}\n',
  })
  assert.equal((await post({ ...fault, logDir: 3 })).status, 400)
  assert.equal((await ask('DELETE', '/faults', { port: faultless.port })).status, 403)
})

test('a fault that lasts says for how long, and not for ever', () => {
  assert.deepEqual(parseFault({ kind: 'stall', forMs: 1.6 }), { kind: 'stall', forMs: 2 })
  for (const forMs of [undefined, 0, -1, Number.NaN, '5', 600_001, null]) {
    for (const kind of ['pause', 'disk-full']) {
      assert.match(String(parseFault({ kind, forMs })), /^forMs: expected/)
    }
  }
  for (const wrong of [null, undefined, 'kill', [], { kind: 'constructor' }]) {
    assert.match(String(parseFault(wrong)), /^kind: expected/)
  }
})

test('what is not asked for rightly is refused', async () => {
  const statuses: [string, string, number][] = [
    ['GET', '/', 404],
    ['GET', '/metrics/../etc', 404],
    ['GET', '//healthz', 404],
    ['POST', '/metrics', 405],
    ['DELETE', '/loggers', 405],
    ['GET', '/faults', 405],
    ['OPTIONS', '/events', 405],
    ['HEAD', '/healthz', 200],
    ['HEAD', '/events', 200],
  ]
  for (const [method, path, status] of statuses) {
    assert.equal((await ask(method, path)).status, status, `${method} ${path}`)
  }
  assert.equal((await ask('PUT', '/loggers', { body: '{' })).status, 400)
  const large = await ask('PUT', '/loggers', { body: ' '.repeat(20_000) })
  assert.equal(large.status, 413)
})

test('garbage is answered or dropped, and the next one is served', async () => {
  const garbage = [
    'hello\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(5_000)}\r\n`,
    'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
    'GET /healthz HTTP/1.1\r\n\r\n',
    'POST /faults HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n',
    Buffer.from([0, 0, 0, 4, 0, 18, 255, 255]),
  ]
  for (const bytes of garbage) {
    assert.match(await raw(bytes), /^HTTP\/1\.1 4\d\d /, JSON.stringify(String(bytes).slice(0, 40)))
  }
  assert.equal(await raw(''), '')
  assert.equal((await ask('GET', '/healthz')).status, 200)
})

test('an address that is taken is told', async () => {
  await assert.rejects(
    startHttpEndpoint(
      { host: '127.0.0.1', port: endpoint.port },
      {
        notReady: () => [],
        metrics: async () => '',
        logLevels: logLevelsPort(loggers),
        events,
        faults: null,
      },
    ),
    /samsa\.http\.listener: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
  )
})
