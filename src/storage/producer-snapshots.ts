/**
 * `<offset>.snapshot`: the producers of a log as they were at that offset, made when a segment is rolled
 * and at a clean stop. From the newest one that can be used, only what came after it is read again.
 */
import type { Disk } from '../base/ports.ts'
import { readBaseOffset } from '../records/batch-header.ts'
import { ProducerState } from './producer-state.ts'
import { type Segment, segmentName } from './segment.ts'

const SNAPSHOT = /^\d{20}\.snapshot$/

export function writeSnapshot(
  disk: Disk,
  directory: string,
  offset: number,
  producers: ProducerState,
): void {
  const file = disk.open(`${directory}/${segmentName(offset)}.snapshot`, 'write')
  try {
    const snapshot = producers.encode()
    file.write([snapshot], 0)
    file.truncate(snapshot.length)
  } finally {
    file.close()
  }
}

/** True when there were any: they must not come back, so the directory is to be synced. */
export function removeSnapshotsAfter(disk: Disk, directory: string, offset: number): boolean {
  const removed = snapshotsIn(disk, directory).filter((each) => each.offset > offset)
  for (const { path } of removed) disk.remove(path)
  return removed.length > 0
}

/** One of a clean stop lies between two segments: the next one takes its place. */
export function removeOldSnapshots(
  disk: Disk,
  directory: string,
  segments: readonly Segment[],
): void {
  const [, ...older] = snapshotsIn(disk, directory)
  const bases = new Set(segments.map(({ baseOffset }) => baseOffset))
  for (const { path, offset } of older) if (!bases.has(offset)) disk.remove(path)
}

export interface ProducerSource {
  readonly disk: Disk
  readonly directory: string
  readonly segments: readonly Segment[]
  /** Snapshots beyond it are of no use. */
  readonly endOffset: number
  onUnusable(path: string): void
}

/** All producers of the log; removes what is not usable. */
export function readProducers(source: ProducerSource): ProducerState {
  const { disk, directory, segments, endOffset, onUnusable } = source
  const producers = new ProducerState()
  let from = 0
  for (const { path, offset } of snapshotsIn(disk, directory)) {
    if (offset <= endOffset && producers.load(disk, path)) {
      from = offset
      break
    }
    onUnusable(path)
  }
  segments.forEach((segment, at) => {
    const next = segments[at + 1]?.baseOffset ?? Number.POSITIVE_INFINITY
    if (next <= from) return
    segment.scan(0, (buffer, position) => {
      if (readBaseOffset(buffer, position) >= from) producers.update(buffer, position)
      return false
    })
  })
  return producers
}

/** Newest first. */
function snapshotsIn(disk: Disk, directory: string): { path: string; offset: number }[] {
  return disk
    .list(directory)
    .filter(({ name }) => SNAPSHOT.test(name))
    .map(({ name }) => ({ path: `${directory}/${name}`, offset: Number.parseInt(name, 10) }))
    .sort((a, b) => b.offset - a.offset)
}
