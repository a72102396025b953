/**
 * How a server process ends: by SIGTERM or SIGINT, the second of which is obeyed at once, or with the
 * process that started it. A child that a `samsa up` forked tells it when it is ready and stops when
 * the channel between them closes, so that no orphan is left behind whatever kills the parent.
 */
import module from 'node:module'
import process from 'node:process'
import { collectWhenIdle } from '../host/idle-heap.ts'

/** When a process has settled after its start. */
const SETTLED_MS = 3_000

const PARENT_CHECK_MS = 250

/** Tells a parent that forked us; nothing without one. */
export function reportReady(message: object): void {
  process.send?.(message)
  keepCompiledCode()
  collectWhenIdle()
}

/** Node writes what it compiled at exit, which a process that is killed never comes to. */
export function keepCompiledCode(): void {
  setTimeout(() => module.flushCompileCache(), SETTLED_MS).unref()
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
    // A terminal signals the whole group; a parent of ours then decides what stops when.
    const stopAlone = (): void => {
      if (process.send === undefined) stop()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stopAlone)
    process.on('SIGHUP', stopAlone)
    process.on('disconnect', () => process.exit(1))
    if (isNpmScript()) whenOrphaned(stop)
  })
}

/** We are what `npm start` or `npm run samsa` runs, in the place of its shell. */
function isNpmScript(): boolean {
  const script = process.env.npm_lifecycle_script ?? ''
  return process.send === undefined && script.includes('main.ts')
}

/** An npm that is killed tells us nothing; we notice that we have become an orphan. */
function whenOrphaned(stop: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    stop()
  }, PARENT_CHECK_MS)
  timer.unref()
}
