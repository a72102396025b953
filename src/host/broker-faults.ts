/**
 * Faults that a broker does to itself on request (`samsa.faults.enable`), where nobody else can reach
 * its process: in a container. Each that lasts ends by itself.
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import type { DiskFull } from './disk-full.ts'

export type LastingFault = { readonly kind: 'pause' | 'stall'; readonly forMs: number }
export type EndingFault = { readonly kind: 'kill' | 'terminate' }
export interface DiskFullFault {
  readonly kind: 'disk-full'
  readonly forMs: number
  /** Absent: all of them. */
  readonly logDir?: string
}
export type BrokerFault =
  | LastingFault
  | EndingFault
  | DiskFullFault
  | { readonly kind: 'expire-session' }

export interface BrokerFaultPorts {
  /** Rejects when there is no session to end. */
  readonly expireSession: () => Promise<void>
  readonly diskFull: DiskFull
  /** Log directories that have failed: a restart brings them back. */
  readonly offlineLogDirs: () => string[]
}

const FOR_MS_MAX = 600_000
/** Process 1 of a container takes no SIGKILL from within. */
const KILL_GRACE_MS = 50
const EXIT_CODE_KILLED = 137

/** The fault, or what is wrong with the request. */
export function parseFault(body: unknown): BrokerFault | string {
  const { kind, forMs, logDir } = Object(body) as Record<string, unknown>
  switch (kind) {
    case 'kill':
    case 'terminate':
    case 'expire-session':
      return { kind }
    case 'pause':
    case 'stall':
    case 'disk-full': {
      if (typeof forMs !== 'number' || !(forMs >= 1 && forMs <= FOR_MS_MAX)) {
        return `forMs: expected 1 to ${FOR_MS_MAX} milliseconds`
      }
      const fault = { kind, forMs: Math.round(forMs) }
      if (kind !== 'disk-full' || logDir === undefined) return fault
      return typeof logDir === 'string' ? { ...fault, kind, logDir } : 'logDir: expected a path'
    }
    default:
      return 'kind: expected kill, terminate, pause, stall, expire-session or disk-full'
  }
}

export class BrokerFaults {
  readonly #ports: BrokerFaultPorts

  constructor(ports: BrokerFaultPorts) {
    this.#ports = ports
  }

  /** Rejects when there is no session to end. */
  expireSession(): Promise<void> {
    return this.#ports.expireSession()
  }

  /** Null, or what is wrong with the directory. */
  fillDisk({ forMs, logDir }: DiskFullFault): string | null {
    const { diskFull } = this.#ports
    if (logDir !== undefined && !diskFull.logDirs.includes(logDir)) {
      return `logDir: expected one of ${diskFull.logDirs.join(', ')}`
    }
    diskFull.begin(forMs, logDir ?? null)
    return null
  }

  /** Ends what can be ended before its time; log directories that have failed stay so. */
  end(): { readonly offlineLogDirs: string[] } {
    this.#ports.diskFull.end()
    return { offlineLogDirs: this.#ports.offlineLogDirs() }
  }

  strike(fault: LastingFault | EndingFault): void {
    switch (fault.kind) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL')
        setTimeout(() => process.exit(EXIT_CODE_KILLED), KILL_GRACE_MS)
        return
      case 'terminate':
        process.kill(process.pid, 'SIGTERM')
        return
      case 'pause':
        pause(fault.forMs)
        return
      case 'stall':
        stall(fault.forMs)
    }
  }
}

/** Somebody else must wake us: a child that lives on its own. */
function pause(forMs: number): void {
  const script = 'kill -STOP "$1"; sleep "$2"; kill -CONT "$1"'
  const args = ['-c', script, 'sh', String(process.pid), String(forMs / 1000)]
  const child = spawn('sh', args, { detached: true, stdio: 'ignore' })
  child.on('error', () => {})
  child.unref()
}

function stall(forMs: number): void {
  const endMs = performance.now() + forMs
  while (performance.now() < endMs);
}
