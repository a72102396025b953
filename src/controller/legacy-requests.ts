/**
 * The two znodes by which tools before the admin API ask for something: a reassignment and a
 * preferred election. Only their creation is noticed; when one is done it is removed, and the next
 * look arms the watch again.
 */

import type { TopicPartition } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import {
  type Decoded,
  decodePartitionList,
  decodeReassignment,
  encodeReassignment,
  preferredReplicaElectionPath,
  type RequestedReassignment,
  reassignPartitionsPath,
} from '../zk/znodes.ts'
import { reassignTo, sameList } from './assignment.ts'
import type { Partition } from './controller-context.ts'
import type { EpochFence } from './epoch-fence.ts'
import { electLeaders, type LeaderElectionPorts } from './leader-elections.ts'
import type { Reassignment } from './reassignment.ts'
import { startReassignments } from './reassignment-requests.ts'
import { WatchPoint } from './watch-point.ts'

export interface LegacyRequestPorts extends LeaderElectionPorts {
  readonly zk: ZkOperations
  readonly fence: EpochFence
  readonly reassignment: Reassignment
  /** To be called later, from the queue: `processReassignments`, `processPreferredElection`. */
  readonly onReassignmentZnode: () => void
  readonly onPreferredElectionZnode: () => void
}

export class LegacyRequests {
  readonly #ports: LegacyRequestPorts
  readonly #reassignment: WatchPoint
  readonly #election: WatchPoint

  constructor(ports: LegacyRequestPorts) {
    this.#ports = ports
    this.#reassignment = new WatchPoint(({ type }) => {
      if (type === 'created') ports.onReassignmentZnode()
    })
    this.#election = new WatchPoint(({ type }) => {
      if (type === 'created') ports.onPreferredElectionZnode()
    })
  }

  /** Starts what the znode asks for. Returns the partitions that were started. */
  async processReassignments(): Promise<Set<Partition>> {
    const { context, zk, log, reassignment } = this.#ports
    const started = new Set<Partition>()
    const exists = await this.#reassignment.arm((watcher) =>
      zk.exists(reassignPartitionsPath, watcher),
    )
    if (exists === null) return started
    const requested = await this.#readReassignments()
    const asked = requested.map((each) => ({ tp: each, plan: this.#plan(each) }))
    const results = await startReassignments({ context, reassignment, log }, asked)
    const failed = requested.filter((_, at) => results[at]!.errorCode !== ErrorCode.NONE)
    requested.forEach((each, at) => {
      const partition = context.partition(each.topic, each.partition)
      if (results[at]!.errorCode === ErrorCode.NONE) started.add(partition!)
    })
    if (failed.length > 0) {
      const names = failed.map(({ topic, partition }) => `${topic}-${partition}`)
      log.warn(`Failed reassignments through ${reassignPartitionsPath}: ${names.join(',')}`)
    }
    if (failed.length > 0 || requested.length === 0) {
      await this.forgetReassignments((each) =>
        failed.some(({ topic, partition }) => {
          return topic === each.topic && partition === each.partition
        }),
      )
    }
    return started
  }

  /** A completed, failed or superseded one leaves the znode; the last one takes it along. */
  async forgetReassignments(matches: (each: RequestedReassignment) => boolean): Promise<void> {
    const { zk, fence } = this.#ports
    if ((await zk.exists(reassignPartitionsPath)) === null) return
    const requested = await this.#readReassignments()
    const remaining = requested.filter((each) => !matches(each))
    if (remaining.length === requested.length && remaining.length > 0) return
    if (remaining.length > 0) {
      await fence.set(reassignPartitionsPath, encodeReassignment(remaining))
      return
    }
    await fence.delete(reassignPartitionsPath)
    this.#ports.onReassignmentZnode()
  }

  /** Step B7 of a reassignment. */
  onReassignmentComplete(partition: Partition): Promise<void> {
    return this.forgetReassignments(
      (each) =>
        each.topic === partition.topic.name &&
        each.partition === partition.number &&
        sameList(each.replicas, partition.assignment.replicas),
    )
  }

  async processPreferredElection(): Promise<void> {
    const { zk, fence, context, log } = this.#ports
    const path = preferredReplicaElectionPath
    const exists = await this.#election.arm((watcher) => zk.exists(path, watcher))
    if (exists === null) return
    const asked = await this.#readList(path, decodePartitionList)
    const known = asked.filter(
      ({ topic, partition }) => context.partition(topic, partition) !== undefined,
    )
    log.info(`Partitions undergoing preferred replica election: ${known.map(format).join(',')}`)
    try {
      await electLeaders(this.#ports, asked, 'PREFERRED', 'ZkTriggered')
    } finally {
      await fence.delete(path)
      this.#ports.onPreferredElectionZnode()
    }
  }

  stop(): void {
    this.#reassignment.stop()
    this.#election.stop()
  }

  #plan({ topic, partition, replicas }: RequestedReassignment) {
    const known = this.#ports.context.partition(topic, partition)
    if (known !== undefined) return reassignTo(known.assignment, replicas)
    const errorMessage = 'The partition does not exist.'
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage }
  }

  #readReassignments(): Promise<RequestedReassignment[]> {
    return this.#readList(reassignPartitionsPath, decodeReassignment)
  }

  /** Garbage counts as an empty list. */
  async #readList<T>(path: string, decode: (data: Buffer | null) => Decoded<T[]>): Promise<T[]> {
    try {
      const { data } = await this.#ports.zk.get(path)
      const decoded = decode(data)
      if (decoded.kind === 'ok') return decoded.value
      this.#ports.log.error(`${path}: ${decoded.message}`)
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
    return []
  }
}

function format({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
