import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { type CliIo, ExitError } from '../../src/cli/cli-io.ts'
import { watchCommand } from '../../src/cli/watch.ts'
import { eventLine } from '../../src/cli/watch-text.ts'
import { WatchView } from '../../src/cli/watch-view.ts'
import { RecordedHistory } from '../../src/dashboard/event-log.ts'
import { startDashboard } from '../../src/dashboard/start-dashboard.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { startZkServer } from '../../src/zkserver/server.ts'
import { type EventScript, threeBrokers } from '../support/event-script.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { until } from '../support/until.ts'

function killedBroker(): EventScript {
  return threeBrokers()
    .at(1_000)
    .fault('f1', 'kill', 2)
    .at(1_005)
    .link(2, false)
    .at(1_020)
    .remove('/brokers/ids/2')
    .at(1_040)
    .state('t-1', 3, 4, [3, 1], 5)
    .at(9_000)
    .broker(2)
    .at(9_100)
    .state('t-1', 3, 4, [3, 1, 2], 5)
    .at(20_000)
    .log(1, 'the end')
}

function watch(args: readonly string[]) {
  const out = { stdout: '', stderr: '', exitCode: 0 }
  const stop = Promise.withResolvers<void>()
  const io: CliIo = {
    stdout: (text) => {
      out.stdout += String(text)
    },
    stderr: (text) => {
      out.stderr += text
    },
    env: {},
    stdin: (async function* () {})(),
  }
  const done = watchCommand(io, { untilStopped: () => stop.promise })
    .parseAsync(args, { from: 'user' })
    .catch((error: unknown) => {
      if (!(error instanceof ExitError)) throw error
      out.exitCode = error.exitCode
    })
  return { out, done, stop: () => stop.resolve() }
}

function exported(t: TestContext, text: string): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-watch-'))
  t.after(() => fs.rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'run.jsonl')
  fs.writeFileSync(file, text)
  return file
}

const linesOf = (script: EventScript) =>
  script.events.map((event) => `${JSON.stringify(event)}\n`).join('')

test('a failover is a block of bars when it is quiet, and lines for what comes later', () => {
  const view = new WatchView()
  const lines = killedBroker().events.flatMap((event) => view.onEvent(event))
  const at = lines.findIndex((line) => line.startsWith('━━ kill -9 of broker 2'))
  const block = lines.slice(at + 1, at + 4).map((line) => line.replace(/\s+/g, ' '))
  assert.deepEqual(block, [
    ' connection lost ▕████ ▏ 5.0 ms broker 2 no longer heard',
    ' registration gone ▕ ████████████ ▏ 20.0 ms /brokers/ids/2: session expired',
    ' partitions elected ▕ █▏ 40.0 ms 1 of 1 partitions have a new leader',
  ])
  assert.ok(
    lines.indexOf(
      '━━ kill -9 of broker 2: registered again after 8000 ms (broker 2 registered again)',
    ) > at,
  )
  assert.match(lines.join('\n'), /ISR full again after 8100 ms/)
  assert.deepEqual(view.finish(), [])
})

test('what clients felt is told of writes and of reads, and again when it was longer', () => {
  const script = threeBrokers().at(900).reads('t', 1, 4, 895).writes('t', 1, 4, 890)
  script.at(1_000).fault('f1', 'kill', 2).at(1_020).remove('/brokers/ids/2')
  script.at(1_040).state('t-1', 3, 4, [3, 1], 5)
  script.at(1_060).reads('t', 1, 1, 1_055, 160).at(1_070).writes('t', 1, 1, 1_065, 175)
  const view = new WatchView()
  const lines = () => script.events.flatMap((event) => view.onEvent(event)).concat(view.finish())
  const told = lines().map((line) => line.replace(/\s+/g, ' '))
  const where = '(t-1, where the broker was leader)'
  assert.ok(told.includes(` clients could not write for up to 175 ms ${where}`), told.join('\n'))
  assert.ok(told.includes(` clients could not read for up to 160 ms ${where}`))
  assert.match(told.join('\n'), / first fetch ▕█+ ▏ 55\.0 ms answered on t-1/)
  const late = script.at(1_200).reads('t', 1, 1, 1_195, 170).events.at(-1)!
  const more = [...view.onEvent(late), ...view.finish()]
  assert.ok(
    more.includes(`━━ kill -9 of broker 2: clients could not read for up to 170 ms ${where}`),
  )
})

test('an event is one line: what changed, and who did it', () => {
  const script = threeBrokers().at(0)
  script.put('/brokers/topics/t/partitions/0/state', '{"leader":2,"isr":[2]}', '0x0', {
    kind: 'controller',
    brokerId: 1,
    epoch: 5,
  })
  const text = (at: number) => eventLine(script.events.at(at)!)!.slice('00:00:00.000 '.length)
  assert.match(
    text(-1),
    /^znode {3}~ \/brokers\/topics\/t\/partitions\/0\/state {2}.*leader: 1 -> 2/,
  )
  assert.match(text(-1), /\(controller 1, epoch 5\)$/)
  script.put('/controller_epoch', '6')
  assert.equal(text(-1), 'znode   ~ /controller_epoch  5 -> 6')
  script.log(3, 'first\n  second')
  assert.equal(text(-1), 'log 3   INFO first | second (kafka.controller.KafkaController)')
  script.log(3, 'a\x1b[2Jb')
  assert.equal(text(-1), 'log 3   INFO a\u{fffd}[2Jb (kafka.controller.KafkaController)')
  script.writes('t', 0, 0, 0)
  assert.equal(text(-1), 'writes  t-0 0 acknowledged, 1 failed')
  script.reads('t', 0, 0, 0)
  assert.equal(text(-1), 'writes  t-0 0 fetches answered, 1 failed')
  script.reads('t', 0, 4, 0, 300)
  assert.equal(text(-1), 'writes  t-0 4 fetches answered, 0 failed, 300 ms without')
  assert.equal(eventLine(threeBrokers().writes('t', 0, 5, 0, 20).events.at(-1)!), null)
  assert.equal(eventLine(threeBrokers().reads('t', 0, 5, 0, 30).events.at(-1)!), null)
})

test('an exported run is replayed, or passed on as it is', async (t) => {
  const file = exported(t, linesOf(killedBroker()))
  const { out, done } = watch(['--file', file])
  await done
  assert.match(
    out.stdout,
    /run\.jsonl: \d+ znodes: brokers 1, 2, 3, controller 1 of epoch 5, 1 topics with 2/,
  )
  assert.match(out.stdout, /━━ kill -9 of broker 2 /)
  const json = watch(['--file', file, '--json'])
  await json.done
  assert.equal(json.out.stdout, linesOf(killedBroker()))
})

test('a file that is no history is refused with the line', async (t) => {
  const { out, done } = watch(['--file', exported(t, `${linesOf(threeBrokers())}oops\n`)])
  await done
  assert.equal(out.exitCode, 1)
  assert.match(out.stderr, /run\.jsonl, line \d+: not JSON/)
  const missing = watch(['--file', '/nowhere/run.jsonl'])
  await missing.done
  assert.match(missing.out.stderr, /cannot be read/)
})

test('ZooKeeper alone is enough to watch', async (t) => {
  const server = await startZkServer({
    transport: systemTransport,
    clock: systemClock,
    loggers: new SilentLoggers(),
    dataDir: null,
    host: '127.0.0.1',
    port: 0,
    tickMs: 500,
  })
  t.after(() => server.close())
  const { out, done, stop } = watch(['--zookeeper', `127.0.0.1:${server.port}`, '--client', 'js'])
  await until('it watches', () => out.stdout.includes('watching 1 znodes'))
  stop()
  await done
  assert.match(out.stderr, /observing ZooKeeper at 127\.0\.0\.1:\d+ through/)
})

test("a dashboard's history is followed", async (t) => {
  const file = exported(t, linesOf(killedBroker()))
  const dashboard = await startDashboard({ port: 0, from: { kind: 'file', file } })
  t.after(() => dashboard.close())
  const { out, done, stop } = watch(['--url', dashboard.url, '--json'])
  const count = (await RecordedHistory.open(file)).events.length
  await until('all is there', () => out.stdout.split('\n').length === count + 1)
  stop()
  await done
  assert.equal(out.stdout, linesOf(killedBroker()))
})

test('a dashboard that comes back is followed again, from its new beginning', async (t) => {
  const file = exported(t, linesOf(killedBroker()))
  const from = { kind: 'file', file } as const
  const first = await startDashboard({ port: 0, from })
  const { out, done, stop } = watch(['--url', first.url, '--json'])
  const events = killedBroker().events.length
  const lines = () => out.stdout.split('\n').length - 1
  await until('all is there', () => lines() === events)
  await first.close()
  await until('it is noticed', () => out.stderr.includes('hung up'))
  const second = await startDashboard({ port: first.port, from })
  t.after(() => second.close())
  await until('all is there again', () => lines() === 2 * events)
  stop()
  await done
  assert.equal(out.stderr.split('\n').length, 2)
})

test('without the dashboard that was asked for it says so and ends', async () => {
  const { out, done } = watch(['--url', 'http://127.0.0.1:1'])
  await done
  assert.equal(out.exitCode, 1)
  assert.match(out.stderr, /no dashboard at http:\/\/127\.0\.0\.1:1/)
})

test('more than one source is too many', async () => {
  const { out, done } = watch(['--url', 'http://127.0.0.1:1', '--file', 'x'])
  await done
  assert.equal(out.exitCode, 1)
  assert.match(out.stderr, /One of --zookeeper, --url and --file is enough/)
})
