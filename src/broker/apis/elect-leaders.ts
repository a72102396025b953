// ElectLeaders, v0-2: preferred and unclean elections on request (KIP-460).
import type { ClusterImage } from '../../cluster/image.ts'
import { ErrorCode } from '../../protocol/error-codes.ts'
import { electLeaders } from '../../protocol/messages/elect-leaders.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { ApiError, handler } from '../handler.ts'

const ELECTION_TYPES = [0, 1]

export const handleElectLeaders = handler(
  electLeaders,
  async (request, services) => {
    const { controller, metadata } = services
    if (!ELECTION_TYPES.includes(request.electionType)) {
      const message = `Election type ${request.electionType} does not exist`
      throw new ApiError(ErrorCode.UNKNOWN_SERVER_ERROR, message)
    }
    if (!controller.isActive) {
      const code = ErrorCode.NOT_CONTROLLER
      const all = request.topicPartitions ?? knownPartitions(metadata.image)
      return { errorCode: ErrorCode.NONE, replicaElectionResults: failed(all, code) }
    }
    const { response, expected } = await controller.electLeaders(request)
    // The answer waits until this broker sees what was decided.
    const isSeen = ({ topic, partition, leader }: (typeof expected)[number]) =>
      metadata.image.topics.get(topic)?.partitions[partition]?.leader === leader
    await services.untilImage(() => expected.every(isSeen), request.timeoutMs)
    const late = expected.filter((each) => !isSeen(each))
    if (late.length === 0) return response
    return {
      ...response,
      replicaElectionResults: response.replicaElectionResults.map((topic) => ({
        ...topic,
        partitionResult: topic.partitionResult.map((result) =>
          late.some((e) => e.topic === topic.topic && e.partition === result.partitionId)
            ? { ...result, errorCode: ErrorCode.REQUEST_TIMED_OUT, errorMessage: null }
            : result,
        ),
      })),
    }
  },
  ({ topicPartitions }, errorCode) => ({
    errorCode,
    replicaElectionResults: failed(topicPartitions ?? [], errorCode),
  }),
)

type Partitions = NonNullable<RequestOf<typeof electLeaders>['topicPartitions']>

function knownPartitions({ topics }: ClusterImage): Partitions {
  return [...topics.values()].map(({ name, partitions }) => ({
    topic: name,
    partitions: [...partitions.keys()],
  }))
}

function failed(asked: Partitions, errorCode: ErrorCode) {
  return asked.map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({
      partitionId,
      errorCode,
      errorMessage: null,
    })),
  }))
}
