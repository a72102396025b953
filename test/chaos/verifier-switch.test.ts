import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Verifier } from '../../src/chaos/verifier.ts'
import { VerifierSwitch } from '../../src/chaos/verifier-switch.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { LogBrokers } from '../support/log-brokers.ts'
import { SeededRandom } from '../support/seeded-random.ts'

function setUp() {
  const clock = new FakeClock()
  const brokers = new LogBrokers(clock)
  const known = { brokers: true }
  const verifier = new VerifierSwitch(() => {
    if (!known.brokers) throw new Error('no broker is known')
    return new Verifier({ clock, random: new SeededRandom(1), open: brokers.open })
  })
  return { clock, known, verifier }
}

test('one that could not start can be started later', async () => {
  const { clock, known, verifier } = setUp()
  known.brokers = false
  await assert.rejects(verifier.start(), /no broker is known/)
  await assert.rejects(verifier.start(), /no broker is known/)
  assert.equal(verifier.isRunning, false)
  known.brokers = true
  const started = verifier.start()
  await clock.advanceAsync(100)
  await started
  assert.equal(verifier.isRunning, true)
  verifier.abandon()
})

test('a new run begins only when the last one has its verdict', async () => {
  const { clock, verifier } = setUp()
  const started = verifier.start()
  await clock.advanceAsync(1_000)
  await started
  await verifier.start()
  const stopped = verifier.stop()
  await assert.rejects(verifier.start(), /the last run of the verifier still reads/)
  await clock.advanceAsync(70_000)
  const before = await stopped
  assert.ok(before !== null && before.acked > 0)
  const again = verifier.start()
  await clock.advanceAsync(0)
  await again
  assert.equal(verifier.isRunning, true)
  assert.ok(verifier.verdict!.acked < before.acked)
  verifier.abandon()
})
