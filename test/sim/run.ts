/**
 * Simulations from the command line. A seed replays a run exactly.
 *
 *     node test/sim/run.ts --seed 4711              one run
 *     node test/sim/run.ts --seed 4711 --trace      and all that happened, not only the end of it
 *     node test/sim/run.ts --seed 1 --runs 500      many; each that fails with what led to it
 *     node test/sim/run.ts moves --seed 1           other topics come, move and go meanwhile
 *     node test/sim/run.ts log-dirs --seed 1        two log directories in each broker
 *     node test/sim/run.ts flush --seed 1           each write synced, any host may lose power
 *     node test/sim/run.ts control-plane --seed 1   topics come, go and move; without data
 */

import { parseArgs } from 'node:util'
import { runCluster, TWO_LOG_DIRS } from './cluster-run.ts'
import { runControlPlane } from './control-plane.ts'
import { FAULT_KINDS } from './faults.ts'
import { type Simulation, SimulationError } from './simulate.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    /** Stops at the first seed that fails. */
    bail: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    trace: { type: 'boolean', default: false },
    /** Kinds of faults to leave out, or the only ones to have; with commas. */
    without: { type: 'string', default: '' },
    only: { type: 'string', default: FAULT_KINDS.join(',') },
    /** Milliseconds between two faults, at most. */
    every: { type: 'string', default: '5000' },
    /** Milliseconds that a fault lasts, at most. */
    length: { type: 'string', default: '12000' },
    /** Brokers that may be away at one time. */
    away: { type: 'string' },
  },
})

type Scenario = (seed: number, durationMs: number) => Promise<Simulation>

async function scenario(name: string): Promise<Scenario> {
  const [without, only] = [values.without.split(','), values.only.split(',')]
  const kinds = FAULT_KINDS.filter((kind) => only.includes(kind) && !without.includes(kind))
  const faults = {
    kinds,
    everyMs: Number(values.every),
    lengthMsMax: Number(values.length),
    ...(values.away === undefined ? {} : { brokersAwayMax: Number(values.away) }),
  }
  if (name === 'cluster') {
    return (seed, durationMs) => runCluster(seed, { durationMs, faults })
  }
  if (name === 'moves') {
    const options = { faults, brokers: 4, hasOperator: true }
    return (seed, durationMs) => runCluster(seed, { durationMs, ...options })
  }
  if (name === 'log-dirs') {
    const options = { faults, settings: TWO_LOG_DIRS }
    return (seed, durationMs) => runCluster(seed, { durationMs, ...options })
  }
  if (name === 'flush') {
    const settings = { 'log.flush.interval.messages': '1' }
    const options = { faults: { ...faults, flushes: true }, settings }
    return (seed, durationMs) => runCluster(seed, { durationMs, ...options })
  }
  if (name === 'control-plane' || name === 'deletions') {
    const deletesEarly = name === 'deletions'
    return (seed, durationMs) => runControlPlane(seed, { durationMs, faults, deletesEarly })
  }
  throw new Error(`no scenario ${name}: cluster, moves, log-dirs, flush, control-plane, deletions`)
}

function report(seed: number, error: unknown): void {
  if (!(error instanceof SimulationError)) {
    console.log(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`)
    return
  }
  // The message ends with the last lines of the trace.
  console.log(values.trace ? `${error.trace.join('\n')}\n${error.summary}` : error.message)
}

const run = await scenario(positionals[0] ?? 'cluster')
const [first, runs] = [Number(values.seed), Number(values.runs)]
const startMs = performance.now()
const failed: number[] = []
let events = 0
for (let seed = first; seed < first + runs; seed++) {
  if (values.bail && failed.length > 0) break
  try {
    events += (await run(seed, Number(values.seconds) * 1000)).world.eventCount
  } catch (error) {
    failed.push(seed)
    report(seed, error)
  }
}
const msEach = Math.round((performance.now() - startMs) / runs)
const seeds = failed.length === 0 ? '' : ` (seeds ${failed.join(', ')})`
console.log(
  `${runs} runs, ${failed.length} failed${seeds}, ${msEach} ms and ` +
    `${Math.round(events / runs)} events each`,
)
process.exitCode = failed.length === 0 ? 0 : 1
