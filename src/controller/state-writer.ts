/**
 * Reads and writes the state znodes of partitions, many at a time. Every write is fenced and
 * carries the expected version, zero included. Many partitions share one multi; when one of them
 * fails the chunk is written again one by one, so that one partition's BAD_VERSION never holds up
 * another.
 *
 * A lost reply shows as BAD_VERSION or NODE_EXISTS on our own write: the state is read back, and
 * when it is exactly what we meant to write, the write counts as done.
 */

import { isZkError, type ZkErrorName, type ZkOp, type ZkOperations } from '../zk/zk-client.ts'
import {
  decodePartitionState,
  encodePartitionState,
  partitionPath,
  partitionStatePath,
  partitionsPath,
} from '../zk/znodes.ts'
import { sameList } from './assignment.ts'
import type { Leadership, Partition } from './controller-context.ts'
import { type EpochFence, firstError } from './epoch-fence.ts'
import { chunksOf, pipelined } from './pipelined.ts'

const WRITES_PER_MULTI = 200

/** `partitionEpoch` is the version that the znode must have before the write. */
export interface StateChange {
  readonly partition: Partition
  readonly next: Leadership
}

export type StateRead =
  | { readonly kind: 'ok'; readonly leadership: Leadership }
  | { readonly kind: 'missing' }
  | { readonly kind: 'undecodable'; readonly reason: string }

export type WriteOutcome =
  | { readonly kind: 'ok'; readonly leadership: Leadership }
  /** Somebody else changed it: decide again on what is stored now. */
  | { readonly kind: 'conflict'; readonly stored: StateRead }
  | { readonly kind: 'error'; readonly errorName: ZkErrorName }

export class StateWriter {
  readonly #zk: ZkOperations
  readonly #fence: EpochFence

  constructor(zk: ZkOperations, fence: EpochFence) {
    this.#zk = zk
    this.#fence = fence
  }

  async read(partition: Partition): Promise<StateRead> {
    const path = statePathOf(partition)
    try {
      const { data, stat } = await this.#zk.get(path)
      const decoded = decodePartitionState(data)
      if (decoded.kind === 'error') return { kind: 'undecodable', reason: decoded.message }
      return { kind: 'ok', leadership: { ...decoded.value, partitionEpoch: stat.version } }
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return { kind: 'missing' }
      throw error
    }
  }

  /** In the order of `partitions`. */
  readAll(partitions: readonly Partition[]): Promise<StateRead[]> {
    return pipelined(partitions, (partition) => this.read(partition))
  }

  /** In the order of `changes`. */
  async update(changes: readonly StateChange[]): Promise<WriteOutcome[]> {
    const chunks = chunksOf(changes, WRITES_PER_MULTI)
    return (await pipelined(chunks, (chunk) => this.#updateChunk(chunk))).flat()
  }

  async #updateChunk(changes: readonly StateChange[]): Promise<WriteOutcome[]> {
    const result = await this.#fence.multi(changes.map(setOperation))
    if (result.kind === 'failed') {
      const [only] = changes
      if (changes.length > 1) return pipelined(changes, (change) => this.#updateOne(change))
      return [await this.#explain(only!, firstError(result.errors))]
    }
    return changes.map(({ next }, at) => {
      const done = result.results[at]
      const version = done?.kind === 'set' ? done.stat.version : next.partitionEpoch + 1
      return { kind: 'ok', leadership: { ...next, partitionEpoch: version } }
    })
  }

  async #updateOne(change: StateChange): Promise<WriteOutcome> {
    const [outcome] = await this.#updateChunk([change])
    return outcome!
  }

  async #explain({ partition, next }: StateChange, error: ZkErrorName): Promise<WriteOutcome> {
    if (error !== 'BAD_VERSION') return { kind: 'error', errorName: error }
    const stored = await this.read(partition)
    const meant = { ...next, partitionEpoch: next.partitionEpoch + 1 }
    if (stored.kind === 'ok' && sameLeadership(stored.leadership, meant)) {
      return { kind: 'ok', leadership: stored.leadership }
    }
    return { kind: 'conflict', stored }
  }

  /** First states of new partitions, the parent nodes with them. In the order of `changes`. */
  async create(changes: readonly StateChange[]): Promise<WriteOutcome[]> {
    const chunks = chunksOf(creationsOf(changes), WRITES_PER_MULTI)
    return (await pipelined(chunks, (chunk) => this.#createChunk(chunk))).flat()
  }

  async #createChunk(creations: readonly Creation[]): Promise<WriteOutcome[]> {
    const result = await this.#fence.multi(creations.flatMap(({ operations }) => operations))
    if (result.kind === 'failed') return pipelined(creations, (one) => this.#createOne(one.change))
    return creations.map(({ change }) => ({ kind: 'ok', leadership: change.next }))
  }

  async #createOne(change: StateChange): Promise<WriteOutcome> {
    const { name } = change.partition.topic
    for (const path of [partitionsPath(name), partitionPath(name, change.partition.number)]) {
      const parent = await this.#fence.multi([createOperation(path, null)])
      if (parent.kind === 'ok') continue
      const error = firstError(parent.errors)
      if (error !== 'NODE_EXISTS') return { kind: 'error', errorName: error }
    }
    const result = await this.#fence.multi([stateCreation(change)])
    if (result.kind === 'ok') return { kind: 'ok', leadership: change.next }
    const error = firstError(result.errors)
    if (error !== 'NODE_EXISTS') return { kind: 'error', errorName: error }
    const stored = await this.read(change.partition)
    if (stored.kind !== 'ok') return { kind: 'conflict', stored }
    const isMine = sameLeadership(stored.leadership, change.next)
    return isMine ? { kind: 'ok', leadership: stored.leadership } : { kind: 'conflict', stored }
  }
}

export function statePathOf({ topic, number }: Partition): string {
  return partitionStatePath(topic.name, number)
}

export function sameLeadership(a: Leadership, b: Leadership): boolean {
  return (
    a.leader === b.leader &&
    a.leaderEpoch === b.leaderEpoch &&
    a.controllerEpoch === b.controllerEpoch &&
    a.partitionEpoch === b.partitionEpoch &&
    a.leaderRecoveryState === b.leaderRecoveryState &&
    sameList(a.isr, b.isr)
  )
}

function setOperation({ partition, next }: StateChange): ZkOp {
  return {
    kind: 'set',
    path: statePathOf(partition),
    data: encodePartitionState(next),
    version: next.partitionEpoch,
  }
}

interface Creation {
  readonly change: StateChange
  readonly operations: readonly ZkOp[]
}

/** A topic without any leadership yet has no `partitions` node yet. */
function creationsOf(changes: readonly StateChange[]): Creation[] {
  const topicsDone = new Set<string>()
  return changes.map((change) => {
    const { topic, number } = change.partition
    const operations = [
      createOperation(partitionPath(topic.name, number), null),
      stateCreation(change),
    ]
    if (!topicsDone.has(topic.name)) {
      topicsDone.add(topic.name)
      const isFirst = topic.partitions.every((partition) => partition.leadership === null)
      if (isFirst) operations.unshift(createOperation(partitionsPath(topic.name), null))
    }
    return { change, operations }
  })
}

function stateCreation({ partition, next }: StateChange): ZkOp {
  return createOperation(statePathOf(partition), encodePartitionState(next))
}

function createOperation(path: string, data: Buffer | null): ZkOp {
  return { kind: 'create', path, data, mode: 'persistent' }
}
