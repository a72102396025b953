// DescribeCluster, v0-1 (KIP-700). Brokers on the listener of the request; the operations bitfield is
// all cluster operations, since there is no authorizer (docs/limits.md).
import { endpointOf } from '../../cluster/image.ts'
import { ErrorCode } from '../../protocol/error-codes.ts'
import { describeCluster } from '../../protocol/messages/describe-cluster.ts'
import { CLUSTER_OPERATIONS, NOT_ASKED } from '../authorized-operations.ts'
import { handler } from '../handler.ts'

const BROKERS = 1
const CONTROLLERS = 2

export const handleDescribeCluster = handler(
  describeCluster,
  (request, { metadata, clusterId }, { listener, version }) => {
    if (request.endpointType !== BROKERS) return wrongEndpointType(request.endpointType, version)
    const { image } = metadata
    const brokers = [...image.brokers.values()].flatMap((broker) => {
      const endpoint = endpointOf(broker, listener)
      if (endpoint === undefined) return []
      return [{ brokerId: broker.id, host: endpoint.host, port: endpoint.port, rack: broker.rack }]
    })
    return {
      errorCode: ErrorCode.NONE,
      endpointType: BROKERS,
      clusterId,
      controllerId: brokers.some(({ brokerId }) => brokerId === image.controllerId)
        ? image.controllerId
        : -1,
      brokers,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : NOT_ASKED,
    }
  },
  (_request, code, message) => ({
    errorCode: code,
    errorMessage: message,
    clusterId: '',
    brokers: [],
  }),
)

function wrongEndpointType(endpointType: number, version: number) {
  const unsupported = endpointType !== CONTROLLERS
  return {
    errorCode:
      version === 0
        ? ErrorCode.INVALID_REQUEST
        : unsupported
          ? ErrorCode.UNSUPPORTED_ENDPOINT_TYPE
          : ErrorCode.MISMATCHED_ENDPOINT_TYPE,
    errorMessage: unsupported
      ? `Unsupported endpoint type ${endpointType}`
      : 'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
    clusterId: '',
    brokers: [],
  }
}
