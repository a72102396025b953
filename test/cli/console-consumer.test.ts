import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consoleConsumerCommand } from '../../src/cli/console-consumer.ts'
import { runCli } from '../support/cli-run.ts'
import { FakeBrokers } from '../support/fake-brokers.ts'
import { FakeClock } from '../support/fake-clock.ts'

test('a partition that is not there is waited for no longer than --timeout-ms', async () => {
  const brokers = new FakeBrokers([1])
  brokers.topics.set('t', { leader: 1, logEndOffset: 0 })
  for (const offset of ['earliest', 'latest', '0']) {
    const clock = new FakeClock()
    const where = ['--topic', 't', '--partition', '9', '--offset', offset]
    const args = ['--bootstrap-server', 'b1:9001', ...where, '--timeout-ms', '3000']
    const running = runCli(brokers, consoleConsumerCommand, args, clock)
    await clock.advanceAsync(4000)
    const { stderr, exitCode } = await running
    assert.match(stderr, /TimeoutException\nProcessed a total of 0 messages\n$/)
    assert.equal(exitCode, 0)
  }
})
