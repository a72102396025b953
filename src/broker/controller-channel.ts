/**
 * The way from this broker to the controller: one connection to whoever the image names, made when it
 * is needed and dropped when the controller changes. One try per call; who needs an answer asks again.
 */
import type { Clock, Transport } from '../base/ports.ts'
import { endpointOf, type MetadataCache } from '../cluster/image.ts'
import { ClientChannel } from '../network/client-channel.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'

export interface ControllerChannelOptions {
  /** Listener on which brokers reach each other. */
  readonly listener: string
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Where to connect instead of the registered address. */
  readonly addressOf?: (brokerId: number) => { host: string; port: number } | undefined
}

export class ControllerChannel {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #metadata: MetadataCache
  readonly #options: ControllerChannelOptions
  #current: { controllerId: number; channel: Promise<ClientChannel> } | null = null
  #closed = false

  constructor(
    transport: Transport,
    clock: Clock,
    metadata: MetadataCache,
    options: ControllerChannelOptions,
  ) {
    this.#transport = transport
    this.#clock = clock
    this.#metadata = metadata
    this.#options = options
  }

  /** Rejects when no controller is known, when it cannot be reached, or does not answer in time. */
  async send<A extends Api>(
    api: A,
    version: number,
    request: RequestInput<A>,
  ): Promise<ResponseOf<A>> {
    const channel = await this.#connected()
    return channel.send(api, version, request)
  }

  close(): void {
    this.#closed = true
    this.#drop()
  }

  #connected(): Promise<ClientChannel> {
    const { controllerId, brokers } = this.#metadata.image
    const broker = brokers.get(controllerId)
    const endpoint = broker && endpointOf(broker, this.#options.listener)
    if (this.#closed || endpoint === undefined) {
      return Promise.reject(new Error('no controller is known'))
    }
    if (this.#current?.controllerId === controllerId) return this.#current.channel
    this.#drop()
    const { host, port } = this.#options.addressOf?.(controllerId) ?? endpoint
    const channel = ClientChannel.connect(this.#transport, this.#clock, {
      ...this.#options,
      host,
      port,
    })
    const current = { controllerId, channel }
    this.#current = current
    const forget = (): void => {
      if (this.#current === current) this.#current = null
    }
    channel.then((open) => open.onClose(forget), forget)
    return channel
  }

  #drop(): void {
    const { channel } = this.#current ?? {}
    this.#current = null
    channel?.then((open) => open.close()).catch(() => {})
  }
}
