import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { FAULT_KINDS } from '../../src/chaos/faults.ts'
import { mayRead } from '../../src/dashboard/access.ts'
import { parseEventLines } from '../../src/dashboard/history/event-lines.ts'
import { answerJson, readJsonBody } from '../../src/dashboard/http-answers.ts'
import type { ChaosHandler } from '../../src/dashboard/server.ts'
import { startDashboard } from '../../src/dashboard/start-dashboard.ts'
import { isLoopback } from '../../src/host/request-origin.ts'
import { startServer } from '../support/dashboard-bench.ts'

interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface Answer {
  readonly status: number
  readonly headers: Record<string, string | undefined>
  readonly body: Buffer
}

/** Without `fetch`, which sets a Host, a path and an encoding of its own. */
function ask(port: number, path: string, { method = 'GET', headers = {}, body }: Asked = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', path, method, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({
          status: answer.statusCode!,
          // The one that may be a list, set-cookie, is never sent.
          headers: answer.headers as Record<string, string | undefined>,
          body: Buffer.concat(chunks),
        }),
      )
      answer.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

const ECHO: ChaosHandler = async (request, response, url) => {
  if (url.pathname !== '/api/faults') return false
  const body = request.method === 'POST' ? await readJsonBody(request) : {}
  await answerJson(request, response, request.method === 'POST' ? 201 : 200, body)
  return true
}

test('the page is served with all it needs, and nothing from elsewhere may run in it', async () => {
  await using t = await startServer()
  const page = await ask(t.port, '/')
  assert.equal(page.status, 200)
  assert.match(page.headers['content-type']!, /text\/html/)
  const text = page.body.toString()
  assert.match(text, /<script type="module" src="\/main\.ts">/)
  assert.match(text, /<link rel="modulepreload" href="\/main\.ts">/)
  assert.doesNotMatch(text, /https?:\/\/|<script>|style=/)
  const policy = page.headers['content-security-policy']!
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
  assert.doesNotMatch(policy, /unsafe|http:/)
})

test('modules are served as JavaScript, without their types, from public and history', async () => {
  await using t = await startServer()
  for (const path of ['/main.ts', '/history/failovers.ts', '/history/event-lines.ts']) {
    const file = await ask(t.port, path)
    assert.equal(file.status, 200, path)
    assert.match(file.headers['content-type']!, /text\/javascript/)
    assert.doesNotMatch(file.body.toString(), /^import type|^export interface/m)
  }
})

test('what the browser has is not sent again, and what it can unpack is packed', async () => {
  await using t = await startServer()
  const plain = await ask(t.port, '/style.css')
  const packed = await ask(t.port, '/style.css', { headers: { 'accept-encoding': 'gzip, br' } })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.ok(packed.body.length < plain.body.length / 3)
  assert.deepEqual(gunzipSync(packed.body), plain.body)
  const again = await ask(t.port, '/style.css', {
    headers: { 'if-none-match': plain.headers.etag! },
  })
  assert.deepEqual([again.status, again.body.length], [304, 0])
})

test('no path leads out of the page', async () => {
  await using t = await startServer()
  const paths = [
    '/../server.ts',
    '/history/../server.ts',
    '/%2e%2e/server.ts',
    '/..%2fserver.ts',
    '/tsconfig.json',
    '/history/',
    '//etc/passwd',
    '/observer/observer.ts',
    '/server.ts',
    '/main.ts%00.css',
    '/nowhere.ts',
  ]
  for (const path of paths) {
    const { status } = await ask(t.port, path)
    assert.ok(status === 404 || status === 400, `${path} gave ${status}`)
  }
})

test('only reading is allowed where there is nothing to write', async () => {
  await using t = await startServer()
  assert.equal((await ask(t.port, '/', { method: 'POST' })).status, 405)
  assert.equal((await ask(t.port, '/api/health', { method: 'DELETE' })).status, 405)
  assert.equal((await ask(t.port, '/api/nothing')).status, 404)
})

test('a history is given as lines that can be opened again', async () => {
  await using t = await startServer()
  t.log.addLines(1_234)
  const { body, headers } = await ask(t.port, '/api/history')
  assert.match(headers['content-disposition']!, /\.jsonl/)
  assert.deepEqual(parseEventLines(body.toString()), { events: [...t.log.events], problems: [] })
})

test('a page of another origin, and a name that only resolves to us, are refused', async () => {
  await using t = await startServer({ chaos: ECHO })
  const host = `127.0.0.1:${t.port}`
  const post = (headers: Record<string, string>) =>
    ask(t.port, '/api/faults', { method: 'POST', headers, body: '{}' })
  assert.equal((await post({ host, origin: `http://${host}` })).status, 201)
  assert.equal((await post({ host })).status, 201)
  assert.equal((await post({ host, origin: 'http://evil.example' })).status, 403)
  assert.equal((await post({ host, origin: 'null' })).status, 403)
  assert.equal((await post({ host, 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await post({ host, 'sec-fetch-site': 'same-site' })).status, 403)
  assert.equal((await post({ host: 'evil.example' })).status, 403)
  const read = await ask(t.port, '/api/health', { headers: { host: 'evil.example' } })
  assert.equal(read.status, 403)
  const local = await ask(t.port, '/api/health', { headers: { host: `localhost:${t.port}` } })
  assert.equal(local.status, 200)
})

test('beyond this machine too a name that anybody may own is refused, unless it is told', () => {
  const read = (host: string) =>
    mayRead({ headers: { host } } as http.IncomingMessage, {
      host: '0.0.0.0',
      names: ['Kafka.Example'],
      token: 't',
    }).kind
  const ours = ['192.168.1.4:8080', '[::1]:8080', 'dashboard:8080', 'kafka.example', os.hostname()]
  for (const host of ours) assert.equal(read(host), 'ok', host)
  for (const host of ['evil.example', 'kafka.example.evil', '1.2.3.4.evil.example', 'a b']) {
    assert.equal(read(host), 'refused', host)
  }
})

test('text from outside is never put into the page as HTML', () => {
  const folder = new URL('../../src/dashboard/public/', import.meta.url)
  for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.ts'))) {
    const text = fs.readFileSync(new URL(name, folder), 'utf8')
    assert.doesNotMatch(
      text,
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|eval\(|new Function/,
      name,
    )
  }
})

test('where a token is needed, writing needs it and reading does not', async () => {
  await using t = await startServer({ chaos: ECHO, token: 'correct horse' })
  const post = (path: string, headers: Record<string, string> = {}) =>
    ask(t.port, path, { method: 'POST', headers, body: '{}' })
  assert.equal((await post('/api/faults')).status, 401)
  assert.equal((await post('/api/faults', { authorization: 'Bearer wrong' })).status, 401)
  assert.equal((await post('/api/faults?token=wrong')).status, 401)
  assert.equal((await post('/api/faults?token=correct+horse')).status, 201)
  assert.equal((await ask(t.port, '/api/faults')).status, 200)
  const remove = await ask(t.port, '/api/faults', { method: 'DELETE' })
  assert.equal(remove.status, 401)
  assert.match(remove.headers['www-authenticate']!, /Bearer/)
})

test('a token is made up where the page listens beyond this machine, and only there', () => {
  for (const host of ['127.0.0.1', '127.8.0.1', 'localhost', '::1', '[::1]']) {
    assert.equal(isLoopback(host), true, host)
  }
  for (const host of ['0.0.0.0', '::', '192.168.1.4', 'localhost.evil.example', '127.evil', '']) {
    assert.equal(isLoopback(host), false, host)
  }
})

test('bodies that are too large, or no JSON objects, are refused', async () => {
  await using t = await startServer({ chaos: ECHO })
  const post = (body: string) => ask(t.port, '/api/faults', { method: 'POST', body })
  assert.equal((await post('{"kind":')).status, 400)
  assert.equal((await post('[]')).status, 400)
  assert.equal((await post('null')).status, 400)
  assert.equal((await post(`{"x":"${'y'.repeat(5_000)}"}`)).status, 413)
  assert.equal((await ask(t.port, '/api/health')).status, 200)
})

test('without a cluster each fault says why it cannot be had, and records are not there', async () => {
  await using t = await startServer()
  const { body } = await ask(t.port, '/api/faults')
  const { available, active } = JSON.parse(body.toString())
  const kinds = available.map(({ kind }: { kind: string }) => kind)
  assert.deepEqual(kinds, FAULT_KINDS, 'those that the engine knows')
  assert.deepEqual(available[0], { kind: 'kill', targets: [], reason: 'a test has no cluster' })
  assert.deepEqual(active, [])
  const post = await ask(t.port, '/api/faults', { method: 'POST', body: '{}' })
  assert.equal(post.status, 503)
  assert.equal((await ask(t.port, '/api/records?topic=orders')).status, 503)
})

test('a taken port is a clear error that names it', async () => {
  await using t = await startServer()
  const chaos = { reason: 'none' }
  const live = { kind: 'live', log: t.log, name: 'x', partitions: () => null, chaos } as const
  await assert.rejects(
    startDashboard({ port: t.port, from: live }),
    new RegExp(`^Error: port ${t.port} of 127\\.0\\.0\\.1 is taken: give another one with --port`),
  )
  const wrong = startDashboard({ port: 0, from: { kind: 'file', file: '/nowhere/run.jsonl' } })
  await assert.rejects(wrong, /ENOENT/)
})
