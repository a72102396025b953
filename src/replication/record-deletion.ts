/**
 * DeleteRecords: moves the log start of partitions led here, and answers when all live replicas have
 * moved theirs, or with REQUEST_TIMED_OUT.
 */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { deleteRecords } from '../protocol/messages/delete-records.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import type { Partition } from './partition.ts'
import type { Expiring, Purgatory } from './purgatory.ts'
import { errorCodeOf } from './replica-log.ts'
import type { ReplicaSet } from './replica-set.ts'

type DeleteRequest = RequestOf<typeof deleteRecords>
export type DeleteRecordsAnswer = Omit<ResponseInput<typeof deleteRecords>, 'throttleTimeMs'>

/** Stands for the high watermark. */
const HIGH_WATERMARK = -1

interface PartitionDeletion {
  readonly partition: Partition | undefined
  readonly partitionIndex: number
  requiredOffset: number
  lowWatermark: number
  errorCode: ErrorCode
  isPending: boolean
}

export class RecordDeletion {
  readonly #replicas: ReplicaSet
  readonly #purgatory: Purgatory
  readonly #waiting = new Set<WaitingDeletion>()

  constructor(replicas: ReplicaSet, purgatory: Purgatory) {
    this.#replicas = replicas
    this.#purgatory = purgatory
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  delete(request: DeleteRequest, respond: (answer: DeleteRecordsAnswer) => void): void {
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) =>
        this.#begin(name, partitionIndex, offset),
      ),
    }))
    const waiting = new WaitingDeletion(
      topics.flatMap(({ partitions }) => partitions),
      () => {
        this.#waiting.delete(waiting)
        this.#purgatory.remove(waiting)
        respond({
          topics: topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex, lowWatermark, errorCode }) => {
              return { partitionIndex, lowWatermark, errorCode }
            }),
          })),
        })
      },
    )
    if (waiting.finishIfDone(this.#replicas)) return
    this.#waiting.add(waiting)
    this.#purgatory.add(waiting, request.timeoutMs)
  }

  /** A log start moved, here or at a follower, or a role changed. */
  completeSatisfied(): void {
    for (const waiting of [...this.#waiting]) waiting.finishIfDone(this.#replicas)
  }

  #begin(topic: string, partitionIndex: number, offset: number): PartitionDeletion {
    const partition = this.#replicas.get(topic, partitionIndex)
    const result: PartitionDeletion = {
      partition,
      partitionIndex,
      requiredOffset: -1,
      lowWatermark: -1,
      errorCode: this.#replicas.lookupError(partition, topic, partitionIndex),
      isPending: false,
    }
    if (result.errorCode !== ErrorCode.NONE || partition === undefined) return result
    try {
      result.errorCode = advanceLogStart(partition, offset, result)
    } catch (error) {
      result.errorCode = errorCodeOf(error) ?? ErrorCode.UNKNOWN_SERVER_ERROR
    }
    result.isPending = result.errorCode === ErrorCode.NONE
    return result
  }
}

function advanceLogStart(
  partition: Partition,
  offset: number,
  result: PartitionDeletion,
): ErrorCode {
  const { log } = partition
  if (log === null || !partition.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER
  if (!log.config.cleanupPolicy.includes('delete')) return ErrorCode.POLICY_VIOLATION
  const target = offset === HIGH_WATERMARK ? log.highWatermark : offset
  if (target < 0 || target > log.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE
  result.requiredOffset = target
  partition.advanceLogStart(target)
  return ErrorCode.NONE
}

class WaitingDeletion implements Expiring {
  deadlineTick = -1
  previousInSlot: Expiring | null = null
  nextInSlot: Expiring | null = null
  readonly #partitions: readonly PartitionDeletion[]
  readonly #respond: () => void

  constructor(partitions: readonly PartitionDeletion[], respond: () => void) {
    this.#partitions = partitions
    this.#respond = respond
  }

  finishIfDone(replicas: ReplicaSet): boolean {
    let isDone = true
    for (const deletion of this.#partitions) {
      if (!deletion.isPending) continue
      settle(deletion, replicas)
      if (deletion.isPending) isDone = false
    }
    if (isDone) this.#respond()
    return isDone
  }

  onExpired(): void {
    for (const deletion of this.#partitions) {
      if (deletion.isPending) deletion.errorCode = ErrorCode.REQUEST_TIMED_OUT
      deletion.isPending = false
    }
    this.#respond()
  }
}

function settle(deletion: PartitionDeletion, replicas: ReplicaSet): void {
  const { partition, requiredOffset } = deletion
  if (partition === undefined) return
  if (!partition.isLeader) {
    const hosted = replicas.get(partition.topic, partition.index)
    const lookup = replicas.lookupError(hosted, partition.topic, partition.index)
    deletion.errorCode = lookup === ErrorCode.NONE ? ErrorCode.NOT_LEADER_OR_FOLLOWER : lookup
    deletion.isPending = false
    return
  }
  const lowWatermark = partition.lowWatermark()
  deletion.lowWatermark = lowWatermark
  if (lowWatermark >= requiredOffset) deletion.isPending = false
}
