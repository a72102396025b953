/** `partition.metadata`: the topic id, written before any record. */
import type { Disk } from '../base/ports.ts'
import { writeFileRenamed } from './checkpoints.ts'

const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Null when there is none, or none that can be read. */
export function readTopicId(disk: Disk, directory: string): string | null {
  const path = `${directory}/partition.metadata`
  if (!disk.exists(path)) return null
  const match = /^version:\s*\d+\ntopic_id:\s*(\S{22})\s*$/.exec(disk.readFile(path).toString())
  const topicId = match?.[1]
  return topicId === undefined || topicId === ZERO_UUID ? null : topicId
}

/** Durable with the first flush of the log: without records there is nothing to lose. */
export function writeTopicId(
  disk: Disk,
  directory: string,
  topicId: string,
  durable = false,
): void {
  const text = `version: 0\ntopic_id: ${topicId}`
  writeFileRenamed(disk, `${directory}/partition.metadata`, text, durable)
}
