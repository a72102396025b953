/**
 * Reads a fixed set of partitions from given offsets on, without a group. One fetch is under way at
 * each leader, for all its partitions together; leaders that move are followed.
 */

import { ErrorCode, errorName, isRetriable } from '../protocol/error-codes.ts'
import { fetch } from '../protocol/messages/fetch.ts'
import type { ResponseOf } from '../protocol/types.ts'
import type { ClusterClient } from './cluster-client.ts'
import { isTransient, KafkaError } from './kafka-error.ts'
import {
  FETCH_BY_NAME,
  type FetchOptions,
  OffsetSpec,
  PartitionClient,
} from './partition-client.ts'

export interface AssignedConsumerOptions extends FetchOptions {
  /** Where to go on when an offset is out of range; default latest. */
  readonly offsetReset?: 'earliest' | 'latest'
  /** Pause after a failure; default 100. */
  readonly retryBackoffMs?: number
}

/** Batches of one partition as they lie in the log, the last perhaps cut off. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** What was asked for: the first batch may begin before it. */
  readonly fetchOffset: number
  readonly records: Buffer
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly abortedTransactions: readonly {
    readonly producerId: number
    readonly firstOffset: number
  }[]
}

interface Position {
  readonly topic: string
  readonly partition: number
  offset: number
}

type PartitionAnswer = ResponseOf<typeof fetch>['responses'][number]['partitions'][number]

const DEFAULT_MAX_BYTES = 1024 * 1024

export class AssignedConsumer {
  readonly #client: ClusterClient
  readonly #partitions: PartitionClient
  readonly #options: AssignedConsumerOptions
  readonly #positions: Position[] = []
  /** By leader. Never rejects. */
  readonly #inFlight = new Map<number, Promise<() => Promise<FetchedPartition[]>>>()

  constructor(client: ClusterClient, options: AssignedConsumerOptions = {}) {
    this.#client = client
    this.#partitions = new PartitionClient(client)
    this.#options = options
  }

  /** `offset` may be `OffsetSpec.EARLIEST` or `OffsetSpec.LATEST`. */
  async assign(topic: string, partition: number, offset: number): Promise<void> {
    const start =
      offset >= 0
        ? offset
        : (await this.#partitions.listOffset(topic, partition, offset, this.#options.isolation))
            .offset
    this.#positions.push({ topic, partition, offset: start })
  }

  /** The next fetch of a partition begins here: call it with what `poll` gave. */
  advance(topic: string, partition: number, offset: number): void {
    const position = this.#positions.find(
      (each) => each.topic === topic && each.partition === partition,
    )
    if (position !== undefined) position.offset = offset
  }

  /** What the first leader to answer has; empty when it has nothing new or the fetch failed. */
  async poll(): Promise<FetchedPartition[]> {
    await this.#startFetches()
    if (this.#inFlight.size === 0) return this.#pause()
    const finish = await Promise.race(this.#inFlight.values())
    return finish()
  }

  async #startFetches(): Promise<void> {
    const byLeader = new Map<number, Position[]>()
    for (const position of this.#positions) {
      const leader = await this.#leaderOf(position)
      if (leader === null || this.#inFlight.has(leader)) continue
      const group = byLeader.get(leader)
      if (group === undefined) byLeader.set(leader, [position])
      else group.push(position)
    }
    for (const [leader, positions] of byLeader) {
      this.#inFlight.set(leader, this.#fetchFrom(leader, positions))
    }
  }

  async #leaderOf({ topic, partition }: Position): Promise<number | null> {
    try {
      return await this.#partitions.leaderOf(topic, partition)
    } catch (error) {
      if (!isTransient(error)) throw error
      return null
    }
  }

  /** Resolves with what remains to be done when the fetch is over. */
  async #fetchFrom(
    leader: number,
    positions: readonly Position[],
  ): Promise<() => Promise<FetchedPartition[]>> {
    try {
      const connection = await this.#client.connectionTo(leader)
      const response = await connection.send(fetch, this.#request(positions), FETCH_BY_NAME)
      if (response.errorCode !== 0) throw new KafkaError(response.errorCode)
      return () => {
        this.#inFlight.delete(leader)
        return this.#collect(response)
      }
    } catch (error) {
      return async () => {
        this.#inFlight.delete(leader)
        for (const { topic, partition } of positions) this.#partitions.forget(topic, partition)
        if (!isTransient(error)) throw error
        return this.#pause()
      }
    }
  }

  #request(positions: readonly Position[]) {
    const maxBytes = this.#options.maxBytes ?? DEFAULT_MAX_BYTES
    return {
      maxWaitMs: this.#options.maxWaitMs ?? 500,
      minBytes: this.#options.minBytes ?? 1,
      maxBytes: Math.max(maxBytes, maxBytes * Math.min(positions.length, 50)),
      isolationLevel: this.#options.isolation === 'read-committed' ? 1 : 0,
      topics: positions.map(({ topic, partition, offset }) => ({
        topic,
        partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes }],
      })),
    }
  }

  async #collect(response: ResponseOf<typeof fetch>): Promise<FetchedPartition[]> {
    const fetched: FetchedPartition[] = []
    let failed = false
    for (const { topic, partitions } of response.responses) {
      for (const answer of partitions) {
        const position = this.#positions.find(
          (each) => each.topic === topic && each.partition === answer.partitionIndex,
        )
        if (position === undefined) continue
        if (answer.errorCode !== 0) {
          failed = true
          await this.#recover(position, answer)
        } else if (answer.records !== null && answer.records[0]!.length > 0) {
          fetched.push(toFetched(position, answer, answer.records[0]!))
        }
      }
    }
    if (failed && fetched.length === 0) await this.#pause()
    return fetched
  }

  async #recover(position: Position, { errorCode }: PartitionAnswer): Promise<void> {
    const { topic, partition } = position
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      const reset = this.#options.offsetReset ?? 'latest'
      const spec = reset === 'earliest' ? OffsetSpec.EARLIEST : OffsetSpec.LATEST
      position.offset = (await this.#partitions.listOffset(topic, partition, spec)).offset
    } else if (isRetriable(errorCode)) {
      this.#partitions.forget(topic, partition)
    } else {
      throw new KafkaError(errorCode, `${topic}-${partition}: ${errorName(errorCode)}`)
    }
  }

  #pause(): Promise<FetchedPartition[]> {
    return new Promise((resolve) => {
      this.#client.clock.after(this.#options.retryBackoffMs ?? 100, () => resolve([]))
    })
  }
}

function toFetched(position: Position, answer: PartitionAnswer, records: Buffer): FetchedPartition {
  return {
    topic: position.topic,
    partition: position.partition,
    fetchOffset: position.offset,
    records,
    highWatermark: answer.highWatermark,
    lastStableOffset: answer.lastStableOffset,
    abortedTransactions: answer.abortedTransactions ?? [],
  }
}
