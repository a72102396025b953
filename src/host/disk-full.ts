/**
 * The log directories of a broker as if their disk were full for a while (`POST /faults`): a write that
 * needs room leaves half of its bytes behind and fails. It ends by the clock, whoever forgets it.
 */
import type { Clock, Disk } from '../base/ports.ts'
import { type Fullness, fillableDisk } from './fillable-disk.ts'

export class DiskFull implements Fullness {
  readonly logDirs: readonly string[]
  /** For the broker. */
  readonly disk: Disk
  readonly #clock: Clock
  #full: readonly string[] = []
  #untilMs = 0

  constructor(disk: Disk, clock: Clock, logDirs: readonly string[]) {
    this.logDirs = logDirs
    this.disk = fillableDisk(disk, this)
    this.#clock = clock
  }

  /** One of `logDirs`, or all of them. In the place of what was before. */
  begin(forMs: number, logDir: string | null): void {
    this.#full = logDir === null ? this.logDirs : [logDir]
    this.#untilMs = this.#clock.monotonicMs() + forMs
  }

  end(): void {
    this.#full = []
  }

  isFull(path: string): boolean {
    if (this.#full.length === 0) return false
    if (this.#clock.monotonicMs() >= this.#untilMs) this.end()
    return this.#full.some((directory) => path === directory || path.startsWith(`${directory}/`))
  }

  fitting(bytes: number): number {
    return Math.floor(bytes / 2)
  }
}
