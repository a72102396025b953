// UpdateMetadata, v0-8: the controller paints our picture of the cluster. Checks in Kafka's order:
// broker epoch, then controller epoch (shared by the three control RPCs).
import { type ImageUpdate, LEADER_DURING_DELETE, type TopicUpdate } from '../../cluster/image.ts'
import { ErrorCode } from '../../protocol/error-codes.ts'
import { updateMetadata } from '../../protocol/messages/update-metadata.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { handler } from '../handler.ts'

type Request = RequestOf<typeof updateMetadata>

export const handleUpdateMetadata = handler(
  updateMetadata,
  (request, services, { version, correlationId }) => {
    const { metadata, replicas, stateChangeLog, isStaleBrokerEpoch } = services
    if (isStaleBrokerEpoch(request.brokerEpoch)) return { errorCode: ErrorCode.STALE_BROKER_EPOCH }
    if (!replicas.acceptControllerEpoch(request.controllerId, request.controllerEpoch)) {
      return { errorCode: ErrorCode.STALE_CONTROLLER_EPOCH }
    }
    services.missedDeletions.onUpdate(request.controllerEpoch, request.brokerEpoch)
    const topics = topicUpdates(request)
    const deleted = metadata.apply({
      controllerId: request.controllerId,
      brokers: request.liveBrokers.map((broker) => ({
        id: broker.id,
        rack: broker.rack,
        endpoints:
          version === 0
            ? [oldEndpoint(broker.v0Host, broker.v0Port)]
            : broker.endpoints.map((endpoint) => ({
                listener: endpoint.listener || securityProtocolName(endpoint.securityProtocol),
                host: endpoint.host,
                port: endpoint.port,
                securityProtocol: endpoint.securityProtocol,
              })),
      })),
      topics,
    } satisfies ImageUpdate)
    const added = topics
      .flatMap(({ partitions }) => partitions)
      .filter(({ leader }) => leader !== LEADER_DURING_DELETE)
    stateChangeLog.info(
      `Add ${added.length} partitions and deleted ${deleted.length} partitions from ` +
        `metadata cache in response to UpdateMetadata request sent by controller ` +
        `${request.controllerId} epoch ${request.controllerEpoch} with correlation id ${correlationId}`,
    )
    replicas.onPartitionsDeletedFromMetadata(deleted)
    return { errorCode: ErrorCode.NONE }
  },
  (_request, code) => ({ errorCode: code }),
)

const SECURITY_PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** Before v3 a listener is named after its security protocol. */
function securityProtocolName(id: number): string {
  return SECURITY_PROTOCOLS[id] ?? 'PLAINTEXT'
}

function oldEndpoint(host: string, port: number) {
  return { listener: 'PLAINTEXT', host, port, securityProtocol: 0 }
}

/** v5+ groups partitions by topic, older versions name the topic in each. */
function topicUpdates(request: Request): TopicUpdate[] {
  const byTopic = new Map<
    string,
    { topicId: string; states: Request['ungroupedPartitionStates'] }
  >()
  for (const { topicName, topicId, partitionStates } of request.topicStates) {
    byTopic.set(topicName, { topicId, states: partitionStates })
  }
  for (const state of request.ungroupedPartitionStates) {
    const topic = byTopic.get(state.topicName) ?? { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', states: [] }
    byTopic.set(state.topicName, { ...topic, states: [...topic.states, state] })
  }
  return [...byTopic].map(([name, { topicId, states }]) => ({
    name,
    topicId,
    partitions: states.map((state) => ({
      partition: state.partitionIndex,
      leader: state.leader,
      leaderEpoch: state.leaderEpoch,
      controllerEpoch: state.controllerEpoch,
      zkVersion: state.zkVersion,
      isr: state.isr,
      replicas: state.replicas,
      offlineReplicas: state.offlineReplicas,
    })),
  }))
}
