/** One end of a simulated connection, and the way from it to the other. */

import type { Socket, SocketHandlers } from '../../src/base/ports.ts'
import type { SimNetwork } from './network.ts'
import type { SimProcess } from './sim-process.ts'

interface Sending {
  readonly packet: Packet
  readonly arrivesMs: number
}

type Packet =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }

/** One direction: keeps order, holds packets while it is blocked. */
export class Lane {
  readonly #network: SimNetwork
  readonly #from: SimSocket
  readonly #to: SimSocket
  readonly #packets: Sending[] = []
  #isPumping = false
  #lastArrivalMs = 0

  constructor(network: SimNetwork, from: SimSocket, to: SimSocket) {
    this.#network = network
    this.#from = from
    this.#to = to
  }

  send(packet: Packet): void {
    const { world } = this.#network
    const arrivesMs = Math.max(this.#lastArrivalMs, world.nowMs + this.#network.latencyMs())
    this.#lastArrivalMs = arrivesMs
    this.#packets.push({ packet, arrivesMs })
    this.pump()
  }

  pump(): void {
    const [first] = this.#packets
    if (first === undefined || this.#isPumping) return
    if (this.#isBlocked()) {
      this.#network.hold(this)
      return
    }
    this.#isPumping = true
    const { world } = this.#network
    world.plan(first.arrivesMs - world.nowMs, () => {
      this.#isPumping = false
      if (!this.#isBlocked()) this.#deliverDue()
      this.pump()
    })
  }

  #isBlocked(): boolean {
    return this.#network.isBlocked(this.#from.process.host, this.#to.process.host)
  }

  /** Data that has arrived by now comes as one chunk. */
  #deliverDue(): void {
    const nowMs = this.#network.world.nowMs
    const chunks: Buffer[] = []
    while (this.#packets.length > 0) {
      const { packet, arrivesMs } = this.#packets[0] as Sending
      if (arrivesMs > nowMs || (packet.kind !== 'data' && chunks.length > 0)) break
      this.#packets.shift()
      if (packet.kind !== 'data') {
        this.#to.onPeerGone(packet.kind === 'reset')
        return
      }
      chunks.push(packet.bytes)
    }
    const [only] = chunks
    if (only !== undefined) this.#to.onArrival(chunks.length === 1 ? only : Buffer.concat(chunks))
  }
}

/** As the kernel and Node together would take, before `write` asks to wait. */
const WRITE_BUFFER_BYTES = 1024 * 1024

export class SimSocket implements Socket {
  readonly process: SimProcess
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly #network: SimNetwork
  /** For whoever listens in. */
  onWritten: ((bytes: Buffer) => void) | null = null
  onReceived: ((bytes: Buffer) => void) | null = null
  #peer: SimSocket | null = null
  #lane: Lane | null = null
  #handlers: SocketHandlers | null = null
  #isClosed = false
  #paused = false
  #wantsDrain = false
  #queuedBytes = 0
  /** Arrived, but not yet taken by the program. */
  #inbox: Buffer[] = []
  #peerIsGone = false

  constructor(
    network: SimNetwork,
    process: SimProcess,
    remoteHost: string,
    localPort: number,
    remotePort: number,
  ) {
    this.#network = network
    this.process = process
    this.localAddress = process.host
    this.remoteAddress = remoteHost
    this.localPort = localPort
    this.remotePort = remotePort
  }

  get peer(): SimSocket | null {
    return this.#peer
  }

  get lane(): Lane {
    return this.#lane as Lane
  }

  connectTo(peer: SimSocket, lane: Lane): void {
    this.#peer = peer
    this.#lane = lane
  }

  setHandlers(handlers: SocketHandlers): void {
    this.#handlers = handlers
    this.#later(() => this.#takeInbox())
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#isClosed) return false
    const bytes = Buffer.concat(chunks)
    this.#queuedBytes += bytes.length
    this.onWritten?.(bytes)
    if (bytes.length > 1 && this.#network.splits()) {
      const middle = bytes.length >> 1
      this.lane.send({ kind: 'data', bytes: bytes.subarray(0, middle) })
      this.lane.send({ kind: 'data', bytes: bytes.subarray(middle) })
    } else if (bytes.length > 0) {
      this.lane.send({ kind: 'data', bytes })
    }
    this.#wantsDrain ||= this.#queuedBytes >= WRITE_BUFFER_BYTES
    return !this.#wantsDrain
  }

  queuedBytes(): number {
    return this.#queuedBytes
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#later(() => this.#takeInbox())
  }

  /** What was written is on its way and arrives before the end does. */
  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.#isClosed) return
    this.lane.send({ kind: 'end' })
    this.#closeLocally(null)
  }

  // From the network.

  onArrival(bytes: Buffer): void {
    if (this.process.isDead) {
      // The host is up again, but nobody there knows this connection.
      if (!this.#network.isDown(this.process.host)) this.lane.send({ kind: 'reset' })
      return
    }
    if (this.#isClosed) return
    this.#inbox.push(bytes)
    this.process.run(() => this.#takeInbox())
  }

  onPeerGone(isReset: boolean): void {
    if (this.process.isDead || this.#isClosed) return
    if (isReset) {
      this.breakOff('connection reset')
      return
    }
    this.#peerIsGone = true
    this.process.run(() => this.#takeInbox())
  }

  /** Without a word to the other end. */
  breakOff(reason: string): void {
    if (this.#isClosed) return
    this.#inbox = []
    this.#closeLocally(new Error(reason))
  }

  onProcessDeath(saysGoodbye: boolean): void {
    if (!this.#isClosed && saysGoodbye) this.lane.send({ kind: 'reset' })
    this.#isClosed = true
    this.#network.forget(this)
  }

  /** The other program has taken so many of our bytes. */
  onTaken(bytes: number): void {
    this.#queuedBytes -= bytes
    if (!this.#wantsDrain || this.#queuedBytes > 0 || this.#isClosed) return
    this.#wantsDrain = false
    this.#later(() => this.#handlers?.onDrain?.())
  }

  #takeInbox(): void {
    if (this.#handlers === null) return
    while (this.#inbox.length > 0 && !this.#paused && !this.#isClosed) {
      const bytes = this.#inbox.shift() as Buffer
      this.#peer?.onTaken(bytes.length)
      this.onReceived?.(bytes)
      const lent = Buffer.from(bytes)
      this.#handlers.onData(lent)
      lent.fill(0xa5)
    }
    if (this.#peerIsGone && this.#inbox.length === 0) this.#closeLocally(null)
  }

  #closeLocally(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#network.forget(this)
    this.#later(() => this.#handlers?.onClose(error ?? undefined))
  }

  #later(task: () => void): void {
    this.process.after(0, task)
  }
}
