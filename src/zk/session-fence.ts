/**
 * Tells whether a session may be presumed alive: there is a live client, and the newest request
 * that was answered had been sent less than the session timeout ago. `isFenced` computes it at the
 * moment of the question; listeners hear of it at the moment the timeout passes, or shortly after
 * the session answered again.
 */

import type { Clock } from '../base/ports.ts'
import type { ZkClient } from './zk-client.ts'

const POLL_MS_MAX = 100
const POLLS_PER_TIMEOUT = 20

export class SessionFence {
  readonly #clock: Clock
  readonly #listeners = new Set<(isFenced: boolean) => void>()
  #client: ZkClient | null = null
  #removeStateListener: () => void = () => {}
  #cancelTimer: () => void = () => {}
  #told = true
  #lastTimeoutMs = 0
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Of the present client, else of the one before. */
  get sessionTimeoutMs(): number {
    return this.#client?.sessionTimeoutMs ?? this.#lastTimeoutMs
  }

  watch(client: ZkClient | null): void {
    if (this.#stopped) return
    this.#removeStateListener()
    if (this.#client !== null) this.#lastTimeoutMs = this.#client.sessionTimeoutMs
    this.#client = client
    this.#removeStateListener = client?.onState(() => this.#update()) ?? (() => {})
    this.#update()
  }

  silentForMs(): number {
    const client = this.#client
    if (this.#stopped || client === null || client.lastProofOfLifeMs === null) {
      return Number.POSITIVE_INFINITY
    }
    if (client.state !== 'connected' && client.state !== 'suspended') {
      return Number.POSITIVE_INFINITY
    }
    return this.#clock.monotonicMs() - client.lastProofOfLifeMs
  }

  isFenced(): boolean {
    return this.silentForMs() >= this.sessionTimeoutMs
  }

  onChange(listener: (isFenced: boolean) => void): () => void {
    const own = (isFenced: boolean) => listener(isFenced)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  stop(): void {
    this.watch(null)
    this.#stopped = true
    this.#cancelTimer()
  }

  #update(): void {
    this.#cancelTimer()
    const isFenced = this.isFenced()
    if (isFenced !== this.#told) {
      this.#told = isFenced
      for (const listener of [...this.#listeners]) listener(isFenced)
    }
    if (this.#client === null || this.#stopped) return
    const timeoutMs = this.sessionTimeoutMs
    const delayMs = isFenced
      ? Math.min(POLL_MS_MAX, timeoutMs / POLLS_PER_TIMEOUT)
      : timeoutMs - this.silentForMs()
    this.#cancelTimer = this.#clock.after(Math.max(1, Math.ceil(delayMs)), () => this.#update())
  }
}
