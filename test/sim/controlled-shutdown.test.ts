/** What clients see of a broker that leaves in order. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRealBroker } from './real-broker.ts'
import { SimClient } from './sim-client.ts'
import { simulate } from './simulate.ts'

const TOPIC = 'orders'

test('a producer hears from the broker that leaves that it leads no more', async () => {
  for (const seed of [1, 2, 3]) {
    const t = await simulate({ seed, brokers: 3, createBroker: createRealBroker })
    try {
      await t.createTopic(TOPIC, { replicas: 3, minInSyncReplicas: 2 })
      const { network, operations, cluster } = t
      const client = new SimClient(network, operations, {
        name: 'producer',
        bootstrap: cluster.bootstrap,
      })
      let isDone = false
      const producing = (async () => {
        for (let number = 0; !isDone; number++) {
          await client.produce({ topic: TOPIC, partition: 0 }, `${number}`)
          await client.pause(10)
        }
      })()
      await t.runFor(1_000)
      const leader = t.leaderOf(TOPIC, 0)
      await t.finish(cluster.shutdown(leader), 'the shutdown')
      await t.runFor(1_000)
      isDone = true
      await t.finish(producing, 'the producer')
      assert.notEqual(t.leaderOf(TOPIC, 0), leader)
      // A connection that breaks in the middle of a request tells the client nothing.
      assert.equal(operations.unknownCount, 0, `seed ${seed}`)
    } finally {
      t.close()
    }
  }
})
