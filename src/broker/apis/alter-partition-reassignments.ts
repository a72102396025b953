// AlterPartitionReassignments, v0: starts, replaces or cancels reassignments (KIP-455).
import { alterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts'
import { handler } from '../handler.ts'

export const handleAlterPartitionReassignments = handler(
  alterPartitionReassignments,
  (request, { controller }) => controller.alterPartitionReassignments(request),
  (_request, errorCode, errorMessage) => ({ errorCode, errorMessage, responses: [] }),
)
