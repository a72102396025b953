import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChaosApiError, ChaosClient } from '../../src/chaos/chaos-client.ts'
import { ChaosEngine } from '../../src/chaos/engine.ts'
import type { FaultRequest } from '../../src/chaos/faults.ts'
import { handleChaosRequest } from '../../src/chaos/http-api.ts'
import type { PartitionState } from '../../src/chaos/isr-watch.ts'
import { Verifier } from '../../src/chaos/verifier.ts'
import { VerifierSwitch } from '../../src/chaos/verifier-switch.ts'
import { chaosCommand } from '../../src/cli/chaos.ts'
import { ExitError } from '../../src/cli/cli-io.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { FakeTarget } from '../support/fake-target.ts'
import { LogBrokers } from '../support/log-brokers.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** A client whose requests go to the handler without a network. */
class DirectClient extends ChaosClient {
  readonly #engine: ChaosEngine
  readonly #verifier: VerifierSwitch
  readonly #partitions: readonly PartitionState[]

  constructor(
    engine: ChaosEngine,
    verifier: VerifierSwitch,
    partitions: readonly PartitionState[],
  ) {
    super('http://nowhere', null)
    this.#engine = engine
    this.#verifier = verifier
    this.#partitions = partitions
  }

  override async ask<T>(method: string, path: string, body?: object): Promise<T> {
    if (path === '/api/state') return { partitions: this.#partitions } as T
    const given = (body as Record<string, unknown> | undefined) ?? null
    const request = { method, path, body: given }
    const answer = await handleChaosRequest(this.#engine, this.#verifier, request)
    if (answer!.status < 300) return answer!.body as T
    throw new ChaosApiError(answer!.status, (answer!.body as { error: string }).error)
  }
}

function setUp() {
  const clock = new FakeClock()
  const target = new FakeTarget(clock, ['zookeeper'])
  const engine = new ChaosEngine(target, clock)
  const brokers = new LogBrokers(clock)
  const ports = { clock, random: new SeededRandom(1), open: brokers.open }
  const verifier = new VerifierSwitch(() => new Verifier(ports))
  const opened: (string | null)[][] = []
  const partitions: PartitionState[] = []
  const chaos = async (args: readonly string[], stopAfterMs = Number.POSITIVE_INFINITY) => {
    const out = { stdout: '', stderr: '', exitCode: 0 }
    const io = {
      stdout: (text: string | Uint8Array) => {
        out.stdout += String(text)
      },
      stderr: (text: string) => {
        out.stderr += text
      },
      env: { SAMSA_DASHBOARD_TOKEN: 'from-env' },
      stdin: (async function* () {})(),
    }
    const stopped = Promise.withResolvers<void>()
    if (stopAfterMs < Number.POSITIVE_INFINITY) clock.after(stopAfterMs, stopped.resolve)
    const command = chaosCommand(io, {
      clock,
      open: (url, token) => {
        opened.push([url, token])
        return new DirectClient(engine, verifier, partitions)
      },
      untilStopped: () => stopped.promise,
    })
    let isDone = false
    const done = () => {
      isDone = true
    }
    const running = command.parseAsync([...args], { from: 'user' })
    running.then(done, done)
    await clock.advanceAsync(0)
    while (!isDone) await clock.advanceAsync(100)
    try {
      await running
    } catch (error) {
      if (!(error instanceof ExitError)) throw error
      out.exitCode = error.exitCode
    }
    return out
  }
  return { clock, target, engine, brokers, verifier, opened, partitions, chaos }
}

test('the list tells what is possible, what is not and why, and what is active', async () => {
  const { chaos, opened } = setUp()
  await chaos(['pause', '--broker', '3', '--for', '90s'])
  const { stdout } = await chaos(['list', '--url', 'http://h:1', '--token', 't'])
  assert.match(stdout, /^Possible:\n {2}kill +brokers 1, 2, 3, 10 s unless told\n/)
  assert.match(stdout, /cut-peers +not possible: no peer link of this cluster runs through a proxy/)
  assert.match(stdout, /stop-zookeeper +ZooKeeper, 5 s unless told/)
  assert.match(stdout, /Active:\n {2}f1 {2}SIGSTOP to broker 3, SIGCONT after 90 s; 90.0 s left\n$/)
  assert.deepEqual(opened.at(-1), ['http://h:1', 't'])
  assert.deepEqual(opened[0], ['http://127.0.0.1:8080', 'from-env'])
})

test('a fault is started with its options, and stopped', async () => {
  const { chaos, target, engine } = setUp()
  const started = await chaos(['kill', '--broker', '2', '--for', '1500ms'])
  assert.equal(started.stdout, 'f1  SIGKILL to broker 2, started again after 1.5 s\n')
  const slow = ['slow', '--broker', '1', '--latency', '30', '--jitter', '3', '--link', 'zookeeper']
  await chaos(slow)
  assert.ok(target.log.includes('0 slow broker-1-to-zookeeper 30 3'))
  await chaos(['disk-full', '--broker', '3', '--for', '2s', '--log-dir', '/two'])
  assert.ok(target.log.includes('0 fill /two of 3 for 2000'))
  assert.equal((await chaos(['stop', 'f1'])).stdout, 'Fault f1 is over.\n')
  await chaos(['stop-zookeeper'])
  await chaos(['stop', 'all'])
  assert.deepEqual(engine.active, [])
})

test('what is wrong is told in words, with exit code 1', async () => {
  const { chaos } = setUp()
  const wrong: [string[], RegExp][] = [
    [[], /One of list, FAULT, stop ID and --random is needed/],
    [['burn', '--broker', '1'], /There is no fault 'burn'. One of: kill, terminate/],
    [['kill'], /--broker is needed/],
    [['kill', '1'], /'1' is one word too many/],
    [['kill', '--broker', '9'], /the target is one of 1, 2, 3/],
    [['kill', '--broker', '1', '--for', '11m'], /forMs: expected 0 to 600000/],
    [['cut-peers', '--broker', '1'], /runs through a proxy/],
    [['slow', '--broker', '1', '--link', 'moon'], /--link is one of zookeeper, peer, client/],
    [['stop', 'f7'], /no fault f7 is active/],
    [['stop'], /the id of a fault is needed/],
  ]
  for (const [args, expected] of wrong) {
    const { stderr, exitCode } = await chaos(args)
    assert.match(stderr, expected)
    assert.equal(exitCode, 1)
  }
})

test('a random run prints each fault as it happens and the verdict at the end', async () => {
  const { chaos, target, engine } = setUp()
  const { stdout, exitCode } = await chaos(['--random', '--seed', '7', '--for', '60s'])
  assert.equal(exitCode, 0, stdout)
  const lines = stdout.split('\n')
  assert.match(lines[0]!, /^Seed 7: (\d+) faults in 60 s\.$/)
  const count = Number(/(\d+) faults/.exec(lines[0]!)![1])
  assert.ok(count >= 2)
  assert.equal(lines.filter((line) => /^ +\d+\.\d s {2}f\d+ /.test(line)).length, 2 * count)
  assert.equal(lines.filter((line) => line.endsWith('is over')).length, count)
  assert.match(stdout, /Nothing acknowledged was lost/)
  assert.deepEqual(engine.active, [])
  assert.equal(target.down.size, 0)
})

test('a verifier that ran before does not have its past in the verdict of a random run', async () => {
  const { chaos, clock, brokers, verifier } = setUp()
  void verifier.start()
  await clock.advanceAsync(1_000)
  brokers.onProduce = () => 'fail'
  await clock.advanceAsync(20_000)
  brokers.onProduce = () => 'append'
  const { stdout, exitCode } = await chaos(['--random', '--seed', '7', '--for', '10s'])
  assert.equal(exitCode, 0, stdout)
  assert.match(stdout, /^Seed 7: 1 fault in 10 s\.\nThe verifier ran already/)
  const gap = /without any acknowledgement: (\d+) ms/.exec(stdout)
  assert.ok(Number(gap![1]) < 5_000, stdout)
})

test('the same seed gives the same faults', async () => {
  const faults = async () =>
    (await setUp().chaos(['--random', '--seed', '3', '--for', '60s'])).stdout
      .split('\n')
      .filter((line) => line.includes('  f'))
  assert.deepEqual(await faults(), await faults())
})

test('Ctrl-C heals all faults before the end', async () => {
  const { chaos, engine, target, clock } = setUp()
  const long = ['--random', '--seed', '7', '--for', '10m']
  const { stdout, exitCode } = await chaos(long, 5_000)
  assert.match(stdout, /healing all faults/)
  assert.deepEqual(engine.active, [])
  assert.equal(target.down.size, 0)
  assert.equal(exitCode, 130)
  assert.ok(clock.monotonicMs() < 20_000)
})

test('a run whose verdict is bad names its seed', async () => {
  const { chaos, brokers, clock } = setUp()
  clock.after(4_000, () => {
    let left = 1
    brokers.onProduce = () => (left-- > 0 ? 'hole' : 'append')
  })
  const twoAtOnce = ['--brokers-at-once', '2']
  const { stdout, exitCode } = await chaos([
    '--random',
    '--seed',
    '9',
    '--for',
    '30s',
    ...twoAtOnce,
  ])
  assert.equal(exitCode, 1)
  assert.match(stdout, /NOT GOOD: of \d+ acknowledged, 1 lost/)
  assert.match(stdout, /Again with: samsa chaos --random --seed 9 --for 30s --brokers-at-once 2\n/)
})

test('a fault that is refused on the way does not end the run', async () => {
  const { chaos, engine } = setUp()
  const requests: FaultRequest[] = [1, 2, 3].map((target) => ({ kind: 'pause', target }))
  for (const request of requests) await engine.start({ ...request, forMs: 30_000 })
  const { stdout, exitCode } = await chaos(['--random', '--seed', '7', '--for', '60s'])
  assert.equal(exitCode, 0, stdout)
})

test('a random run fails when the ISR is not full at its end', async () => {
  const { chaos, partitions } = setUp()
  const state = { topic: 'orders', partition: 0, leader: 1, replicas: [1, 2, 3] }
  partitions.push({ ...state, isr: [1, 2, 3] })
  const good = await chaos(['--random', '--seed', '7', '--for', '10s'])
  assert.match(good.stdout, /Every ISR is full, 0\.0 s after the end/)
  assert.equal(good.exitCode, 0)
  partitions.push({ ...state, partition: 1, isr: [1, 3] })
  partitions.push({ ...state, partition: 2, leader: -1, isr: [3] })
  const bad = await chaos(['--random', '--seed', '7', '--for', '10s'])
  assert.match(
    bad.stdout,
    /Not recovered 60\.\d s after the end: orders-1 lacks 2; orders-2 has no leader/,
  )
  assert.equal(bad.exitCode, 1)
})
