import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Verifier } from '../../src/chaos/verifier.ts'
import { ExitError } from '../../src/cli/cli-io.ts'
import { type VerifyPorts, verifyCommand } from '../../src/cli/verify.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { LogBrokers } from '../support/log-brokers.ts'
import { SeededRandom } from '../support/seeded-random.ts'

async function verify(
  args: readonly string[],
  meddle: (brokers: LogBrokers) => void = () => {},
  more: Partial<VerifyPorts> = {},
) {
  const clock = new FakeClock()
  const brokers = new LogBrokers(clock)
  const out = { stdout: '', stderr: '', exitCode: 0 }
  const io = {
    stdout: (text: string | Uint8Array) => {
      out.stdout += String(text)
    },
    stderr: (text: string) => {
      out.stderr += text
    },
    env: {},
    stdin: (async function* () {})(),
  }
  const command = verifyCommand(io, {
    clock,
    make: (_bootstrap, options) => {
      const ports = { clock, random: new SeededRandom(1), open: brokers.open }
      return new Verifier(ports, options)
    },
    untilStopped: () => new Promise(() => {}),
    isTty: false,
    ...more,
  })
  let isDone = false
  const done = () => {
    isDone = true
  }
  const running = command.parseAsync(args, { from: 'user' })
  running.then(done, done)
  await clock.advanceAsync(500)
  meddle(brokers)
  while (!isDone) await clock.advanceAsync(100)
  try {
    await running
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    out.exitCode = error.exitCode
  }
  return { ...out, brokers, clock }
}

const SERVER = ['--bootstrap-server', 'b1:9001']

test('a cluster that keeps its word passes, and the table shows it', async () => {
  const { stdout, stderr, exitCode, brokers } = await verify([...SERVER, '--for', '2s'])
  assert.equal(exitCode, 0)
  assert.equal(stderr, '')
  const [head, first, second, third, all, , sentence] = stdout.split('\n')
  assert.match(
    head!,
    /^partition +acked +failed +consumed +lost +duplicated +reordered.* longest gap +without reads$/,
  )
  assert.match(first!, /^ +0 +\d+ +0 +\d+ +0 +0 +0 +0 +\d+ ms +\d+ ms$/)
  assert.match(second!, /^ +1 /)
  assert.match(third!, /^ +2 /)
  assert.match(all!, /^ +all +3\d\d /)
  assert.match(sentence!, /^Nothing acknowledged was lost/)
  assert.equal(brokers.topics.get('samsa-verify')!.length, 3)
})

test('a cluster that loses something does not pass', async () => {
  let left = 2
  const { stdout, exitCode } = await verify([...SERVER, '--for', '2s'], (brokers) => {
    brokers.onProduce = () => (left-- > 0 ? 'hole' : 'append')
  })
  assert.equal(exitCode, 1)
  assert.match(stdout, /NOT GOOD: of \d+ acknowledged, 2 lost/)
})

test('partitions, rate and topic are as told', async () => {
  const options = ['--for', '10s', '--partitions', '2', '--rate', '4', '--topic', 'other']
  const { brokers } = await verify([...SERVER, ...options])
  const counts = brokers.topics.get('other')!.map(({ log }) => log.length)
  assert.equal(counts.length, 2)
  for (const count of counts) assert.ok(count >= 19 && count <= 21, `${count}`)
})

test('a person at a terminal sees a line each second', async () => {
  const { stderr } = await verify([...SERVER, '--for', '3s'], () => {}, { isTty: true })
  const lines = stderr.split('\r\x1b[K').filter((line) => line !== '')
  assert.equal(lines.length, 4)
  assert.match(lines[2]!, /^2 s {2}acked \d+ {2}failed 0 {2}consumed \d+ {2}lost 0 /)
})

test('Ctrl-C ends it early, with a verdict', async () => {
  const { stdout, exitCode, clock } = await verify([...SERVER, '--for', '8h'], () => {}, {
    untilStopped: () => Promise.resolve(),
  })
  assert.match(stdout, /acknowledged/)
  assert.ok(exitCode === 0 || exitCode === 1)
  assert.ok(clock.monotonicMs() < 5_000)
})

test('wrong options are told', async () => {
  assert.match((await verify([])).stderr, /bootstrap-server/)
  assert.match((await verify([...SERVER, '--for', '10'])).stderr, /such as 500ms, 10s, 2m or 1h/)
  assert.match((await verify([...SERVER, '--rate', '0'])).stderr, /--rate: at least one/)
  assert.match((await verify([...SERVER, '--partitions', 'x'])).stderr, /whole number/)
})
