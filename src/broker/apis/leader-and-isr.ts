// LeaderAndIsr, v0-7: the controller tells which partitions this broker leads or follows.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { leaderAndIsr } from '../../protocol/messages/leader-and-isr.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { handler } from '../handler.ts'

type Request = RequestOf<typeof leaderAndIsr>

export const handleLeaderAndIsr = handler(
  leaderAndIsr,
  (request, { replicas, isStaleBrokerEpoch }) =>
    isStaleBrokerEpoch(request.brokerEpoch)
      ? failAll(request, ErrorCode.STALE_BROKER_EPOCH)
      : replicas.becomeLeaderOrFollower(request),
  (request, code) => failAll(request, code),
)

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
