// FindCoordinator, v0-6. Groups and transactions have no coordinator yet (docs/limits.md), so every
// key gets the answer of a cluster whose coordinator is not available. Clients need the key in the
// list of APIs all the same: librdkafka compresses with lz4 only where it is.
import { ErrorCode, errorMessage } from '../../protocol/error-codes.ts'
import { findCoordinator } from '../../protocol/messages/find-coordinator.ts'
import { handler } from '../handler.ts'

const NOBODY = { nodeId: -1, host: '', port: -1 }

export const handleFindCoordinator = handler(
  findCoordinator,
  (request) => unavailable(request.coordinatorKeys, ErrorCode.COORDINATOR_NOT_AVAILABLE),
  (request, code) => unavailable(request.coordinatorKeys, code),
)

function unavailable(keys: readonly string[], errorCode: ErrorCode) {
  return {
    errorCode,
    errorMessage: errorMessage(errorCode),
    ...NOBODY,
    coordinators: keys.map((key) => ({ key, ...NOBODY, errorCode, errorMessage: '' })),
  }
}
