/**
 * Connections to the other brokers, at their registered addresses or, as `samsa.peer.addresses` says,
 * through proxies. Ours.
 *
 * The controller takes "connection refused" as proof that a broker is dead. A proxy proves nothing:
 * one that is down refuses while the broker lives, one that is up accepts when the broker is dead. So
 * what refuses is told to the controller only when it is the registered address itself.
 */
import type { Clock, Transport } from '../base/ports.ts'
import { isRefusal } from '../controller/broker-channels.ts'
import { ClientChannel } from '../network/client-channel.ts'

export interface PeerAddress {
  readonly host: string
  readonly port: number
}

export interface PeerTarget extends PeerAddress {
  readonly brokerId: number
}

export interface PeerOptions {
  /** By broker id; the others are at their registered addresses. */
  readonly addresses: ReadonlyMap<number, PeerAddress>
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** A host that is up refuses within a round trip; one that does not answer proves nothing. */
const PROBE_TIMEOUT_MS = 1_000

export class PeerConnections {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #options: PeerOptions

  constructor(transport: Transport, clock: Clock, options: PeerOptions) {
    this.#transport = transport
    this.#clock = clock
    this.#options = options
  }

  /** Where to connect instead of the registered address. */
  addressOf(brokerId: number): PeerAddress | undefined {
    return this.#options.addresses.get(brokerId)
  }

  /** `target` has the registered address. */
  connect(target: PeerTarget, clientId: string): Promise<ClientChannel> {
    return this.#open(this.addressOf(target.brokerId) ?? target, clientId)
  }

  /** Like `connect`; an error with the code of a refusal is one of the broker's own address. */
  async connectWithProof(target: PeerTarget, clientId: string): Promise<ClientChannel> {
    const address = this.addressOf(target.brokerId)
    if (address === undefined) return this.#open(target, clientId)
    const [opened, refusal] = await Promise.all([
      this.#open(address, clientId).catch((error: Error) => withoutProof(address, error)),
      this.#probe(target),
    ])
    if (refusal === null && opened instanceof ClientChannel) return opened
    if (opened instanceof ClientChannel) opened.close()
    throw refusal ?? opened
  }

  #open({ host, port }: PeerAddress, clientId: string): Promise<ClientChannel> {
    const { connectTimeoutMs, requestTimeoutMs } = this.#options
    return ClientChannel.connect(this.#transport, this.#clock, {
      host,
      port,
      clientId,
      connectTimeoutMs,
      requestTimeoutMs,
    })
  }

  /** Why the registered address refuses; null when it does anything else. */
  async #probe({ host, port }: PeerAddress): Promise<Error | null> {
    try {
      const socket = await this.#transport.connect(host, port, PROBE_TIMEOUT_MS)
      socket.setHandlers({ onData: () => {}, onClose: () => {} })
      socket.destroy()
      return null
    } catch (error) {
      return isRefusal(error) ? (error as Error) : null
    }
  }
}

/** The same in words only: a proxy that refuses says nothing of the broker. */
function withoutProof({ host, port }: PeerAddress, { message }: Error): Error {
  return new Error(`through samsa.peer.addresses at ${host}:${port}: ${message}`)
}
