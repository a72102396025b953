/**
 * Which server to try next: all in turn from a random start, with a growing pause between rounds.
 */

import type { Random } from '../base/ports.ts'
import type { ZkServerAddress } from '../zk/connect-string.ts'

const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 1_000

export class ServerRing {
  readonly #servers: readonly ZkServerAddress[]
  readonly #random: Random
  #next: number
  /** Servers tried since the last connection. */
  #tried = 0

  constructor(servers: readonly ZkServerAddress[], random: Random) {
    this.#servers = servers
    this.#random = random
    this.#next = random.nextInt(servers.length)
  }

  /** The pause, to be made first, keeps many clients from knocking in step. */
  next(): { server: ZkServerAddress; pauseMs: number } {
    const server = this.#servers[this.#next % this.#servers.length]!
    this.#next += 1
    const round = Math.floor(this.#tried / this.#servers.length)
    const startsRound = this.#tried % this.#servers.length === 0
    this.#tried += 1
    if (round === 0 || !startsRound) return { server, pauseMs: 0 }
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(round, 10))
    return { server, pauseMs: Math.ceil(pauseMs / 2) + this.#random.nextInt(pauseMs / 2) }
  }

  /** The next loss may try all servers at once again. */
  onConnected(): void {
    this.#tried = 0
  }
}
