/** One read of one partition for a Fetch: checks, bookkeeping of followers, bytes. */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { FetchEntry } from './fetch-entry.ts'
import type { Partition } from './partition.ts'
import {
  type AbortedTransaction,
  type EpochEnd,
  errorCodeOf,
  type LogRead,
  type ReadIsolation,
  type ReplicaLog,
} from './replica-log.ts'

/** Who reads, and by which rules. */
export interface ReadMode {
  /** A broker id, -1 for a consumer, -2 for a debugging tool. */
  readonly replicaId: number
  readonly isFollower: boolean
  /** From version 11 on, consumers may read from any replica (KIP-392). */
  readonly leaderOnly: boolean
  readonly isolation: ReadIsolation
  /** Before version 3 the limits are hard. */
  readonly firstBatchAlways: boolean
  /** Replica that a consumer had better read from, -1 for none but us. */
  chooseReplica(partition: Partition, fetchOffset: number): number
}

export interface PartitionRead {
  readonly entry: FetchEntry
  errorCode: ErrorCode
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly preferredReadReplica: number
  readonly divergingEpoch: EpochEnd | null
  readonly bytes: number
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  /** Null when there is nothing to send. */
  readonly data: LogRead | null
}

export function failedRead(entry: FetchEntry, errorCode: ErrorCode): PartitionRead {
  return {
    entry,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    logEndOffset: -1,
    preferredReadReplica: -1,
    divergingEpoch: null,
    bytes: 0,
    abortedTransactions: null,
    data: null,
  }
}

/** The epoch of the leader that the requester has in mind must be ours; -1 is not checked. */
export function checkLeaderEpoch(partition: Partition, currentLeaderEpoch: number): ErrorCode {
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === partition.leaderEpoch) return ErrorCode.NONE
  return currentLeaderEpoch < partition.leaderEpoch
    ? ErrorCode.FENCED_LEADER_EPOCH
    : ErrorCode.UNKNOWN_LEADER_EPOCH
}

/**
 * `recordsFetch` is true for the first read of a request: it says how far the follower has come. The
 * read that ends a wait says nothing new. At least one batch is returned when `minOne`.
 */
export function readPartition(
  partition: Partition,
  entry: FetchEntry,
  mode: ReadMode,
  maxBytes: number,
  minOne: boolean,
  recordsFetch: boolean,
): PartitionRead {
  const { position } = entry
  const epochError = checkLeaderEpoch(partition, position.currentLeaderEpoch)
  if (epochError !== ErrorCode.NONE) return failedRead(entry, epochError)
  const { log } = partition
  if (log === null || (mode.leaderOnly ? !partition.isLeader : partition.leader < 0)) {
    return failedRead(entry, ErrorCode.NOT_LEADER_OR_FOLLOWER)
  }
  if (mode.isFollower) {
    entry.follower = partition.follower(mode.replicaId) ?? null
    if (entry.follower === null) return failedRead(entry, unassigned(position.currentLeaderEpoch))
  }
  const preferred = mode.isFollower ? -1 : mode.chooseReplica(partition, position.fetchOffset)
  if (preferred >= 0) return withoutData(entry, log, null, preferred)
  try {
    const diverging = position.lastFetchedEpoch < 0 ? null : findDivergence(log, entry)
    if (diverging === 'undefined') return failedRead(entry, ErrorCode.OFFSET_OUT_OF_RANGE)
    if (diverging !== null) return withoutData(entry, log, diverging, -1)
    const limit = Math.max(0, Math.min(position.partitionMaxBytes, maxBytes))
    const data = log.read(position.fetchOffset, limit, mode.isolation, minOne)
    const read = withData(entry, data)
    if (recordsFetch && entry.follower !== null) {
      const { fetchOffset, logStartOffset } = position
      partition.recordFollowerFetch(entry.follower, fetchOffset, logStartOffset, data.logEndOffset)
    }
    return read
  } catch (error) {
    const code = errorCodeOf(error)
    if (code === null) throw error
    return failedRead(entry, code)
  }
}

/** A replica that is not assigned is refused and not recorded. */
function unassigned(currentLeaderEpoch: number): ErrorCode {
  return currentLeaderEpoch >= 0 ? ErrorCode.UNKNOWN_LEADER_EPOCH : ErrorCode.NOT_LEADER_OR_FOLLOWER
}

/**
 * Does the reader's log end where ours has the last epoch it read? `'undefined'` when that cannot be
 * told: the reader must ask for offsets (KIP-595).
 */
function findDivergence(log: ReplicaLog, entry: FetchEntry): EpochEnd | 'undefined' | null {
  const { fetchOffset, lastFetchedEpoch } = entry.position
  const end = log.endOffsetForEpoch(lastFetchedEpoch)
  if (end.epoch < 0 || end.endOffset < 0 || fetchOffset < log.logStartOffset) return 'undefined'
  return end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset ? end : null
}

function withData(entry: FetchEntry, data: LogRead): PartitionRead {
  return {
    entry,
    errorCode: ErrorCode.NONE,
    highWatermark: data.highWatermark,
    lastStableOffset: data.lastStableOffset,
    logStartOffset: data.logStartOffset,
    logEndOffset: data.logEndOffset,
    preferredReadReplica: -1,
    divergingEpoch: null,
    bytes: data.bytes,
    abortedTransactions: data.abortedTransactions,
    data: data.bytes > 0 ? data : null,
  }
}

function withoutData(
  entry: FetchEntry,
  log: ReplicaLog,
  divergingEpoch: EpochEnd | null,
  preferredReadReplica: number,
): PartitionRead {
  return {
    entry,
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    preferredReadReplica,
    divergingEpoch,
    bytes: 0,
    abortedTransactions: null,
    data: null,
  }
}
