/** One forked server of a local cluster: its log file, its readiness, its end. */
import { type ChildProcess, fork } from 'node:child_process'
import fs from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface ChildOptions {
  /** What people call it: `zookeeper`, `broker 1`. */
  readonly name: string
  readonly args: readonly string[]
  readonly logFile: string
}

export interface ReadyMessage {
  readonly port: number
  readonly pid: number
}

const MAIN = new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url)
/** As in `main.ts`. */
const CLONE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/samsa', import.meta.url))
/**
 * For the allocator of glibc: buffers of record batches are taken from the heap again and again instead
 * of being mapped and zeroed anew by the kernel each time. A fifth more throughput (docs/performance.md).
 */
export const ALLOCATOR_SETTINGS = {
  MALLOC_MMAP_THRESHOLD_: String(64 * 1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(256 * 1024 * 1024),
  MALLOC_ARENA_MAX: '1',
}
/** Lines of its log that are shown when a child fails to start. */
const SHOWN_LINES = 8
const SHOWN_BYTES = 16 * 1024
/** A larger log file is put aside at the next start. */
const MAX_LOG_BYTES = 16 * 1024 * 1024

export class ServerChild {
  readonly name: string
  readonly args: readonly string[]
  readonly ready: Promise<ReadyMessage>
  /** Resolves with how it ended; never rejects. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  readonly #logFile: string
  #hasEnded = false

  constructor(options: ChildOptions) {
    this.name = options.name
    this.args = options.args
    this.#logFile = options.logFile
    const log = openLog(options.logFile)
    this.#child = fork(MAIN, [...options.args], {
      stdio: ['ignore', log, log, 'ipc'],
      env: childEnvironment(process.env),
    })
    fs.closeSync(log)
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#hasEnded = true
        resolve(how)
      }
      this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`))
      this.#child.once('error', (error) => end(error.message))
    })
    this.ready = new Promise((resolve, reject) => {
      this.#child.once('message', (message) => resolve(message as ReadyMessage))
      void this.ended.then((how) => reject(new Error(this.#failure(how))))
    })
    // Who waits for it hears it; nobody may be waiting.
    this.ready.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get isRunning(): boolean {
    return !this.#hasEnded
  }

  kill(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal)
  }

  /** SIGTERM, and SIGKILL when that has not helped in time. */
  async stop(graceMs: number): Promise<void> {
    if (!this.isRunning) return
    this.kill('SIGTERM')
    // One that was stopped must go on to hear it.
    this.kill('SIGCONT')
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs)
    await this.ended
    clearTimeout(timer)
  }

  #failure(how: string): string {
    const shown = lastLines(this.#logFile).map((line) => `  ${line}`)
    return `${this.name} ended with ${how}; the end of ${this.#logFile}:\n${shown.join('\n')}`
  }
}

/**
 * Settings of brokers do not come from the environment here: they would be those of all at once. With
 * the cache of compiled code from the first file on, a child of a clone needs no stripper of types,
 * which takes 10 MiB.
 */
export function childEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = Object.entries(environment).filter(
    ([name]) => !name.startsWith('KAFKA_') || name.startsWith('KAFKA_LOG4J_'),
  )
  const cache = MAIN.pathname.endsWith('.ts') ? { NODE_COMPILE_CACHE: CLONE_CACHE } : {}
  return { ...ALLOCATOR_SETTINGS, ...cache, ...Object.fromEntries(inherited) }
}

function openLog(file: string): number {
  const stat = fs.statSync(file, { throwIfNoEntry: false })
  if ((stat?.size ?? 0) > MAX_LOG_BYTES) fs.renameSync(file, `${file}.1`)
  return fs.openSync(file, 'a')
}

function lastLines(file: string): string[] {
  const descriptor = fs.openSync(file, 'r')
  try {
    const { size } = fs.fstatSync(descriptor)
    const tail = Buffer.alloc(Math.min(size, SHOWN_BYTES))
    fs.readSync(descriptor, tail, 0, tail.length, size - tail.length)
    const lines = tail.toString().trimEnd().split('\n')
    // Frames of a stack are for who opens the file.
    return lines.filter((line) => !/^ {4,}at /.test(line)).slice(-SHOWN_LINES)
  } finally {
    fs.closeSync(descriptor)
  }
}
