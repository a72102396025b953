/** One life of one program: its timers and whatever reaches it from outside stop when it does. */

import type { Clock } from '../../src/base/ports.ts'
import type { SimWorld } from './world.ts'

export class SimProcess {
  readonly world: SimWorld
  /** The host it runs on. */
  readonly host: string
  readonly clock: Clock
  #state: 'running' | 'paused' | 'dead' = 'running'
  /** What has happened to it while it could not notice. */
  #held: (() => void)[] = []
  readonly #onDeath: (() => void)[] = []
  wallSkewMs = 0

  constructor(world: SimWorld, host: string) {
    this.world = world
    this.host = host
    this.clock = {
      wallMs: () => Math.floor(world.wallStartMs + world.nowMs + this.wallSkewMs),
      monotonicMs: () => world.nowMs,
      after: (delayMs, callback) => this.after(delayMs, callback),
    }
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false
    const cancel = this.world.plan(this.#coarse(delayMs), () => {
      this.run(() => {
        if (!isCancelled) callback()
      })
    })
    return () => {
      isCancelled = true
      cancel()
    }
  }

  /** Timers of Node know whole milliseconds only: one may come up to two before its time. */
  #coarse(delayMs: number): number {
    if (delayMs <= 0) return 0
    const { nowMs } = this.world
    return Math.floor(nowMs) + Math.max(1, Math.trunc(delayMs)) - nowMs
  }

  /** Something reaches the program now, or when it wakes, or never. */
  run(event: () => void): void {
    if (this.#state === 'running') event()
    else if (this.#state === 'paused') this.#held.push(event)
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** SIGCONT: what was held happens now, in the order in which it came. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const event of held) this.world.plan(0, () => this.run(event))
  }

  /** SIGKILL. */
  die(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    for (const listener of this.#onDeath) listener()
  }

  onDeath(listener: () => void): void {
    this.#onDeath.push(listener)
  }
}
