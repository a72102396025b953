// StopReplica, v0-4: the controller takes replicas away, with or without their data.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { stopReplica } from '../../protocol/messages/stop-replica.ts'
import { handler } from '../handler.ts'

export const handleStopReplica = handler(
  stopReplica,
  (request, { replicas, isStaleBrokerEpoch }) =>
    isStaleBrokerEpoch(request.brokerEpoch)
      ? { errorCode: ErrorCode.STALE_BROKER_EPOCH, partitionErrors: [] }
      : replicas.stopReplicas(request),
  (_request, errorCode) => ({ errorCode, partitionErrors: [] }),
)
