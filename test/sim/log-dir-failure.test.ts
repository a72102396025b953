/** A log directory that fails, on a broker that has another. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failingDisk } from '../support/failing-disk.ts'
import { createRealBroker } from './real-broker.ts'
import { simulate } from './simulate.ts'

const TOPIC = 'orders'
const PARTITIONS = 4

test('partitions of a log directory that fails move on, the others stay', async () => {
  let failed = ''
  const t = await simulate({
    seed: 3,
    brokers: 3,
    settings: { 'log.dirs': '/one,/two' },
    createBroker: (ports, settings) => {
      const hasFailed = (path: string) => failed !== '' && path.startsWith(failed)
      const disk = ports.hostName === 'broker-1' ? failingDisk(ports.disk, hasFailed) : ports.disk
      return createRealBroker({ ...ports, disk }, settings)
    },
  })
  try {
    await t.createTopic(TOPIC, { replicas: 3, minInSyncReplicas: 2, partitions: PARTITIONS })
    const all = Array.from({ length: PARTITIONS }, (_, at) => at)
    for (const partition of all) await t.produce(TOPIC, partition, `a${partition}`)
    const led = all.filter((partition) => t.leaderOf(TOPIC, partition) === 1)
    assert.notEqual(led.length, 0)
    // Assigned evenly, so each of the two directories has half of the partitions.
    failed = '/one'
    for (const partition of all) await t.produce(TOPIC, partition, `b${partition}`)
    const isOut = (partition: number) => !t.isrOf(TOPIC, partition).includes(1)
    await t.runUntil(() => all.filter(isOut).length === PARTITIONS / 2, 20_000, 'half are out')
    for (const partition of all) {
      await t.produce(TOPIC, partition, `c${partition}`)
      const expected = ['a', 'b', 'c'].map((each) => `${each}${partition}`)
      assert.deepEqual(await t.consume(TOPIC, partition), expected)
    }
    for (const partition of all.filter(isOut)) assert.notEqual(t.leaderOf(TOPIC, partition), 1)
    assert.ok(t.cluster.isRunning(1))
  } finally {
    t.close()
  }
})
