/** Whole brokers with producers and consumers, under every fault. */

import type { FaultOptions } from './faults.ts'
import { createRealBroker } from './real-broker.ts'
import { type Simulation, simulate } from './simulate.ts'

export interface ClusterRunOptions {
  readonly durationMs?: number
  readonly faults?: Partial<FaultOptions>
  readonly settings?: Readonly<Record<string, string>>
}

/** Throws what a checker found. */
export async function runCluster(
  seed: number,
  options: ClusterRunOptions = {},
): Promise<Simulation> {
  const { settings = {} } = options
  const t = await simulate({ seed, brokers: 3, createBroker: createRealBroker, settings })
  try {
    await t.createTopic('orders', { replicas: 3, minInSyncReplicas: 2, partitions: 2 })
    await t.runFaults({ durationMs: options.durationMs ?? 60_000, faults: options.faults ?? {} })
    return t
  } finally {
    t.close()
  }
}
