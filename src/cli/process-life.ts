/**
 * How a server process ends: by SIGTERM or SIGINT, the second of which is obeyed at once, or with the
 * process that started it. A child that a `samsa up` forked tells it when it is ready and stops when
 * the channel between them closes, so that no orphan is left behind whatever kills the parent.
 */
import process from 'node:process'

/** Tells a parent that forked us; nothing without one. */
export function reportReady(message: object): void {
  process.send?.(message)
}

/** Resolves at the first reason to stop. A second signal ends the process with 1. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false
    const stop = (): void => {
      if (stopping) process.exit(1)
      stopping = true
      resolve()
    }
    process.on('SIGTERM', stop)
    // A terminal sends SIGINT to the whole group; a parent of ours then decides what stops when.
    process.on('SIGINT', () => {
      if (process.send === undefined) stop()
    })
    process.on('disconnect', () => process.exit(1))
  })
}
