/** A log directory that fails, on a broker that has another. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillableDisk } from '../../src/host/fillable-disk.ts'
import { createRealBroker } from './real-broker.ts'
import { type Simulation, simulate } from './simulate.ts'

const TOPIC = 'orders'
const PARTITIONS = 4

/** `isFull` is about the disk of broker 1. */
function twoDirectories(isFull: (path: string) => boolean): Promise<Simulation> {
  const fullness = { isFull, fitting: (bytes: number) => bytes >> 1 }
  return simulate({
    seed: 3,
    brokers: 3,
    settings: { 'log.dirs': '/one,/two' },
    createBroker: (ports, settings) => {
      const { hostName } = ports
      const disk = hostName === 'broker-1' ? fillableDisk(ports.disk, fullness) : ports.disk
      return createRealBroker({ ...ports, disk }, settings)
    },
  })
}

test('partitions of a log directory that fails move on, the others stay', async () => {
  let failed = '/none'
  const t = await twoDirectories((path) => path.startsWith(failed))
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

test('a directory that cannot even take meta.properties is left alone, the broker works with the other', async () => {
  const t = await twoDirectories((path) => path.startsWith('/one'))
  try {
    await t.createTopic(TOPIC, { replicas: 3, minInSyncReplicas: 3, partitions: PARTITIONS })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await t.produce(TOPIC, partition, 'a')
      assert.deepEqual(await t.consume(TOPIC, partition), ['a'])
    }
  } finally {
    t.close()
  }
})

test('a broker without any directory that works does not start, and says why', async () => {
  await assert.rejects(
    twoDirectories(() => true),
    /none of the specified log dirs can be used: \/two\S*: no space left on device/,
  )
})
