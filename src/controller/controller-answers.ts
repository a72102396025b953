/** Requests and answers of the controller in the shapes of the protocol. */

import type { TopicPartition } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { allocateProducerIds } from '../protocol/messages/allocate-producer-ids.ts'
import type { controlledShutdown } from '../protocol/messages/controlled-shutdown.ts'
import type { electLeaders } from '../protocol/messages/elect-leaders.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { type ControllerContext, NO_LEADER } from './controller-context.ts'
import type { ElectionOutcome } from './leader-elections.ts'
import { allocateProducerIdBlock } from './producer-ids.ts'

export type ControlledShutdownRequest = RequestOf<typeof controlledShutdown>
export type ControlledShutdownResponse = ResponseInput<typeof controlledShutdown>
export type AllocateProducerIdsRequest = RequestOf<typeof allocateProducerIds>
export type AllocateProducerIdsResponse = ResponseInput<typeof allocateProducerIds>
export type ElectLeadersRequest = RequestOf<typeof electLeaders>
export type ElectLeadersResponse = ResponseInput<typeof electLeaders>

export interface ElectLeadersAnswer {
  readonly response: ElectLeadersResponse
  /** The leaders just elected: the answer waits until they are in the metadata. */
  readonly expected: readonly (TopicPartition & { readonly leader: number })[]
}

/** Each once; null asks for all. */
export function askedElections({ topicPartitions }: ElectLeadersRequest): TopicPartition[] | null {
  if (topicPartitions === null) return null
  const byTopic = new Map<string, Set<number>>()
  for (const { topic, partitions } of topicPartitions) {
    const known = byTopic.get(topic) ?? []
    byTopic.set(topic, new Set([...known, ...partitions]))
  }
  return [...byTopic].flatMap(([topic, partitions]) =>
    [...partitions].map((partition) => ({ topic, partition })),
  )
}

/** Asked for all partitions, those that need no election are left out. */
export function electionAnswer(
  outcomes: readonly ElectionOutcome[],
  askedForAll: boolean,
): ElectLeadersAnswer {
  const shown = askedForAll
    ? outcomes.filter(({ errorCode }) => errorCode !== ErrorCode.ELECTION_NOT_NEEDED)
    : outcomes
  const expected = outcomes
    .filter(({ errorCode }) => errorCode === ErrorCode.NONE)
    .map(({ topic, partition, leader }) => ({ topic, partition, leader }))
  return { response: electionResponse(ErrorCode.NONE, shown), expected }
}

/** The same code for each partition asked for; at the top when all were. */
export function electionRefusal(
  asked: readonly TopicPartition[] | null,
  errorCode: ErrorCode,
): ElectLeadersAnswer {
  if (asked === null) return { response: electionResponse(errorCode, []), expected: [] }
  const outcomes = asked.map((tp) => ({ ...tp, errorCode, errorMessage: null, leader: NO_LEADER }))
  return { response: electionResponse(ErrorCode.NONE, outcomes), expected: [] }
}

function electionResponse(
  errorCode: ErrorCode,
  outcomes: readonly ElectionOutcome[],
): ElectLeadersResponse {
  const byTopic = Map.groupBy(outcomes, ({ topic }) => topic)
  const replicaElectionResults = [...byTopic].map(([topic, results]) => ({
    topic,
    partitionResult: results.map((result) => ({
      partitionId: result.partition,
      errorCode: result.errorCode,
      errorMessage: result.errorMessage,
    })),
  }))
  return { throttleTimeMs: 0, errorCode, replicaElectionResults }
}

/** The block is recorded before it is given out; a requester of an earlier life gets none. */
export async function allocateFor(
  context: ControllerContext,
  zk: ZkOperations,
  { brokerId, brokerEpoch }: AllocateProducerIdsRequest,
): Promise<AllocateProducerIdsResponse> {
  const broker = context.brokers.get(brokerId)
  const refuse = (errorCode: ErrorCode): AllocateProducerIdsResponse => ({
    throttleTimeMs: 0,
    errorCode,
    producerIdStart: 0,
    producerIdLen: 0,
  })
  if (broker === undefined) return refuse(ErrorCode.BROKER_ID_NOT_REGISTERED)
  if (broker.epoch !== brokerEpoch) return refuse(ErrorCode.STALE_BROKER_EPOCH)
  const { start, length } = await allocateProducerIdBlock(zk, brokerId)
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    producerIdStart: start,
    producerIdLen: length,
  }
}
