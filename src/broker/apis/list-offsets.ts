// ListOffsets, v0-9: offsets by time, earliest, latest, of the largest timestamp.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { listOffsets } from '../../protocol/messages/list-offsets.ts'
import { handler } from '../handler.ts'

export const handleListOffsets = handler(
  listOffsets,
  (request, { replicas }, { version }) => replicas.listOffsets(request, version),
  (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
        oldStyleOffsets: [],
        timestamp: -1,
        offset: -1,
        leaderEpoch: -1,
      })),
    })),
  }),
)
