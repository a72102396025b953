/** Administration of topics and partitions. Errors of a single topic reject the call. */

import { ErrorCode } from '../protocol/error-codes.ts'
import { alterPartitionReassignments } from '../protocol/messages/alter-partition-reassignments.ts'
import { createPartitions } from '../protocol/messages/create-partitions.ts'
import { createTopics } from '../protocol/messages/create-topics.ts'
import { deleteTopics } from '../protocol/messages/delete-topics.ts'
import { electLeaders } from '../protocol/messages/elect-leaders.ts'
import { listPartitionReassignments } from '../protocol/messages/list-partition-reassignments.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { BrokerNode, ClusterClient, PartitionMetadata } from './cluster-client.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'

export interface NewTopic {
  readonly name: string
  /** Left out: the default of the cluster. */
  readonly partitions?: number | undefined
  readonly replicationFactor?: number | undefined
  /** Replicas by partition, in place of the two above. */
  readonly assignments?: readonly (readonly number[])[] | undefined
  readonly configs?: readonly (readonly [name: string, value: string])[] | undefined
}

export interface TopicListing {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
}

export interface TopicDescription extends TopicListing {
  readonly partitions: readonly PartitionMetadata[]
}

export interface ClusterDescription {
  readonly clusterId: string | null
  /** -1 when there is none. */
  readonly controllerId: number
  readonly brokers: readonly BrokerNode[]
}

export interface PartitionReassignment {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface PartitionError {
  readonly topic: string
  readonly partition: number
  /** Null on success. */
  readonly error: KafkaError | null
}

/** How long a controller may take to carry out what it was asked for. */
const REQUEST_TIMEOUT_MS = 30_000

export class Admin {
  readonly #client: ClusterClient

  constructor(client: ClusterClient) {
    this.#client = client
  }

  async describeCluster(): Promise<ClusterDescription> {
    const { clusterId, controllerId, brokers } = await this.#client.metadata([], 'listNodes')
    return { clusterId, controllerId, brokers }
  }

  /** In the order of the broker's answer. */
  async listTopics(): Promise<TopicListing[]> {
    const { topics } = await this.#client.metadata(null, 'listTopics')
    return topics.map(({ name, topicId, isInternal }) => ({ name: name!, topicId, isInternal }))
  }

  /** In the order asked for; partitions in ascending order. */
  async describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    if (names.length === 0) return []
    const { topics } = await this.#client.metadata(names, 'describeTopics')
    return names.map((name) => {
      const topic = topics.find((each) => each.name === name)
      if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      throwIfError(topic.errorCode)
      const partitions = [...topic.partitions].sort((a, b) => a.partitionIndex - b.partitionIndex)
      return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions }
    })
  }

  async createTopics(
    topics: readonly NewTopic[],
    options: { readonly validateOnly?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<void> {
    const response = await this.#client.callController(
      'createTopics',
      createTopics,
      {
        topics: topics.map((topic) => ({
          name: topic.name,
          numPartitions: topic.assignments === undefined ? (topic.partitions ?? -1) : -1,
          replicationFactor: topic.assignments === undefined ? (topic.replicationFactor ?? -1) : -1,
          assignments: (topic.assignments ?? []).map((brokerIds, partitionIndex) => ({
            partitionIndex,
            brokerIds,
          })),
          configs: (topic.configs ?? []).map(([name, value]) => ({ name, value })),
        })),
        timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
        validateOnly: options.validateOnly ?? false,
      },
      (answer) => answer.topics.map(({ errorCode }) => errorCode),
    )
    for (const { errorCode, errorMessage } of response.topics) throwIfError(errorCode, errorMessage)
  }

  async deleteTopics(names: readonly string[], timeoutMs = REQUEST_TIMEOUT_MS): Promise<void> {
    if (names.length === 0) return
    const response = await this.#client.callController(
      'deleteTopics',
      deleteTopics,
      {
        // Both forms: by version one of them is sent.
        topicNames: names,
        topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
        timeoutMs,
      },
      (answer) => answer.responses.map(({ errorCode }) => errorCode),
    )
    for (const each of response.responses) throwIfError(each.errorCode, each.errorMessage)
  }

  /** `count` is the new total; `assignments` are the replicas of the added partitions. */
  async createPartitions(
    topics: readonly {
      readonly name: string
      readonly count: number
      readonly assignments?: readonly (readonly number[])[] | undefined
    }[],
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<void> {
    const response = await this.#client.callController(
      'createPartitions',
      createPartitions,
      {
        topics: topics.map(({ name, count, assignments }) => ({
          name,
          count,
          assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
        })),
        timeoutMs,
        validateOnly: false,
      },
      (answer) => answer.results.map(({ errorCode }) => errorCode),
    )
    for (const each of response.results) throwIfError(each.errorCode, each.errorMessage)
  }

  /** Null means all partitions of the cluster. */
  async electLeaders(
    type: 'preferred' | 'unclean',
    partitions: readonly TopicPartitions[] | null,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<PartitionError[]> {
    const response = await this.#client.callController(
      'electLeaders',
      electLeaders,
      {
        electionType: type === 'preferred' ? 0 : 1,
        topicPartitions: partitions,
        timeoutMs,
      },
      (answer) => [
        answer.errorCode,
        ...answer.replicaElectionResults.flatMap(({ partitionResult }) =>
          partitionResult.map(({ errorCode }) => errorCode),
        ),
      ],
    )
    throwIfError(response.errorCode)
    return response.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map(({ partitionId, errorCode, errorMessage }) => ({
        topic,
        partition: partitionId,
        error: errorCode === 0 ? null : new KafkaError(errorCode, errorMessage),
      })),
    )
  }

  /** Null replicas cancel. */
  async alterPartitionReassignments(
    targets: readonly {
      readonly topic: string
      readonly partition: number
      readonly replicas: readonly number[] | null
    }[],
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<PartitionError[]> {
    const response = await this.#client.callController(
      'alterPartitionReassignments',
      alterPartitionReassignments,
      {
        timeoutMs,
        topics: groupByTopic(targets).map(([name, members]) => ({
          name,
          partitions: members.map(({ partition, replicas }) => ({
            partitionIndex: partition,
            replicas,
          })),
        })),
      },
      (answer) => [answer.errorCode],
    )
    throwIfError(response.errorCode, response.errorMessage)
    return response.responses.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode, errorMessage }) => ({
        topic: name,
        partition: partitionIndex,
        error: errorCode === 0 ? null : new KafkaError(errorCode, errorMessage),
      })),
    )
  }

  /** Null asks for all reassignments of the cluster. */
  async listPartitionReassignments(
    partitions: readonly TopicPartitions[] | null,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<PartitionReassignment[]> {
    const response = await this.#client.callController(
      'listPartitionReassignments',
      listPartitionReassignments,
      {
        timeoutMs,
        topics:
          partitions?.map(({ topic, partitions: partitionIndexes }) => ({
            name: topic,
            partitionIndexes,
          })) ?? null,
      },
      (answer) => [answer.errorCode],
    )
    throwIfError(response.errorCode, response.errorMessage)
    return response.topics.flatMap(({ name, partitions: members }) =>
      members.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
        topic: name,
        partition: partitionIndex,
        replicas,
        addingReplicas,
        removingReplicas,
      })),
    )
  }
}

/** In the order of first appearance. */
export function groupByTopic<T extends { readonly topic: string }>(
  members: readonly T[],
): [topic: string, members: T[]][] {
  const groups = new Map<string, T[]>()
  for (const member of members) {
    const group = groups.get(member.topic)
    if (group === undefined) groups.set(member.topic, [member])
    else group.push(member)
  }
  return [...groups]
}
