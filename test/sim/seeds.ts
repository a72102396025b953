/** Fixed sets of seeds, in pieces that run beside each other. */
import { test } from 'node:test'

const PIECE = 25

/** `first` and `last` inclusive. A failure prints its seed and the history that led to it. */
export function testSeeds(
  what: string,
  first: number,
  last: number,
  run: (seed: number) => Promise<unknown>,
): void {
  for (let from = first; from <= last; from += PIECE) {
    const to = Math.min(last, from + PIECE - 1)
    test(`no invariant is broken by ${what} (seeds ${from} to ${to})`, async () => {
      for (let seed = from; seed <= to; seed++) await run(seed)
    })
  }
}
