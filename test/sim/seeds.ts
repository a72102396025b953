/** A fixed set of seeds under every fault, in pieces that run beside each other. */
import { test } from 'node:test'
import { runCluster } from './cluster-run.ts'

/** `first` and `last` inclusive. A failure prints its seed and the history that led to it. */
export function testSeeds(first: number, last: number): void {
  const PIECE = 25
  for (let from = first; from <= last; from += PIECE) {
    const to = Math.min(last, from + PIECE - 1)
    test(`no invariant is broken by a minute of faults (seeds ${from} to ${to})`, async () => {
      for (let seed = from; seed <= to; seed++) await runCluster(seed)
    })
  }
}
