// DeleteTopics, v0-6. The active controller marks the topic in `/admin/delete_topics`; the answer waits
// until the topic has left the image, which is when deletion started (Kafka's DelayedDeleteTopics).

import { ErrorCode } from '../../protocol/error-codes.ts'
import { deleteTopics } from '../../protocol/messages/delete-topics.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { ApiError, errorCodeOf, handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof deleteTopics>

interface Asked {
  readonly name: string | null
  readonly topicId: string
}

/** The fields of an answer; there is no message, as from Kafka. */
interface Deletion extends Asked {
  errorCode: ErrorCode
}

export const handleDeleteTopics = handler(
  deleteTopics,
  async (request, services, { version }) => {
    const asked = askedTopics(request)
    if (asked.some(({ name, topicId }) => name !== null && topicId !== ZERO_UUID)) {
      const message = 'Topic name and topic id can not both be specified.'
      throw new ApiError(ErrorCode.INVALID_REQUEST, message)
    }
    if (!services.controller.isActive) return failAll(asked, ErrorCode.NOT_CONTROLLER)
    if (services.config['delete.topic.enable'] === false) {
      const isOld = version < 3
      return failAll(asked, isOld ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED)
    }
    const deletions = asked.map((each) => resolve(services, each))
    for (const deletion of deletions) await mark(services, deletion)
    await waitUntilGone(services, deletions, request.timeoutMs)
    return { responses: deletions }
  },
  (request, errorCode) => failAll(askedTopics(request), errorCode),
)

function failAll(asked: readonly Asked[], errorCode: ErrorCode) {
  return { responses: asked.map((each) => ({ ...each, errorCode })) }
}

/** v6 asks by name or by id, older versions by name. */
function askedTopics(request: Request): Asked[] {
  return [
    ...request.topics.map(({ name, topicId }) => ({ name, topicId })),
    ...request.topicNames.map((name) => ({ name, topicId: ZERO_UUID })),
  ]
}

function resolve({ metadata }: BrokerServices, { name, topicId }: Asked): Deletion {
  const { image } = metadata
  if (name === null) {
    const topic = image.topicsById.get(topicId)
    const errorCode = topic === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.NONE
    return { name: topic?.name ?? null, topicId, errorCode }
  }
  const isKnown = image.topics.has(name)
  return {
    name,
    topicId,
    errorCode: isKnown ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  }
}

async function mark({ topics }: BrokerServices, deletion: Deletion): Promise<void> {
  if (deletion.errorCode !== ErrorCode.NONE || deletion.name === null) return
  try {
    await topics.markForDeletion(deletion.name)
  } catch (error) {
    deletion.errorCode = errorCodeOf(error)
  }
}

async function waitUntilGone(
  services: BrokerServices,
  deletions: readonly Deletion[],
  timeoutMs: number,
): Promise<void> {
  const waiting = deletions.filter(({ errorCode }) => errorCode === ErrorCode.NONE)
  const isGone = ({ name }: Deletion) => !services.metadata.image.topics.has(name ?? '')
  await services.untilImage(() => waiting.every(isGone), timeoutMs)
  for (const deletion of waiting) {
    if (isGone(deletion) && timeoutMs > 0) continue
    deletion.errorCode = ErrorCode.REQUEST_TIMED_OUT
  }
}
