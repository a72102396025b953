/**
 * AlterPartitionReassignments and ListPartitionReassignments (KIP-455), and the legacy znode
 * `/admin/reassign_partitions` of old tools: checks, translation, and which request wins.
 */

import type { Logger } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { alterPartitionReassignments } from '../protocol/messages/alter-partition-reassignments.ts'
import type { listPartitionReassignments } from '../protocol/messages/list-partition-reassignments.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import { isBeingReassigned, originalReplicas, reassignTo } from './assignment.ts'
import type { Assignment, ControllerContext, Partition } from './controller-context.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import type { Reassignment } from './reassignment.ts'

export type AlterReassignmentsRequest = RequestOf<typeof alterPartitionReassignments>
export type AlterReassignmentsResponse = ResponseInput<typeof alterPartitionReassignments>
export type ListReassignmentsRequest = RequestOf<typeof listPartitionReassignments>
export type ListReassignmentsResponse = ResponseInput<typeof listPartitionReassignments>

export interface Refusal {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

const ACCEPTED: Refusal = { errorCode: ErrorCode.NONE, errorMessage: null }
const UNKNOWN_PARTITION: Refusal = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: 'The partition does not exist.',
}
const NOTHING_TO_CANCEL: Refusal = {
  errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS,
  errorMessage: 'No partition reassignment is in progress.',
}

/** `replicas` null: cancel. */
export interface AskedReassignment extends TopicPartition {
  readonly replicas: readonly number[] | null
}

export interface ReassignmentRequestPorts {
  readonly context: ControllerContext
  readonly reassignment: Reassignment
  readonly log: Logger
}

/** Starts each for itself; the results are in the order asked. */
export async function startReassignments(
  ports: ReassignmentRequestPorts,
  asked: readonly { readonly tp: TopicPartition; readonly plan: Assignment | Refusal }[],
): Promise<Refusal[]> {
  const results: Refusal[] = []
  for (const { tp, plan } of asked) {
    results.push('errorCode' in plan ? plan : await start(ports, tp, plan))
  }
  return results
}

async function start(
  { context, reassignment, log }: ReassignmentRequestPorts,
  { topic, partition: number }: TopicPartition,
  assignment: Assignment,
): Promise<Refusal> {
  const partition = context.partition(topic, number)
  if (partition === undefined || context.isBeingDeleted(partition)) return UNKNOWN_PARTITION
  log.info(
    `Reassigning partition ${partition} from ${partition.assignment.replicas.join(',')} ` +
      `to ${assignment.replicas.join(',')}, adding ${assignment.adding.join(',')}, ` +
      `removing ${assignment.removing.join(',')}`,
  )
  try {
    await reassignment.run(partition, assignment)
    return ACCEPTED
  } catch (error) {
    if (error instanceof ControllerMovedError) throw error
    log.error(`Error completing replica reassignment for partition ${partition}`, error)
    const errorMessage = error instanceof Error ? error.message : null
    return { errorCode: ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage }
  }
}

/** What an API request asks of one partition, checked. */
export function planReassignment(
  context: ControllerContext,
  asked: AskedReassignment,
): Assignment | Refusal {
  const partition = context.partition(asked.topic, asked.partition)
  if (asked.replicas !== null) {
    const refusal = refuseReplicas(context, partition, asked.replicas)
    if (refusal !== null) return refusal
  }
  if (partition === undefined && asked.replicas === null) return NOTHING_TO_CANCEL
  if (partition === undefined || context.isBeingDeleted(partition)) return UNKNOWN_PARTITION
  const { assignment } = partition
  if (asked.replicas !== null) return reassignTo(assignment, asked.replicas)
  if (!isBeingReassigned(assignment)) return NOTHING_TO_CANCEL
  return reassignTo(assignment, originalReplicas(assignment))
}

function refuseReplicas(
  context: ControllerContext,
  partition: Partition | undefined,
  replicas: readonly number[],
): Refusal | null {
  const refuse = (errorMessage: string): Refusal => ({
    errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    errorMessage,
  })
  const list = `ArrayBuffer(${replicas.join(', ')})`
  if (replicas.length === 0) {
    return refuse('Empty replica list specified in partition reassignment.')
  }
  if (new Set(replicas).size !== replicas.length) {
    return refuse(`Duplicate replica ids in partition reassignment replica list: ${list}`)
  }
  if (replicas.some((id) => id < 0)) return refuse(`Invalid broker id in replica list: ${list}`)
  const added =
    partition === undefined ? replicas : reassignTo(partition.assignment, replicas).adding
  if (added.every((id) => context.isLive(id))) return null
  return refuse(
    'Replica assignment has brokers that are not alive. Replica list: ' +
      `ArrayBuffer(${added.join(', ')}), live broker list: Set(${context.liveBrokerIds().join(', ')})`,
  )
}

/** Each once: the last word on a partition counts. */
export function askedPartitions(request: AlterReassignmentsRequest): AskedReassignment[] {
  const asked = new Map<string, AskedReassignment>()
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex: partition, replicas } of partitions) {
      asked.set(`${name}-${partition}`, { topic: name, partition, replicas })
    }
  }
  return [...asked.values()]
}

/** `results` in the order of `asked`. */
export function reassignmentsResponse(
  asked: readonly TopicPartition[],
  results: readonly Refusal[],
): AlterReassignmentsResponse {
  const answers = asked.map((tp, at) => ({ ...tp, ...results[at]! }))
  const responses = [...Map.groupBy(answers, ({ topic }) => topic)].map(([name, each]) => ({
    name,
    partitions: each.map(({ partition, errorCode, errorMessage }) => ({
      partitionIndex: partition,
      errorCode,
      errorMessage,
    })),
  }))
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: '', responses }
}

/** The running ones among those asked for; null asks for all. */
export function listReassignments(
  context: ControllerContext,
  request: ListReassignmentsRequest,
): ListReassignmentsResponse {
  const wanted =
    request.topics === null
      ? context.partitions()
      : request.topics.flatMap(({ name, partitionIndexes }) =>
          partitionIndexes.flatMap((number) => context.partition(name, number) ?? []),
        )
  const byTopic = new Map<string, Partition[]>()
  for (const partition of wanted) {
    if (!isBeingReassigned(partition.assignment)) continue
    const { name } = partition.topic
    byTopic.set(name, [...(byTopic.get(name) ?? []), partition])
  }
  const topics = [...byTopic].map(([name, partitions]) => ({
    name,
    partitions: partitions.map(({ number, assignment }) => ({
      partitionIndex: number,
      replicas: assignment.replicas,
      addingReplicas: assignment.adding,
      removingReplicas: assignment.removing,
    })),
  }))
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: '', topics }
}
