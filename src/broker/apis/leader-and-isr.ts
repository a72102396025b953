// LeaderAndIsr, v0-7: the controller tells which partitions this broker leads or follows.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { leaderAndIsr } from '../../protocol/messages/leader-and-isr.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof leaderAndIsr>

export const handleLeaderAndIsr = handler(
  leaderAndIsr,
  (request, services) => {
    const unread = topicsToRead(request, services)
    return unread.length === 0 ? apply(request, services) : readAndApply(request, services, unread)
  },
  (request, code) => failAll(request, code),
)

function apply(request: Request, { replicas, isStaleBrokerEpoch }: BrokerServices) {
  return isStaleBrokerEpoch(request.brokerEpoch)
    ? failAll(request, ErrorCode.STALE_BROKER_EPOCH)
    : replicas.becomeLeaderOrFollower(request)
}

/**
 * The overrides of a new topic come with no announcement. They are read before its first partition
 * gets a role: `min.insync.replicas` must hold from the first record on.
 */
async function readAndApply(request: Request, services: BrokerServices, topics: readonly string[]) {
  const { configs, logs, replicas } = services
  await Promise.all(topics.map((topic) => configs.loadTopic(topic)))
  for (const topic of topics) {
    logs.updateConfigs(topic)
    replicas.onTopicConfigChange(topic)
  }
  return apply(request, services)
}

function topicsToRead(
  { topicStates, ungroupedPartitionStates }: Request,
  { configs }: BrokerServices,
): string[] {
  const names = new Set<string>()
  for (const { topicName, partitionStates } of topicStates) {
    const isNew = partitionStates.some((state) => state.isNew)
    if (isNew || !configs.knows(topicName)) names.add(topicName)
  }
  for (const { topicName, isNew } of ungroupedPartitionStates) {
    if (isNew || !configs.knows(topicName)) names.add(topicName)
  }
  return [...names]
}

function failAll(request: Request, errorCode: ErrorCode) {
  return {
    errorCode,
    partitionErrors: request.ungroupedPartitionStates.map(({ topicName, partitionIndex }) => ({
      topicName,
      partitionIndex,
      errorCode,
    })),
    topics: request.topicStates.map(({ topicName, topicId, partitionStates }) => ({
      topicId,
      partitionErrors: partitionStates.map(({ partitionIndex }) => ({
        topicName,
        partitionIndex,
        errorCode,
      })),
    })),
  }
}
