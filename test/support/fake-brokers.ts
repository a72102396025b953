/**
 * Brokers for tests of the client: answer from a few lines of state, through the real codec, with no
 * network between. A produce appends one record whatever its bytes.
 */

import type { BrokerAddress, BrokerChannel } from '../../src/client/connections.ts'
import { decodeRequest, encodeRequest } from '../../src/protocol/codec.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { decodeResponseFrame, encodeResponseFrame } from '../../src/protocol/header.ts'
import type { apiVersions } from '../../src/protocol/messages/api-versions.ts'
import type { createTopics } from '../../src/protocol/messages/create-topics.ts'
import type { fetch } from '../../src/protocol/messages/fetch.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import type { listOffsets } from '../../src/protocol/messages/list-offsets.ts'
import type { metadata } from '../../src/protocol/messages/metadata.ts'
import type { produce } from '../../src/protocol/messages/produce.ts'
import type {
  Api,
  RequestInput,
  RequestOf,
  ResponseInput,
  ResponseOf,
} from '../../src/protocol/types.ts'

interface FakeTopic {
  leader: number
  logEndOffset: number
}

export class FakeBrokers {
  readonly down = new Set<number>()
  readonly topics = new Map<string, FakeTopic>()
  readonly versionLimits = new Map<string, number>()
  /** Addresses in the order of connecting. */
  readonly connections: string[] = []
  controllerId = 1
  newestApiVersions = 4
  /** Before a request is answered. */
  onSend: (brokerId: number, api: Api, version: number) => void = () => {}
  readonly #ids: readonly number[]
  readonly #log: { readonly brokerId: number; readonly name: string }[] = []
  readonly #onClose = new Set<() => void>()

  constructor(ids: readonly number[]) {
    this.#ids = ids
  }

  /** Broker ids that got a request of this kind, in order. */
  sent(name: string): number[] {
    return this.#log.filter((each) => each.name === name).map(({ brokerId }) => brokerId)
  }

  closeAll(): void {
    for (const callback of this.#onClose) callback()
    this.#onClose.clear()
  }

  readonly connect = async ({ host, port }: BrokerAddress): Promise<BrokerChannel> => {
    this.connections.push(`${host}:${port}`)
    const brokerId = Number(host.slice(1))
    if (this.down.has(brokerId)) throw new Error('connection refused')
    const send = async <A extends Api>(
      api: A,
      version: number,
      request: RequestInput<A>,
    ): Promise<ResponseOf<A>> => {
      if (this.down.has(brokerId)) throw new Error('connection closed')
      this.#log.push({ brokerId, name: api.name })
      this.onSend(brokerId, api, version)
      const bytes = Buffer.concat(encodeRequest(api, version, request))
      const answerVersion =
        api.name === 'ApiVersions' && version > this.newestApiVersions ? 0 : version
      const asked = answerVersion === version ? decodeRequest(api, version, bytes) : null
      const answer = this.#answer(brokerId, api.name, asked) as ResponseInput<A>
      const frame = Buffer.concat(encodeResponseFrame(api, answerVersion, 1, answer))
      return decodeResponseFrame(api, version, frame)
    }
    return {
      send,
      sendNoReply: send,
      onClose: (callback) => this.#onClose.add(callback),
      close: () => {},
    }
  }

  #answer(brokerId: number, name: string, request: object | null): object {
    switch (name) {
      case 'ApiVersions':
        return this.#apiVersions(request === null)
      case 'Metadata':
        return this.#metadata(request as RequestOf<typeof metadata>)
      case 'CreateTopics':
        return this.#createTopics(brokerId, request as RequestOf<typeof createTopics>)
      case 'ListOffsets':
        return this.#listOffsets(brokerId, request as RequestOf<typeof listOffsets>)
      case 'Fetch':
        return this.#fetch(brokerId, request as RequestOf<typeof fetch>)
      case 'Produce':
        return this.#produce(brokerId, request as RequestOf<typeof produce>)
      default:
        throw new Error(`the fake brokers do not answer ${name}`)
    }
  }

  #apiVersions(unsupported: boolean): ResponseInput<typeof apiVersions> {
    const own = { apiKey: 18, minVersion: 0, maxVersion: this.newestApiVersions }
    if (unsupported) return { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: [own] }
    return {
      errorCode: 0,
      apiKeys: MESSAGES.map(({ key, name, versions }) => ({
        apiKey: key,
        minVersion: versions.min,
        maxVersion: this.versionLimits.get(name) ?? versions.max,
      })),
    }
  }

  #metadata(request: RequestOf<typeof metadata>): ResponseInput<typeof metadata> {
    const names = request.topics?.map(({ name }) => name!) ?? [...this.topics.keys()]
    return {
      brokers: this.#ids.map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9000 + nodeId })),
      controllerId: this.controllerId,
      topics: names.map((name) => {
        const topic = this.topics.get(name)
        if (topic === undefined) {
          return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
        }
        const replicas = { replicaNodes: [topic.leader], isrNodes: [topic.leader] }
        const partition = { errorCode: 0, partitionIndex: 0, leaderId: topic.leader, ...replicas }
        return { errorCode: 0, name, partitions: [partition] }
      }),
    }
  }

  #createTopics(
    brokerId: number,
    request: RequestOf<typeof createTopics>,
  ): ResponseInput<typeof createTopics> {
    return {
      topics: request.topics.map(({ name }) => {
        if (brokerId !== this.controllerId) return { name, errorCode: ErrorCode.NOT_CONTROLLER }
        if (this.topics.has(name)) {
          const errorMessage = `Topic '${name}' already exists.`
          return { name, errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage }
        }
        this.topics.set(name, { leader: 1, logEndOffset: 0 })
        return { name, errorCode: 0 }
      }),
    }
  }

  #produce(brokerId: number, request: RequestOf<typeof produce>): ResponseInput<typeof produce> {
    return {
      responses: request.topicData.map(({ name, partitionData }) => ({
        name,
        partitionResponses: partitionData.map(({ index }) => {
          const topic = this.topics.get(name)!
          if (topic.leader !== brokerId) {
            return { index, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, baseOffset: -1 }
          }
          return { index, errorCode: 0, baseOffset: topic.logEndOffset++ }
        }),
      })),
    }
  }

  #listOffsets(
    brokerId: number,
    request: RequestOf<typeof listOffsets>,
  ): ResponseInput<typeof listOffsets> {
    return {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const topic = this.topics.get(name)!
          const errorCode = topic.leader === brokerId ? 0 : ErrorCode.NOT_LEADER_OR_FOLLOWER
          return { partitionIndex, errorCode, offset: timestamp === -2 ? 0 : topic.logEndOffset }
        }),
      })),
    }
  }

  /** In place of batches: `from-to`, the offsets that they would hold. */
  #fetch(brokerId: number, request: RequestOf<typeof fetch>): ResponseInput<typeof fetch> {
    return {
      responses: request.topics.map(({ topic: name, partitions }) => ({
        topic: name,
        partitions: partitions.map(({ partition, fetchOffset }) => {
          const topic = this.topics.get(name)!
          const end = topic.logEndOffset
          const answer = { partitionIndex: partition, highWatermark: end, records: [] }
          if (topic.leader !== brokerId) {
            return { ...answer, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }
          }
          if (fetchOffset > end) return { ...answer, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }
          const records = fetchOffset < end ? [Buffer.from(`${fetchOffset}-${end}`)] : []
          return { ...answer, errorCode: 0, records }
        }),
      })),
    }
  }
}
