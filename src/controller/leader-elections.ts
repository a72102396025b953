/**
 * Elections that somebody asks for: by ElectLeaders, by the legacy znode, by the timer that brings
 * leadership back to the preferred replicas (Kafka's `processReplicaLeaderElection`,
 * `checkAndTriggerAutoLeaderRebalance`).
 */

import type { Logger } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { type ControllerContext, NO_LEADER, type Partition } from './controller-context.ts'
import type { ElectionStrategy, PartitionStates } from './partition-states.ts'

export type ElectionType = 'PREFERRED' | 'UNCLEAN'
export type ElectionTrigger = 'AdminClientTriggered' | 'ZkTriggered' | 'AutoTriggered'

export interface ElectionOutcome extends TopicPartition {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  /** The new leader, -1 unless one was elected. */
  readonly leader: number
}

export interface LeaderElectionPorts {
  readonly context: ControllerContext
  readonly partitionStates: PartitionStates
  readonly log: Logger
}

export async function electLeaders(
  ports: LeaderElectionPorts,
  asked: readonly TopicPartition[],
  type: ElectionType,
  trigger: ElectionTrigger,
): Promise<ElectionOutcome[]> {
  const { context, log } = ports
  const outcomes: ElectionOutcome[] = []
  const electable: Partition[] = []
  const refuse = (tp: TopicPartition, errorCode: ErrorCode, errorMessage: string | null = null) =>
    outcomes.push({ ...tp, errorCode, errorMessage, leader: NO_LEADER })
  for (const tp of asked) {
    const partition = context.partition(tp.topic, tp.partition)
    if (partition === undefined) {
      const message = 'The partition does not exist.'
      refuse(tp, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message)
      log.info(
        `Skipping replica leader election (${type}) for partition ${tp.topic}-${tp.partition} ` +
          `by ${trigger} since it doesn't exist.`,
      )
    } else if (context.isBeingDeleted(partition)) {
      refuse(tp, ErrorCode.INVALID_TOPIC_EXCEPTION, 'The topic is being deleted')
    } else if (isElectionNeeded(context, partition, type)) {
      electable.push(partition)
    } else {
      const message = 'Leader election not needed for topic partition.'
      refuse(tp, ErrorCode.ELECTION_NOT_NEEDED, message)
    }
  }
  outcomes.push(...(await hold(ports, electable, type, trigger)))
  return outcomes
}

function isElectionNeeded(
  context: ControllerContext,
  { assignment, leadership }: Partition,
  type: ElectionType,
): boolean {
  const leader = leadership?.leader ?? NO_LEADER
  switch (type) {
    case 'PREFERRED':
      return leader !== assignment.replicas[0]
    case 'UNCLEAN':
      return leader === NO_LEADER || !context.isLive(leader)
  }
}

async function hold(
  { log, partitionStates }: LeaderElectionPorts,
  partitions: readonly Partition[],
  type: ElectionType,
  trigger: ElectionTrigger,
): Promise<ElectionOutcome[]> {
  if (partitions.length === 0) return []
  log.info(
    `Starting replica leader election (${type}) for partitions ${partitions.join(',')} ` +
      `triggered by ${trigger}`,
  )
  const allowUnclean = trigger === 'AdminClientTriggered'
  const strategy: ElectionStrategy =
    type === 'PREFERRED' ? { kind: 'preferred' } : { kind: 'offline', allowUnclean }
  const results = await partitionStates.move(partitions, 'online', strategy)
  return partitions.map((partition) => {
    const tp = { topic: partition.topic.name, partition: partition.number }
    const result = results.get(partition)
    if (result !== undefined && !(result instanceof Error)) {
      return { ...tp, errorCode: ErrorCode.NONE, errorMessage: null, leader: result.leader }
    }
    const errorCode =
      type === 'PREFERRED'
        ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
        : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE
    return { ...tp, errorCode, errorMessage: result?.message ?? null, leader: NO_LEADER }
  })
}

/** Partitions to bring back, of all brokers whose share of foreign leaders is above the limit. */
export function partitionsToRebalance(
  context: ControllerContext,
  limitPercentage: number,
): Partition[] {
  const byPreferred = Map.groupBy(
    context.partitionsWhere((partition) => !context.isBeingDeleted(partition)),
    ({ assignment }) => assignment.replicas[0] ?? NO_LEADER,
  )
  const chosen: Partition[] = []
  for (const brokerId of [...byPreferred.keys()].sort((a, b) => a - b)) {
    const partitions = byPreferred.get(brokerId)!
    const led = partitions.filter(({ leadership }) => leadership !== null)
    const foreign = led.filter(({ leadership }) => leadership!.leader !== brokerId)
    if (foreign.length / partitions.length <= limitPercentage / 100) continue
    chosen.push(
      ...foreign.filter(
        (partition) =>
          context.isReplicaOnline(partition, brokerId) &&
          partition.leadership!.isr.includes(brokerId),
      ),
    )
  }
  return chosen
}

/** Partitions whose leader is not the preferred one: the gauge PreferredReplicaImbalanceCount. */
export function imbalanceCount(context: ControllerContext): number {
  let count = 0
  for (const partition of context.partitions()) {
    const { leadership, assignment } = partition
    if (leadership === null || context.isBeingDeleted(partition)) continue
    if (leadership.leader !== assignment.replicas[0]) count += 1
  }
  return count
}
