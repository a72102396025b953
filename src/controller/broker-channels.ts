/**
 * The way from the controller to each broker: one connection, one first-in-first-out queue, one
 * request in flight. A request that fails is sent again, the same one, for ever, until it is
 * answered or the broker leaves; what stands behind it waits (Kafka's `RequestSendThread`).
 * Retried requests keep their epochs, so a duplicate is harmless and a late one is refused.
 *
 * While our ZooKeeper session is in doubt nothing is sent: another controller may reign already.
 *
 * Ours: a connection is kept up even when nothing is to be said. When it breaks and the broker's
 * host refuses the next one, the broker is proven dead within milliseconds, long before its
 * ZooKeeper session ends; `onRefused` tells. A host that just stays silent gives no such proof, and
 * neither does one that never accepted: that broker may still be starting.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { leaderAndIsr } from '../protocol/messages/leader-and-isr.ts'
import { stopReplica } from '../protocol/messages/stop-replica.ts'
import { updateMetadata } from '../protocol/messages/update-metadata.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'
import type { Broker } from './controller-context.ts'

export type LeaderAndIsrRequest = RequestInput<typeof leaderAndIsr>
export type UpdateMetadataRequest = RequestInput<typeof updateMetadata>
export type StopReplicaRequest = RequestInput<typeof stopReplica>

export type ControlRequest =
  | { readonly kind: 'leader-and-isr'; readonly body: LeaderAndIsrRequest }
  | { readonly kind: 'update-metadata'; readonly body: UpdateMetadataRequest }
  | { readonly kind: 'stop-replica'; readonly body: StopReplicaRequest }

export type ControlResponse =
  | {
      readonly kind: 'leader-and-isr'
      readonly request: LeaderAndIsrRequest
      readonly response: ResponseOf<typeof leaderAndIsr>
    }
  | { readonly kind: 'update-metadata'; readonly response: ResponseOf<typeof updateMetadata> }
  | {
      readonly kind: 'stop-replica'
      readonly request: StopReplicaRequest
      readonly response: ResponseOf<typeof stopReplica>
    }

/** A connection to a broker. `send` rejects when it broke or when no answer came in time. */
export interface ControlChannel {
  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>>
  onClose(listener: () => void): void
  close(): void
}

export interface ChannelTarget {
  readonly brokerId: number
  readonly host: string
  readonly port: number
}

/** Rejects with the reason when no connection comes about. */
export type ChannelFactory = (target: ChannelTarget) => Promise<ControlChannel>

export interface BrokerChannelPorts {
  readonly clock: Clock
  readonly connect: ChannelFactory
  /** Whether our ZooKeeper session is in doubt. */
  readonly isFenced: () => boolean
  readonly log: Logger
}

export interface BrokerChannelEvents {
  onResponse(brokerId: number, response: ControlResponse): void
  /** The broker once accepted a connection and now refuses. */
  onRefused(target: ChannelTarget, brokerEpoch: number): void
  /** It has missed something, such as what waited for it for too long: it must be told everything. */
  onOverrun(brokerId: number): void
  /** Every broker has answered everything. */
  onAllTold?(): void
}

const RETRY_PAUSE_MS = 100
/** Requests that wait for one broker (ours; Kafka lets them pile up). */
export const QUEUE_LIMIT = 2_000
/** Newest versions: what a broker at `inter.broker.protocol.version` 3.9 is sent. */
const LEADER_AND_ISR_VERSION = 7
const UPDATE_METADATA_VERSION = 8
const STOP_REPLICA_VERSION = 4

/** The channels of one controller epoch. */
export class BrokerChannels {
  readonly #ports: BrokerChannelPorts
  readonly #listener: string
  readonly #events: BrokerChannelEvents
  readonly #channels = new Map<number, BrokerChannel>()

  /** `listener`: the one that the controller uses; a broker without it is skipped. */
  constructor(ports: BrokerChannelPorts, listener: string, events: BrokerChannelEvents) {
    this.#ports = ports
    this.#listener = listener
    this.#events = events
  }

  /** Tells when no broker has anything left to answer: at once, perhaps. */
  noticeAllTold(): void {
    for (const { queueSize } of this.#channels.values()) if (queueSize > 0) return
    this.#events.onAllTold?.()
  }

  add(broker: Broker): void {
    if (this.#channels.has(broker.id)) return
    const target = this.#targetOf(broker)
    if (target === null) return
    const channel = new BrokerChannel(this.#ports, target, broker.epoch, {
      ...this.#events,
      onResponse: (brokerId, response) => {
        this.#events.onResponse(brokerId, response)
        this.noticeAllTold()
      },
    })
    this.#channels.set(broker.id, channel)
    channel.start()
  }

  /** Its endpoints have changed: what waits for it goes where it is now. */
  move(broker: Broker): void {
    const channel = this.#channels.get(broker.id)
    const target = this.#targetOf(broker)
    if (target === null) this.remove(broker.id)
    else if (channel !== undefined) channel.moveTo(target)
    else {
      this.add(broker)
      this.#events.onOverrun(broker.id)
    }
  }

  remove(brokerId: number): void {
    this.#channels.get(brokerId)?.stop()
    this.#channels.delete(brokerId)
  }

  /** Null for one that does not have the listener. */
  #targetOf({ id, endpoints }: Broker): ChannelTarget | null {
    const endpoint = endpoints.find(({ listener }) => listener === this.#listener)
    if (endpoint === undefined) {
      this.#ports.log.error(
        `Broker ${id} has no listener ${this.#listener}: it cannot be told anything`,
      )
      return null
    }
    return { brokerId: id, host: endpoint.host, port: endpoint.port }
  }

  enqueue(brokerId: number, request: ControlRequest): void {
    this.#channels.get(brokerId)?.enqueue(request)
  }

  /** To be called when the session is no longer in doubt. */
  onUnfenced(): void {
    for (const channel of this.#channels.values()) channel.onUnfenced()
  }

  queueSizes(): Map<number, number> {
    return new Map([...this.#channels].map(([id, channel]) => [id, channel.queueSize]))
  }

  stop(): void {
    for (const channel of this.#channels.values()) channel.stop()
    this.#channels.clear()
  }
}

class BrokerChannel {
  readonly #ports: BrokerChannelPorts
  #target: ChannelTarget
  readonly #brokerEpoch: number
  readonly #events: BrokerChannelEvents
  readonly #queue: ControlRequest[] = []
  #channel: ControlChannel | null = null
  #wasConnected = false
  #connectedAtMs = 0
  #isFailing = false
  #stopped = false
  #endSleep: (() => void) | null = null
  #endPause: (() => void) | null = null

  constructor(
    ports: BrokerChannelPorts,
    target: ChannelTarget,
    brokerEpoch: number,
    events: BrokerChannelEvents,
  ) {
    this.#ports = ports
    this.#target = target
    this.#brokerEpoch = brokerEpoch
    this.#events = events
  }

  get queueSize(): number {
    return this.#queue.length
  }

  enqueue(request: ControlRequest): void {
    if (this.#queue.length >= QUEUE_LIMIT) {
      // The first one is under way.
      this.#queue.length = 1
      this.#events.onOverrun(this.#target.brokerId)
    } else {
      this.#queue.push(request)
    }
    this.wake()
  }

  start(): void {
    void this.#run()
  }

  wake(): void {
    this.#endSleep?.()
  }

  onUnfenced(): void {
    this.#endPause?.()
  }

  /** That nobody listens at the old address any more proves nothing then. */
  moveTo(target: ChannelTarget): void {
    const { host, port } = this.#target
    if (host === target.host && port === target.port) return
    this.#target = target
    this.#wasConnected = false
    const left = this.#channel
    this.#channel = null
    left?.close()
    this.wake()
  }

  /** The connection is closed, the queue discarded. */
  stop(): void {
    this.#stopped = true
    this.#channel?.close()
    this.#channel = null
    this.#queue.length = 0
    this.#endPause?.()
    this.#endSleep?.()
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const hasWork = this.#queue.length > 0 || (this.#wasConnected && this.#channel === null)
      if (!hasWork) await this.#sleep()
      // A doubt may end before anybody has told that it began.
      else if (this.#ports.isFenced()) await this.#pause()
      else if (this.#isFlapping() || !(await this.#attempt())) await this.#pause()
    }
  }

  /** True when the connection was made just now and is broken again. */
  #isFlapping(): boolean {
    const ageMs = this.#ports.clock.monotonicMs() - this.#connectedAtMs
    return this.#wasConnected && this.#channel === null && ageMs < RETRY_PAUSE_MS
  }

  /** Connects if need be and sends the oldest request. False when it must be tried again. */
  async #attempt(): Promise<boolean> {
    try {
      const channel = this.#channel ?? (await this.#connect())
      const request = this.#queue[0]
      if (this.#stopped || this.#ports.isFenced() || request === undefined) return true
      const response = await send(channel, request)
      if (this.#stopped) return true
      this.#isFailing = false
      this.#queue.shift()
      this.#events.onResponse(this.#target.brokerId, response)
      return true
    } catch (error) {
      if (!this.#stopped) this.#onFailure(error)
      return false
    }
  }

  async #connect(): Promise<ControlChannel> {
    const target = this.#target
    const channel = await this.#ports.connect(target)
    if (this.#stopped) {
      channel.close()
      return channel
    }
    if (this.#target !== target) {
      channel.close()
      throw new Error('the broker has moved meanwhile')
    }
    this.#channel = channel
    this.#wasConnected = true
    this.#connectedAtMs = this.#ports.clock.monotonicMs()
    channel.onClose(() => {
      if (this.#channel !== channel) return
      this.#channel = null
      this.wake()
    })
    return channel
  }

  #onFailure(error: unknown): void {
    const { brokerId, host, port } = this.#target
    const what = this.#queue[0]?.kind ?? 'an idle connection'
    const message = `Connection to broker ${brokerId} at ${host}:${port} failed (${what})`
    // A broker that stays away is mentioned once.
    if (!this.#isFailing) {
      this.#ports.log.warn(`${message}; trying again every ${RETRY_PAUSE_MS} ms`, error)
    }
    this.#isFailing = true
    this.#channel?.close()
    this.#channel = null
    if (this.#wasConnected && isRefusal(error))
      this.#events.onRefused(this.#target, this.#brokerEpoch)
  }

  #sleep(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#endSleep = () => {
        this.#endSleep = null
        resolve()
      }
    })
  }

  #pause(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const cancel = this.#ports.clock.after(RETRY_PAUSE_MS, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }
}

/** True for the answer "nobody listens here" of a host that is up. */
export function isRefusal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && at.code === 'ECONNREFUSED') return true
  }
  return false
}

async function send(channel: ControlChannel, request: ControlRequest): Promise<ControlResponse> {
  switch (request.kind) {
    case 'leader-and-isr': {
      const { kind, body } = request
      const response = await channel.send(leaderAndIsr, LEADER_AND_ISR_VERSION, body)
      return { kind, request: body, response }
    }
    case 'update-metadata': {
      const { kind, body } = request
      return { kind, response: await channel.send(updateMetadata, UPDATE_METADATA_VERSION, body) }
    }
    case 'stop-replica': {
      const { kind, body } = request
      const response = await channel.send(stopReplica, STOP_REPLICA_VERSION, body)
      return { kind, request: body, response }
    }
  }
}
