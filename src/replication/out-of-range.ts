/** A leader has said OFFSET_OUT_OF_RANGE: asks it for the ends of its log, and decides. */

import { ErrorCode } from '../protocol/error-codes.ts'
import { listOffsets } from '../protocol/messages/list-offsets.ts'
import type { ReplicaChannel } from './fetcher.ts'
import type { FollowedPartition } from './fetcher-session.ts'

const VERSION = 7
const LATEST = -1
const EARLIEST = -2

export type StartOffset =
  /** Ours is longer: cut it to the leader's end. */
  | { readonly kind: 'truncate'; readonly offset: number }
  /** The leader has nothing that would continue ours: begin anew at its start. */
  | { readonly kind: 'restart'; readonly offset: number }
  /** It fits after all: the leader's log has changed meanwhile. */
  | { readonly kind: 'keep' }

/** Partitions whose leader gave an error are absent. */
export async function findStartOffsets(
  channel: ReplicaChannel,
  brokerId: number,
  asked: readonly FollowedPartition[],
): Promise<Map<FollowedPartition, StartOffset>> {
  const starts = new Map<FollowedPartition, StartOffset>()
  const latest = await lookUp(channel, brokerId, asked, LATEST)
  const behind: FollowedPartition[] = []
  for (const [followed, offset] of latest) {
    const end = followed.partition.log?.logEndOffset ?? 0
    if (offset < end) starts.set(followed, { kind: 'truncate', offset })
    else behind.push(followed)
  }
  if (behind.length === 0) return starts
  const earliest = await lookUp(channel, brokerId, behind, EARLIEST)
  for (const [followed, offset] of earliest) {
    const end = followed.partition.log?.logEndOffset ?? 0
    starts.set(followed, offset > end ? { kind: 'restart', offset } : { kind: 'keep' })
  }
  return starts
}

async function lookUp(
  channel: ReplicaChannel,
  brokerId: number,
  asked: readonly FollowedPartition[],
  timestamp: number,
): Promise<Map<FollowedPartition, number>> {
  const byTopic = new Map<string, FollowedPartition[]>()
  for (const followed of asked) {
    const { topic } = followed.partition
    const list = byTopic.get(topic)
    if (list === undefined) byTopic.set(topic, [followed])
    else list.push(followed)
  }
  const response = await channel.send(listOffsets, VERSION, {
    replicaId: brokerId,
    isolationLevel: 0,
    topics: [...byTopic].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition, leaderEpoch }) => ({
        partitionIndex: partition.index,
        currentLeaderEpoch: leaderEpoch,
        timestamp,
      })),
    })),
  })
  const offsets = new Map<FollowedPartition, number>()
  for (const { name, partitions } of response.topics) {
    for (const { partitionIndex, errorCode, offset } of partitions) {
      const followed = byTopic
        .get(name)
        ?.find(({ partition }) => partition.index === partitionIndex)
      if (followed !== undefined && errorCode === ErrorCode.NONE) offsets.set(followed, offset)
    }
  }
  return offsets
}
