/**
 * Connections of a client to brokers, one for each address, each with the versions that its broker
 * speaks. A connection that closes is forgotten and made anew when next asked for.
 */

import { ErrorCode } from '../protocol/error-codes.ts'
import { apiVersions } from '../protocol/messages/api-versions.ts'
import { MalformedMessageError } from '../protocol/reader.ts'
import type { Api, RequestInput, RequestOf, ResponseOf } from '../protocol/types.ts'
import { ConnectionError, KafkaError, UnsupportedVersionError } from './kafka-error.ts'

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** What we use of a channel of `network/`. */
export interface BrokerChannel {
  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>>
  sendNoReply<A extends Api>(api: A, version: number, request: RequestInput<A>): void
  onClose(callback: () => void): void
  close(): void
}

export type ConnectBroker = (address: BrokerAddress) => Promise<BrokerChannel>

export interface VersionSpan {
  readonly minVersion: number
  readonly maxVersion: number
}

/** An open connection whose versions are known. */
export class Connection {
  readonly address: BrokerAddress
  readonly #channel: BrokerChannel
  readonly #versions: ReadonlyMap<number, VersionSpan>

  constructor(
    address: BrokerAddress,
    channel: BrokerChannel,
    versions: ReadonlyMap<number, VersionSpan>,
  ) {
    this.address = address
    this.#channel = channel
    this.#versions = versions
  }

  get versions(): ReadonlyMap<number, VersionSpan> {
    return this.#versions
  }

  /** The newest version that both sides speak, at most `limit`. */
  versionOf(api: Api, limit: number = api.versions.max): number {
    const span = this.#versions.get(api.key)
    if (span === undefined) {
      throw new UnsupportedVersionError(`The node does not support ${api.name}`)
    }
    const version = Math.min(api.versions.max, span.maxVersion, limit)
    if (version < api.versions.min || version < span.minVersion) {
      throw new UnsupportedVersionError(
        `The node supports ${api.name} from ${span.minVersion} to ${span.maxVersion}, ` +
          `we from ${api.versions.min} to ${Math.min(api.versions.max, limit)}`,
      )
    }
    return version
  }

  async send<A extends Api>(
    api: A,
    request: RequestInput<A>,
    versionLimit?: number,
  ): Promise<ResponseOf<A>> {
    const version = this.versionOf(api, versionLimit)
    return sendOver(this.#channel, this.address, api, version, request)
  }

  sendNoReply<A extends Api>(api: A, request: RequestInput<A>, versionLimit?: number): void {
    this.#channel.sendNoReply(api, this.versionOf(api, versionLimit), request)
  }

  close(): void {
    this.#channel.close()
  }
}

export class Connections {
  readonly #connect: ConnectBroker
  readonly #open = new Map<string, Promise<Connection>>()
  /** Addresses that could not be connected to the last time. */
  readonly #troubled = new Set<string>()
  readonly #software: RequestOf<typeof apiVersions>
  #closed = false

  constructor(connect: ConnectBroker, software: RequestOf<typeof apiVersions>) {
    this.#connect = connect
    this.#software = software
  }

  /** Whether the last attempt to connect to it failed: others are the better choice. */
  isTroubled(address: BrokerAddress): boolean {
    return this.#troubled.has(formatAddress(address))
  }

  /** The open connection to an address, or a new one. */
  to(address: BrokerAddress): Promise<Connection> {
    if (this.#closed) throw new ConnectionError('the client is closed')
    const key = formatAddress(address)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    const opening = this.#establish(address, () => this.#open.delete(key))
    this.#open.set(key, opening)
    opening.then(
      () => this.#troubled.delete(key),
      () => {
        this.#open.delete(key)
        this.#troubled.add(key)
      },
    )
    return opening
  }

  async close(): Promise<void> {
    this.#closed = true
    const connections = [...this.#open.values()]
    this.#open.clear()
    for (const each of await Promise.allSettled(connections)) {
      if (each.status === 'fulfilled') each.value.close()
    }
  }

  async #establish(address: BrokerAddress, forget: () => void): Promise<Connection> {
    let channel: BrokerChannel
    try {
      channel = await this.#connect(address)
    } catch (error) {
      throw new ConnectionError(`Connection to ${formatAddress(address)} failed`, error)
    }
    channel.onClose(forget)
    try {
      return new Connection(address, channel, await this.#negotiate(channel, address))
    } catch (error) {
      channel.close()
      throw error
    }
  }

  /** Our newest version first; a broker that does not know it says which one it does (KIP-511). */
  async #negotiate(
    channel: BrokerChannel,
    address: BrokerAddress,
  ): Promise<ReadonlyMap<number, VersionSpan>> {
    const newest = apiVersions.versions.max
    let answer = await sendOver(channel, address, apiVersions, newest, this.#software)
    if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const offered = answer.apiKeys.find(({ apiKey }) => apiKey === apiVersions.key)
      const version = Math.min(offered?.maxVersion ?? 0, newest)
      answer = await sendOver(channel, address, apiVersions, version, this.#software)
    }
    if (answer.errorCode !== 0) throw new KafkaError(answer.errorCode)
    return new Map(answer.apiKeys.map((span) => [span.apiKey, span]))
  }
}

export function formatAddress({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}

/** `host:port,host:port`; an IPv6 address stands in brackets. */
export function parseBootstrap(text: string): BrokerAddress[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(part)
      if (match === null) throw new Error(`Invalid url in bootstrap.servers: ${part}`)
      return { host: (match[1] ?? match[2])!, port: Number(match[3]) }
    })
}

/** Whatever the channel rejects with, other than a malformed answer, is a lost connection. */
async function sendOver<A extends Api>(
  channel: BrokerChannel,
  address: BrokerAddress,
  api: A,
  version: number,
  request: RequestInput<A>,
): Promise<ResponseOf<A>> {
  try {
    return await channel.send(api, version, request)
  } catch (error) {
    if (error instanceof MalformedMessageError) throw error
    throw new ConnectionError(`${api.name} to ${formatAddress(address)} had no answer`, error)
  }
}
