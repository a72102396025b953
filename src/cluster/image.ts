/**
 * What this broker knows of the cluster: the picture that UpdateMetadata requests of the controller
 * paint (control-plane behaviour of Kafka 3.9 in ZooKeeper mode, `ZkMetadataCache`). An image is
 * immutable; `applyUpdate` makes the next one. Readers take the current image once and never see a
 * half-applied update.
 */

export const NO_LEADER = -1
/** Stands for "the topic is being deleted" in an UpdateMetadata partition. */
export const LEADER_DURING_DELETE = -2

export interface Endpoint {
  readonly listener: string
  readonly host: string
  readonly port: number
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number
}

export interface AliveBroker {
  readonly id: number
  readonly rack: string | null
  readonly endpoints: readonly Endpoint[]
}

export interface PartitionImage {
  readonly leader: number
  readonly leaderEpoch: number
  readonly controllerEpoch: number
  readonly zkVersion: number
  readonly isr: readonly number[]
  readonly replicas: readonly number[]
  readonly offlineReplicas: readonly number[]
}

export interface TopicImage {
  readonly name: string
  /** `ZERO_UUID` of the protocol when the controller knows none. */
  readonly topicId: string
  /** Indexed by partition; a gap is a partition the controller has not told yet. */
  readonly partitions: readonly (PartitionImage | undefined)[]
}

export interface ClusterImage {
  /** -1 when unknown. */
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, AliveBroker>
  readonly topics: ReadonlyMap<string, TopicImage>
  readonly topicsById: ReadonlyMap<string, TopicImage>
}

export interface TopicUpdate {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly (PartitionImage & { readonly partition: number })[]
}

export interface ImageUpdate {
  readonly controllerId: number
  /** All alive brokers: replaces what was known. */
  readonly brokers: readonly AliveBroker[]
  /** Merged into what was known. */
  readonly topics: readonly TopicUpdate[]
}

export interface DeletedPartition {
  readonly topic: string
  readonly partition: number
}

const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

export const EMPTY_IMAGE: ClusterImage = {
  controllerId: -1,
  brokers: new Map(),
  topics: new Map(),
  topicsById: new Map(),
}

/** The next image, and the partitions that the update removed. */
export function applyUpdate(
  image: ClusterImage,
  update: ImageUpdate,
): { image: ClusterImage; deleted: DeletedPartition[] } {
  const brokers = new Map<number, AliveBroker>()
  for (const broker of update.brokers) brokers.set(broker.id, broker)
  if (update.topics.length === 0) {
    return { image: { ...image, controllerId: update.controllerId, brokers }, deleted: [] }
  }
  const topics = new Map(image.topics)
  const topicsById = new Map(image.topicsById)
  const deleted: DeletedPartition[] = []
  for (const topicUpdate of update.topics) {
    const before = topics.get(topicUpdate.name)
    const isLost = before !== undefined && isOther(before.topicId, topicUpdate.topicId)
    if (isLost) deleted.push(...partitionsOf(before))
    const after = mergeTopic(isLost ? undefined : before, topicUpdate, deleted)
    if (before !== undefined) topicsById.delete(before.topicId)
    if (after === null) {
      topics.delete(topicUpdate.name)
      continue
    }
    topics.set(after.name, after)
    if (after.topicId !== ZERO_UUID) topicsById.set(after.topicId, after)
  }
  return { image: { controllerId: update.controllerId, brokers, topics, topicsById }, deleted }
}

function partitionsOf({ name, partitions }: TopicImage): DeletedPartition[] {
  return partitions.flatMap((state, partition) =>
    state === undefined ? [] : [{ topic: name, partition }],
  )
}

/** A topic of the same name that was deleted, and its deletion not told. */
function isOther(topicId: string, newTopicId: string): boolean {
  return topicId !== newTopicId && topicId !== ZERO_UUID && newTopicId !== ZERO_UUID
}

/** Null when the last partition went. */
function mergeTopic(
  before: TopicImage | undefined,
  update: TopicUpdate,
  deleted: DeletedPartition[],
): TopicImage | null {
  const partitions = before === undefined ? [] : [...before.partitions]
  for (const { partition, ...state } of update.partitions) {
    while (partitions.length < partition) partitions.push(undefined)
    if (state.leader === LEADER_DURING_DELETE) {
      if (partitions[partition] !== undefined) deleted.push({ topic: update.name, partition })
      partitions[partition] = undefined
    } else {
      partitions[partition] = state
    }
  }
  if (partitions.every((partition) => partition === undefined)) return null
  return { name: update.name, topicId: update.topicId, partitions }
}

function deletionOf({ name, topicId, partitions }: TopicImage): TopicUpdate {
  return {
    name,
    topicId,
    partitions: partitions.flatMap((state, partition) =>
      state === undefined ? [] : [{ ...state, partition, leader: LEADER_DURING_DELETE }],
    ),
  }
}

export function endpointOf(broker: AliveBroker, listener: string): Endpoint | undefined {
  return broker.endpoints.find((endpoint) => endpoint.listener === listener)
}

/** True when the broker is alive and offers `listener`: then a client can be sent there. */
export function isReachable(image: ClusterImage, brokerId: number, listener: string): boolean {
  const broker = image.brokers.get(brokerId)
  return broker !== undefined && endpointOf(broker, listener) !== undefined
}

export function leadsAny(image: ClusterImage, brokerId: number): boolean {
  for (const { partitions } of image.topics.values()) {
    if (partitions.some((partition) => partition?.leader === brokerId)) return true
  }
  return false
}

/** Holds the current image and tells listeners of every new one. */
export class MetadataCache {
  #image: ClusterImage = EMPTY_IMAGE
  readonly #listeners: ((image: ClusterImage) => void)[] = []
  readonly #deletionListeners: ((topic: string) => void)[] = []

  get image(): ClusterImage {
    return this.#image
  }

  apply(update: ImageUpdate): DeletedPartition[] {
    const { image, deleted } = applyUpdate(this.#image, update)
    this.#show(image, deleted)
    return deleted
  }

  /** Removes topics, save those of which something was told since they looked like this. */
  forget(topics: readonly TopicImage[]): DeletedPartition[] {
    const { controllerId, brokers } = this.#image
    const gone = topics.filter((topic) => this.#image.topics.get(topic.name) === topic)
    const { image, deleted } = applyUpdate(this.#image, {
      controllerId,
      brokers: [...brokers.values()],
      topics: gone.map(deletionOf),
    })
    this.#show(image, deleted)
    return deleted
  }

  #show(image: ClusterImage, deleted: readonly DeletedPartition[]): void {
    this.#image = image
    for (const listener of [...this.#listeners]) listener(image)
    for (const topic of new Set(deleted.map((each) => each.topic))) {
      if (image.topics.has(topic)) continue
      for (const listener of this.#deletionListeners) listener(topic)
    }
  }

  /** Told when the last partition of a topic is gone. */
  onTopicDeleted(listener: (topic: string) => void): void {
    this.#deletionListeners.push(listener)
  }

  /** The returned function removes the listener. */
  onChange(listener: (image: ClusterImage) => void): () => void {
    this.#listeners.push(listener)
    return () => {
      const at = this.#listeners.indexOf(listener)
      if (at >= 0) this.#listeners.splice(at, 1)
    }
  }
}
