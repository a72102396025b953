import { test } from 'node:test'
import { runScript, SCRIPTS } from './scripts.ts'

for (const name of Object.keys(SCRIPTS)) {
  test(`no invariant is broken by the script ${name}`, async () => {
    for (const seed of [1, 2, 3, 4, 5]) await runScript(name, seed)
  })
}
