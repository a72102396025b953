/**
 * Makes topics and partitions in ZooKeeper, on whichever broker was asked; the controller sees them
 * there and does the rest (Kafka's `AdminZkClient`). A topic and its configuration appear in one
 * multi that also checks that the controller is the one just seen, so a race for a name leaves
 * nothing half done. Messages are Kafka's.
 */

import type { Random } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { isZkError, ZkError, type ZkOp, type ZkOperations } from '../zk/zk-client.ts'
import {
  clusterIdOf,
  configEntityPath,
  controllerPath,
  decodeController,
  decodeTopic,
  deleteTopicPath,
  deleteTopicsPath,
  encodeConfig,
  encodeTopic,
  type PartitionAssignment,
  type TopicAssignment,
  topicEntity,
  topicPath,
  topicsPath,
} from '../zk/znodes.ts'
import { type AssignableBroker, assignReplicas } from './replica-assignment.ts'
import { collidingTopics, topicNameProblem } from './topic-names.ts'

/** Why a topic was not made; `code` is what the client hears. */
export class TopicError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'TopicError'
    this.code = code
  }
}

export interface NewTopic {
  readonly name: string
  /** Replicas by partition number. */
  readonly assignment: ReadonlyMap<number, readonly number[]>
  /** Overrides, checked by the caller. */
  readonly config: ReadonlyMap<string, string>
}

export interface NewPartitions {
  readonly topic: string
  /** Partitions that the topic shall have in all. */
  readonly count: number
  /** Replicas of the new ones in order; null: assigned here. */
  readonly assignments: readonly (readonly number[])[] | null
  /** All live brokers. */
  readonly brokers: readonly AssignableBroker[]
}

export class TopicStore {
  readonly #zk: ZkOperations
  readonly #random: Random

  constructor(zk: ZkOperations, random: Random) {
    this.#zk = zk
    this.#random = random
  }

  /** All checks that need no configuration; throws `TopicError`. */
  async validate(topic: NewTopic): Promise<void> {
    const problem = topicNameProblem(topic.name)
    if (problem !== null) throw new TopicError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
    const [marked, existing] = await Promise.all([
      this.#names(deleteTopicsPath),
      this.#names(topicsPath),
    ])
    if (marked.includes(topic.name)) {
      const message = `Topic '${topic.name}' is marked for deletion.`
      throw new TopicError(ErrorCode.TOPIC_ALREADY_EXISTS, message)
    }
    if (existing.includes(topic.name)) throw alreadyExists(topic.name)
    const collisions = collidingTopics(topic.name, existing)
    if (collisions.length > 0) {
      throw new TopicError(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `Topic '${topic.name}' collides with existing topics: ${collisions.sort().join(', ')}`,
      )
    }
    checkAssignment(topic.assignment)
  }

  /** Checks and creates. Returns the topic id. Throws `TopicError`. */
  async createTopic(topic: NewTopic): Promise<string> {
    await this.validate(topic)
    const topicId = newTopicId(this.#random)
    const partitions = new Map<number, PartitionAssignment>()
    for (const [number, replicas] of [...topic.assignment].sort(([a], [b]) => a - b)) {
      partitions.set(number, { replicas, adding: [], removing: [] })
    }
    await this.#write(topic, encodeTopic({ topicId, partitions }), topicId)
    return topicId
  }

  async #write({ name, config }: NewTopic, data: Buffer, topicId: string): Promise<void> {
    let hasConfig = false
    for (;;) {
      const version = await this.#controllerVersion()
      const result = await this.#zk.multi([
        { kind: 'check', path: controllerPath, version },
        { kind: 'create', path: topicPath(name), data, mode: 'persistent' },
        configWrite(name, encodeConfig(config), hasConfig),
      ])
      if (result.kind === 'ok') return
      const [checkError, topicError, configError] = result.errors
      // Another controller meanwhile: look who it is, and again.
      if (checkError === 'BAD_VERSION' || checkError === 'NO_NODE') continue
      if (topicError === 'NODE_EXISTS') {
        // Ours, when the reply of an earlier attempt was lost.
        if ((await this.#read(name))?.topic.topicId === topicId) return
        throw alreadyExists(name)
      }
      if (configError === 'NODE_EXISTS') hasConfig = true
      else if (configError === 'NO_NODE') hasConfig = false
      else {
        const error = checkError ?? topicError ?? configError ?? 'SYSTEM_ERROR'
        throw new ZkError(error, topicPath(name))
      }
    }
  }

  /** Version of `/controller`; without a ZooKeeper-mode controller nothing may be written. */
  async #controllerVersion(): Promise<number> {
    try {
      const { data, stat } = await this.#zk.get(controllerPath)
      const controller = decodeController(data)
      if (controller.kind === 'ok' && controller.value.kraftControllerEpoch <= 0) {
        return stat.version
      }
    } catch (error) {
      if (!isZkError(error, 'NO_NODE')) throw error
    }
    throw new TopicError(ErrorCode.NOT_CONTROLLER, 'There is no active controller.')
  }

  /** Checks and, unless `validateOnly`, writes. Throws `TopicError`. */
  async createPartitions(wanted: NewPartitions, validateOnly = false): Promise<void> {
    let meant: TopicAssignment | null = null
    for (;;) {
      const stored = await this.#read(wanted.topic)
      if (stored === null || stored.topic.partitions.size === 0) throw doesNotExist(wanted.topic)
      // Ours, when the reply of an earlier attempt was lost.
      if (meant !== null && hasPartitionsOf(stored.topic, meant)) return
      if ((await this.#zk.exists(deleteTopicPath(wanted.topic))) !== null) {
        const message = 'The topic is queued for deletion.'
        throw new TopicError(ErrorCode.INVALID_TOPIC_EXCEPTION, message)
      }
      const topic = this.#withPartitions(stored.topic, wanted)
      if (validateOnly) return
      meant = topic
      try {
        await this.#zk.set(topicPath(wanted.topic), encodeTopic(topic), stored.version)
        return
      } catch (error) {
        // The version keeps a reassignment that starts meanwhile from being lost.
        if (!isZkError(error, 'BAD_VERSION')) throw error
      }
    }
  }

  #withPartitions(topic: TopicAssignment, wanted: NewPartitions): TopicAssignment {
    for (const { adding, removing } of topic.partitions.values()) {
      if (adding.length === 0 && removing.length === 0) continue
      const message = `A partition reassignment is in progress for the topic '${wanted.topic}'.`
      throw new TopicError(ErrorCode.REASSIGNMENT_IN_PROGRESS, message)
    }
    const current = topic.partitions.size
    if (wanted.count <= current) {
      const message =
        wanted.count === current
          ? `Topic already has ${current} partitions.`
          : `Topic currently has ${current} partitions, ` +
            `which is higher than the requested ${wanted.count}.`
      throw new TopicError(ErrorCode.INVALID_PARTITIONS, message)
    }
    const first = topic.partitions.get(0)?.replicas ?? []
    const added = wanted.assignments ?? this.#assign(first, current, wanted)
    if (wanted.assignments !== null) checkAdded(added, first.length, current, wanted)
    const partitions = new Map(topic.partitions)
    added.forEach((replicas, at) => {
      partitions.set(current + at, { replicas, adding: [], removing: [] })
    })
    return { topicId: topic.topicId, partitions }
  }

  /** Goes on where the topic's own assignment began. */
  #assign(first: readonly number[], current: number, wanted: NewPartitions): number[][] {
    const brokers = [...wanted.brokers].sort((a, b) => a.id - b.id)
    const startIndex = brokers.findIndex(({ id }) => id >= (first[0] ?? 0))
    const result = assignReplicas(
      {
        brokers,
        partitionCount: wanted.count - current,
        replicationFactor: first.length,
        fixedStartIndex: Math.max(0, startIndex),
        startPartitionId: current,
      },
      this.#random,
    )
    if (result.kind === 'error') throw new TopicError(result.code, result.message)
    return result.replicas
  }

  /** The controller deletes what is marked. Marking twice is fine. */
  async markForDeletion(name: string): Promise<void> {
    try {
      await this.#zk.create(deleteTopicPath(name), null, 'persistent')
    } catch (error) {
      if (!isZkError(error, 'NODE_EXISTS')) throw error
    }
  }

  async #read(name: string): Promise<{ topic: TopicAssignment; version: number } | null> {
    try {
      const { data, stat } = await this.#zk.get(topicPath(name))
      const decoded = decodeTopic(data)
      if (decoded.kind === 'error') throw new Error(`${topicPath(name)}: ${decoded.message}`)
      return { topic: decoded.value, version: stat.version }
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return null
      throw error
    }
  }

  async #names(path: string): Promise<string[]> {
    const { children } = await this.#zk.children(path)
    return children
  }
}

/** All that `meant` has, on the same replicas. */
function hasPartitionsOf(
  { topicId, partitions }: TopicAssignment,
  meant: TopicAssignment,
): boolean {
  if (topicId !== meant.topicId) return false
  return [...meant.partitions].every(([number, { replicas }]) => {
    const stored = partitions.get(number)?.replicas
    return stored?.length === replicas.length && replicas.every((id, at) => stored[at] === id)
  })
}

/** A version 4 UUID in base64; one that begins with a dash would look like an option to tools. */
export function newTopicId(random: Random): string {
  for (;;) {
    const id = clusterIdOf(random.bytes(16))
    if (!id.startsWith('-')) return id
  }
}

function configWrite(topic: string, data: Buffer, exists: boolean): ZkOp {
  const path = configEntityPath(topicEntity(topic))
  return exists
    ? { kind: 'set', path, data, version: -1 }
    : { kind: 'create', path, data, mode: 'persistent' }
}

function checkAssignment(assignment: NewTopic['assignment']): void {
  const refuse = (message: string) => {
    throw new TopicError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message)
  }
  const lists = [...assignment.values()]
  if (new Set(lists.map((replicas) => replicas.length)).size !== 1) {
    refuse('All partitions should have the same number of replicas')
  }
  if (lists.some((replicas) => new Set(replicas).size !== replicas.length)) {
    const shown = [...assignment].map(
      ([number, list]) => `${number} -> ArrayBuffer(${list.join(', ')})`,
    )
    refuse(`Duplicate replica assignment found: HashMap(${shown.join(', ')})`)
  }
  for (let number = 0; number < assignment.size; number++) {
    if (assignment.has(number)) continue
    refuse('partitions should be a consecutive 0-based integer sequence')
  }
}

function checkAdded(
  added: readonly (readonly number[])[],
  replicationFactor: number,
  current: number,
  wanted: NewPartitions,
): void {
  const refuse = (message: string) => {
    throw new TopicError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message)
  }
  const known = new Set(wanted.brokers.map(({ id }) => id))
  const unknown = [...new Set(added.flat())].filter((id) => !known.has(id))
  if (unknown.length > 0) {
    refuse(`Unknown broker(s) in replica assignment: ${unknown.join(', ')}.`)
  }
  const increase = wanted.count - current
  if (added.length !== increase) {
    refuse(
      `Increasing the number of partitions by ${increase} but ` +
        `${added.length} assignments provided.`,
    )
  }
  added.forEach((replicas, at) => {
    const partition = current + at
    if (replicas.length === 0) {
      refuse(`Cannot have replication factor of 0 for partition id ${partition}.`)
    }
    if (new Set(replicas).size !== replicas.length) {
      refuse(
        `Duplicate brokers not allowed in replica assignment: ${replicas.join(', ')} ` +
          `for partition id ${partition}.`,
      )
    }
  })
  const odd = added.flatMap((replicas, at) => (replicas.length === replicationFactor ? [] : [at]))
  if (odd.length > 0) {
    const numbers = odd.map((at) => current + at).join(', ')
    const factors = odd.map((at) => added[at]!.length).join(', ')
    refuse(
      'Inconsistent replication factor between partitions, partition 0 has ' +
        `${replicationFactor} while partitions [${numbers}] ` +
        `have replication factors [${factors}], respectively.`,
    )
  }
}

function alreadyExists(name: string): TopicError {
  return new TopicError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
}

function doesNotExist(name: string): TopicError {
  return new TopicError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`)
}
