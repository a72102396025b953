import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicsCommand } from '../../src/cli/topics.ts'
import { runCli } from '../support/cli-run.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'

function setUp() {
  const brokers = new FakeBrokers([1, 2, 3])
  const run = (...args: string[]) => runCli(brokers, topicsCommand, args)
  return { brokers, run, at: ['--bootstrap-server', 'b1:9001'] }
}

test('create says what it made, and warns of names that could collide', async () => {
  const { run, at } = setUp()
  assert.deepEqual(await run(...at, '--create', '--topic', 'plain'), {
    stdout: 'Created topic plain.\n',
    stderr: '',
    exitCode: 0,
  })
  const { stdout } = await run(...at, '--create', '--topic', 'with.dot')
  assert.match(stdout, /^WARNING: Due to limitations in metric names.*\nCreated topic with.dot.\n$/)
})

test('a failure is told on stdout, logged on stderr, and ends with exit code 1', async () => {
  const { run, at } = setUp()
  await run(...at, '--create', '--topic', 't')
  const { stdout, stderr, exitCode } = await run(...at, '--create', '--topic', 't')
  assert.equal(stdout, "Error while executing topic command : Topic 't' already exists.\n")
  assert.match(stderr, /ERROR org.apache.kafka.common.errors.TopicExistsException: Topic 't'/)
  assert.equal(exitCode, 1)
  assert.equal((await run(...at, '--create', '--topic', 't', '--if-not-exists')).exitCode, 0)
})

test('list is sorted and takes a pattern', async () => {
  const { run, at } = setUp()
  for (const name of ['b', 'c', 'aa', '__consumer_offsets']) {
    await run(...at, '--create', '--topic', name)
  }
  assert.equal((await run(...at, '--list')).stdout, '__consumer_offsets\naa\nb\nc\n')
  assert.equal((await run(...at, '--list', '--exclude-internal')).stdout, 'aa\nb\nc\n')
  assert.equal((await run(...at, '--list', '--topic', 'a.*,c')).stdout, 'aa\nc\n')
  assert.equal((await run(...at, '--list', '--topic', 'zzz')).stdout, '\n')
})

test('what does not fit together is refused before any broker is asked', async () => {
  const { run, at, brokers } = setUp()
  const cases: [string[], RegExp][] = [
    [[], /^Create, delete, describe, or change a topic.\n/],
    [[...at, '--list', '--create'], /^Command must include exactly one action: --list, /],
    [['--list'], /^--bootstrap-server must be specified\n/],
    [[...at, '--create'], /^Missing required argument "\[topic\]"\n/],
    [[...at, '--alter', '--topic', 't'], /^Missing required argument "\[partitions\]"\n/],
    [
      [...at, '--create', '--topic', 't', '--partitions', '1', '--replica-assignment', '1'],
      /^Option "\[replica-assignment\]" can't be used with option "\[partitions\]"\n/,
    ],
    [[...at, '--list', '--nonsense'], /^nonsense is not a recognized option\n/],
  ]
  for (const [args, expected] of cases) {
    const { stderr, exitCode } = await run(...args)
    assert.match(stderr, expected)
    assert.equal(exitCode, 1)
  }
  assert.deepEqual(brokers.connections, [])
})

test('numbers and assignments are checked before the topic is created', async () => {
  const { run, at, brokers } = setUp()
  const cases: [string[], string][] = [
    [['--partitions', '0'], 'The partitions must be greater than 0'],
    [['--partitions', 'x'], "Cannot parse argument 'x' of option partitions"],
    [['--replication-factor', '0'], 'The replication factor must be between 1 and 32767 inclusive'],
    [
      ['--replica-assignment', '1:1'],
      'Partition replica lists may not contain duplicate entries: 1',
    ],
    [['--replica-assignment', '1:2,3'], 'Partition 1 has different replication factor: [3]'],
    [
      ['--config', 'a'],
      'requirement failed: Invalid topic config: all configs to be added must be in the format ' +
        '"key=val".',
    ],
  ]
  for (const [args, expected] of cases) {
    const { stdout } = await run(...at, '--create', '--topic', 't', ...args)
    assert.equal(stdout, `Error while executing topic command : ${expected}\n`)
  }
  assert.deepEqual([...brokers.topics.keys()], [])
})

test('a topic that is not there is an error for delete, unless if-exists is given', async () => {
  const { run, at } = setUp()
  const { stdout } = await run(...at, '--delete', '--topic', 'nope')
  assert.equal(
    stdout,
    "Error while executing topic command : Topic 'Optional[nope]' does not exist as expected\n",
  )
  assert.equal((await run(...at, '--delete', '--topic', 'nope', '--if-exists')).exitCode, 0)
})
