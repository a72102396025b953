// ListPartitionReassignments, v0: the reassignments that are under way (KIP-455).
import { listPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts'
import { handler } from '../handler.ts'

export const handleListPartitionReassignments = handler(
  listPartitionReassignments,
  (request, { controller }) => controller.listPartitionReassignments(request),
  (_request, errorCode, errorMessage) => ({ errorCode, errorMessage, topics: [] }),
)
