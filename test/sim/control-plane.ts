/** Controllers, registrations and partition states under every fault, without data. */

import assert from 'node:assert/strict'
import { SeededRandom } from '../support/seeded-random.ts'
import { ControlBroker } from './control-broker.ts'
import { FAULT_KINDS, type FaultOptions } from './faults.ts'
import { Operator } from './operator.ts'
import { SimProcess } from './sim-process.ts'
import { type Simulation, simulate } from './simulate.ts'

const BROKERS = 4
const FIRST_TOPICS = 3

export interface ControlPlaneOptions {
  readonly durationMs?: number
  readonly faults?: Partial<FaultOptions>
  /** Whether topics are deleted before the controller has seen them and while they are moved. */
  readonly deletesEarly?: boolean
}

/** Throws what a checker found. */
export async function runControlPlane(
  seed: number,
  {
    durationMs = 60_000,
    faults: faultOptions = {},
    deletesEarly = false,
  }: ControlPlaneOptions = {},
): Promise<Simulation> {
  const t = await simulate({
    seed,
    brokers: BROKERS,
    createBroker: (ports, settings) => new ControlBroker(ports, settings),
  })
  try {
    const process = new SimProcess(t.world, 'operator')
    const random = new SeededRandom(seed)
    const { brokerIds } = t.cluster
    const operator = new Operator(t.zookeeper, process, random, brokerIds, {
      everyMs: 4000,
      deletesEarly,
    })
    await t.finish(operator.start(), 'the session of the operator')
    for (let i = 0; i < FIRST_TOPICS; i++) {
      await t.finish(operator.createTopic(2), 'the creation of a topic')
    }
    // These brokers have no disk.
    const kinds = (faultOptions.kinds ?? FAULT_KINDS).filter((kind) => kind !== 'disk-full')
    const faults = t.startFaults({ brokersAwayMax: 2, ...faultOptions, kinds })
    const work = operator.work()
    await t.runFor(durationMs)
    faults.heal()
    operator.stop()
    await t.finish(work, 'the work of the operator')
    await t.untilHealthy(operator.topics)
    assert.ok(faults.count > 0, 'no fault happened')
    return t
  } finally {
    t.close()
  }
}
