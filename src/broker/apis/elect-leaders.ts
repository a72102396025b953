// ElectLeaders, v0-2: preferred and unclean elections on request (KIP-460).
import { ErrorCode } from '../../protocol/error-codes.ts'
import { electLeaders } from '../../protocol/messages/elect-leaders.ts'
import { handler } from '../handler.ts'

export const handleElectLeaders = handler(
  electLeaders,
  async (request, services) => {
    const { controller, metadata } = services
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
  (_request, errorCode) => ({ errorCode, replicaElectionResults: [] }),
)
