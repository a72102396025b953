/** Long work at the start, in pieces that leave room for what keeps the session with ZooKeeper alive. */
import type { Clock } from '../base/ports.ts'

/** Far below a session timeout, far above what a pause costs. */
const SLICE_MS = 100

/** Takes all steps; lets timers and sockets have their turn whenever a slice of time is used up. */
export async function inSlices(clock: Clock, steps: Iterable<void>): Promise<void> {
  let beganMs = clock.monotonicMs()
  for (const _ of steps) {
    if (clock.monotonicMs() - beganMs < SLICE_MS) continue
    await new Promise<void>((resolve) => void clock.after(0, resolve))
    beganMs = clock.monotonicMs()
  }
}
