/**
 * Listens in at the doors of the brokers: what a controller asks of them and what they answer, and
 * with which leader epoch followers fetch.
 */

import { FrameReader } from '../../src/network/framing.ts'
import {
  type Api,
  decodeRequest,
  type RequestOf,
  type ResponseOf,
} from '../../src/protocol/codec.ts'
import {
  decodeCorrelationId,
  decodeRequestHeader,
  decodeResponseFrame,
} from '../../src/protocol/header.ts'
import { fetch } from '../../src/protocol/messages/fetch.ts'
import { leaderAndIsr } from '../../src/protocol/messages/leader-and-isr.ts'
import { stopReplica } from '../../src/protocol/messages/stop-replica.ts'
import { updateMetadata } from '../../src/protocol/messages/update-metadata.ts'
import type { SimProcess } from './sim-process.ts'
import type { SimSocket } from './sim-socket.ts'

/** A request of a controller that a broker has taken: it refused neither the sender nor the whole. */
export interface ControlTaken {
  readonly name: string
  /** The life of the broker that took it. */
  readonly broker: SimProcess
  readonly controllerId: number
  readonly controllerEpoch: number
}

/** What a follower asks for, of one partition. */
export interface FollowerFetch {
  readonly follower: SimProcess
  /** As the request names it. */
  readonly topic: string
  readonly partition: number
  readonly leaderEpoch: number
}

export interface TapListener {
  onControlTaken(taken: ControlTaken): void
  onFollowerFetch(fetch: FollowerFetch): void
}

interface Asked {
  readonly api: Api
  readonly version: number
  readonly controllerId: number
  readonly controllerEpoch: number
}

const CONTROL = new Map<number, Api>(
  [leaderAndIsr, stopReplica, updateMetadata].map((api) => [api.key, api]),
)
const FRAME_BYTES_MAX = 100 * 1024 * 1024

export class RequestTap {
  readonly #listener: TapListener
  /** Of requests that followers send, of what brokers take and of what they answer. */
  readonly #asking = new WeakMap<SimSocket, FrameReader>()
  readonly #taking = new WeakMap<SimSocket, FrameReader>()
  readonly #answering = new WeakMap<SimSocket, FrameReader>()
  readonly #asked = new WeakMap<SimSocket, Map<number, Asked>>()

  constructor(listener: TapListener) {
    this.#listener = listener
  }

  asked(socket: SimSocket, bytes: Buffer): void {
    readerOf(this.#asking, socket, (frame) => this.#onFetch(socket, frame)).push(bytes)
  }

  received(socket: SimSocket, bytes: Buffer): void {
    readerOf(this.#taking, socket, (frame) => this.#onControl(socket, frame)).push(bytes)
  }

  answered(socket: SimSocket, bytes: Buffer): void {
    readerOf(this.#answering, socket, (frame) => this.#onAnswer(socket, frame)).push(bytes)
  }

  #onControl(socket: SimSocket, frame: Buffer): void {
    const header = decodeRequestHeader(frame, (key) => CONTROL.get(key))
    if (header === null) return
    const { api, apiVersion: version, correlationId, bodyOffset } = header
    const body = decodeRequest(api, version, frame, bodyOffset) as RequestOf<typeof leaderAndIsr>
    const { controllerId, controllerEpoch } = body
    const asked = this.#asked.get(socket) ?? new Map<number, Asked>()
    this.#asked.set(socket, asked)
    asked.set(correlationId, { api, version, controllerId, controllerEpoch })
  }

  #onFetch(socket: SimSocket, frame: Buffer): void {
    const header = decodeRequestHeader(frame, (key) => (key === fetch.key ? fetch : undefined))
    if (header === null) return
    const request = decodeRequest(fetch, header.apiVersion, frame, header.bodyOffset)
    if (Math.max(request.replicaId, request.replicaState.replicaId) < 0) return
    const follower = socket.process
    for (const { topic, topicId, partitions } of request.topics) {
      for (const { partition, currentLeaderEpoch: leaderEpoch } of partitions) {
        const name = topic === '' ? topicId : topic
        this.#listener.onFollowerFetch({ follower, topic: name, partition, leaderEpoch })
      }
    }
  }

  #onAnswer(socket: SimSocket, frame: Buffer): void {
    const asked = this.#asked.get(socket)
    const correlationId = decodeCorrelationId(frame)
    const request = asked?.get(correlationId)
    if (asked === undefined || request === undefined) return
    asked.delete(correlationId)
    const { api, version, controllerId, controllerEpoch } = request
    const answer = decodeResponseFrame(api, version, frame) as ResponseOf<typeof updateMetadata>
    if (answer.errorCode !== 0) return
    const broker = socket.process
    this.#listener.onControlTaken({ name: api.name, broker, controllerId, controllerEpoch })
  }
}

function readerOf(
  readers: WeakMap<SimSocket, FrameReader>,
  socket: SimSocket,
  onFrame: (frame: Buffer) => void,
): FrameReader {
  const found = readers.get(socket)
  if (found !== undefined) return found
  const reader = new FrameReader(FRAME_BYTES_MAX, onFrame)
  readers.set(socket, reader)
  return reader
}
