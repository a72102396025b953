import assert from 'node:assert/strict'
import { test } from 'node:test'
import { letProducersLeave } from '../../src/broker/producers-leave.ts'
import { untilImage } from '../../src/broker/until-image.ts'
import { leadsAny, MetadataCache } from '../../src/cluster/image.ts'
import { FakeClock } from '../support/fake-clock.ts'

/** Broker 1 leads the only partition, and shuts down. */
function bench() {
  const clock = new FakeClock()
  const metadata = new MetadataCache()
  const lead = (leader: number): void => {
    const state = { leader, leaderEpoch: 0, controllerEpoch: 1, zkVersion: 0, isr: [1, 2] }
    const partitions = [{ ...state, partition: 0, replicas: [1, 2], offlineReplicas: [] }]
    const topics = [{ name: 'orders', topicId: 'aaaaaaaaaaaaaaaaaaaaaQ', partitions }]
    metadata.apply({ controllerId: 2, brokers: [], topics })
  }
  lead(1)
  const events: string[] = []
  const left = letProducersLeave({
    clock,
    untilNoneIsLed: (timeoutMs) =>
      untilImage(clock, metadata, () => !leadsAny(metadata.image, 1), timeoutMs),
    closeProducers: () => events.push(`closed at ${clock.monotonicMs()}`),
  }).then(() => events.push(`left at ${clock.monotonicMs()}`))
  return { clock, lead, events, left }
}

test('producers leave as soon as the new leaders are known, and have time to find them', async () => {
  const { clock, lead, events, left } = bench()
  await clock.advanceAsync(7)
  assert.deepEqual(events, [])
  lead(2)
  await clock.advanceAsync(1000)
  await left
  assert.deepEqual(events, ['closed at 47', 'left at 87'])
})

test('new leaders that are not told of are not waited for long', async () => {
  const { clock, events, left } = bench()
  await clock.advanceAsync(1000)
  await left
  assert.deepEqual(events, ['closed at 90', 'left at 130'])
})
