// CreateTopics, v0-7. Only the active controller creates; the answer waits until every partition has a
// leader in this broker's image, or until the timeout (the topic is then made all the same).

import { ErrorCode } from '../../protocol/error-codes.ts'
import { createTopics } from '../../protocol/messages/create-topics.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'
import { failedCreation, type TopicCreation } from '../topic-creation.ts'

type Request = RequestOf<typeof createTopics>

export const handleCreateTopics = handler(
  createTopics,
  async (request, services) => {
    if (!services.controller.isActive) {
      return failAll(request, ErrorCode.NOT_CONTROLLER, '')
    }
    const names = request.topics.map(({ name }) => name)
    const created: TopicCreation[] = []
    for (const topic of request.topics) {
      if (names.indexOf(topic.name) !== names.lastIndexOf(topic.name)) {
        created.push(failedCreation(topic.name, ErrorCode.INVALID_REQUEST, DUPLICATE))
      } else {
        created.push(await services.topics.create(topic, request.validateOnly))
      }
    }
    if (!request.validateOnly) await waitForLeaders(services, created, request.timeoutMs)
    return { topics: created.map((each) => answer(services, each)) }
  },
  (request, code, message) => failAll(request, code, message),
)

const DUPLICATE = 'Found multiple entries for this topic.'

function failAll(request: Request, errorCode: ErrorCode, errorMessage: string | null) {
  return {
    topics: request.topics.map(({ name }) => ({
      name,
      errorCode,
      errorMessage,
      numPartitions: -1,
      replicationFactor: -1,
      configs: [],
    })),
  }
}

/** Marks those REQUEST_TIMED_OUT that have no leader everywhere when the time is over. */
async function waitForLeaders(
  services: BrokerServices,
  created: TopicCreation[],
  timeoutMs: number,
): Promise<void> {
  const waiting = created.filter(({ errorCode }) => errorCode === ErrorCode.NONE)
  if (waiting.length === 0) return
  const isLed = ({ name, partitions }: TopicCreation) => {
    const known = services.metadata.image.topics.get(name)?.partitions ?? []
    return known.length >= partitions && known.every((each) => (each?.leader ?? -1) >= 0)
  }
  await services.untilImage(() => waiting.every(isLed), timeoutMs)
  for (const each of waiting) {
    if (isLed(each) && timeoutMs > 0) continue
    each.errorCode = ErrorCode.REQUEST_TIMED_OUT
  }
}

function answer({ configs }: BrokerServices, created: TopicCreation) {
  const { name, topicId, errorCode, errorMessage } = created
  if (errorCode !== ErrorCode.NONE) {
    const nothing = { numPartitions: -1, replicationFactor: -1, configs: [] }
    return { name, topicId, errorCode, errorMessage, ...nothing }
  }
  return {
    name,
    errorCode,
    errorMessage: null,
    topicId,
    numPartitions: created.partitions,
    replicationFactor: created.replicationFactor,
    configs: configs.describeTopicOverrides(created.overrides).map((entry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: entry.readOnly,
      configSource: entry.source,
      isSensitive: entry.isSensitive,
    })),
  }
}
