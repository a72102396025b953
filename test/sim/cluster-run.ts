/** Whole brokers with producers and consumers, under every fault. */

import { SeededRandom } from '../support/seeded-random.ts'
import type { FaultOptions } from './faults.ts'
import { Operator } from './operator.ts'
import { createRealBroker } from './real-broker.ts'
import { SimProcess } from './sim-process.ts'
import { type Simulation, simulate } from './simulate.ts'

export interface ClusterRunOptions {
  readonly durationMs?: number
  readonly faults?: Partial<FaultOptions>
  readonly settings?: Readonly<Record<string, string>>
  readonly brokers?: number
  /** Whether other topics come, move and go meanwhile. */
  readonly hasOperator?: boolean
}

/** Two or three records each. */
const SMALL_FETCHES = { 'replica.fetch.max.bytes': '250' }

export const TWO_LOG_DIRS = { 'log.dirs': '/data,/data-2' }

/** Throws what a checker found. */
export async function runCluster(
  seed: number,
  options: ClusterRunOptions = {},
): Promise<Simulation> {
  const { brokers = 3 } = options
  // With small fetches it takes a while to catch up.
  const fetches = seed % 2 === 0 ? {} : SMALL_FETCHES
  const settings = { ...fetches, ...options.settings }
  const t = await simulate({ seed, brokers, createBroker: createRealBroker, settings })
  try {
    await t.createTopic('orders', { replicas: 3, minInSyncReplicas: 2, partitions: 2 })
    await t.runFaults({
      durationMs: options.durationMs ?? 60_000,
      faults: options.faults ?? {},
      ...(options.hasOperator ? { settleOthers: await startOperator(t, seed) } : {}),
    })
    return t
  } finally {
    t.close()
  }
}

/** Returns what stops it. */
async function startOperator(
  t: Simulation,
  seed: number,
): Promise<() => Promise<Iterable<string>>> {
  const process = new SimProcess(t.world, 'operator')
  const options = { everyMs: 4000, deletesEarly: false }
  const random = new SeededRandom(seed)
  const operator = new Operator(t.zookeeper, process, random, t.cluster.brokerIds, options)
  await t.finish(operator.start(), 'the session of the operator')
  const work = operator.work()
  return async () => {
    operator.stop()
    await work
    return operator.topics
  }
}
