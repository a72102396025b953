/**
 * The way from this broker to the controller: one connection to whoever the image names, made when it
 * is needed and dropped when another broker is named: one that is cut off would keep its requests
 * until they time out. One try per call; who needs an answer asks again.
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

interface Connection {
  readonly controllerId: number
  readonly channel: Promise<ClientChannel>
  /** Whoever waits for it, or for an answer, is rejected. */
  drop(): void
}

export class ControllerChannel {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #metadata: MetadataCache
  readonly #options: ControllerChannelOptions
  readonly #stopListening: () => void
  #current: Connection | null = null
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
    this.#stopListening = metadata.onChange(({ controllerId }) => {
      if (this.#current !== null && this.#current.controllerId !== controllerId) this.#drop()
    })
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
    this.#stopListening()
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
    const current = this.#open(controllerId, this.#options.addressOf?.(controllerId) ?? endpoint)
    this.#current = current
    const forget = (): void => {
      if (this.#current === current) this.#current = null
    }
    current.channel.then((open) => open.onClose(forget), forget)
    return current.channel
  }

  #open(controllerId: number, { host, port }: { host: string; port: number }): Connection {
    let abandon = (): void => {}
    const abandoned = new Promise<never>((_, reject) => {
      abandon = () => reject(new Error(`broker ${controllerId} is no longer the controller`))
    })
    const options = { ...this.#options, host, port }
    const opened = ClientChannel.connect(this.#transport, this.#clock, options)
    const drop = (): void => {
      abandon()
      opened.then((open) => open.close()).catch(() => {})
    }
    return { controllerId, channel: Promise.race([opened, abandoned]), drop }
  }

  #drop(): void {
    this.#current?.drop()
    this.#current = null
  }
}
