/**
 * Sessions and when they end. Deadlines are rounded up to the next tick, so that all that fall due
 * together are found together. Time is monotonic and comes as an argument.
 */

import { createHash } from 'node:crypto'

export interface Session<C> {
  readonly id: bigint
  timeoutMs: number
  expiresAtMs: number
  /** The connection that speaks for it, null while it has none. */
  client: C | null
}

export class Sessions<C> {
  readonly tickMs: number
  readonly #sessions = new Map<bigint, Session<C>>()
  #nextId: bigint

  /** `wallMs` makes the ids of this life differ from those of earlier ones. */
  constructor(tickMs: number, wallMs: number) {
    this.tickMs = tickMs
    // Server number 1 in the top byte, then milliseconds and a counter of 16 bits, as the real one.
    this.#nextId = (1n << 56n) | ((BigInt(wallMs) & 0xff_ffff_ffffn) << 16n)
  }

  get minTimeoutMs(): number {
    return 2 * this.tickMs
  }

  get maxTimeoutMs(): number {
    return 20 * this.tickMs
  }

  get size(): number {
    return this.#sessions.size
  }

  clampTimeout(timeoutMs: number): number {
    return Math.min(Math.max(timeoutMs, this.minTimeoutMs), this.maxTimeoutMs)
  }

  takeId(): bigint {
    while (this.#sessions.has(this.#nextId)) this.#nextId += 1n
    return this.#nextId++
  }

  get(id: bigint): Session<C> | undefined {
    return this.#sessions.get(id)
  }

  /** In the order of their creation. */
  all(): Session<C>[] {
    return [...this.#sessions.values()]
  }

  add(id: bigint, timeoutMs: number, nowMs: number): Session<C> {
    const session: Session<C> = { id, timeoutMs, expiresAtMs: 0, client: null }
    this.#sessions.set(id, session)
    this.touch(session, nowMs)
    return session
  }

  remove(id: bigint): void {
    this.#sessions.delete(id)
  }

  touch(session: Session<C>, nowMs: number): void {
    const bucket = Math.floor((nowMs + session.timeoutMs) / this.tickMs) + 1
    session.expiresAtMs = bucket * this.tickMs
  }

  due(nowMs: number): Session<C>[] {
    return this.all().filter((session) => session.expiresAtMs <= nowMs)
  }

  /** After a standstill of our own: nobody could reach us, so nobody is to blame. */
  restartTimeouts(nowMs: number): void {
    for (const session of this.#sessions.values()) this.touch(session, nowMs)
  }
}

export const PASSWORD_BYTES = 16

/**
 * Derived from the id, so that it need not be kept. A mark of identity, not a secret: the real
 * server's are derived from a constant too.
 */
export function passwordOf(sessionId: bigint): Buffer {
  const digest = createHash('sha256').update(`samsa session ${sessionId}`).digest()
  return digest.subarray(0, PASSWORD_BYTES)
}
