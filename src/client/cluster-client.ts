/**
 * A client of a whole cluster: finds brokers, the controller and partition leaders, and sends each
 * request to who can answer it. Calls retry what is transient until their time is over, with fresh
 * metadata each time.
 */

import type { Clock } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { metadata } from '../protocol/messages/metadata.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'
import {
  type BrokerAddress,
  type ConnectBroker,
  type Connection,
  Connections,
  parseBootstrap,
} from './connections.ts'
import { CallTimeoutError, ConnectionError, isTransient, KafkaError } from './kafka-error.ts'

export interface ClusterClientOptions {
  /** `host:port,host:port`. */
  readonly bootstrap: string
  /** For one call with all its retries; default 60000. */
  readonly callTimeoutMs?: number
  /** Default 100. */
  readonly retryBackoffMs?: number
  /** Of our client, told to the brokers. */
  readonly softwareVersion?: string
}

export type ClusterMetadata = ResponseOf<typeof metadata>
export type TopicMetadata = ClusterMetadata['topics'][number]
export type PartitionMetadata = TopicMetadata['partitions'][number]
export type BrokerNode = ClusterMetadata['brokers'][number]

const DEFAULT_CALL_TIMEOUT_MS = 60_000
const DEFAULT_RETRY_BACKOFF_MS = 100

export class ClusterClient {
  readonly #clock: Clock
  readonly #connections: Connections
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #callTimeoutMs: number
  readonly #retryBackoffMs: number
  #brokers: readonly BrokerNode[] = []
  #controllerId = -1
  #isClosed = false

  constructor(connect: ConnectBroker, clock: Clock, options: ClusterClientOptions) {
    this.#clock = clock
    this.#connections = new Connections(connect, {
      clientSoftwareName: 'samsa',
      clientSoftwareVersion: options.softwareVersion ?? '0.1.0',
    })
    this.#bootstrap = parseBootstrap(options.bootstrap)
    this.#callTimeoutMs = options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS
    this.#retryBackoffMs = options.retryBackoffMs ?? DEFAULT_RETRY_BACKOFF_MS
  }

  /** Brokers as the last metadata showed them. */
  get brokers(): readonly BrokerNode[] {
    return this.#brokers
  }

  /** Brokers known from elsewhere, in place of those that the last metadata showed. */
  learnBrokers(brokers: readonly BrokerNode[]): void {
    this.#brokers = brokers
  }

  get clock(): Clock {
    return this.#clock
  }

  /** Calls that are under way are not repeated any more. */
  close(): Promise<void> {
    this.#isClosed = true
    return this.#connections.close()
  }

  /** Null asks for all topics. Never creates one. Errors of topics are in the answer. */
  metadata(topics: readonly string[] | null, callName = 'metadata'): Promise<ClusterMetadata> {
    return this.retry(callName, () => this.#fetchMetadata(topics))
  }

  /** Sends to any broker that can be reached. */
  callAny<A extends Api>(
    callName: string,
    api: A,
    request: RequestInput<A>,
    check: (response: ResponseOf<A>) => void = () => {},
  ): Promise<ResponseOf<A>> {
    return this.retry(callName, async () => {
      const response = await (await this.#anyConnection()).send(api, request)
      check(response)
      return response
    })
  }

  /** Sends to the broker with this id. */
  callBroker<A extends Api>(
    callName: string,
    brokerId: number,
    api: A,
    request: RequestInput<A>,
    check: (response: ResponseOf<A>) => void = () => {},
  ): Promise<ResponseOf<A>> {
    return this.retry(callName, async () => {
      const response = await (await this.connectionTo(brokerId)).send(api, request)
      check(response)
      return response
    })
  }

  /**
   * Sends to the active controller. `codes` are the error codes in an answer: one that is transient
   * (NOT_CONTROLLER above all) has the call repeated with whoever is controller then.
   */
  callController<A extends Api>(
    callName: string,
    api: A,
    request: RequestInput<A>,
    codes: (response: ResponseOf<A>) => readonly number[],
  ): Promise<ResponseOf<A>> {
    return this.retry(callName, async () => {
      const response = await (await this.#controllerConnection()).send(api, request)
      if (codes(response).includes(ErrorCode.NOT_CONTROLLER)) {
        this.#controllerId = -1
        throw new KafkaError(ErrorCode.NOT_CONTROLLER)
      }
      return response
    })
  }

  /** One attempt; asks for metadata when the broker is not known. */
  async connectionTo(brokerId: number): Promise<Connection> {
    if (!this.#brokers.some(({ nodeId }) => nodeId === brokerId)) await this.#fetchMetadata([])
    const node = this.#brokers.find(({ nodeId }) => nodeId === brokerId)
    if (node === undefined) throw new ConnectionError(`broker ${brokerId} is not in the cluster`)
    try {
      return await this.#connections.to(node)
    } catch (error) {
      this.#brokers = [] // It may have moved: ask again next time.
      throw error
    }
  }

  /** Repeats an attempt until it succeeds, fails for good, or the time of a call is over. */
  async retry<T>(callName: string, attempt: () => Promise<T>): Promise<T> {
    const deadlineMs = this.#clock.monotonicMs() + this.#callTimeoutMs
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isTransient(error) || this.#isClosed) throw error
        if (error instanceof ConnectionError) this.#controllerId = -1
        if (this.#clock.monotonicMs() + this.#retryBackoffMs >= deadlineMs) {
          throw new CallTimeoutError(timeoutText(callName, error), error)
        }
      }
      await this.#sleep(this.#retryBackoffMs)
    }
  }

  async #controllerConnection(): Promise<Connection> {
    if (this.#controllerId < 0) await this.#fetchMetadata([])
    if (this.#controllerId < 0) throw new KafkaError(ErrorCode.NOT_CONTROLLER)
    return this.connectionTo(this.#controllerId)
  }

  async #fetchMetadata(topics: readonly string[] | null): Promise<ClusterMetadata> {
    const connection = await this.#anyConnection()
    // Version 0 cannot name no topic; an empty list means all there.
    const asked = topics === null && connection.versionOf(metadata) === 0 ? [] : topics
    const answer = await connection.send(metadata, {
      topics: asked === null ? null : asked.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    })
    if (answer.brokers.length > 0) this.#brokers = answer.brokers
    this.#controllerId = answer.controllerId
    return answer
  }

  /**
   * Brokers we know first, then the bootstrap list, and behind those whoever could not be connected to
   * the last time: one that hangs costs a timeout. The first that answers.
   */
  async #anyConnection(): Promise<Connection> {
    let failure: unknown
    const known = [...this.#brokers, ...this.#bootstrap]
    const isTroubled = (address: BrokerAddress) => this.#connections.isTroubled(address)
    const troubled = known.filter(isTroubled)
    for (const address of [...known.filter((each) => !isTroubled(each)), ...troubled]) {
      try {
        return await this.#connections.to(address)
      } catch (error) {
        if (!isTransient(error)) throw error
        failure = error
      }
    }
    throw new NoBrokerError('no broker could be reached', failure)
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(delayMs, resolve)
    })
  }
}

class NoBrokerError extends ConnectionError {}

/** The words of Kafka's admin client, which people look for in its tools. */
function timeoutText(callName: string, error: unknown): string {
  return error instanceof NoBrokerError
    ? `Timed out waiting for a node assignment. Call: ${callName}`
    : `Timed out waiting to send the call. Call: ${callName}`
}
