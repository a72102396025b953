// CreatePartitions, v0-3: grows topics. Only the active controller does; the answer waits for leaders.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { createPartitions } from '../../protocol/messages/create-partitions.ts'
import { errorCodeOf, handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

export const handleCreatePartitions = handler(
  createPartitions,
  async (request, services) => {
    if (!services.controller.isActive) {
      const code = ErrorCode.NOT_CONTROLLER
      return { results: request.topics.map(({ name }) => failed(name, code, null)) }
    }
    const names = request.topics.map(({ name }) => name)
    const results: ReturnType<typeof failed>[] = []
    for (const topic of request.topics) {
      if (results.some(({ name }) => name === topic.name)) continue
      if (names.indexOf(topic.name) !== names.lastIndexOf(topic.name)) {
        const message = 'Duplicate topic in request.'
        results.push(failed(topic.name, ErrorCode.INVALID_REQUEST, message))
      } else {
        results.push(await createOne(services, topic, request.validateOnly))
      }
    }
    if (!request.validateOnly) {
      const counts = new Map(request.topics.map(({ name, count }) => [name, count]))
      await waitForLeaders(services, results, counts, request.timeoutMs)
    }
    return { results }
  },
  (request, code, message) => ({
    results: request.topics.map(({ name }) => failed(name, code, message)),
  }),
)

interface WantedPartitions {
  readonly name: string
  readonly count: number
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null
}

async function createOne(
  { topics }: BrokerServices,
  { name, count, assignments }: WantedPartitions,
  validateOnly: boolean,
) {
  try {
    const lists = assignments?.map(({ brokerIds }) => brokerIds) ?? null
    await topics.createPartitions({ topic: name, count, assignments: lists }, validateOnly)
    return failed(name, ErrorCode.NONE, null)
  } catch (error) {
    return failed(name, errorCodeOf(error), (error as Error).message)
  }
}

function failed(name: string, errorCode: ErrorCode, errorMessage: string | null) {
  return { name, errorCode, errorMessage }
}

async function waitForLeaders(
  services: BrokerServices,
  results: ReturnType<typeof failed>[],
  counts: ReadonlyMap<string, number>,
  timeoutMs: number,
): Promise<void> {
  const waiting = results.filter(({ errorCode }) => errorCode === ErrorCode.NONE)
  const isLed = ({ name }: { name: string }) => {
    const known = services.metadata.image.topics.get(name)?.partitions ?? []
    return (
      known.length >= (counts.get(name) ?? 0) && known.every((each) => (each?.leader ?? -1) >= 0)
    )
  }
  await services.untilImage(() => waiting.every(isLed), timeoutMs)
  for (const result of waiting) {
    if (isLed(result) && timeoutMs > 0) continue
    result.errorCode = ErrorCode.REQUEST_TIMED_OUT
  }
}
