/** Whole brokers under every fault. */

import { runCluster, TWO_LOG_DIRS } from './cluster-run.ts'
import { testSeeds } from './seeds.ts'

testSeeds('a minute of faults', 1, 150, (seed) => runCluster(seed))

testSeeds('a minute of faults, with two log directories', 301, 325, (seed) =>
  runCluster(seed, { settings: TWO_LOG_DIRS }),
)
