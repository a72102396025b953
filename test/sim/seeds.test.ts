/** Whole brokers under every fault. */

import { runCluster } from './cluster-run.ts'
import { testSeeds } from './seeds.ts'

testSeeds('a minute of faults', 1, 150, (seed) => runCluster(seed))
