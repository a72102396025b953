import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { UnnumberedEvent } from '../../src/dashboard/history/events.ts'
import { BrokerStreams } from '../../src/dashboard/observer/broker-streams.ts'
import {
  LINE_CHARACTERS_MAX,
  LineSplitter,
  MESSAGE_CHARACTERS_MAX,
} from '../../src/dashboard/observer/log-lines.ts'
import { systemClock } from '../../src/host/clock.ts'
import { until } from '../support/until.ts'

/** A broker's HTTP endpoint that says what it is told to. */
class FakeEndpoint {
  readonly streams = new Set<http.ServerResponse>()
  readonly ring: string[] = []
  /** Requests for signs of life stay unanswered. */
  isStill = false
  status = 200
  asked = 0
  #server: http.Server
  #waiting: http.ServerResponse[] = []
  port = 0

  constructor() {
    this.#server = this.#make()
  }

  async listen(): Promise<void> {
    this.#server = this.#make()
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  say(message: string, atMs = Date.now()): void {
    const line = JSON.stringify({ atMs, level: 'INFO', logger: 'kafka.Test', message })
    this.ring.push(line)
    this.raw(`${line}\n`)
  }

  raw(text: string): void {
    for (const stream of this.streams) stream.write(text)
  }

  moveAgain(): void {
    this.isStill = false
    for (const response of this.#waiting) response.end('ok')
    this.#waiting = []
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #make(): http.Server {
    return http.createServer((request, response) => {
      if (request.url === '/healthz') {
        if (this.isStill) this.#waiting.push(response)
        else response.end('ok')
        return
      }
      this.asked += 1
      response.writeHead(this.status)
      if (this.status !== 200) {
        response.end()
        return
      }
      response.flushHeaders()
      for (const line of this.ring) response.write(`${line}\n`)
      this.streams.add(response)
      response.on('close', () => this.streams.delete(response))
    })
  }
}

async function follow(t: TestContext, probeEveryMs = 0) {
  const endpoint = new FakeEndpoint()
  await endpoint.listen()
  const events: UnnumberedEvent[] = []
  const streams = new BrokerStreams(systemClock, (event) => events.push(event), { probeEveryMs })
  t.after(async () => {
    streams.stop()
    await endpoint.close()
  })
  const register = (port = endpoint.port, brokerId = 1) =>
    streams.onZnode({
      path: `/brokers/ids/${brokerId}`,
      change: 'created',
      data: JSON.stringify({
        version: 5,
        jmx_port: port,
        endpoints: ['PLAINTEXT://127.0.0.1:9092'],
        host: '127.0.0.1',
        port: 9092,
      }),
    })
  return {
    endpoint,
    streams,
    events,
    register,
    links: () => events.flatMap((event) => (event.kind === 'link' ? [event.isUp] : [])),
    messages: () => events.flatMap((event) => (event.kind === 'broker-log' ? [event.message] : [])),
  }
}

test('a registered broker is listened to; its lines carry its own time', async (t) => {
  const { endpoint, events, register, messages, links } = await follow(t)
  endpoint.say('before', 5)
  register()
  await until('the ring is there', () => messages().length === 1)
  endpoint.say('after', 7)
  await until('the line is there', () => messages().length === 2)
  assert.deepEqual(messages(), ['before', 'after'])
  assert.deepEqual(links(), [true])
  const last = events.at(-1)!
  assert.ok(last.kind === 'broker-log' && last.brokerAtMs === 7 && last.atMs > 1_000_000)
})

test('a broken stream is told at once, tried again, and repeats nothing', async (t) => {
  const { endpoint, register, messages, links } = await follow(t)
  endpoint.say('one', 1)
  endpoint.say('two', 2)
  register()
  await until('both are there', () => messages().length === 2)
  await endpoint.close()
  await until('it is told', () => links().length === 2)
  endpoint.ring.push(JSON.stringify({ atMs: 2, level: 'INFO', logger: 'x', message: 'three' }))
  await endpoint.listen()
  await until('it is back', () => messages().length === 3)
  endpoint.say('four', 1)
  await until('what is new is heard', () => messages().length === 4)
  assert.deepEqual(messages(), ['one', 'two', 'three', 'four'])
  assert.deepEqual(links(), [true, false, true])
})

test('a broker that cannot be reached is tried with growing pauses, and told down once', async (t) => {
  const { endpoint, register, links } = await follow(t)
  endpoint.status = 503
  register()
  await until('it was asked several times', () => endpoint.asked >= 3)
  assert.deepEqual(links(), [false])
  endpoint.status = 200
  await until('it is heard', () => links().length === 2)
})

test('a stream stays when the registration goes, and moves when it comes back elsewhere', async (t) => {
  const { endpoint, streams, register, messages, links } = await follow(t)
  register()
  await until('it is heard', () => links().length === 1)
  streams.onZnode({ path: '/brokers/ids/1', change: 'deleted', data: null })
  endpoint.say('still here')
  await until('a zombie is heard', () => messages().length === 1)
  const other = new FakeEndpoint()
  await other.listen()
  t.after(() => other.close())
  register(other.port)
  await until('the new place is heard', () => other.streams.size === 1)
  assert.equal(streams.size, 1)
  await until('the old one is left', () => endpoint.streams.size === 0)
  register(-1)
  assert.equal(streams.size, 0)
})

test('of several hosts the first that answers is taken', async (t) => {
  const { endpoint, streams, links } = await follow(t)
  const hosts = ['127.0.0.77', 'no-such-host.invalid', '127.0.0.1']
  const data = JSON.stringify({
    version: 5,
    jmx_port: endpoint.port,
    endpoints: hosts.map((host, at) => `L${at}://${host}:9092`),
  })
  streams.onZnode({ path: '/brokers/ids/1', change: 'found', data })
  await until('it is heard', () => links().includes(true))
  assert.deepEqual(links(), [false, true])
})

test('a process that stands still is noticed, and when it moves again', async (t) => {
  const { endpoint, register, links } = await follow(t, 100)
  register()
  await until('it is heard', () => links().length === 1)
  endpoint.isStill = true
  await until('it is silent', () => links().length === 2)
  endpoint.moveAgain()
  await until('it moves', () => links().length === 3)
  assert.deepEqual(links(), [true, false, true])
})

test('garbage, endless lines and floods do no harm', async (t) => {
  const { endpoint, register, messages, links } = await follow(t)
  register()
  await until('it is heard', () => links().length === 1)
  endpoint.raw('not json\n\n[]\n7\nnull\n{"atMs":"now"}\n{"atMs":1,"level":"INFO"}\n')
  endpoint.raw(`${'x'.repeat(3 * LINE_CHARACTERS_MAX)}\n`)
  endpoint.raw('{"dropped":12}\n')
  endpoint.say('y'.repeat(10 * MESSAGE_CHARACTERS_MAX))
  endpoint.say('z')
  await until('the good lines are there', () => messages().length === 3)
  assert.match(messages()[0]!, /^12 lines /)
  assert.equal(messages()[1]!.length, MESSAGE_CHARACTERS_MAX)
  for (let line = 0; line < 20_000; line++) endpoint.say(`line ${line}`)
  await until('the flood is over', () => endpoint.streams.size === 1 && messages().length > 1_500)
  assert.ok(messages().length < 10_000)
})

test('lines are put together from any pieces', () => {
  const text = 'ünï\nzwei\n\ndrei\nrest'
  const bytes = Buffer.from(text)
  for (let size = 1; size < bytes.length; size++) {
    const splitter = new LineSplitter()
    const lines: string[] = []
    for (let at = 0; at < bytes.length; at += size) {
      lines.push(...splitter.push(bytes.subarray(at, at + size)))
    }
    assert.deepEqual(lines, ['ünï', 'zwei', 'drei'])
  }
})
