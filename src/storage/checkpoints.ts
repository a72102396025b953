/**
 * The text files of a log directory: `version`, entry count, one entry a line. Written whole to a
 * temporary file, synced, renamed, and the directory synced.
 */
import type { Disk } from '../base/ports.ts'
import { TopicPartitionMap } from '../base/topic-partition.ts'
import type { EpochEntry } from './leader-epoch-cache.ts'

export class CheckpointError extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`)
    this.name = 'CheckpointError'
  }
}

/** Durable when it returns. */
export function writeFileAtomically(disk: Disk, path: string, text: string): void {
  writeFileRenamed(disk, path, text, true)
}

/** Old or new after a crash of the process; after a power loss perhaps neither, unless `durable`. */
export function writeFileRenamed(disk: Disk, path: string, text: string, durable: boolean): void {
  const temporary = `${path}.tmp`
  const file = disk.open(temporary, 'write')
  try {
    const bytes = Buffer.from(text)
    file.write([bytes], 0)
    file.truncate(bytes.length)
    if (durable) file.sync()
  } finally {
    file.close()
  }
  disk.rename(temporary, path)
  if (durable) disk.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

export function writeOffsetCheckpoint(
  disk: Disk,
  path: string,
  offsets: Iterable<readonly [string, number, number]>,
): void {
  const lines = [...offsets].map(
    ([topic, partition, offset]) => `${topic} ${partition} ${offset}\n`,
  )
  writeFileAtomically(disk, path, `0\n${lines.length}\n${lines.join('')}`)
}

export function readOffsetCheckpoint(disk: Disk, path: string): TopicPartitionMap<number> {
  const offsets = new TopicPartitionMap<number>()
  for (const fields of readEntries(disk, path, 3))
    offsets.set(fields[0]!, Number(fields[1]), Number(fields[2]))
  return offsets
}

export function readEpochCheckpoint(disk: Disk, path: string): EpochEntry[] {
  return readEntries(disk, path, 2).map((fields) => ({
    epoch: Number(fields[0]),
    startOffset: Number(fields[1]),
  }))
}

export function writeEpochCheckpoint(
  disk: Disk,
  path: string,
  entries: readonly EpochEntry[],
  durable: boolean,
): void {
  const lines = entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`)
  writeFileRenamed(disk, path, `0\n${lines.length}\n${lines.join('')}`, durable)
}

function readEntries(disk: Disk, path: string, fieldCount: number): string[][] {
  if (!disk.exists(path)) return []
  const lines = disk.readFile(path).toString().split('\n')
  if (lines.length === 1 && lines[0] === '') return []
  if (lines[0] !== '0') throw new CheckpointError(path, `version ${lines[0]}, expected 0`)
  // Half a number is a number too.
  if (lines.at(-1) !== '') throw new CheckpointError(path, 'the last line is cut off')
  const count = Number(lines[1])
  const entries = lines
    .slice(2)
    .filter((line) => line !== '')
    .map((line) => line.trim().split(/\s+/))
  if (entries.length !== count || entries.some((fields) => fields.length !== fieldCount)) {
    throw new CheckpointError(
      path,
      `${entries.length} entries, expected ${lines[1]} of ${fieldCount} fields`,
    )
  }
  return entries
}
