import assert from 'node:assert/strict'

const DEADLINE_MS = 20_000
const LOOK_EVERY_MS = 5

/** Waits for a condition; fails after a deadline that no healthy run comes near. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { deadlineMs = DEADLINE_MS, lookEveryMs = LOOK_EVERY_MS } = {},
): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `in vain waited: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}
