/**
 * Creating topics for clients: defaults, replica assignment from the brokers we know, checks of the
 * configuration, then the znodes through `TopicStore`. In the order and the words of Kafka 3.9.
 */
import type { Random } from '../base/ports.ts'
import type { MetadataCache } from '../cluster/image.ts'
import { assignReplicas } from '../cluster/replica-assignment.ts'
import { topicNameProblem } from '../cluster/topic-names.ts'
import type { NewPartitions, NewTopic, TopicStore } from '../cluster/topic-store.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { createTopics } from '../protocol/messages/create-topics.ts'
import type { RequestOf } from '../protocol/types.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { ApiError, errorCodeOf } from './handler.ts'

type CreatableTopic = RequestOf<typeof createTopics>['topics'][number]

export interface TopicCreation {
  readonly name: string
  errorCode: ErrorCode
  errorMessage: string | null
  readonly topicId: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly overrides: ReadonlyMap<string, string>
}

export interface TopicDefaults {
  readonly partitions: number
  readonly replicationFactor: number
}

export interface TopicCreatorPorts {
  readonly store: TopicStore
  readonly metadata: MetadataCache
  readonly random: Random
  readonly defaults: () => TopicDefaults
  /** Null, or what is wrong with the overrides of a topic, in Kafka's words. */
  readonly configProblem: (overrides: ReadonlyMap<string, string>) => string | null
}

export class TopicCreator {
  readonly #ports: TopicCreatorPorts

  constructor(ports: TopicCreatorPorts) {
    this.#ports = ports
  }

  /** Never rejects: what went wrong is in the result. */
  async create(topic: CreatableTopic, validateOnly: boolean): Promise<TopicCreation> {
    try {
      const newTopic = this.#plan(topic)
      const created = {
        name: topic.name,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        partitions: newTopic.assignment.size,
        replicationFactor: newTopic.assignment.get(0)?.length ?? 0,
        overrides: newTopic.config,
      }
      if (validateOnly) {
        await this.#ports.store.validate(newTopic)
        return { ...created, topicId: ZERO_UUID }
      }
      return { ...created, topicId: await this.#ports.store.createTopic(newTopic) }
    } catch (error) {
      return failedCreation(topic.name, errorCodeOf(error), (error as Error).message)
    }
  }

  /** For a topic that a client merely named. Rejects with a code. */
  async createWithDefaults(name: string): Promise<void> {
    const { partitions, replicationFactor } = this.#ports.defaults()
    await this.#ports.store.createTopic({
      name,
      assignment: this.#assign(partitions, replicationFactor),
      config: new Map(),
    })
  }

  createPartitions(wanted: Omit<NewPartitions, 'brokers'>, validateOnly: boolean): Promise<void> {
    return this.#ports.store.createPartitions({ ...wanted, brokers: this.#brokers() }, validateOnly)
  }

  markForDeletion(name: string): Promise<void> {
    return this.#ports.store.markForDeletion(name)
  }

  #plan(topic: CreatableTopic): NewTopic {
    const { name, numPartitions, replicationFactor, assignments } = topic
    if (name === KRAFT_TOPIC) {
      const message = `Creation of internal topic ${name} is prohibited.`
      throw new ApiError(ErrorCode.INVALID_REQUEST, message)
    }
    if (this.#ports.metadata.image.topics.has(name)) {
      throw new ApiError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    }
    const nulls = topic.configs.filter(({ value }) => value === null)
    if (nulls.length > 0) {
      const names = nulls.map((config) => config.name).join(',')
      const message = `Null value not supported for topic configs: ${names}`
      throw new ApiError(ErrorCode.INVALID_CONFIG, message)
    }
    if (assignments.length > 0 && (numPartitions !== -1 || replicationFactor !== -1)) {
      throw new ApiError(ErrorCode.INVALID_REQUEST, BOTH_SET)
    }
    const defaults = this.#ports.defaults()
    const assignment =
      assignments.length > 0
        ? new Map(assignments.map((each) => [each.partitionIndex, each.brokerIds] as const))
        : this.#assign(
            numPartitions === -1 ? defaults.partitions : numPartitions,
            replicationFactor === -1 ? defaults.replicationFactor : replicationFactor,
          )
    const nameProblem = topicNameProblem(name)
    if (nameProblem !== null) throw new ApiError(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem)
    const config = new Map(topic.configs.map((each) => [each.name, each.value ?? '']))
    const problem = this.#ports.configProblem(config)
    if (problem !== null) throw new ApiError(ErrorCode.INVALID_CONFIG, problem)
    return { name, assignment, config }
  }

  #assign(partitionCount: number, replicationFactor: number): Map<number, readonly number[]> {
    const request = { brokers: this.#brokers(), partitionCount, replicationFactor }
    const result = assignReplicas(request, this.#ports.random)
    if (result.kind === 'error') throw new ApiError(result.code, result.message)
    return new Map(result.replicas.map((replicas, partition) => [partition, replicas]))
  }

  #brokers() {
    return [...this.#ports.metadata.image.brokers.values()]
      .map(({ id, rack }) => ({ id, rack }))
      .sort((a, b) => a.id - b.id)
  }
}

/** Where brokers without ZooKeeper keep what ours keep there. */
const KRAFT_TOPIC = '__cluster_metadata'

const BOTH_SET =
  'Both numPartitions or replicationFactor and replicasAssignments were set. ' +
  'Both cannot be used at the same time.'

export function failedCreation(
  name: string,
  errorCode: ErrorCode,
  errorMessage: string,
): TopicCreation {
  const nothing = { topicId: ZERO_UUID, partitions: -1, replicationFactor: -1 }
  return { name, errorCode, errorMessage, ...nothing, overrides: new Map() }
}
