// AllocateProducerIds, v0: a broker asks the controller for a block of producer ids.
import { allocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts'
import { handler } from '../handler.ts'

export const handleAllocateProducerIds = handler(
  allocateProducerIds,
  (request, { controller }) => controller.allocateProducerIds(request),
  (_request, errorCode) => ({ errorCode, producerIdStart: -1, producerIdLen: 0 }),
)
