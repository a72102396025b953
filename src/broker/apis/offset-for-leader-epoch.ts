// OffsetForLeaderEpoch, v0-4: where an epoch ends in the leader's log (KIP-101, KIP-279).
import { offsetForLeaderEpoch } from '../../protocol/messages/offset-for-leader-epoch.ts'
import { handler } from '../handler.ts'

export const handleOffsetForLeaderEpoch = handler(
  offsetForLeaderEpoch,
  (request, { replicas }) => replicas.offsetsForLeaderEpoch(request),
  (request, errorCode) => ({
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({
        errorCode,
        partition,
        leaderEpoch: -1,
        endOffset: -1,
      })),
    })),
  }),
)
