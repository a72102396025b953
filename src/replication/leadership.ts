/**
 * Who leads what: LeaderAndIsr and StopReplica from the controller, and the watch on the state znodes,
 * all end in `#apply`. It is idempotent and monotonic in (leader epoch, partition epoch): an older or
 * equal state changes nothing, whichever path brings it.
 *
 * Where a state names a leader that is not alive in our picture of the cluster, this broker stops to
 * lead, does not follow yet, and takes the state when UpdateMetadata has brought the leader (Kafka
 * waits for the next leader epoch there).
 */

import type { Logger } from '../base/ports.ts'
import type { MetadataCache } from '../cluster/image.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { ReplicaToStop, RequestedState } from './control-requests.ts'
import type { FetcherPool } from './fetcher-pool.ts'
import type { Assignment, Partition, PartitionStateUpdate } from './partition.ts'
import { errorCodeOf, type ReplicaLogs } from './replica-log.ts'
import type { ReplicaSet } from './replica-set.ts'

export interface LeadershipPorts {
  readonly brokerId: number
  readonly metadata: MetadataCache
  readonly logs: ReplicaLogs
  readonly replicas: ReplicaSet
  readonly fetchers: FetcherPool
  /** `kafka.server.ReplicaManager` and `state.change.logger`. */
  readonly logger: Logger
  readonly stateChanges: Logger
  createPartition(topic: string, index: number): Partition
}

interface Change {
  readonly update: PartitionStateUpdate
  /** Null on the watch path: the state znode has none. */
  readonly assignment: Assignment | null
  readonly topicId: string
  readonly isNew: boolean
}

/** Says "no leader epoch" or "the topic is being deleted" in StopReplica; both pass the check. */
const UNCHECKED_EPOCHS: ReadonlySet<number> = new Set([-1, -2])

export class Leadership {
  readonly #ports: LeadershipPorts
  /** States that wait for their leader to appear in the metadata. */
  readonly #deferred = new Map<Partition, Change>()
  #controllerEpoch = 0
  #controllerId = -1

  constructor(ports: LeadershipPorts) {
    this.#ports = ports
  }

  get controllerId(): number {
    return this.#controllerId
  }

  /** False for an epoch older than the highest seen; else it is remembered. */
  acceptControllerEpoch(controllerId: number, controllerEpoch: number): boolean {
    if (controllerEpoch < this.#controllerEpoch) {
      this.#ports.stateChanges.warn(
        `Ignoring a request of controller ${controllerId} with the old controller epoch ` +
          `${controllerEpoch}, latest known is ${this.#controllerEpoch}`,
      )
      return false
    }
    this.#controllerEpoch = controllerEpoch
    this.#controllerId = controllerId
    return true
  }

  /** One code per state, in the same order. Leaders are made before followers. */
  applyRequested(states: readonly RequestedState[]): ErrorCode[] {
    const codes: ErrorCode[] = states.map(() => ErrorCode.NONE)
    const leadsHere = ({ update }: RequestedState) => update.leader === this.#ports.brokerId
    for (const round of ['leaders', 'followers'] as const) {
      for (const [at, state] of states.entries()) {
        if (leadsHere(state) === (round === 'leaders')) codes[at] = this.#applyRequested(state)
      }
    }
    this.#ports.fetchers.dropIdle()
    return codes
  }

  /** The watch path. Partitions that are not hosted here are none of its business. */
  applyWatched(topic: string, index: number, update: PartitionStateUpdate): void {
    const partition = this.#ports.replicas.get(topic, index)
    if (partition === undefined || partition.isOffline) return
    const change = { update, assignment: null, topicId: partition.topicId, isNew: false }
    this.#orOffline(partition, () => this.#apply(partition, change))
    this.#ports.fetchers.dropIdle()
  }

  /** Tries what waited for a leader to come alive. */
  onImageChange(): void {
    for (const [partition, change] of [...this.#deferred]) {
      if (!this.#isAlive(change.update.leader)) continue
      this.#orOffline(partition, () => this.#apply(partition, change))
    }
  }

  stop(replica: ReplicaToStop): ErrorCode {
    const { topic, index, leaderEpoch, isDeleted } = replica
    const partition = this.#ports.replicas.get(topic, index)
    if (partition?.isOffline) return ErrorCode.KAFKA_STORAGE_ERROR
    if (partition !== undefined) {
      const isAllowed = UNCHECKED_EPOCHS.has(leaderEpoch) || leaderEpoch >= partition.leaderEpoch
      if (!isAllowed) return ErrorCode.FENCED_LEADER_EPOCH
      this.#ports.fetchers.unfollow(partition)
      if (isDeleted) this.#forget(partition)
    }
    if (!isDeleted) return ErrorCode.NONE
    try {
      this.#ports.logs.delete({ topic, partition: index })
      return ErrorCode.NONE
    } catch (error) {
      this.#ports.logger.error(`Deleting the log of ${topic}-${index} failed`, error)
      return errorCodeOf(error) ?? ErrorCode.KAFKA_STORAGE_ERROR
    }
  }

  /** A log directory has failed. */
  markOffline(topic: string, index: number): void {
    const partition = this.#ports.replicas.get(topic, index)
    if (partition === undefined || partition.isOffline) return
    this.#ports.fetchers.unfollow(partition)
    this.#deferred.delete(partition)
    partition.markOffline()
  }

  #forget(partition: Partition): void {
    this.#deferred.delete(partition)
    this.#ports.replicas.remove(partition)
    partition.close()
  }

  #applyRequested(state: RequestedState): ErrorCode {
    const { topic, index, update, assignment, topicId } = state
    const { replicas, brokerId } = this.#ports
    const hosted = replicas.get(topic, index)
    if (hosted?.isOffline) return ErrorCode.KAFKA_STORAGE_ERROR
    const partition = hosted ?? this.#open(topic, index)
    if (partition === null) return ErrorCode.KAFKA_STORAGE_ERROR
    if (differ(topicId, partition.topicId)) return ErrorCode.INCONSISTENT_TOPIC_ID
    if (update.leaderEpoch <= partition.leaderEpoch) {
      return this.#orOffline(partition, () => this.#applyKnownEpoch(partition, state))
    }
    if (!assignment.replicas.includes(brokerId)) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (hosted === undefined) replicas.add(partition)
    return this.#orOffline(partition, () => this.#apply(partition, state))
  }

  /** A disk that fails in the middle leaves nobody with half a role. */
  #orOffline(partition: Partition, action: () => ErrorCode): ErrorCode {
    try {
      return action()
    } catch (error) {
      const code = errorCodeOf(error)
      if (code === null) throw error
      this.#ports.logger.error(`The new state of ${nameOf(partition)} was not taken`, error)
      this.markOffline(partition.topic, partition.index)
      return code
    }
  }

  /** A request with a leader epoch that is not newer than ours. */
  #applyKnownEpoch(partition: Partition, state: RequestedState): ErrorCode {
    const { update, topicId } = state
    if (update.leaderEpoch < partition.leaderEpoch) return ErrorCode.STALE_CONTROLLER_EPOCH
    const isFirstToSayId = partition.topicId === ZERO_UUID && topicId !== ZERO_UUID
    const dropsId = topicId === ZERO_UUID && partition.topicId !== ZERO_UUID
    const isConfirmation = partition.isUnconfirmed
    if (isConfirmation || isFirstToSayId) {
      partition.isUnconfirmed = false
      partition.setAssignment(state.assignment)
      partition.learnTopicId(topicId)
      this.#ports.replicas.noteTopicId(partition)
      if (isFirstToSayId && partition.isFollower) this.#ports.fetchers.follow(partition)
    }
    this.#apply(partition, state)
    const isAccepted = isConfirmation || isFirstToSayId || (dropsId && partition.isFollower)
    return isAccepted ? ErrorCode.NONE : ErrorCode.STALE_CONTROLLER_EPOCH
  }

  /** The one place where a role changes. */
  #apply(partition: Partition, change: Change): ErrorCode {
    const { update, assignment } = change
    if (update.leaderEpoch < partition.leaderEpoch) return ErrorCode.NONE
    if (update.leaderEpoch === partition.leaderEpoch) {
      if (update.partitionEpoch > partition.partitionEpoch) partition.updateIsr(update)
      return ErrorCode.NONE
    }
    // The state znode has been written since: what comes later by the other path is newer.
    if (update.partitionEpoch < partition.partitionEpoch) return ErrorCode.NONE
    const deferred = this.#deferred.get(partition)
    if (deferred !== undefined && deferred.update.leaderEpoch > update.leaderEpoch) {
      return ErrorCode.NONE
    }
    this.#deferred.delete(partition)
    if (!this.#openLog(partition, change)) return ErrorCode.KAFKA_STORAGE_ERROR
    if (assignment !== null) partition.setAssignment(assignment)
    partition.learnTopicId(change.topicId)
    this.#ports.replicas.noteTopicId(partition)
    if (update.leader === this.#ports.brokerId) this.#lead(partition, update)
    else this.#follow(partition, change)
    // After a watch, the controller's request for this epoch still brings the assignment.
    partition.isUnconfirmed = assignment === null && partition.leaderEpoch === update.leaderEpoch
    return partition.isOffline ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE
  }

  #lead(partition: Partition, update: PartitionStateUpdate): void {
    const { fetchers, stateChanges } = this.#ports
    const before = `Previous leader ${partition.leader}, leader epoch ${partition.leaderEpoch}`
    fetchers.unfollow(partition)
    partition.becomeLeader(update)
    stateChanges.info(
      `Leader ${nameOf(partition)} with topic id ${partition.topicId} starts at leader epoch ` +
        `${update.leaderEpoch} from offset ${partition.epochStartOffset} with partition epoch ` +
        `${update.partitionEpoch}, high watermark ${partition.log?.highWatermark}, ISR ` +
        `[${update.isr.join(',')}]. ${before}.`,
    )
  }

  #follow(partition: Partition, change: Change): void {
    const { fetchers, stateChanges } = this.#ports
    const { update } = change
    fetchers.unfollow(partition)
    if (!this.#isAlive(update.leader)) {
      stateChanges.warn(
        `${nameOf(partition)} waits to follow ${update.leader}, which is not alive, at leader ` +
          `epoch ${update.leaderEpoch}`,
      )
      partition.stepDown()
      this.#deferred.set(partition, change)
      return
    }
    const before = `Previous leader ${partition.leader}, leader epoch ${partition.leaderEpoch}`
    partition.becomeFollower(update)
    const { log } = partition
    // Without epochs there is nothing to compare with the leader's log but what is committed.
    if (log !== null && log.latestEpoch < 0) log.truncateTo(log.highWatermark)
    fetchers.follow(partition)
    stateChanges.info(
      `Follower ${nameOf(partition)} starts at leader epoch ${update.leaderEpoch} from offset ` +
        `${log?.logEndOffset} with partition epoch ${update.partitionEpoch} and high watermark ` +
        `${log?.highWatermark}. Current leader is ${update.leader}. ${before}.`,
    )
  }

  #isAlive(brokerId: number): boolean {
    return this.#ports.metadata.image.brokers.has(brokerId)
  }

  /** A partition without a role, on the log that is perhaps there already. Null: offline. */
  #open(topic: string, index: number): Partition | null {
    const { logs, replicas } = this.#ports
    const partition = this.#ports.createPartition(topic, index)
    if (logs.isOffline({ topic, partition: index })) {
      partition.isOffline = true
      replicas.add(partition)
      return null
    }
    const log = logs.get({ topic, partition: index })
    if (log !== undefined) partition.openLog(log)
    return partition
  }

  #openLog(partition: Partition, { isNew, topicId }: Change): boolean {
    if (partition.log !== null) return true
    const { topic, index } = partition
    try {
      const id = topicId === ZERO_UUID ? null : topicId
      const log = this.#ports.logs.getOrCreate({ topic, partition: index }, { isNew, topicId: id })
      partition.openLog(log)
      return true
    } catch (error) {
      if (errorCodeOf(error) === null) throw error
      this.#ports.logger.error(`Creating the log of ${nameOf(partition)} failed`, error)
      partition.markOffline()
      return false
    }
  }
}

function differ(requested: string, local: string): boolean {
  return requested !== ZERO_UUID && local !== ZERO_UUID && requested !== local
}

function nameOf({ topic, index }: Partition): string {
  return `${topic}-${index}`
}
