/**
 * Brokers for tests of what writes and reads: they keep the bytes of batches, one log per partition,
 * shared by all brokers; a leader that is down or moved is noticed as on a real cluster. The real codec,
 * no network, and mistakes on demand.
 */
import type { Clock } from '../../src/base/ports.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import type { BrokerAddress, BrokerChannel } from '../../src/client/connections.ts'
import { decodeRequest, encodeRequest } from '../../src/protocol/codec.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { decodeResponseFrame, encodeResponseFrame } from '../../src/protocol/header.ts'
import type { createTopics } from '../../src/protocol/messages/create-topics.ts'
import type { fetch } from '../../src/protocol/messages/fetch.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import type { listOffsets } from '../../src/protocol/messages/list-offsets.ts'
import type { metadata } from '../../src/protocol/messages/metadata.ts'
import type { produce } from '../../src/protocol/messages/produce.ts'
import type { Api, RequestInput, RequestOf, ResponseInput } from '../../src/protocol/types.ts'
import { writeBaseOffset } from '../../src/records/batch-header.ts'

const REQUEST_TIMEOUT_MS = 4_000

/** One partition: an entry per offset, each a batch of one record; null is a hole. */
export interface FakePartition {
  leader: number
  leaderEpoch: number
  readonly log: (Buffer | null)[]
}

export class LogBrokers {
  readonly topics = new Map<string, FakePartition[]>()
  readonly created: RequestOf<typeof createTopics>['topics'][number][] = []
  readonly down = new Set<number>()
  /** Brokers that take requests and never answer. */
  readonly paused = new Set<number>()
  /** Brokers that no longer hear of changes, and what they tell. */
  readonly #outdated = new Map<number, Map<string, FakePartition[]>>()
  /** Decides what becomes of a produce; default `append`. */
  onProduce: (partition: FakePartition, batch: Buffer) => ProduceOutcome = () => 'append'
  readonly #clock: Clock
  readonly #ids: readonly number[]
  readonly #onClose = new Map<number, Set<() => void>>()

  constructor(clock: Clock, ids: readonly number[] = [1, 2, 3]) {
    this.#clock = clock
    this.#ids = ids
  }

  readonly open = (): ClusterClient =>
    new ClusterClient(this.connect, this.#clock, { bootstrap: 'b1:9001,b2:9002,b3:9003' })

  addTopic(name: string, partitions: number): FakePartition[] {
    const made = Array.from({ length: partitions }, (_, at) => ({
      leader: this.#ids[at % this.#ids.length]!,
      leaderEpoch: 0,
      log: [],
    }))
    this.topics.set(name, made)
    return made
  }

  /** Connections break, later ones are refused. */
  kill(brokerId: number): void {
    this.down.add(brokerId)
    for (const close of this.#onClose.get(brokerId) ?? []) close()
    this.#onClose.delete(brokerId)
  }

  start(brokerId: number): void {
    this.down.delete(brokerId)
  }

  /** Lets the first broker that is well lead what `brokerId` leads. */
  moveLeaders(brokerId: number): void {
    const isAway = (id: number) => id === brokerId || this.down.has(id) || this.paused.has(id)
    const next = this.#ids.find((id) => !isAway(id)) ?? -1
    for (const each of [...this.topics.values()].flat()) {
      if (each.leader !== brokerId) continue
      each.leader = next
      each.leaderEpoch += 1
    }
  }

  /** From now on it tells of leaders as they are at this moment. */
  outdate(brokerId: number): void {
    const copies = [...this.topics].map(([name, all]): [string, FakePartition[]] => [
      name,
      all.map((each) => ({ ...each })),
    ])
    this.#outdated.set(brokerId, new Map(copies))
  }

  readonly connect = async ({ host }: BrokerAddress): Promise<BrokerChannel> => {
    const brokerId = Number(host.slice(1))
    if (this.down.has(brokerId)) throw new Error('connection refused')
    const closers = this.#onClose.get(brokerId) ?? new Set()
    this.#onClose.set(brokerId, closers)
    const closed: (() => void)[] = []
    const send: BrokerChannel['send'] = async <A extends Api>(
      api: A,
      version: number,
      request: RequestInput<A>,
    ) => {
      if (this.paused.has(brokerId)) await this.#timeOut(closed)
      const bytes = Buffer.concat(encodeRequest(api, version, request))
      const answer = this.#answer(brokerId, api.name, decodeRequest(api, version, bytes))
      const broken = Promise.withResolvers<never>()
      const close = () => broken.reject(new Error('connection closed'))
      if (this.down.has(brokerId)) close()
      closers.add(close)
      try {
        const value = (await Promise.race([answer, broken.promise])) as ResponseInput<A>
        const frame = Buffer.concat(encodeResponseFrame(api, version, 1, value))
        return decodeResponseFrame(api, version, frame)
      } finally {
        closers.delete(close)
      }
    }
    return {
      send,
      sendNoReply: () => {},
      onClose: (callback) => {
        closers.add(callback)
        closed.push(callback)
      },
      close: () => {},
    }
  }

  /** As a channel does that has no answer in time: it is closed then. */
  async #timeOut(closed: readonly (() => void)[]): Promise<never> {
    await new Promise<void>((resolve) => this.#clock.after(REQUEST_TIMEOUT_MS, resolve))
    for (const callback of closed) callback()
    throw new Error('no answer in time')
  }

  async #answer(brokerId: number, name: string, request: unknown): Promise<object> {
    switch (name) {
      case 'ApiVersions': {
        const apiKeys = MESSAGES.map(({ key, versions }) => ({
          apiKey: key,
          minVersion: versions.min,
          maxVersion: versions.max,
        }))
        return { errorCode: 0, apiKeys }
      }
      case 'Metadata':
        return this.#metadata(brokerId, request as RequestOf<typeof metadata>)
      case 'CreateTopics':
        return this.#createTopics(request as RequestOf<typeof createTopics>)
      case 'ListOffsets':
        return this.#listOffsets(brokerId, request as RequestOf<typeof listOffsets>)
      case 'Produce':
        return this.#produce(brokerId, request as RequestOf<typeof produce>)
      case 'Fetch':
        return this.#fetch(brokerId, request as RequestOf<typeof fetch>)
      default:
        throw new Error(`these brokers do not answer ${name}`)
    }
  }

  #metadata(
    brokerId: number,
    { topics }: RequestOf<typeof metadata>,
  ): ResponseInput<typeof metadata> {
    const known = this.#outdated.get(brokerId) ?? this.topics
    const alive = this.#ids.filter((id) => !this.down.has(id))
    return {
      brokers: alive.map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9000 + nodeId })),
      controllerId: alive[0] ?? -1,
      topics: (topics ?? []).map(({ name }) => {
        const found = known.get(name!)
        if (found === undefined) {
          return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name, partitions: [] }
        }
        const partitions = found.map(({ leader, leaderEpoch }, partitionIndex) => ({
          errorCode: leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : 0,
          partitionIndex,
          leaderId: leader,
          leaderEpoch,
          replicaNodes: [...this.#ids],
          isrNodes: alive,
        }))
        return { errorCode: 0, name, partitions }
      }),
    }
  }

  #createTopics({ topics }: RequestOf<typeof createTopics>): ResponseInput<typeof createTopics> {
    this.created.push(...topics)
    for (const { name, numPartitions } of topics) this.addTopic(name, numPartitions)
    return { topics: topics.map(({ name }) => ({ name, errorCode: 0 })) }
  }

  #listOffsets(
    brokerId: number,
    { topics }: RequestOf<typeof listOffsets>,
  ): ResponseInput<typeof listOffsets> {
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const partition = this.topics.get(name)![partitionIndex]!
          const isLeader = partition.leader === brokerId
          const offset = timestamp === -2 ? 0 : partition.log.length
          const errorCode = isLeader ? 0 : ErrorCode.NOT_LEADER_OR_FOLLOWER
          return { partitionIndex, errorCode, offset }
        }),
      })),
    }
  }

  async #produce(brokerId: number, { topicData }: RequestOf<typeof produce>) {
    const { name, partitionData } = topicData[0]!
    const { index, records } = partitionData[0]!
    const partition = this.topics.get(name)![index]!
    const answer = (errorCode: number, baseOffset: number) => ({
      responses: [{ name, partitionResponses: [{ index, errorCode, baseOffset }] }],
    })
    if (partition.leader !== brokerId) return answer(ErrorCode.NOT_LEADER_OR_FOLLOWER, -1)
    const batch = Buffer.from(records![0]!)
    const outcome = this.onProduce(partition, batch)
    const offset = partition.log.length
    if (outcome.startsWith('append')) appendBatch(partition, batch)
    if (outcome === 'append-and-hang') {
      await new Promise<void>((resolve) => this.#clock.after(REQUEST_TIMEOUT_MS, resolve))
      throw new Error('no answer in time')
    }
    if (outcome === 'append-and-fail' || outcome === 'fail') {
      return answer(ErrorCode.REQUEST_TIMED_OUT, -1)
    }
    // What another broker than a Kafka one might do: say yes and keep nothing.
    if (outcome === 'hole') partition.log.push(null)
    return answer(0, offset)
  }

  async #fetch(brokerId: number, { topics, maxWaitMs }: RequestOf<typeof fetch>) {
    const { topic, partitions } = topics[0]!
    const { partition: index, fetchOffset } = partitions[0]!
    const answer = (errorCode: number, records: Buffer, highWatermark: number) => ({
      responses: [
        {
          topic,
          partitions: [
            {
              partitionIndex: index,
              errorCode,
              highWatermark,
              records: [records],
              lastStableOffset: -1,
            },
          ],
        },
      ],
    })
    const { leader, log } = this.topics.get(topic)![index]!
    const none = Buffer.alloc(0)
    if (leader !== brokerId) return answer(ErrorCode.NOT_LEADER_OR_FOLLOWER, none, -1)
    if (fetchOffset > log.length) return answer(ErrorCode.OFFSET_OUT_OF_RANGE, none, -1)
    if (fetchOffset === log.length) {
      await new Promise<void>((resolve) => this.#clock.after(maxWaitMs, resolve))
      return answer(0, none, log.length)
    }
    const batches = log.slice(fetchOffset).filter((batch) => batch !== null)
    return answer(0, Buffer.concat(batches), log.length)
  }
}

export type ProduceOutcome = 'append' | 'append-and-fail' | 'append-and-hang' | 'fail' | 'hole'

export function appendBatch(partition: FakePartition, batch: Buffer): void {
  const copy = Buffer.from(batch)
  writeBaseOffset(copy, 0, partition.log.length)
  partition.log.push(copy)
}
