// AlterPartition, v0-3: a leader asks the controller for a change of its ISR.
import { alterPartition } from '../../protocol/messages/alter-partition.ts'
import { handler } from '../handler.ts'

export const handleAlterPartition = handler(
  alterPartition,
  (request, { controller }, { version }) => controller.alterPartition(request, version),
  (_request, errorCode) => ({ errorCode, topics: [] }),
)
