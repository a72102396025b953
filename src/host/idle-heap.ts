/**
 * Gives back the memory that a busy time has left behind: what the start allocated, above all. A full
 * collection stalls the loop for some 50 ms, so it is run only when the process has nothing to do, once
 * after each busy time.
 */
import { performance } from 'node:perf_hooks'
import v8 from 'node:v8'
import vm from 'node:vm'

const CHECK_MS = 2_000
/** Parts of a check interval in which the loop had work. */
const BUSY = 0.2
const IDLE = 0.03

type Collect = (options: { type: 'major'; flavor: 'last-resort' }) => void

/** Until the returned function is called. */
export function collectWhenIdle(): () => void {
  let last = performance.eventLoopUtilization()
  let isDue = true
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > BUSY) isDue = true
    if (!isDue || utilization > IDLE) return
    isDue = false
    collector()({ type: 'major', flavor: 'last-resort' })
    last = performance.eventLoopUtilization()
  }, CHECK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** What `node --expose-gc` would give. */
function collector(): Collect {
  v8.setFlagsFromString('--expose-gc')
  return vm.runInNewContext('gc') as Collect
}
