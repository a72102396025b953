/** ListOffsets and OffsetForLeaderEpoch: where times and epochs begin and end. */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { listOffsets } from '../protocol/messages/list-offsets.ts'
import type { offsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import type { Partition } from './partition.ts'
import { checkLeaderEpoch } from './partition-read.ts'
import { errorCodeOf, type ReplicaLog, type TimedOffset } from './replica-log.ts'
import type { ReplicaSet } from './replica-set.ts'

type ListOffsetsRequest = RequestOf<typeof listOffsets>
type ListOffsetsAnswer = ResponseInput<typeof listOffsets>
type OffsetRequest = ListOffsetsRequest['topics'][number]['partitions'][number]
type OffsetAnswer = ListOffsetsAnswer['topics'][number]['partitions'][number]
type EpochRequest = RequestOf<typeof offsetForLeaderEpoch>
type EpochAnswer = ResponseInput<typeof offsetForLeaderEpoch>

const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
/** The version in which each special timestamp came. */
const SINCE = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
])

const CONSUMER = -1
const DEBUGGER = -2
const FIRST_WITH_OFFSET_NOT_AVAILABLE = 5
const NOT_FOUND: TimedOffset = { timestamp: -1, offset: -1, leaderEpoch: -1 }

export async function answerListOffsets(
  replicas: ReplicaSet,
  request: ListOffsetsRequest,
  version: number,
  nowMs: number,
): Promise<ListOffsetsAnswer> {
  const seen = new Set<string>()
  const duplicates = new Set<string>()
  // The oldest version answers what is asked twice.
  for (const { name, partitions } of version === 0 ? [] : request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`
      if (seen.has(key)) duplicates.add(key)
      seen.add(key)
    }
  }
  const topics = request.topics.map(async ({ name, partitions }) => ({
    name,
    partitions: await Promise.all(
      partitions.map((each) =>
        duplicates.has(`${name}-${each.partitionIndex}`)
          ? failed(each, ErrorCode.INVALID_REQUEST)
          : answerPartition(replicas, request, name, each, version, nowMs),
      ),
    ),
  }))
  return { topics: await Promise.all(topics) }
}

async function answerPartition(
  replicas: ReplicaSet,
  request: ListOffsetsRequest,
  topic: string,
  asked: OffsetRequest,
  version: number,
  nowMs: number,
): Promise<OffsetAnswer> {
  const { timestamp, partitionIndex, currentLeaderEpoch } = asked
  if (timestamp < 0 && version < (SINCE.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    return failed(asked, ErrorCode.UNSUPPORTED_VERSION)
  }
  const partition = replicas.get(topic, partitionIndex)
  const leaderOnly = request.replicaId !== DEBUGGER
  const code =
    replicas.lookupError(partition, topic, partitionIndex) ||
    roleError(partition!, currentLeaderEpoch, leaderOnly)
  if (code !== ErrorCode.NONE) return failed(asked, code)
  try {
    if (version === 0) return segmentOffsets(partition!.log!, request, asked, nowMs)
    const found = await lookUp(partition!, request, timestamp, version)
    return typeof found === 'number' ? failed(asked, found) : succeeded(asked, found)
  } catch (error) {
    return failed(asked, errorCodeOf(error) ?? ErrorCode.UNKNOWN_SERVER_ERROR)
  }
}

function roleError(partition: Partition, currentLeaderEpoch: number, leaderOnly: boolean) {
  const code = checkLeaderEpoch(partition, currentLeaderEpoch)
  if (code !== ErrorCode.NONE) return code
  if (partition.log === null || (leaderOnly && !partition.isLeader)) {
    return ErrorCode.NOT_LEADER_OR_FOLLOWER
  }
  return ErrorCode.NONE
}

/** An offset, or the code of an error. */
async function lookUp(
  partition: Partition,
  request: ListOffsetsRequest,
  timestamp: number,
  version: number,
): Promise<TimedOffset | ErrorCode> {
  const log = partition.log!
  const isClient = request.replicaId === CONSUMER
  const bound = boundOf(log, isClient, request.isolationLevel)
  // Until the high watermark has reached our epoch, an earlier leader may have told more than it.
  const isUnsure = isClient && partition.isLeader && partition.epochStartOffset > log.highWatermark
  const unsure =
    version >= FIRST_WITH_OFFSET_NOT_AVAILABLE
      ? ErrorCode.OFFSET_NOT_AVAILABLE
      : ErrorCode.LEADER_NOT_AVAILABLE
  const { leaderEpoch } = partition
  switch (timestamp) {
    case LATEST:
      return isUnsure ? unsure : { timestamp: -1, offset: bound, leaderEpoch }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { timestamp: -1, offset: log.logStartOffset, leaderEpoch: log.earliestEpoch }
    case LATEST_TIERED:
      return NOT_FOUND
    default: {
      const found =
        timestamp === MAX_TIMESTAMP
          ? await log.maxTimestampOffset()
          : await log.offsetForTimestamp(timestamp)
      if (found !== null && found.offset < bound) return found
      return isUnsure ? unsure : NOT_FOUND
    }
  }
}

function boundOf(log: ReplicaLog, isClient: boolean, isolationLevel: number): number {
  if (!isClient) return log.logEndOffset
  return isolationLevel === 1 ? log.lastStableOffset : log.highWatermark
}

function succeeded(asked: OffsetRequest, found: TimedOffset): OffsetAnswer {
  const { partitionIndex } = asked
  return { partitionIndex, errorCode: ErrorCode.NONE, oldStyleOffsets: [], ...found }
}

/**
 * Version 0: the starts of segments, and the end of the log, that were there at the time, the latest
 * first. What counts is when a segment was last written.
 */
function segmentOffsets(
  log: ReplicaLog,
  { replicaId }: ListOffsetsRequest,
  { partitionIndex, timestamp, maxNumOffsets }: OffsetRequest,
  nowMs: number,
): OffsetAnswer {
  const starts = [...log.segmentStarts()]
  const isEmpty = (starts.at(-1)?.bytes ?? 0) === 0
  if (!isEmpty) starts.push({ offset: log.logEndOffset, bytes: 0, modifiedMs: nowMs })
  const last =
    timestamp === EARLIEST
      ? 0
      : starts.findLastIndex((each) => timestamp === LATEST || each.modifiedMs <= timestamp)
  const count = Math.max(0, maxNumOffsets)
  const offsets = starts
    .slice(0, last + 1)
    .reverse()
    .slice(0, count)
    .map(({ offset }) => offset)
  const bound = log.highWatermark
  const known = offsets.filter((offset) => offset <= bound)
  const isCut = replicaId === CONSUMER && known.length < offsets.length
  const oldStyleOffsets = isCut ? [bound, ...known] : offsets
  return { partitionIndex, errorCode: ErrorCode.NONE, ...NOT_FOUND, oldStyleOffsets }
}

function failed(asked: OffsetRequest, errorCode: ErrorCode): OffsetAnswer {
  return { partitionIndex: asked.partitionIndex, errorCode, oldStyleOffsets: [], ...NOT_FOUND }
}

export function answerOffsetsForLeaderEpoch(
  replicas: ReplicaSet,
  request: EpochRequest,
): EpochAnswer {
  return {
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = replicas.get(topic, index)
        const errorCode =
          replicas.lookupError(partition, topic, index) ||
          roleError(partition!, currentLeaderEpoch, true)
        if (errorCode !== ErrorCode.NONE) {
          return { errorCode, partition: index, leaderEpoch: -1, endOffset: -1 }
        }
        const end = partition!.log!.endOffsetForEpoch(leaderEpoch)
        return { errorCode, partition: index, leaderEpoch: end.epoch, endOffset: end.endOffset }
      }),
    })),
  }
}
