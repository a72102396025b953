/**
 * Opens the directory of a log. After a clean stop the indexes are trusted; otherwise everything from
 * the recovery point on is read again: batch after batch with its checksum, indexes and epochs rebuilt,
 * the file cut at the first batch that is not whole, and what lay behind it dropped.
 *
 * A power loss may also take all of a segment, or bring back how it was before a truncation, and leave
 * a later one as it is. A log of ours goes on in the next segment exactly where the last one ends, so
 * two that do not fit together show that (Kafka does not look).
 */
import type { Disk, Logger } from '../base/ports.ts'
import {
  readBaseOffset,
  readLastOffset,
  readLeaderEpoch,
  readMaxTimestamp,
} from '../records/batch-header.ts'
import { CorruptRecordError } from '../records/batches.ts'
import { sizeOfCheckedBatch } from './checked-batch.ts'
import { CheckpointError, readEpochCheckpoint, writeEpochCheckpoint } from './checkpoints.ts'
import { LeaderEpochCache, type WriteEpochs } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LoadedLog } from './log-types.ts'
import { readTopicId } from './partition-metadata.ts'
import { readProducers, removeOldSnapshots } from './producer-snapshots.ts'
import { Segment } from './segment.ts'

export interface LoadRequest {
  readonly disk: Disk
  readonly logger: Logger
  readonly directory: string
  readonly config: LogConfig
  readonly wasCleanShutdown: boolean
  /** From the checkpoints; 0 without an entry. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
  readonly highWatermark: number
  /** Below it Kafka's cleaner may have taken the ends of segments; 0 where it never was. */
  readonly cleanerPoint: number
  readonly nowMs: number
}

/** Bytes that recovery reads at a time; a larger batch has a read of its own. */
const READ_BYTES = 1024 * 1024
const LEFTOVERS = ['.deleted', '.cleaned', '.swap']

export function loadLog(request: LoadRequest): LoadedLog {
  const { disk, directory, nowMs, logger } = request
  removeLeftovers(disk, directory)
  const epochs = openEpochs(request)
  let segments = openSegments(request)
  const foundCount = segments.length
  let logEndOffset = recoverSegments(request, segments, epochs)
  if (segments.length > 0 && logEndOffset < request.logStartOffset) {
    logger.warn(`${directory} ends at ${logEndOffset}, below its log start: starting it empty`)
    for (const segment of segments) segment.markDeleted()()
    segments = []
  }
  // What was dropped must not be there again beside what is written in its place.
  if (segments.length < foundCount) disk.syncDirectory(directory)
  if (segments.length === 0) {
    const first = new Segment(disk, directory, request.logStartOffset, nowMs)
    first.create()
    segments = [first]
    logEndOffset = request.logStartOffset
  }
  const logStartOffset = Math.max(request.logStartOffset, segments[0]!.baseOffset)
  epochs.truncateFromEnd(logEndOffset)
  epochs.truncateFromStart(logStartOffset)
  const { wasCleanShutdown, recoveryPoint, highWatermark } = request
  const onUnusable = (path: string): void => {
    logger.warn(`${path} is not usable and is removed`)
    disk.remove(path)
    disk.syncDirectory(directory)
  }
  const endOffset = logEndOffset
  const producers = readProducers({ disk, directory, segments, endOffset, onUnusable })
  removeOldSnapshots(disk, directory, segments)
  return {
    directory,
    topicId: readTopicId(disk, directory),
    segments,
    epochs,
    producers,
    logStartOffset,
    logEndOffset,
    recoveryPoint: wasCleanShutdown ? logEndOffset : Math.min(recoveryPoint, logEndOffset),
    highWatermark: Math.min(Math.max(highWatermark, logStartOffset), logEndOffset),
  }
}

function removeLeftovers(disk: Disk, directory: string): void {
  for (const { name } of disk.list(directory)) {
    if (LEFTOVERS.some((suffix) => name.endsWith(suffix))) disk.remove(`${directory}/${name}`)
  }
}

function openEpochs({ disk, directory, logger, wasCleanShutdown }: LoadRequest): LeaderEpochCache {
  const path = `${directory}/leader-epoch-checkpoint`
  const persist: WriteEpochs = (entries, durable) =>
    writeEpochCheckpoint(disk, path, entries, durable)
  try {
    return new LeaderEpochCache(readEpochCheckpoint(disk, path), persist, wasCleanShutdown)
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    logger.error(`${error.message}; the epochs are learnt again from the batches`)
    return new LeaderEpochCache([], persist, false)
  }
}

function openSegments({ disk, directory, nowMs }: LoadRequest): Segment[] {
  return disk
    .list(directory)
    .filter(({ name }) => /^\d{20}\.log$/.test(name))
    .map(({ name }) => Number.parseInt(name, 10))
    .sort((a, b) => a - b)
    .map((baseOffset) => new Segment(disk, directory, baseOffset, nowMs))
}

/** Returns the log end offset. Drops segments behind the first broken one. */
function recoverSegments(
  request: LoadRequest,
  segments: Segment[],
  epochs: LeaderEpochCache,
): number {
  const { wasCleanShutdown, recoveryPoint, cleanerPoint } = request
  const knowsEpochs = epochs.latestEpoch >= 0
  let logEndOffset = segments[0]?.baseOffset ?? 0
  for (let index = 0; index < segments.length; index++) {
    const segment = segments[index]!
    const nextBase = segments[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY
    const isDurable = wasCleanShutdown || nextBase <= recoveryPoint
    // They may be those of what a truncation has cut off: its batches tell.
    if (!isDurable) epochs.truncateFromEnd(segment.baseOffset)
    const indexesAreGood = segment.offsetIndex.load() && loadTimeIndex(segment)
    if (indexesAreGood && isDurable) {
      segment.learnTimestamps()
      logEndOffset = endOf(segment, knowsEpochs ? null : epochs)
      continue
    }
    const { endOffset, isWhole } = recoverSegment(request, segment, epochs)
    logEndOffset = endOffset
    const fits = isDurable || endOffset === nextBase || nextBase <= cleanerPoint
    if (!isWhole || (!fits && Number.isFinite(nextBase))) {
      for (const later of segments.splice(index + 1)) later.markDeleted()()
    }
  }
  return logEndOffset
}

/** A missing time index alone costs no scan: lookups fall back to the batches. */
function loadTimeIndex(segment: Segment): boolean {
  if (!segment.timeIndex.load()) segment.timeIndex.clear()
  return true
}

/** `epochs`: those to be learnt from all batches on the way, when they got lost. */
function endOf(segment: Segment, epochs: LeaderEpochCache | null): number {
  let end = segment.baseOffset
  const start = epochs === null ? segment.offsetIndex.positionOf(Number.MAX_SAFE_INTEGER) : 0
  segment.scan(start, (buffer, at) => {
    end = readLastOffset(buffer, at) + 1
    if (epochs !== null) learnEpoch(epochs, buffer, at)
    return false
  })
  return end
}

function learnEpoch(epochs: LeaderEpochCache, buffer: Buffer, at: number): void {
  const epoch = readLeaderEpoch(buffer, at)
  if (epoch > epochs.latestEpoch) epochs.assign(epoch, readBaseOffset(buffer, at))
}

function recoverSegment(
  { config, logger }: LoadRequest,
  segment: Segment,
  epochs: LeaderEpochCache,
): { endOffset: number; isWhole: boolean } {
  segment.markUnsynced()
  segment.offsetIndex.clear()
  segment.timeIndex.clear()
  let endOffset = segment.baseOffset
  let position = 0
  let problem: string | null = null
  while (position < segment.size && problem === null) {
    const window = readWindow(segment, position)
    let at = 0
    try {
      for (
        let size = nextSize(window, at, endOffset);
        size > 0;
        size = nextSize(window, at, endOffset)
      ) {
        endOffset = readLastOffset(window, at) + 1
        const maxTimestamp = readMaxTimestamp(window, at)
        segment.index(position + at, size, endOffset - 1, maxTimestamp, config.indexIntervalBytes)
        learnEpoch(epochs, window, at)
        at += size
      }
      if (at === 0) problem = 'an incomplete batch'
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error
      problem = error.message
    }
    position += at
  }
  if (problem === null) return { endOffset, isWhole: true }
  const cut = segment.size - position
  logger.warn(`${segment.path}.log: ${problem} at ${position}, the last ${cut} bytes are cut off`)
  segment.truncateAt(position, endOffset)
  return { endOffset, isWhole: false }
}

function readWindow(segment: Segment, position: number): Buffer {
  const left = segment.size - position
  const head = Buffer.allocUnsafe(Math.min(12, left))
  segment.file.read(head, position)
  const announced = head.length < 12 ? 0 : head.readInt32BE(8) + 12
  const window = Buffer.allocUnsafe(Math.min(left, Math.max(READ_BYTES, announced)))
  const got = segment.file.read(window, position)
  return window.subarray(0, got)
}

/** Size of the next good batch; -1 when the window ends before it does. */
function nextSize(window: Buffer, at: number, minOffset: number): number {
  const size = sizeOfCheckedBatch(window, at)
  if (size < 0) return -1
  const baseOffset = readBaseOffset(window, at)
  if (baseOffset < minOffset) {
    throw new CorruptRecordError(`offset ${baseOffset} after ${minOffset - 1}`)
  }
  return size
}
