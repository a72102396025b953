/**
 * A network of named hosts. Bytes arrive late, in order, in pieces of another size; directions can
 * be blocked, which holds them back as TCP would; a host that loses power says nothing, a program
 * that is killed has its connections closed.
 */

import type { Listener, Socket, Transport } from '../../src/base/ports.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import type { SimProcess } from './sim-process.ts'
import { Lane, SimSocket } from './sim-socket.ts'
import type { SimWorld } from './world.ts'

export interface NetworkOptions {
  readonly latencyMsMin: number
  readonly latencyMsMax: number
  /** Of a chunk to arrive in two. */
  readonly splitProbability: number
}

/** Sees the bytes on their way into a program and out of it. */
export interface Tap {
  /** By whoever opened a connection. */
  asked(socket: SimSocket, bytes: Buffer): void
  /** Taken by whoever accepted it, perhaps much later. */
  received(socket: SimSocket, bytes: Buffer): void
  answered(socket: SimSocket, bytes: Buffer): void
}

export const DEFAULT_NETWORK: NetworkOptions = {
  latencyMsMin: 0.1,
  latencyMsMax: 1,
  splitProbability: 0.02,
}

interface Listening {
  readonly process: SimProcess
  readonly onSocket: (socket: Socket) => void
}

const FIRST_FREE_PORT = 40_000
/** When a connection is asked for, and asked for again. */
const SYN_TIMES_MS = [0, 1000, 3000, 7000, 15_000]

export class SimNetwork {
  readonly world: SimWorld
  readonly #random: SeededRandom
  readonly #options: NetworkOptions
  readonly #listeners = new Map<string, Listening>()
  readonly #blocked = new Set<string>()
  readonly #hostsDown = new Set<string>()
  readonly #sockets = new Set<SimSocket>()
  readonly #heldLanes = new Set<Lane>()
  readonly #taps = new Map<number, Tap>()
  #extraLatencyMs = 0
  #nextPort = FIRST_FREE_PORT

  constructor(world: SimWorld, random: SeededRandom, options: NetworkOptions = DEFAULT_NETWORK) {
    this.world = world
    this.#random = random
    this.#options = options
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  transportOf(process: SimProcess): Transport {
    process.onDeath(() => this.#onDeath(process))
    return {
      listen: async (_host, port, onSocket) => this.#listen(process, port, onSocket),
      connect: (host, port, timeoutMs) => this.#connect(process, host, port, timeoutMs),
    }
  }

  /** On all connections to this port from now on. */
  tap(port: number, tap: Tap): void {
    this.#taps.set(port, tap)
  }

  // Faults.

  /** Nothing gets from `from` to `to` any more; the other direction is untouched. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`)
  }

  unblock(from: string, to: string): void {
    if (!this.#blocked.delete(`${from}>${to}`)) return
    const lanes = [...this.#heldLanes]
    this.#heldLanes.clear()
    for (const lane of lanes) lane.pump()
  }

  /** A lane with something on it has to wait for the next `unblock`. */
  hold(lane: Lane): void {
    this.#heldLanes.add(lane)
  }

  isBlocked(from: string, to: string): boolean {
    return from !== to && this.#blocked.has(`${from}>${to}`)
  }

  /** On every way. */
  slowDown(extraLatencyMs: number): void {
    this.#extraLatencyMs = extraLatencyMs
  }

  /** All connections between two hosts break with a reset. */
  reset(a: string, b: string): void {
    for (const socket of [...this.#sockets]) {
      if (socket.process.host === a && socket.peer?.process.host === b) {
        socket.peer.breakOff('connection reset')
        socket.breakOff('connection reset')
      }
    }
  }

  /** The host is off: its programs are dead, nobody answers for them, not even with a refusal. */
  powerOff(host: string): void {
    this.#hostsDown.add(host)
  }

  powerOn(host: string): void {
    this.#hostsDown.delete(host)
  }

  isDown(host: string): boolean {
    return this.#hostsDown.has(host)
  }

  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.#options
    const spread = (this.#random.nextInt(1000) / 1000) * (latencyMsMax - latencyMsMin)
    return latencyMsMin + spread + this.#extraLatencyMs
  }

  splits(): boolean {
    return this.#random.chance(this.#options.splitProbability)
  }

  forget(socket: SimSocket): void {
    this.#sockets.delete(socket)
  }

  async #listen(
    process: SimProcess,
    wantedPort: number,
    onSocket: (socket: Socket) => void,
  ): Promise<Listener> {
    const port = wantedPort === 0 ? this.#nextPort++ : wantedPort
    const key = `${process.host}:${port}`
    if (this.#listeners.has(key)) throw new Error(`${key} is in use`)
    this.#listeners.set(key, { process, onSocket })
    return {
      port,
      close: async () => {
        if (this.#listeners.get(key)?.process === process) this.#listeners.delete(key)
      },
    }
  }

  /** Asks again as TCP does while no answer comes. */
  #connect(process: SimProcess, host: string, port: number, timeoutMs: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      let isSettled = false
      const settle = (outcome: Socket | string) => {
        isSettled = true
        cancelTimeout()
        for (const cancel of attempts) cancel()
        if (typeof outcome === 'string') reject(connectError(host, port, outcome))
        else resolve(outcome)
      }
      const cancelTimeout = process.after(timeoutMs, () => settle('ETIMEDOUT'))
      const attempts = SYN_TIMES_MS.filter((ms) => ms < timeoutMs).map((ms) =>
        this.world.plan(ms + this.latencyMs(), () => {
          if (isSettled || process.isDead || this.isBlocked(process.host, host)) return
          if (this.isBlocked(host, process.host) || this.#hostsDown.has(host)) return
          const listening = this.#listeners.get(`${host}:${port}`)
          const socket = listening && this.#pair(process, listening, port)
          this.world.plan(this.latencyMs(), () => {
            const isWanted = () => !isSettled && !process.isDead
            if (!isWanted()) socket?.destroy()
            process.run(() => {
              if (isWanted()) settle(socket ?? 'ECONNREFUSED')
              else socket?.destroy()
            })
          })
        }),
      )
    })
  }

  /** The client's end; the server's is handed over at once, or when its program wakes. */
  #pair(process: SimProcess, listening: Listening, port: number): SimSocket {
    const clientPort = this.#nextPort++
    const tap = this.#taps.get(port)
    const client = new SimSocket(this, process, listening.process.host, clientPort, port)
    const server = new SimSocket(this, listening.process, process.host, port, clientPort)
    if (tap !== undefined) {
      client.onWritten = (bytes) => tap.asked(client, bytes)
      server.onReceived = (bytes) => tap.received(server, bytes)
      server.onWritten = (bytes) => tap.answered(server, bytes)
    }
    client.connectTo(server, new Lane(this, client, server))
    server.connectTo(client, new Lane(this, server, client))
    this.#sockets.add(client)
    this.#sockets.add(server)
    listening.process.run(() => listening.onSocket(server))
    return client
  }

  #onDeath(process: SimProcess): void {
    for (const [key, listening] of [...this.#listeners]) {
      if (listening.process === process) this.#listeners.delete(key)
    }
    const saysGoodbye = !this.#hostsDown.has(process.host)
    for (const socket of [...this.#sockets]) {
      if (socket.process === process) socket.onProcessDeath(saysGoodbye)
    }
  }
}

/** As Node makes them. */
function connectError(host: string, port: number, code: string): Error {
  return Object.assign(new Error(`connect ${code} ${host}:${port}`), { code })
}
