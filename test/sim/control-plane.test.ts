import { test } from 'node:test'
import { runControlPlane } from './control-plane.ts'

for (let seed = 1; seed <= 8; seed++) {
  test(`elections and ISR changes under faults keep every invariant (seed ${seed})`, async () => {
    await runControlPlane(seed)
  })
}
