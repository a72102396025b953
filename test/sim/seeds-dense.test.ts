/** Faults that come faster than they go, while each write is synced and topics come, move and go. */

import { runCluster } from './cluster-run.ts'
import { runControlPlane } from './control-plane.ts'
import { testSeeds } from './seeds.ts'

const faults = { everyMs: 1500, lengthMsMax: 20_000 }

testSeeds('faults that overlap', 151, 200, (seed) => runCluster(seed, { faults }))

testSeeds('faults that overlap while topics come, move and go', 151, 190, (seed) =>
  runCluster(seed, { faults, brokers: 4, hasOperator: true }),
)

testSeeds('any number of power losses with each write synced', 151, 190, (seed) => {
  const settings = { 'log.flush.interval.messages': '1' }
  return runCluster(seed, { faults: { ...faults, flushes: true }, settings })
})

testSeeds('deletions of topics that are made or moved just now', 151, 200, (seed) =>
  runControlPlane(seed, { faults, deletesEarly: true }),
)
