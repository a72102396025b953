/**
 * A client's connection and the one to the upstream that belongs to it, with a link in each direction.
 * An end is passed on as an end (half-close), a closed side closes the other one when everything that
 * is on its way has arrived. A client that is held waits, unconnected, until it is released.
 */
import type net from 'node:net'
import type { Clock } from '../../base/ports.ts'
import type { Dice } from './effects.ts'
import { Link, type LinkEnds } from './link.ts'
import { type Direction, directionOf, type Toxic } from './toxic.ts'

export interface ConnectionPorts {
  readonly clock: Clock
  readonly random: Dice
  /** Begins to connect to the upstream. */
  readonly dial: () => net.Socket
  /** Whether the upstream's refusal must not be seen now. */
  readonly isCut: () => boolean
  readonly onReceived: (direction: Direction, bytes: number) => void
  readonly onSent: (direction: Direction, bytes: number) => void
  /** Once, when both sides are closed. */
  readonly onClosed: () => void
}

export class Connection {
  readonly #ports: ConnectionPorts
  readonly #client: net.Socket
  #upstream: net.Socket | null = null
  /** Refused while cut: the client is told when the cut is over. */
  #isRefused = false
  /** A toxic ends it: no half-closes any more. */
  #isClosing = false
  #isClosed = false
  readonly #links: Readonly<Record<Direction, Link>>

  constructor(ports: ConnectionPorts, client: net.Socket, toxics: readonly Toxic[], held: boolean) {
    this.#ports = ports
    this.#client = client
    const { clock, random } = ports
    const link = (direction: Direction): Link => {
      const own = toxics.filter((toxic) => directionOf(toxic) === direction)
      return new Link(clock, random, own, this.#endsOf(direction))
    }
    this.#links = { upstream: link('upstream'), downstream: link('downstream') }
    this.#wire(client, 'upstream')
    if (held) this.#links.upstream.hold()
    else this.#dial()
    this.#links.upstream.resume()
    this.#links.downstream.resume()
  }

  /** Held, or on the way to the upstream and refused, all while the link is cut. */
  get isHeld(): boolean {
    return this.#upstream === null || this.#isRefused
  }

  /** Bytes in memory, those in the buffers of the sockets included. */
  get bytes(): number {
    const { upstream, downstream } = this.#links
    const sockets = this.#client.writableLength + (this.#upstream?.writableLength ?? 0)
    return upstream.bytes + downstream.bytes + sockets
  }

  /** The cut is over. */
  release(): void {
    if (this.#isClosed) return
    if (this.#isRefused) reset(this.#client)
    else if (this.#upstream === null) {
      this.#dial()
      this.#links.upstream.release()
    }
  }

  addToxic(toxic: Toxic): void {
    this.#links[directionOf(toxic)].add(toxic)
  }

  updateToxic(toxic: Toxic): void {
    this.#links[directionOf(toxic)].update(toxic)
  }

  removeToxic(toxic: Toxic): void {
    this.#links[directionOf(toxic)].remove(toxic)
  }

  destroy(): void {
    this.#client.destroy()
    this.#upstream?.destroy()
    this.#dispose()
  }

  #dial(): void {
    const upstream = this.#ports.dial()
    this.#upstream = upstream
    upstream.once('connect', () => {
      upstream.off('close', onRefused)
      this.#wire(upstream, 'downstream')
    })
    const onRefused = (): void => {
      if (this.#client.destroyed) this.destroy()
      else if (this.#ports.isCut()) this.#isRefused = true
      else reset(this.#client)
    }
    upstream.on('error', () => {})
    upstream.on('close', onRefused)
    upstream.on('drain', () => this.#links.upstream.resume())
  }

  /** `direction`: which way the bytes of this socket go. */
  #wire(socket: net.Socket, direction: Direction): void {
    const link = this.#links[direction]
    const isClient = socket === this.#client
    const opposite = this.#links[isClient ? 'downstream' : 'upstream']
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#ports.onReceived(direction, chunk.length)
      link.push(chunk)
    })
    socket.on('end', () => {
      // To the server this client never was.
      if (isClient && this.isHeld) socket.destroy()
      else link.sourceEnded()
    })
    if (isClient) socket.on('drain', () => opposite.resume())
    socket.on('close', () => this.#onClose(socket, link, opposite))
  }

  #onClose(socket: net.Socket, link: Link, opposite: Link): void {
    const other = socket === this.#client ? this.#upstream : this.#client
    if (other === null || other.destroyed || this.#isRefused) {
      this.destroy()
      return
    }
    if (link.isEnded) other.destroySoon()
    else link.sourceEnded()
    // What was meant for this side is dropped; that may be what the rest waits for.
    opposite.resume()
  }

  #endsOf(direction: Direction): LinkEnds {
    const source = () => (direction === 'upstream' ? this.#client : this.#upstream)
    const target = () => (direction === 'upstream' ? this.#upstream : this.#client)
    return {
      get hasRoom() {
        const socket = target()
        return socket !== null && (socket.destroyed || !socket.writableNeedDrain)
      },
      write: (data) => {
        const socket = target()
        if (socket === null || socket.destroyed || socket.writableEnded) return
        this.#ports.onSent(direction, data.length)
        socket.write(data)
      },
      onEnd: (kind) => {
        if (kind === 'close') this.#isClosing = true
        const isWhole = this.#isClosing || (source()?.destroyed ?? true)
        if (isWhole) target()?.destroySoon()
        else target()?.end()
        if (kind === 'close') this.#links[opposite(direction)].sourceEnded()
      },
      onReset: () => {
        reset(this.#client)
        if (this.#upstream !== null) reset(this.#upstream)
      },
      onFlow: (isFlowing) => {
        if (isFlowing) source()?.resume()
        else source()?.pause()
      },
    }
  }

  #dispose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#links.upstream.stop()
    this.#links.downstream.stop()
    this.#ports.onClosed()
  }
}

function opposite(direction: Direction): Direction {
  return direction === 'upstream' ? 'downstream' : 'upstream'
}

/** A socket that is about to say its end cannot be reset any more. */
function reset(socket: net.Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
