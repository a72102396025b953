// DeleteRecords, v0-2: moves the log start offset of partitions that this broker leads.
import { deleteRecords } from '../../protocol/messages/delete-records.ts'
import { handler } from '../handler.ts'

export const handleDeleteRecords = handler(
  deleteRecords,
  (request, { replicas }) =>
    new Promise((resolve) => {
      replicas.deleteRecords(request, resolve)
    }),
  (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        lowWatermark: -1,
        errorCode,
      })),
    })),
  }),
)
