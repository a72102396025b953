// FindCoordinator, v0-6. Groups and transactions have no coordinator yet (docs/limits.md), so every
// key gets the answer of a cluster whose coordinator is not available. Clients need the key in the
// list of APIs all the same: librdkafka compresses with lz4 only where it is.
import { ErrorCode, errorMessage } from '../../protocol/error-codes.ts'
import { findCoordinator } from '../../protocol/messages/find-coordinator.ts'
import { handler } from '../handler.ts'

const NOBODY = { nodeId: -1, host: '', port: -1 }

const TRANSACTION = 1
/** A key of share groups, from version 6 on. */
const SHARE = 2

export const handleFindCoordinator = handler(
  findCoordinator,
  ({ keyType, coordinatorKeys }, _services, { version }) => {
    if (keyType < 0 || keyType > SHARE) {
      return unavailable(coordinatorKeys, ErrorCode.INVALID_REQUEST, INVALID)
    }
    return keyType > TRANSACTION && version < 6
      ? unavailable(coordinatorKeys, ErrorCode.INVALID_REQUEST)
      : unavailable(coordinatorKeys, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  },
  (request, code) => unavailable(request.coordinatorKeys, code),
)

const INVALID = errorMessage(ErrorCode.INVALID_REQUEST)

/** A single key is told what the code means, each of several only `message`. */
function unavailable(keys: readonly string[], errorCode: ErrorCode, message = '') {
  return {
    errorCode,
    errorMessage: errorMessage(errorCode),
    ...NOBODY,
    coordinators: keys.map((key) => ({ key, ...NOBODY, errorCode, errorMessage: message })),
  }
}
