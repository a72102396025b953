// DeleteTopics, v0-6. The active controller marks the topic in `/admin/delete_topics`; the answer waits
// until the topic has left the image, which is when deletion started (Kafka's DelayedDeleteTopics).

import { ErrorCode } from '../../protocol/error-codes.ts'
import { deleteTopics } from '../../protocol/messages/delete-topics.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { ApiError, errorCodeOf, handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof deleteTopics>

interface Deletion {
  readonly name: string | null
  readonly topicId: string
  errorCode: ErrorCode
  errorMessage: string | null
}

export const handleDeleteTopics = handler(
  deleteTopics,
  async (request, services, { version }) => {
    const asked = askedTopics(request)
    if (!services.controller.isActive) {
      return { responses: asked.map((each) => ({ ...each, ...NOT_CONTROLLER })) }
    }
    if (services.config['delete.topic.enable'] === false) {
      const errorCode = version < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED
      const errorMessage = 'Topic deletion is disabled.'
      return { responses: asked.map((each) => ({ ...each, errorCode, errorMessage })) }
    }
    const deletions = asked.map((each) => resolve(services, each))
    for (const deletion of deletions) await mark(services, deletion)
    await waitUntilGone(services, deletions, request.timeoutMs)
    return { responses: deletions }
  },
  (request, errorCode, errorMessage) => ({
    responses: askedTopics(request).map((each) => ({ ...each, errorCode, errorMessage })),
  }),
)

const NOT_CONTROLLER = {
  errorCode: ErrorCode.NOT_CONTROLLER,
  errorMessage: 'This is not the correct controller.',
}

/** v6 asks by name or by id, older versions by name. */
function askedTopics(request: Request): { name: string | null; topicId: string }[] {
  for (const { name, topicId } of request.topics) {
    if (name !== null && topicId !== ZERO_UUID) {
      throw new ApiError(
        ErrorCode.INVALID_REQUEST,
        'Topic name and topic id can not both be specified.',
      )
    }
  }
  return [
    ...request.topics.map(({ name, topicId }) => ({ name, topicId })),
    ...request.topicNames.map((name) => ({ name, topicId: ZERO_UUID })),
  ]
}

function resolve(
  { metadata }: BrokerServices,
  { name, topicId }: { name: string | null; topicId: string },
): Deletion {
  const { image } = metadata
  const topic = name === null ? image.topicsById.get(topicId) : image.topics.get(name)
  const found = { name: topic?.name ?? name, topicId: topic?.topicId ?? topicId }
  if (topic !== undefined) return { ...found, errorCode: ErrorCode.NONE, errorMessage: null }
  return name === null
    ? {
        ...found,
        errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
        errorMessage: 'This server does not host this topic ID.',
      }
    : {
        ...found,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: 'This server does not host this topic-partition.',
      }
}

async function mark({ topics }: BrokerServices, deletion: Deletion): Promise<void> {
  if (deletion.errorCode !== ErrorCode.NONE || deletion.name === null) return
  try {
    await topics.markForDeletion(deletion.name)
  } catch (error) {
    deletion.errorCode = errorCodeOf(error)
    deletion.errorMessage = error instanceof Error ? error.message : null
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
    deletion.errorMessage = 'The request timed out.'
  }
}
