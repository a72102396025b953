import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getOffsetsCommand } from '../../src/cli/get-offsets.ts'
import { runCli } from '../support/cli-run.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'

function setUp() {
  const brokers = new FakeBrokers([1, 2])
  brokers.topics.set('orders', { leader: 1, logEndOffset: 5 })
  brokers.topics.set('audit', { leader: 2, logEndOffset: 7 })
  brokers.topics.set('__consumer_offsets', { leader: 2, logEndOffset: 1 })
  const at = ['--bootstrap-server', 'b1:9001']
  const run = (...args: string[]) => runCli(brokers, getOffsetsCommand, [...at, ...args])
  return { brokers, run }
}

test('offsets of all partitions, by name', async () => {
  const { run } = setUp()
  const { stdout } = await run()
  assert.equal(stdout, '__consumer_offsets:0:1\naudit:0:7\norders:0:5\n')
  assert.equal((await run('--exclude-internal-topics')).stdout, 'audit:0:7\norders:0:5\n')
})

test('a time may be a word or a number', async () => {
  const { run } = setUp()
  for (const time of ['earliest', '-2']) {
    assert.equal((await run('--topic', 'orders', '--time', time)).stdout, 'orders:0:0\n')
  }
  const { stderr, exitCode } = await run('--time', 'noon')
  assert.match(stderr, /^Error occurred: Malformed time argument noon. Please use -1 or latest/)
  assert.equal(exitCode, 1)
})

test('patterns choose topics and ranges of partitions', async () => {
  const { run } = setUp()
  const chosen = async (pattern: string) => (await run('--topic-partitions', pattern)).stdout
  assert.equal(await chosen('orders:0'), 'orders:0:5\n')
  assert.equal(await chosen('a.*:0-1,orders:1-'), 'audit:0:7\n')
  assert.equal(await chosen('or.*:-1'), 'orders:0:5\n')
  assert.equal(await chosen(':0-0'), '')
})

test('nothing that matches is an error', async () => {
  const { run } = setUp()
  assert.deepEqual(await run('--topic', 'nope'), {
    stdout: '',
    stderr: 'Error occurred: Could not match any topic-partitions with the specified filters\n',
    exitCode: 1,
  })
})

test('options that exclude each other are refused', async () => {
  const { run } = setUp()
  const { stderr } = await run('--topic', 'a', '--topic-partitions', 'b')
  const expected =
    'Error occurred: --topic-partitions cannot be used with --topic or --partitions\n'
  assert.equal(stderr, expected)
})
