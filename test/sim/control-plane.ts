/** Controllers, registrations and partition states under every fault, without data. */

import assert from 'node:assert/strict'
import { TopicStore } from '../../src/cluster/topic-store.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { ControlBroker } from './control-broker.ts'
import { SimProcess } from './sim-process.ts'
import { type Simulation, simulate } from './simulate.ts'

const TOPICS = ['a', 'b', 'c']
const PARTITIONS = 2

async function createTopics(t: Simulation, random: SeededRandom): Promise<void> {
  const process = new SimProcess(t.world, 'admin-tool')
  const zk = new ZkSession({
    connect: () => t.zookeeper.clientFor(process, random, 6000),
    clock: process.clock,
    logger: new SilentLoggers().get('session'),
  })
  await t.world.settle(zk.start(10_000), 20_000, 'the session')
  const store = new TopicStore(zk, random)
  for (const name of TOPICS) {
    const assignment = new Map<number, number[]>()
    for (let partition = 0; partition < PARTITIONS; partition++) {
      assignment.set(partition, [partition % 3, (partition + 1) % 3, (partition + 2) % 3])
    }
    const topic = { name, assignment, config: new Map() }
    await t.world.settle(store.createTopic(topic), 10_000, 'the creation')
    t.expectTopic(name, PARTITIONS)
  }
  await t.world.settle(zk.close(), 5000, 'close')
}

/** Throws what a checker found. */
export async function runControlPlane(seed: number, durationMs = 60_000): Promise<Simulation> {
  const t = await simulate({
    seed,
    brokers: 3,
    createBroker: (ports, settings) => new ControlBroker(ports, settings),
  })
  try {
    await createTopics(t, new SeededRandom(seed))
    await t.settle()
    const faults = t.startFaults({ brokersAwayMax: 2 })
    await t.runFor(durationMs)
    faults.heal()
    await t.untilHealthy()
    assert.ok(faults.count > 0, 'no fault happened')
    return t
  } finally {
    t.close()
  }
}
