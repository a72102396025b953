// LeaderAndIsr, v0-7: the controller tells which partitions this broker leads or follows.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { leaderAndIsr } from '../../protocol/messages/leader-and-isr.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { handler, type RequestContext } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof leaderAndIsr>

export const handleLeaderAndIsr = handler(
  leaderAndIsr,
  (request, services, context) => {
    const done = logWork(request, services, context)
    const unread = topicsToRead(request, services)
    return unread.length === 0
      ? done(apply(request, services))
      : readAndApply(request, services, unread).then(done)
  },
  (request, code) => failAll(request, code),
)

/** In Kafka's words: whoever times failovers reads them. */
function logWork(
  { controllerId, topicStates, ungroupedPartitionStates }: Request,
  { clock, stateChangeLog }: BrokerServices,
  { correlationId }: RequestContext,
): <T>(answer: T) => T {
  const grouped = topicStates.reduce((sum, { partitionStates }) => sum + partitionStates.length, 0)
  const count = grouped + ungroupedPartitionStates.length
  const what = `correlationId ${correlationId} from controller ${controllerId} for ${count} partitions`
  const startMs = clock.monotonicMs()
  stateChangeLog.info(`Handling LeaderAndIsr request ${what}`)
  return (answer) => {
    const tookMs = Math.round(clock.monotonicMs() - startMs)
    stateChangeLog.info(`Finished LeaderAndIsr request in ${tookMs}ms ${what}`)
    return answer
  }
}

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
  const states = [
    ...request.ungroupedPartitionStates,
    ...request.topicStates.flatMap(({ topicName, partitionStates }) =>
      partitionStates.map(({ partitionIndex }) => ({ topicName, partitionIndex })),
    ),
  ]
  return {
    errorCode,
    // Grouped by topic only from version 5 on.
    partitionErrors: states.map(({ topicName, partitionIndex }) => ({
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
