import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerApiVersionsCommand, versionsText } from '../../src/cli/broker-api-versions.ts'
import { runCli } from '../support/cli-run.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'

test('every broker shows what it speaks, by key', async () => {
  const brokers = new FakeBrokers([1, 2])
  const { stdout } = await runCli(brokers, brokerApiVersionsCommand, [
    '--bootstrap-server',
    'b1:9001',
  ])
  const lines = stdout.split('\n')
  assert.equal(lines[0], 'b1:9001 (id: 1 rack: null) -> (')
  assert.equal(lines[1], '\tProduce(0): 0 to 11 [usable: 11],')
  assert.ok(lines.includes('b2:9002 (id: 2 rack: null) -> ('))
  assert.ok(lines.includes('\tAllocateProducerIds(67): 0 [usable: 0],'))
  assert.ok(lines.includes('\tDescribeTopicPartitions(75): UNSUPPORTED,'))
})

test('what we do not know and what we cannot use is said', () => {
  const offered = new Map([
    [0, { minVersion: 12, maxVersion: 13 }],
    [1, { minVersion: 4, maxVersion: 18 }],
    [99, { minVersion: 0, maxVersion: 1 }],
  ])
  const text = versionsText(offered)
  assert.match(text, /Produce\(0\): 12 to 13 \[unusable: node too new\],/)
  assert.match(text, /Fetch\(1\): 4 to 18 \[usable: 17\],/)
  assert.match(text, /ListOffsets\(2\): UNSUPPORTED,/)
  assert.match(text, /UNKNOWN\(99\): 0 to 1\n\)$/)
})

test('a broker that cannot be reached is told at once', async () => {
  const brokers = new FakeBrokers([1, 2])
  brokers.down.add(1)
  brokers.down.add(2)
  const args = ['--bootstrap-server', 'b1:9001,b2:9002']
  assert.deepEqual(await runCli(brokers, brokerApiVersionsCommand, args), {
    stdout: '',
    stderr:
      'Request METADATA failed on brokers ' +
      'List(b1:9001 (id: -1 rack: null), b2:9002 (id: -2 rack: null))\n',
    exitCode: 1,
  })
})
