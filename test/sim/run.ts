/**
 * Simulations from the command line. A seed replays a run exactly.
 *
 *     node test/sim/run.ts --seed 4711              one run
 *     node test/sim/run.ts --seed 4711 --trace      and all that happened, when it fails
 *     node test/sim/run.ts --seed 1 --count 500     many; the failing seeds and why
 *     node test/sim/run.ts moves --seed 1           other topics come, move and go meanwhile
 *     node test/sim/run.ts flush --seed 1           each write synced, any host may lose power
 *     node test/sim/run.ts control-plane --seed 1   topics come, go and move; without data
 */

import { parseArgs } from 'node:util'
import { runCluster } from './cluster-run.ts'
import { runControlPlane } from './control-plane.ts'
import { FAULT_KINDS } from './faults.ts'
import { type Simulation, SimulationError } from './simulate.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    trace: { type: 'boolean', default: false },
    /** Kinds of faults to leave out, with commas. */
    without: { type: 'string', default: '' },
    /** Milliseconds between two faults, at most. */
    every: { type: 'string', default: '5000' },
    /** Brokers that may be away at one time. */
    away: { type: 'string', default: '1' },
  },
})

type Scenario = (seed: number, durationMs: number) => Promise<Simulation>

async function scenario(name: string): Promise<Scenario> {
  if (name === 'control-plane') return runControlPlane
  const without = values.without.split(',')
  const kinds = FAULT_KINDS.filter((kind) => !without.includes(kind))
  const faults = { kinds, everyMs: Number(values.every), brokersAwayMax: Number(values.away) }
  if (name === 'cluster') {
    return (seed, durationMs) => runCluster(seed, { durationMs, faults })
  }
  if (name === 'moves') {
    const options = { faults, brokers: 4, hasOperator: true }
    return (seed, durationMs) => runCluster(seed, { durationMs, ...options })
  }
  if (name === 'flush') {
    const settings = { 'log.flush.interval.messages': '1' }
    const options = { faults: { ...faults, flushes: true }, settings }
    return (seed, durationMs) => runCluster(seed, { durationMs, ...options })
  }
  if (name === 'deletions') return (seed, durationMs) => runControlPlane(seed, durationMs, true)
  throw new Error(`no scenario ${name}: cluster, moves, flush, control-plane, deletions`)
}

const run = await scenario(positionals[0] ?? 'cluster')
const [first, count] = [Number(values.seed), Number(values.count)]
const startMs = performance.now()
let failures = 0
let events = 0
for (let seed = first; seed < first + count; seed++) {
  try {
    events += (await run(seed, Number(values.seconds) * 1000)).world.eventCount
  } catch (error) {
    failures += 1
    const isTold = error instanceof SimulationError
    if (isTold && values.trace) console.log(error.trace.join('\n'))
    if (isTold && count > 1) console.log(error.summary)
    else console.log((error as Error).message)
  }
}
const msEach = Math.round((performance.now() - startMs) / count)
console.log(
  `${count} runs, ${failures} failed, ${msEach} ms and ${Math.round(events / count)} events each`,
)
process.exitCode = failures === 0 ? 0 : 1
