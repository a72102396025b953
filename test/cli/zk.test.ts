import assert from 'node:assert/strict'
import test from 'node:test'
import { type CliIo, ExitError } from '../../src/cli/cli-io.ts'
import { zkCommand } from '../../src/cli/zk.ts'
import { dataDiff } from '../../src/cli/zk-format.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { type FakeZkClient, FakeZooKeeper } from '../support/fake-zookeeper.ts'

class Bench {
  readonly clock = new FakeClock()
  readonly server = new FakeZooKeeper(this.clock)
  readonly others: FakeZkClient = this.server.connect()
  stdout = ''
  stderr = ''
  stop: () => void = () => {}
  own: FakeZkClient | null = null
  readonly #io: CliIo = {
    stdout: (text) => {
      this.stdout += String(text)
    },
    stderr: (text) => {
      this.stderr += text
    },
    env: {},
    stdin: (async function* () {})(),
  }

  async run(...args: string[]): Promise<number> {
    const command = zkCommand(this.#io, {
      clock: this.clock,
      open: async () => () => {
        this.own = this.server.connect()
        return this.own
      },
      untilStopped: () =>
        new Promise((resolve) => {
          this.stop = resolve
        }),
    })
    try {
      await command.parseAsync(args, { from: 'user' })
      return 0
    } catch (error) {
      if (!(error instanceof ExitError)) throw error
      return error.exitCode
    }
  }

  async make(path: string, data: string | null): Promise<void> {
    await this.others.create(path, data === null ? null : Buffer.from(data), 'persistent')
    await settlePromises()
  }

  async set(path: string, data: string): Promise<void> {
    await this.others.set(path, Buffer.from(data), -1)
    await settlePromises()
  }

  /** What was written since the last call, without the times. */
  taken(): string[] {
    const lines = this.stdout.split('\n').slice(0, -1)
    this.stdout = ''
    return lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, ''))
  }
}

test('ls prints names in order, -R all paths below, -s the stat too', async () => {
  const t = new Bench()
  await t.make('/b', null)
  await t.make('/a', null)
  await t.make('/a/y', null)
  await t.make('/a/x', null)
  await t.make('/b/z', null)
  assert.equal(await t.run('ls', '/'), 0)
  assert.equal(await t.run('ls', '-R', '/'), 0)
  assert.equal(await t.run('-s', 'ls', '/b/'), 0)
  assert.deepEqual(
    t
      .taken()
      .slice(0, -11)
      .filter((line) => !line.includes('zookeeper')),
    ['/', '/a', '/b', '/a/x', '/a/y', '/b/z', '[z]'],
  )
})

test('get prints the data, null as a word; stat and -s print as zkCli does', async () => {
  const t = new Bench()
  await t.make('/a', '{"é":1}')
  await t.make('/n', null)
  await t.run('get', '/a')
  await t.run('get', '/n')
  assert.deepEqual(t.taken(), ['{"é":1}', 'null'])
  await t.run('get', '-s', '/a')
  const [data, ...stat] = t.taken()
  assert.equal(data, '{"é":1}')
  await t.run('stat', '/a')
  assert.deepEqual(t.taken(), stat)
  assert.match(stat[0]!, /^cZxid = 0x[0-9a-f]+$/)
  assert.match(stat[1]!, /^ctime = \w{3} \w{3} \d\d \d\d:\d\d:\d\d \S+ 2023$/)
  assert.deepEqual(stat.slice(5), [
    'cversion = 0',
    'dataVersion = 0',
    'aclVersion = 0',
    'ephemeralOwner = 0x0',
    'dataLength = 8',
    'numChildren = 0',
  ])
})

test('what goes wrong is said in one line, with exit code 1', async () => {
  const t = new Bench()
  assert.equal(await t.run('get', '/none'), 1)
  assert.equal(t.stderr, 'Node does not exist: /none\n')
  for (const args of [
    ['get', 'none'],
    ['get'],
    ['frob', '/'],
    ['ls', '/', '/'],
    ['toString', '/'],
  ]) {
    t.stderr = ''
    assert.equal(await t.run(...args), 1)
    assert.match(t.stderr, /Path must start|One of ls, get, stat, watch/)
  }
  assert.equal(await t.run('ls', '/', '--zookeeper', 'h:x'), 1)
  assert.match(t.stderr, /malformed/)
})

test('an unreachable ZooKeeper is said so', async () => {
  const t = new Bench()
  t.server.goDown()
  const run = t.run('ls', '/', '--zookeeper', 'h:1')
  await t.clock.advanceAsync(10_000)
  assert.equal(await run, 1)
  assert.match(t.stderr, /^h:1: Timed out waiting for connection/)
})

test('watch tells changes of one node and of its children', async () => {
  const t = new Bench()
  await t.make('/c', '{"brokerid":1,"version":2,"gone":null}')
  const run = t.run('watch', '/c')
  await settlePromises()
  await t.set('/c', '{"brokerid":2,"version":2,"new":[1]}')
  await t.make('/c/x', null)
  await t.others.delete('/c/x', -1)
  await settlePromises()
  await t.others.delete('/c', -1)
  await settlePromises()
  await t.make('/c', 'plain')
  await t.set('/c', 'words')
  t.stop()
  assert.equal(await run, 0)
  assert.deepEqual(t.taken(), [
    'watching 1 nodes, Ctrl-C ends it',
    'changed /c, version 0 -> 1',
    '    brokerid: 1 -> 2',
    '    - gone: null',
    '    + new: [1]',
    'children /c',
    '    + x',
    'children /c',
    '    - x',
    'deleted /c',
    '    - {"brokerid":2,"version":2,"new":[1]}',
    'created /c',
    '    + plain',
    'changed /c, version 0 -> 1',
    '    - plain',
    '    + words',
  ])
  assert.equal(t.own?.state, 'closed')
})

test('watch -R tells everything below, once each', async () => {
  const t = new Bench()
  await t.make('/t', null)
  await t.make('/t/a', 'x')
  const run = t.run('watch', '-R', '/t')
  await settlePromises()
  assert.deepEqual(t.taken(), ['watching 2 nodes, Ctrl-C ends it'])
  await t.make('/t/b', null)
  await t.make('/t/b/c', 'deep')
  await t.set('/t/b/c', 'deeper')
  await t.others.delete('/t/b/c', -1)
  await t.others.delete('/t/b', -1)
  await settlePromises()
  await t.others.multi([
    { kind: 'delete', path: '/t/a', version: -1 },
    { kind: 'create', path: '/t/a', data: Buffer.from('x'), mode: 'persistent' },
  ])
  await settlePromises()
  t.stop()
  await run
  assert.deepEqual(t.taken(), [
    'created /t/b',
    'created /t/b/c',
    '    + deep',
    'changed /t/b/c, version 0 -> 1',
    '    - deep',
    '    + deeper',
    'deleted /t/b/c',
    '    - deeper',
    'deleted /t/b',
    'recreated /t/a, version 0 -> 0',
    '    same data',
  ])
})

test('watch waits for a node that is missing, and goes on after an expiry', async () => {
  const t = new Bench()
  const run = t.run('watch', '-R', '/late')
  await settlePromises()
  assert.deepEqual(t.taken(), ['/late does not exist yet'])
  await t.make('/late', 'x')
  await t.make('/late/child', 'y')
  t.taken()
  t.own?.cutOff()
  await t.set('/late/child', 'z')
  t.server.processor.expire(t.own!.sessionId, t.server.now())
  t.own?.allowConnect()
  await settlePromises()
  await t.set('/late', 'again')
  t.stop()
  await run
  assert.deepEqual(t.taken(), [
    'the session expired, a new one goes on; what changed meanwhile:',
    'changed /late/child, version 0 -> 1',
    '    - y',
    '    + z',
    'changed /late, version 0 -> 1',
    '    - x',
    '    + again',
  ])
})

test('a difference is told by field, or as a whole where there are none', () => {
  const diff = (before: string | null, after: string | null) =>
    dataDiff(
      before === null ? null : Buffer.from(before),
      after === null ? null : Buffer.from(after),
    )
  assert.deepEqual(diff('{"a":[1,2]}', '{"a":[1]}'), ['a: [1,2] -> [1]'])
  assert.deepEqual(diff('{"a":1}', '{ "a": 1 }'), [])
  assert.deepEqual(diff('7', '8'), ['- 7', '+ 8'])
  assert.deepEqual(diff(null, '{"a":1}'), ['- null', '+ {"a":1}'])
  assert.deepEqual(diff(null, null), [])
})
