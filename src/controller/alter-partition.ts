/**
 * AlterPartition: a leader asks for a change of its ISR (KIP-497). The checks are pure and in the
 * order of Kafka's controller, first hit wins; what passes is written fenced and versioned.
 */

import type { Logger } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { alterPartition } from '../protocol/messages/alter-partition.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import type { ZkErrorName } from '../zk/zk-client.ts'
import { LEADER_RECOVERED, LEADER_RECOVERING } from '../zk/znodes.ts'
import { sameList } from './assignment.ts'
import type { ControllerContext, Leadership, Partition } from './controller-context.ts'
import type { RequestBatch } from './request-batch.ts'
import type { StateChange, StateWriter, WriteOutcome } from './state-writer.ts'

export type AlterPartitionRequest = RequestOf<typeof alterPartition>
export type AlterPartitionResponse = ResponseInput<typeof alterPartition>
type PartitionRequest = AlterPartitionRequest['topics'][number]['partitions'][number]
type PartitionAnswer = AlterPartitionResponse['topics'][number]['partitions'][number]

const FIRST_VERSION_WITH_TOPIC_IDS = 2
const FIRST_VERSION_WITH_BROKER_EPOCHS = 3

export interface AlterPartitionPorts {
  readonly context: ControllerContext
  readonly writer: StateWriter
  readonly newBatch: () => RequestBatch
  readonly log: Logger
}

interface Asked {
  /** Undefined for an unknown topic or partition. */
  readonly partition: Partition | undefined
  readonly request: PartitionRequest
  /** Answer when it is not to be written, else the write. */
  verdict: AlterVerdict
}

/** Decides, writes, tells all brokers the new metadata. Returns the partitions that were asked. */
export async function processAlterPartition(
  ports: AlterPartitionPorts,
  request: AlterPartitionRequest,
  version: number,
): Promise<{ response: AlterPartitionResponse; asked: Partition[] }> {
  const { context } = ports
  const sender = context.brokers.get(request.brokerId)
  if (sender === undefined || sender.epoch !== request.brokerEpoch) {
    const errorCode = ErrorCode.STALE_BROKER_EPOCH
    return { response: { throttleTimeMs: 0, errorCode, topics: [] }, asked: [] }
  }
  if (!request.topics.every(hasKnownRecoveryStates)) {
    const errorCode = ErrorCode.UNKNOWN_SERVER_ERROR
    return { response: { throttleTimeMs: 0, errorCode, topics: [] }, asked: [] }
  }
  const topics = request.topics.map((topic) => ({
    topic,
    asked: topic.partitions.map((each) => judge(context, request.brokerId, topic, each, version)),
  }))
  const all = topics.flatMap(({ asked }) => asked)
  await write(ports, all)
  const asked = all.flatMap(({ partition }) => partition ?? [])
  const batch = ports.newBatch()
  batch.updateMetadata(context.liveOrShuttingDownBrokerIds(), asked)
  batch.send()
  const response = {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ topic, asked: partitions }) => ({
      topicName: topic.topicName,
      topicId: topic.topicId,
      partitions: partitions.map(answer),
    })),
  }
  return { response, asked }
}

function hasKnownRecoveryStates({ partitions }: AlterPartitionRequest['topics'][number]): boolean {
  return partitions.every(
    ({ leaderRecoveryState }) =>
      leaderRecoveryState === LEADER_RECOVERED || leaderRecoveryState === LEADER_RECOVERING,
  )
}

function judge(
  context: ControllerContext,
  senderId: number,
  topic: { readonly topicName: string; readonly topicId: string },
  request: PartitionRequest,
  version: number,
): Asked {
  const hasTopicIds = version >= FIRST_VERSION_WITH_TOPIC_IDS
  const known = hasTopicIds
    ? context.topicsById.get(topic.topicId)
    : context.topics.get(topic.topicName)
  const partition = known?.partition(request.partitionIndex)
  if (known === undefined && hasTopicIds) {
    return { partition, request, verdict: refuse(ErrorCode.UNKNOWN_TOPIC_ID) }
  }
  const isr =
    version >= FIRST_VERSION_WITH_BROKER_EPOCHS
      ? request.newIsrWithEpochs.map(({ brokerId }) => brokerId)
      : request.newIsr
  const verdict = judgeAlteration(
    partition?.leadership ?? null,
    {
      leader: senderId,
      leaderEpoch: request.leaderEpoch,
      isr,
      leaderRecoveryState: request.leaderRecoveryState,
      partitionEpoch: request.partitionEpoch,
    },
    (id) => context.isLive(id) && isReplicaOrMember(partition, id),
    hasTopicIds ? ErrorCode.INELIGIBLE_REPLICA : ErrorCode.OPERATION_NOT_ATTEMPTED,
    context.epoch,
  )
  return { partition, request, verdict }
}

/**
 * A leader that has not heard of the end of a reassignment may still be fetched from by a replica that
 * has left. Whoever is in the ISR may stay until the controller takes it out.
 */
function isReplicaOrMember(partition: Partition | undefined, brokerId: number): boolean {
  const isReplica = partition?.assignment.replicas.includes(brokerId) ?? false
  return isReplica || (partition?.leadership?.isr.includes(brokerId) ?? false)
}

/** What a leader wants its partition to be. */
export type Alteration = Omit<Leadership, 'controllerEpoch'>

export type AlterVerdict =
  | { readonly kind: 'refuse'; readonly code: ErrorCode }
  /** What is asked for is the case already, or has become so. */
  | { readonly kind: 'done'; readonly leadership: Leadership }
  | { readonly kind: 'write'; readonly next: Leadership }

/** Pure: what becomes of one partition's request, given what the controller knows of it. */
export function judgeAlteration(
  current: Leadership | null,
  asked: Alteration,
  isEligible: (brokerId: number) => boolean,
  ineligible: ErrorCode,
  controllerEpoch: number,
): AlterVerdict {
  if (current === null) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  // The leader knows more than we do: we are probably not the controller any more (KAFKA-14154).
  const isAhead =
    asked.partitionEpoch > current.partitionEpoch || asked.leaderEpoch > current.leaderEpoch
  if (isAhead) return refuse(ErrorCode.NOT_CONTROLLER)
  if (asked.leaderEpoch < current.leaderEpoch) return refuse(ErrorCode.FENCED_LEADER_EPOCH)
  const isSame =
    asked.leader === current.leader &&
    sameList(asked.isr, current.isr) &&
    asked.leaderRecoveryState === current.leaderRecoveryState
  // An answer was lost and the leader asks again: before the epoch check (KAFKA-14144).
  if (isSame) return { kind: 'done', leadership: current }
  if (asked.partitionEpoch < current.partitionEpoch) {
    return refuse(ErrorCode.INVALID_UPDATE_VERSION)
  }
  // An uncleanly elected leader is alone until it recovered; nobody un-recovers.
  if (asked.leaderRecoveryState === LEADER_RECOVERING) {
    const hasRecovered = current.leaderRecoveryState === LEADER_RECOVERED
    if (hasRecovered || asked.isr.length > 1) return refuse(ErrorCode.INVALID_REQUEST)
  }
  if (!asked.isr.every(isEligible)) return refuse(ineligible)
  return { kind: 'write', next: { ...asked, controllerEpoch } }
}

async function write(ports: AlterPartitionPorts, asked: readonly Asked[]): Promise<void> {
  const toWrite: Asked[] = []
  const changes: StateChange[] = []
  for (const each of asked) {
    if (each.verdict.kind !== 'write') continue
    toWrite.push(each)
    changes.push({ partition: each.partition!, next: each.verdict.next })
  }
  const outcomes = await ports.writer.update(changes)
  toWrite.forEach((each, at) => {
    each.verdict = settle(ports, each.partition!, outcomes[at]!)
  })
}

function settle(
  { log }: AlterPartitionPorts,
  partition: Partition,
  outcome: WriteOutcome,
): AlterVerdict {
  if (outcome.kind === 'ok') {
    partition.leadership = outcome.leadership
    return { kind: 'done', leadership: outcome.leadership }
  }
  if (outcome.kind === 'conflict') {
    // What is stored now comes into the cache: the leader's next request is judged by it.
    if (outcome.stored.kind === 'ok') partition.leadership = outcome.stored.leadership
    return refuse(ErrorCode.INVALID_UPDATE_VERSION)
  }
  log.error(`The ISR of partition ${partition} could not be written: ${outcome.errorName}`)
  return refuse(errorCodeOf(outcome.errorName))
}

function errorCodeOf(errorName: ZkErrorName): ErrorCode {
  return errorName === 'NO_NODE'
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.UNKNOWN_SERVER_ERROR
}

function refuse(code: ErrorCode): AlterVerdict {
  return { kind: 'refuse', code }
}

function answer({ request, verdict }: Asked): PartitionAnswer {
  const { partitionIndex } = request
  if (verdict.kind !== 'done') {
    const errorCode = verdict.kind === 'refuse' ? verdict.code : ErrorCode.UNKNOWN_SERVER_ERROR
    return { partitionIndex, errorCode, leaderId: 0, leaderEpoch: 0, isr: [], partitionEpoch: 0 }
  }
  const { leader, leaderEpoch, isr, leaderRecoveryState, partitionEpoch } = verdict.leadership
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    leaderId: leader,
    leaderEpoch,
    isr,
    leaderRecoveryState,
    partitionEpoch,
  }
}
