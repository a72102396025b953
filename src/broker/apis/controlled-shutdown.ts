// ControlledShutdown, v0-3: a broker that is about to stop asks the controller to move its leaders.
import { controlledShutdown } from '../../protocol/messages/controlled-shutdown.ts'
import { handler } from '../handler.ts'

export const handleControlledShutdown = handler(
  controlledShutdown,
  (request, { controller }) => controller.controlledShutdown(request),
  (_request, errorCode) => ({ errorCode, remainingPartitions: [] }),
)
