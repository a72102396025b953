// Metadata, v0-12: brokers, controller and topics as the image shows them, on the listener of the
// request. Unknown topics are created on the way when client and broker allow it.
import {
  type ClusterImage,
  endpointOf,
  isReachable,
  NO_LEADER,
  type PartitionImage,
  type TopicImage,
} from '../../cluster/image.ts'
import { ErrorCode } from '../../protocol/error-codes.ts'
import { metadata as metadataApi } from '../../protocol/messages/metadata.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { ZERO_UUID } from '../../protocol/uuid.ts'
import { CLUSTER_OPERATIONS, NOT_ASKED, TOPIC_OPERATIONS } from '../authorized-operations.ts'
import { ApiError, handler, type RequestContext } from '../handler.ts'
import { isInternalTopic } from '../internal-topics.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof metadataApi>

export const handleMetadata = handler(
  metadataApi,
  async (request, services, context) => {
    const { metadata, clusterId } = services
    const topics = await answerTopics(request, services, context)
    const { image } = metadata
    return {
      brokers: [...image.brokers.values()].flatMap((broker) => {
        const endpoint = endpointOf(broker, context.listener)
        if (endpoint === undefined) return []
        return [{ nodeId: broker.id, host: endpoint.host, port: endpoint.port, rack: broker.rack }]
      }),
      clusterId,
      controllerId: image.controllerId,
      topics,
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : NOT_ASKED,
    }
  },
  (request, code) => ({
    brokers: [],
    topics: (request.topics ?? []).map(({ name, topicId }) => ({
      ...emptyTopic(code, name ?? ''),
      topicId,
    })),
  }),
)

/** Versions 10 and 11 have a place for ids, but Kafka looks at them only from here on. */
const FIRST_BY_ID = 12

type TopicAnswer = ReturnType<typeof emptyTopic> & {
  partitions: ReturnType<typeof partitionAnswer>[]
}

async function answerTopics(
  request: Request,
  services: BrokerServices,
  context: RequestContext,
): Promise<TopicAnswer[]> {
  const { image } = services.metadata
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NOT_ASKED
  const answer = (topic: TopicImage) => topicAnswer(image, topic, operations, context)
  const asked = request.topics
  if (asked === null || (context.version === 0 && asked.length === 0)) {
    return [...image.topics.values()].map(answer)
  }
  const ids = new Set(asked.map(({ topicId }) => topicId))
  ids.delete(ZERO_UUID)
  if (ids.size > 0) {
    if (context.version < FIRST_BY_ID) throw new ApiError(ErrorCode.INVALID_REQUEST, '')
    return [...ids].map((topicId) => {
      const topic = image.topicsById.get(topicId)
      if (topic !== undefined) return answer(topic)
      return { ...emptyTopic(ErrorCode.UNKNOWN_TOPIC_ID, null), topicId }
    })
  }
  const names = new Set(asked.map(({ name }) => name ?? noName()))
  const mayCreate = context.version < 4 || request.allowAutoTopicCreation
  return Promise.all(
    [...names].map(async (name) => {
      const topic = image.topics.get(name)
      if (topic !== undefined) return answer(topic)
      const code = await services.autoTopics.onUnknownTopic(name, mayCreate)
      return { ...emptyTopic(code, name), topicAuthorizedOperations: operations }
    }),
  )
}

function noName(): never {
  throw new ApiError(ErrorCode.INVALID_REQUEST, 'A topic without an id needs a name.')
}

function emptyTopic(errorCode: ErrorCode, name: string | null) {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID as string,
    isInternal: name !== null && isInternalTopic(name),
    partitions: [] as ReturnType<typeof partitionAnswer>[],
    topicAuthorizedOperations: NOT_ASKED as number,
  }
}

function topicAnswer(
  image: ClusterImage,
  topic: TopicImage,
  operations: number,
  context: RequestContext,
): TopicAnswer {
  const partitions: ReturnType<typeof partitionAnswer>[] = []
  for (let index = 0; index < topic.partitions.length; index++) {
    const partition = topic.partitions[index]
    if (partition !== undefined) partitions.push(partitionAnswer(image, index, partition, context))
  }
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions,
    topicAuthorizedOperations: operations,
  }
}

function partitionAnswer(
  image: ClusterImage,
  partitionIndex: number,
  partition: PartitionImage,
  { listener, version }: RequestContext,
) {
  const { leader } = partition
  const reachable = leader >= 0 && isReachable(image, leader, listener)
  const isAlive = (id: number) => image.brokers.has(id)
  const old = version === 0
  const replicaNodes = old ? partition.replicas.filter(isAlive) : [...partition.replicas]
  const isrNodes = old ? partition.isr.filter(isAlive) : [...partition.isr]
  const missing =
    replicaNodes.length < partition.replicas.length || isrNodes.length < partition.isr.length
  let errorCode: ErrorCode = ErrorCode.NONE
  if (!reachable) {
    const lacksListener = leader >= 0 && isAlive(leader) && version >= 6
    errorCode = lacksListener ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE
  } else if (old && missing) {
    errorCode = ErrorCode.REPLICA_NOT_AVAILABLE
  }
  return {
    errorCode,
    partitionIndex,
    leaderId: reachable ? leader : NO_LEADER,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: partition.replicas.filter(
      (id) => !isAlive(id) || partition.offlineReplicas.includes(id),
    ),
  }
}
