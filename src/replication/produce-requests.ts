/**
 * Produce on the side of the leader: append to each partition, answer by the wanted acks. With
 * acks=all the answer waits until everything appended is below the high watermark, or for its
 * time limit; what was appended stays in the log either way.
 *
 * While the broker is fenced (ZooKeeper silent for a session timeout) somebody else may lead already:
 * acks=all is refused then, and a wait that is satisfied goes on until the fence lifts.
 */

import type { Logger } from '../base/ports.ts'
import { release, retain } from '../base/release.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { Partition } from './partition.ts'
import type { Expiring, Purgatory } from './purgatory.ts'
import { type AppendOrigin, errorCodeOf, type LogAppend } from './replica-log.ts'
import { type LeaderHint, NO_LEADER_HINT, type ReplicaSet } from './replica-set.ts'
import type { ReplicationStats } from './replication-stats.ts'
import type { ProduceWaiter } from './waiters.ts'

export interface AppendEntry {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly records: Buffer }[]
}

export interface AppendRequest {
  /** -1 all, 0, 1. Anything else fails all partitions with INVALID_REQUIRED_ACKS. */
  readonly acks: number
  readonly timeoutMs: number
  readonly origin: AppendOrigin
  /** Handed over: the records' memory is not the caller's any more. */
  readonly entries: readonly AppendEntry[]
}

interface RecordError {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string | null
}

/** Has the fields of a partition in a Produce response. */
export interface PartitionAppendResult {
  index: number
  errorCode: ErrorCode
  baseOffset: number
  lastOffset: number
  logAppendTimeMs: number
  logStartOffset: number
  recordErrors: readonly RecordError[]
  errorMessage: string | null
  /** Set beside NOT_LEADER_OR_FOLLOWER. */
  currentLeader: LeaderHint
}

export interface TopicAppendResult {
  readonly name: string
  readonly partitionResponses: PartitionAppendResult[]
}

const ACKS_ALL = -1

export interface ProduceRequestsPorts {
  readonly replicas: ReplicaSet
  readonly purgatory: Purgatory
  readonly stats: ReplicationStats
  readonly logger: Logger
  isFenced(): boolean
}

export class ProduceRequests {
  readonly #ports: ProduceRequestsPorts
  #waitingCount = 0

  constructor(ports: ProduceRequestsPorts) {
    this.#ports = ports
  }

  get waitingCount(): number {
    return this.#waitingCount
  }

  append(request: AppendRequest, respond: (topics: TopicAppendResult[]) => void): void {
    const { acks, entries } = request
    const topics: TopicAppendResult[] = []
    const waiting = acks === ACKS_ALL ? new WaitingAppend(this, topics, respond) : null
    // All lie in one frame: none may be freed while others are still to be appended.
    forEachRecords(request, retain)
    for (const { topic, partitions } of entries) {
      const results: PartitionAppendResult[] = []
      topics.push({ name: topic, partitionResponses: results })
      for (const { partition, records } of partitions) {
        results.push(this.#appendOne(request, topic, partition, records, waiting))
      }
    }
    forEachRecords(request, release)
    if (waiting === null || waiting.pendingCount === 0) {
      respond(topics)
      return
    }
    this.#waitingCount += 1
    if (request.timeoutMs > 0) this.#ports.purgatory.add(waiting, request.timeoutMs)
    else this.expire(waiting)
  }

  /** After an advance of the high watermark, an ISR change or the end of a fence. */
  completeSatisfied(partition: Partition): void {
    const { produceWaiters, log } = partition
    if (produceWaiters.count === 0 || log === null || !partition.isLeader) return
    if (this.#ports.isFenced()) return
    const { highWatermark } = log
    for (
      let waiter = produceWaiters.takeSatisfied(highWatermark);
      waiter !== null;
      waiter = produceWaiters.takeSatisfied(highWatermark)
    ) {
      this.#settle(waiter as PartitionWaiter, partition.acknowledgement())
    }
  }

  /** Nobody can be satisfied here any more. */
  failAll(partition: Partition, errorCode: ErrorCode): void {
    const { produceWaiters } = partition
    for (
      let waiter = produceWaiters.takeSatisfied(Number.POSITIVE_INFINITY);
      waiter !== null;
      waiter = produceWaiters.takeSatisfied(Number.POSITIVE_INFINITY)
    ) {
      this.#settle(waiter as PartitionWaiter, errorCode)
    }
  }

  /** The time limit has come: what is not settled keeps its provisional REQUEST_TIMED_OUT. */
  expire(waiting: WaitingAppend): void {
    this.#ports.stats.delayedProduceExpirations += waiting.pendingCount
    for (const waiter of waiting.waiters) waiter.partition.produceWaiters.remove(waiter)
    this.#respond(waiting)
  }

  #settle(waiter: PartitionWaiter, errorCode: ErrorCode): void {
    const { result, waiting, partition } = waiter
    result.errorCode = errorCode
    if (errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER) {
      result.currentLeader = this.#ports.replicas.leaderHint(partition.topic, partition.index)
    }
    waiting.pendingCount -= 1
    if (waiting.pendingCount === 0) this.#respond(waiting)
  }

  #respond(waiting: WaitingAppend): void {
    this.#ports.purgatory.remove(waiting)
    this.#waitingCount -= 1
    waiting.respond(waiting.topics)
  }

  #appendOne(
    request: AppendRequest,
    topic: string,
    index: number,
    records: Buffer,
    waiting: WaitingAppend | null,
  ): PartitionAppendResult {
    const { replicas } = this.#ports
    const partition = replicas.get(topic, index)
    const refusal = this.#refusal(request, partition, topic, index)
    if (partition === undefined || refusal !== ErrorCode.NONE) {
      const logStartOffset = HAS_NO_LOG_START.has(refusal)
        ? undefined
        : partition?.log?.logStartOffset
      return this.#failed(topic, index, refusal, logStartOffset ?? -1)
    }
    let appended: LogAppend
    try {
      appended = partition.append(records, request.origin)
    } catch (error) {
      return this.#refused(partition, error)
    }
    this.#count(topic, records, appended)
    const result = succeeded(index, appended)
    if (waiting !== null) this.#waitFor(partition, appended.lastOffset + 1, result, waiting)
    return result
  }

  #waitFor(
    partition: Partition,
    requiredOffset: number,
    result: PartitionAppendResult,
    waiting: WaitingAppend,
  ): void {
    const isCommitted = (partition.log?.highWatermark ?? -1) >= requiredOffset
    if (isCommitted && !this.#ports.isFenced()) {
      result.errorCode = partition.acknowledgement()
      return
    }
    result.errorCode = ErrorCode.REQUEST_TIMED_OUT
    const waiter = { requiredOffset, partition, result, waiting, ...OUTSIDE }
    waiting.waiters.push(waiter)
    waiting.pendingCount += 1
    partition.produceWaiters.add(waiter)
  }

  #refusal(
    { acks }: AppendRequest,
    partition: Partition | undefined,
    topic: string,
    index: number,
  ): ErrorCode {
    if (acks < -1 || acks > 1) return ErrorCode.INVALID_REQUIRED_ACKS
    const lookup = this.#ports.replicas.lookupError(partition, topic, index)
    if (partition === undefined || lookup !== ErrorCode.NONE) return lookup
    if (!partition.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    if (acks !== ACKS_ALL) return ErrorCode.NONE
    if (this.#ports.isFenced()) return ErrorCode.NOT_LEADER_OR_FOLLOWER
    return partition.isUnderMinIsr ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.NONE
  }

  /** The log said no: to the records (the peer hears why), or because the disk fails. */
  #refused(partition: Partition, error: unknown): PartitionAppendResult {
    const { topic, index, log } = partition
    const code = errorCodeOf(error)
    if (code === null) {
      this.#ports.logger.error(
        `Error processing append operation on partition ${topic}-${index}`,
        error,
      )
      return this.#failed(topic, index, ErrorCode.UNKNOWN_SERVER_ERROR, -1)
    }
    const result = this.#failed(topic, index, code, -1)
    if (!HAS_NO_LOG_START.has(code)) result.logStartOffset = log?.logStartOffset ?? -1
    const { recordErrors = [] } = error as { recordErrors?: readonly RecordError[] }
    result.recordErrors = recordErrors
    // As Kafka: a peer is told more than the code only where single records are at fault.
    if (recordErrors.length > 0) result.errorMessage = (error as Error).message
    return result
  }

  #failed(
    topic: string,
    index: number,
    errorCode: ErrorCode,
    logStartOffset: number,
  ): PartitionAppendResult {
    const { stats, replicas } = this.#ports
    // Topics that do not exist get no counters: a client could invent any number of them.
    if (replicas.get(topic, index) !== undefined) stats.topic(topic).failedProduceRequests += 1
    const isElsewhere = errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
    return {
      index,
      errorCode,
      baseOffset: -1,
      lastOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset,
      recordErrors: [],
      errorMessage: null,
      currentLeader: isElsewhere ? replicas.leaderHint(topic, index) : NO_LEADER_HINT,
    }
  }

  #count(topic: string, records: Buffer, appended: LogAppend): void {
    const stats = this.#ports.stats.topic(topic)
    stats.totalProduceRequests += 1
    if (appended.duplicate) return
    stats.bytesIn += records.length
    stats.messagesIn += appended.lastOffset - appended.firstOffset + 1
  }
}

/** Errors that tell nothing about the log. */
const HAS_NO_LOG_START: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.INVALID_REQUIRED_ACKS,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
])

const OUTSIDE = { previous: null, next: null, isWaiting: false }

interface PartitionWaiter extends ProduceWaiter {
  readonly partition: Partition
  readonly result: PartitionAppendResult
  readonly waiting: WaitingAppend
}

class WaitingAppend implements Expiring {
  readonly topics: TopicAppendResult[]
  readonly respond: (topics: TopicAppendResult[]) => void
  readonly waiters: PartitionWaiter[] = []
  pendingCount = 0
  deadlineTick = -1
  previousInSlot: Expiring | null = null
  nextInSlot: Expiring | null = null
  readonly #owner: ProduceRequests

  constructor(
    owner: ProduceRequests,
    topics: TopicAppendResult[],
    respond: (topics: TopicAppendResult[]) => void,
  ) {
    this.#owner = owner
    this.topics = topics
    this.respond = respond
  }

  onExpired(): void {
    this.#owner.expire(this)
  }
}

function succeeded(index: number, appended: LogAppend): PartitionAppendResult {
  return {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: appended.firstOffset,
    lastOffset: appended.lastOffset,
    logAppendTimeMs: appended.logAppendTimeMs,
    logStartOffset: appended.logStartOffset,
    recordErrors: [],
    errorMessage: null,
    currentLeader: NO_LEADER_HINT,
  }
}

function forEachRecords({ entries }: AppendRequest, action: (records: Buffer) => void): void {
  for (const { partitions } of entries) for (const { records } of partitions) action(records)
}
