// InitProducerId, v0-5, for idempotent producers (no transactional id). A transactional id needs the
// transaction coordinator, which is not there yet (docs/limits.md): the answer is retriable.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { initProducerId } from '../../protocol/messages/init-producer-id.ts'
import { handler } from '../handler.ts'

export const handleInitProducerId = handler(
  initProducerId,
  async (request, { producerIds }) => {
    if ((request.producerId === -1) !== (request.producerEpoch === -1)) {
      return failed(ErrorCode.INVALID_REQUEST)
    }
    if (request.transactionalId === '') return failed(ErrorCode.INVALID_REQUEST)
    if (request.transactionalId !== null) return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const outcome = await producerIds.generate()
    if (outcome.kind === 'error') return failed(outcome.code)
    return { errorCode: ErrorCode.NONE, producerId: outcome.producerId, producerEpoch: 0 }
  },
  (_request, code) => failed(code),
)

function failed(errorCode: ErrorCode) {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
