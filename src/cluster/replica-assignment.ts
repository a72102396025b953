/**
 * Where the replicas of new partitions go. Kafka's algorithm, number for number (`AdminUtils`), so
 * that a cluster of both kinds of broker spreads topics one way: leaders round-robin from a random
 * start, followers at a shift that grows with every lap, racks alternated when all brokers have
 * one.
 */

import type { Random } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'

export interface AssignableBroker {
  readonly id: number
  readonly rack: string | null
}

export interface AssignmentRequest {
  /** In the order in which leaders go round; usually ascending by id. */
  readonly brokers: readonly AssignableBroker[]
  readonly partitionCount: number
  readonly replicationFactor: number
  /** Index of the first leader, and the first shift; drawn at random when absent. */
  readonly fixedStartIndex?: number
  /** Number of the first partition, for a topic that grows. */
  readonly startPartitionId?: number
}

export type AssignmentResult =
  /** One replica list per partition, from `startPartitionId` on. */
  | { readonly kind: 'ok'; readonly replicas: number[][] }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string }

export function assignReplicas(request: AssignmentRequest, random: Random): AssignmentResult {
  const { brokers, partitionCount, replicationFactor } = request
  const refusal = refuse(brokers, partitionCount, replicationFactor)
  if (refusal !== null) return refusal
  const draw = () => request.fixedStartIndex ?? random.nextInt(brokers.length)
  const place: Placement = {
    startIndex: draw(),
    shift: draw(),
    firstPartition: Math.max(0, request.startPartitionId ?? 0),
    partitionCount,
    replicationFactor,
  }
  const replicas = brokers.some((broker) => broker.rack !== null)
    ? assignAcrossRacks(brokers, place)
    : assignIgnoringRacks(
        brokers.map((broker) => broker.id),
        place,
      )
  return { kind: 'ok', replicas }
}

interface Placement {
  readonly startIndex: number
  readonly shift: number
  readonly firstPartition: number
  readonly partitionCount: number
  readonly replicationFactor: number
}

function refuse(
  brokers: readonly AssignableBroker[],
  partitionCount: number,
  replicationFactor: number,
): AssignmentResult | null {
  const error = (code: ErrorCode, message: string): AssignmentResult => ({
    kind: 'error',
    code,
    message,
  })
  if (partitionCount <= 0) {
    return error(ErrorCode.INVALID_PARTITIONS, 'Number of partitions must be larger than 0.')
  }
  if (replicationFactor <= 0) {
    return error(ErrorCode.INVALID_REPLICATION_FACTOR, 'Replication factor must be larger than 0.')
  }
  if (replicationFactor > brokers.length) {
    return error(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Replication factor: ${replicationFactor} larger than available brokers: ${brokers.length}.`,
    )
  }
  const withRack = brokers.filter((broker) => broker.rack !== null).length
  if (withRack !== 0 && withRack !== brokers.length) {
    return error(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      'Not all brokers have rack information for replica rack aware assignment.',
    )
  }
  return null
}

function assignIgnoringRacks(brokers: readonly number[], place: Placement): number[][] {
  return eachPartition(brokers.length, place, (first, shift) => {
    const replicas = [brokers[first]!]
    for (let j = 0; j < place.replicationFactor - 1; j++) {
      replicas.push(brokers[followerIndex(first, shift, j, brokers.length)]!)
    }
    return replicas
  })
}

function assignAcrossRacks(brokers: readonly AssignableBroker[], place: Placement): number[][] {
  const rackOf = new Map(brokers.map((broker) => [broker.id, broker.rack]))
  const order = alternateRacks(brokers)
  const rackCount = new Set(rackOf.values()).size
  return eachPartition(order.length, place, (first, shift) => {
    const replicas = [order[first]!]
    const usedRacks = new Set([rackOf.get(order[first]!)])
    for (let k = 0; replicas.length < place.replicationFactor; k++) {
      const candidate = order[followerIndex(first, shift * rackCount, k, order.length)]!
      const rack = rackOf.get(candidate)
      // A second replica in a rack, or a broker twice, only once there is no other choice.
      if (usedRacks.has(rack) && usedRacks.size < rackCount) continue
      if (replicas.includes(candidate)) continue
      replicas.push(candidate)
      usedRacks.add(rack)
    }
    return replicas
  })
}

function eachPartition(
  brokerCount: number,
  place: Placement,
  placeOne: (first: number, shift: number) => number[],
): number[][] {
  const result: number[][] = []
  let shift = place.shift
  for (let i = 0; i < place.partitionCount; i++) {
    const partition = place.firstPartition + i
    if (partition > 0 && partition % brokerCount === 0) shift += 1
    result.push(placeOne((partition + place.startIndex) % brokerCount, shift))
  }
  return result
}

function followerIndex(first: number, shift: number, j: number, brokerCount: number): number {
  return (first + 1 + ((shift + j) % (brokerCount - 1))) % brokerCount
}

/** One broker of each rack in turn, racks by name, brokers of a rack by id. */
export function alternateRacks(brokers: readonly AssignableBroker[]): number[] {
  const racks = new Map<string, number[]>()
  const byId = [...brokers].sort((a, b) => a.id - b.id)
  for (const { id, rack } of byId) {
    const name = rack ?? ''
    const members = racks.get(name)
    if (members === undefined) racks.set(name, [id])
    else members.push(id)
  }
  const names = [...racks.keys()].sort()
  const result: number[] = []
  for (let round = 0; result.length < brokers.length; round++) {
    for (const name of names) {
      const id = racks.get(name)![round]
      if (id !== undefined) result.push(id)
    }
  }
  return result
}
