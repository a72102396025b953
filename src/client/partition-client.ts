/**
 * Reads and writes of single partitions, as raw batches and by offset: what checkers, benchmarks
 * and tools need. No consumer groups, no batching: a call is a request to the leader.
 */

import { TopicPartitionMap } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { fetch } from '../protocol/messages/fetch.ts'
import { listOffsets } from '../protocol/messages/list-offsets.ts'
import { produce } from '../protocol/messages/produce.ts'
import type { ClusterClient } from './cluster-client.ts'
import type { Connection } from './connections.ts'
import { ConnectionError, KafkaError, throwIfError } from './kafka-error.ts'

/** In place of a time in `listOffset`. */
export const OffsetSpec = {
  LATEST: -1,
  EARLIEST: -2,
  MAX_TIMESTAMP: -3,
  EARLIEST_LOCAL: -4,
  LATEST_TIERED: -5,
} as const

export interface ProduceResult {
  readonly baseOffset: number
  /** -1 unless the topic stamps the time of append. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
}

export interface FetchOptions {
  /** Default 1 MiB; the first batch comes whole whatever its size. */
  readonly maxBytes?: number
  readonly minBytes?: number
  readonly maxWaitMs?: number
  readonly isolation?: 'read-uncommitted' | 'read-committed'
}

export interface FetchResult {
  /** Batches as they are in the log; the last may be cut off. */
  readonly records: Buffer
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly {
    readonly producerId: number
    readonly firstOffset: number
  }[]
}

export interface ListedOffset {
  /** -1 when there is no such offset. */
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const MEBIBYTE = 1024 * 1024
/** The last version with topic names; later ones need ids. */
export const FETCH_BY_NAME = 12

export class PartitionClient {
  readonly #client: ClusterClient
  readonly #leaders = new TopicPartitionMap<number>()

  constructor(client: ClusterClient) {
    this.#client = client
  }

  /** One attempt at the leader: a retry might append twice, so it is the caller's to decide. */
  async produce(
    topic: string,
    partition: number,
    batches: readonly Buffer[],
    options: { readonly acks?: -1 | 1; readonly timeoutMs?: number } = {},
  ): Promise<ProduceResult> {
    return this.#atLeader(topic, partition, async (connection) => {
      const response = await connection.send(produce, {
        acks: options.acks ?? -1,
        timeoutMs: options.timeoutMs ?? 30_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: batches }] }],
      })
      const answer = response.responses[0]?.partitionResponses[0]
      if (answer === undefined) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR)
      throwIfError(answer.errorCode, answer.errorMessage)
      return answer
    })
  }

  /** Sends and hears nothing back (acks=0). */
  async produceUnacknowledged(
    topic: string,
    partition: number,
    batches: readonly Buffer[],
  ): Promise<void> {
    await this.#atLeader(topic, partition, async (connection) => {
      connection.sendNoReply(produce, {
        acks: 0,
        timeoutMs: 30_000,
        topicData: [{ name: topic, partitionData: [{ index: partition, records: batches }] }],
      })
    })
  }

  /** One attempt at the leader. */
  fetch(
    topic: string,
    partition: number,
    offset: number,
    options: FetchOptions = {},
  ): Promise<FetchResult> {
    return this.#atLeader(topic, partition, (connection) =>
      fetchFrom(connection, topic, partition, offset, options),
    )
  }

  /** One attempt at a broker of choice, leader or not. */
  async fetchFromBroker(
    brokerId: number,
    topic: string,
    partition: number,
    offset: number,
    options: FetchOptions = {},
  ): Promise<FetchResult> {
    const connection = await this.#client.connectionTo(brokerId)
    return fetchFrom(connection, topic, partition, offset, options)
  }

  /** The first offset at or after a time, or what an `OffsetSpec` stands for. Retries. */
  listOffset(
    topic: string,
    partition: number,
    timestamp: number,
    isolation: FetchOptions['isolation'] = 'read-uncommitted',
  ): Promise<ListedOffset> {
    return this.#client.retry('listOffsets', () =>
      this.#atLeader(topic, partition, async (connection) => {
        const partitions = [{ partitionIndex: partition, timestamp, maxNumOffsets: 1 }]
        const response = await connection.send(listOffsets, {
          replicaId: -1,
          isolationLevel: isolation === 'read-committed' ? 1 : 0,
          topics: [{ name: topic, partitions }],
        })
        const answer = response.topics[0]?.partitions[0]
        if (answer === undefined) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR)
        throwIfError(answer.errorCode)
        const { timestamp: found, leaderEpoch } = answer
        return { offset: answer.oldStyleOffsets[0] ?? answer.offset, timestamp: found, leaderEpoch }
      }),
    )
  }

  /** The leader's broker id. Asks the cluster when none is known. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const known = this.#leaders.get(topic, partition)
    if (known !== undefined) return known
    const { topics } = await this.#client.metadata([topic])
    const answer = topics.find(({ name }) => name === topic)
    if (answer === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    throwIfError(answer.errorCode)
    for (const { partitionIndex, leaderId } of answer.partitions) {
      if (leaderId >= 0) this.#leaders.set(topic, partitionIndex, leaderId)
    }
    const found = answer.partitions.find(({ partitionIndex }) => partitionIndex === partition)
    if (found === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    if (found.leaderId < 0) throw new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE)
    return found.leaderId
  }

  /** Who leads, known from elsewhere. */
  learn(topic: string, partition: number, leader: number): void {
    this.#leaders.set(topic, partition, leader)
  }

  /** The leader is looked for again when next needed. */
  forget(topic: string, partition: number): void {
    this.#leaders.delete(topic, partition)
  }

  /** Whatever fails there makes the next call look for the leader again. */
  async #atLeader<T>(
    topic: string,
    partition: number,
    attempt: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const leader = await this.leaderOf(topic, partition)
    try {
      return await attempt(await this.#client.connectionTo(leader))
    } catch (error) {
      const isOfLeader = error instanceof KafkaError || error instanceof ConnectionError
      // Meanwhile another one may have been learned.
      if (isOfLeader && this.#leaders.get(topic, partition) === leader) {
        this.forget(topic, partition)
      }
      throw error
    }
  }
}

async function fetchFrom(
  connection: Connection,
  topic: string,
  partition: number,
  offset: number,
  options: FetchOptions,
): Promise<FetchResult> {
  const maxBytes = options.maxBytes ?? MEBIBYTE
  const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }]
  const request = {
    maxWaitMs: options.maxWaitMs ?? 500,
    minBytes: options.minBytes ?? 1,
    maxBytes,
    isolationLevel: options.isolation === 'read-committed' ? 1 : 0,
    topics: [{ topic, partitions }],
  }
  const response = await connection.send(fetch, request, FETCH_BY_NAME)
  throwIfError(response.errorCode)
  const answer = response.responses[0]?.partitions[0]
  if (answer === undefined) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR)
  throwIfError(answer.errorCode)
  return {
    records: answer.records?.[0] ?? Buffer.alloc(0),
    highWatermark: answer.highWatermark,
    lastStableOffset: answer.lastStableOffset,
    logStartOffset: answer.logStartOffset,
    abortedTransactions: answer.abortedTransactions ?? [],
  }
}
