/**
 * What replication needs of a partition's log and of the collection of logs. `Log` and `LogManager`
 * of `storage/` have this shape; tests may bring less.
 */

import type { TopicPartition } from '../base/topic-partition.ts'
import type { ErrorCode } from '../protocol/error-codes.ts'

/** How far a reader may see. */
export type ReadIsolation = 'log-end' | 'high-watermark' | 'last-stable'

export type AppendOrigin = 'client' | 'coordinator' | 'replication'

export interface LogAppend {
  readonly firstOffset: number
  readonly lastOffset: number
  /** -1 unless the topic stamps the time of the append. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  /** Nothing was written: the batch is one of the producer's last; the offsets are the old ones. */
  readonly duplicate: boolean
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface LogRead {
  /** The four offsets as they were before the read. */
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  /** Null: the bytes are in a file, ask `materialize`. */
  readonly chunks: Buffer[] | null
  readonly bytes: number
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  materialize(): Promise<Buffer[]>
}

export interface EpochEnd {
  /** -1 when undefined. */
  readonly epoch: number
  readonly endOffset: number
}

export interface SegmentStart {
  readonly offset: number
  readonly bytes: number
  readonly modifiedMs: number
}

export interface TimedOffset {
  readonly timestamp: number
  readonly offset: number
  readonly leaderEpoch: number
}

/** The settings of a topic that matter here. */
export interface ReplicaLogConfig {
  readonly minInsyncReplicas: number
  readonly cleanupPolicy: readonly string[]
}

export interface ReplicaLog {
  readonly topicId: string | null
  readonly config: ReplicaLogConfig
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly logEndOffset: number
  readonly lastStableOffset: number
  /** -1 when no epoch is known. */
  readonly latestEpoch: number
  /** Of the record at the log start; -1 when it is not known. */
  readonly earliestEpoch: number
  assignTopicId(topicId: string): void
  /** Throws an error with a numeric `code` (and perhaps `recordErrors`) when it refuses. */
  appendAsLeader(
    records: Buffer,
    leaderEpoch: number,
    options: { readonly origin: AppendOrigin; readonly nowMs: number },
  ): LogAppend
  appendAsFollower(records: Buffer): LogAppend
  /** Throws an error with the code OFFSET_OUT_OF_RANGE. */
  read(
    startOffset: number,
    maxBytes: number,
    isolation: ReadIsolation,
    minOneMessage: boolean,
  ): LogRead
  /** About how many bytes a read would give now. */
  readableBytes(fromOffset: number, isolation: ReadIsolation): number
  endOffsetForEpoch(epoch: number): EpochEnd
  assignEpochStartOffset(epoch: number, startOffset: number): void
  /** The whole batch that holds `offset` goes. The high watermark falls with the end. */
  truncateTo(offset: number): void
  truncateFullyAndStartAt(offset: number): void
  setHighWatermark(offset: number): void
  incrementLogStartOffset(offset: number): void
  offsetForTimestamp(timestamp: number): TimedOffset | null | Promise<TimedOffset | null>
  /** Where each segment begins, in order, how long it is and when it was last written. */
  segmentStarts(): readonly SegmentStart[]
  maxTimestampOffset(): TimedOffset | null | Promise<TimedOffset | null>
}

export interface ReplicaLogs {
  get(partition: TopicPartition): ReplicaLog | undefined
  /** Throws an error with the code KAFKA_STORAGE_ERROR when no log directory can take it. */
  getOrCreate(
    partition: TopicPartition,
    options: { readonly isNew: boolean; readonly topicId: string | null },
  ): ReplicaLog
  /** Leaves the directory renamed, to be removed later. No error when there is no log. */
  delete(partition: TopicPartition): void
  /** True while the partition lives in a log directory that has failed. */
  isOffline(partition: TopicPartition): boolean
  checkpointHighWatermarks(): void
}

/** The code of an error thrown by storage or records; null when it has none. */
export function errorCodeOf(error: unknown): ErrorCode | null {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
    return error.code as ErrorCode
  }
  return null
}
