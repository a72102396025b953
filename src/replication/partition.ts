/**
 * One replica on this broker: its role, what it knows of the others, and how far the partition is
 * committed. A fresh one has no role: leader epoch -1, partition epoch 0.
 *
 * Roles change only through `becomeLeader`, `becomeFollower` and `updateIsr`, which the replica
 * manager calls with states that it has found to be newer (`leadership.ts`). What others wait for
 * (log end, high watermark, log start, role) is told through `PartitionEvents`.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { FollowerProgress } from './follower-progress.ts'
import { computeHighWatermark, followerHighWatermark } from './high-watermark.ts'
import {
  effectiveMinIsr,
  type IsrState,
  laggingMembers,
  maximalIsr,
  mayJoinIsr,
  type PendingIsrState,
  proposedIsr,
} from './isr.ts'
import type { AppendOrigin, LogAppend, ReplicaLog } from './replica-log.ts'
import type { ReplicationStats } from './replication-stats.ts'
import { FetchWatchers, ProduceWaiters } from './waiters.ts'

/** A partition state as the state znode has it. */
export interface PartitionStateUpdate {
  /** Epoch of the controller that made the decision. */
  readonly controllerEpoch: number
  /** -1: none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  /** Version of the znode. */
  readonly partitionEpoch: number
}

export interface Assignment {
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface PartitionEvents {
  /** The log grew by `bytes`. */
  onLogEnd(partition: Partition, bytes: number): void
  onHighWatermark(partition: Partition): void
  onLogStart(partition: Partition): void
  /** Leader, epoch, ISR, existence: whoever waits must look anew. */
  onRole(partition: Partition): void
}

export interface IsrChange {
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  readonly newIsr: readonly number[]
}

export type IsrAnswer =
  | { readonly kind: 'ok'; readonly state: Omit<PartitionStateUpdate, 'controllerEpoch'> }
  | { readonly kind: 'error'; readonly code: ErrorCode }

/** What all partitions of a broker share. */
export interface PartitionHost {
  readonly brokerId: number
  readonly clock: Clock
  readonly replicaLagTimeMaxMs: number
  readonly stats: ReplicationStats
  readonly events: PartitionEvents
  isAlive(brokerId: number): boolean
  /** Asks the controller; `onAnswer` is called once, unless the broker stops. */
  submitIsrChange(
    partition: Partition,
    change: IsrChange,
    onAnswer: (answer: IsrAnswer) => void,
  ): void
}

/** A replica that the controller does not want in the ISR is proposed again after this long. */
const REFUSED_PAUSE_MS = 200

export class Partition {
  readonly topic: string
  readonly index: number
  readonly produceWaiters = new ProduceWaiters()
  readonly fetchWatchers = new FetchWatchers()
  topicId = ZERO_UUID
  log: ReplicaLog | null = null
  /** Its log directory has failed: everything is answered with KAFKA_STORAGE_ERROR. */
  isOffline = false
  /** The watch brought the leader epoch; the controller's request for it is still to come. */
  isUnconfirmed = false
  /** -1: none that this broker knows or obeys. */
  leader = -1
  leaderEpoch = -1
  partitionEpoch = 0
  controllerEpoch = 0
  assignment: Assignment = { replicas: [], adding: [], removing: [] }
  /** Where our own epoch as leader begins. */
  epochStartOffset = -1
  #isrState: IsrState = { kind: 'committed', isr: [] }
  #maximalIsr: readonly number[] = []
  #followers: FollowerProgress[] = []
  readonly #host: PartitionHost
  readonly #logger: Logger
  readonly #canJoin: (follower: FollowerProgress) => boolean

  constructor(topic: string, index: number, host: PartitionHost, logger: Logger) {
    this.topic = topic
    this.index = index
    this.#host = host
    this.#logger = logger
    this.#canJoin = (follower) =>
      !follower.isRefused &&
      follower.isCaughtUp(this.#leaderLog().logEndOffset, host.clock.monotonicMs(), this.#lagMs) &&
      host.isAlive(follower.brokerId)
  }

  get isLeader(): boolean {
    return this.leader === this.#host.brokerId && !this.isOffline
  }

  get isFollower(): boolean {
    return this.leader >= 0 && this.leader !== this.#host.brokerId && !this.isOffline
  }

  get isrState(): IsrState {
    return this.#isrState
  }

  get followers(): readonly FollowerProgress[] {
    return this.#followers
  }

  /** Undefined for a replica that is not assigned, or when this broker does not lead. */
  follower(brokerId: number): FollowerProgress | undefined {
    return this.#followers.find((follower) => follower.brokerId === brokerId)
  }

  get minIsr(): number {
    const wanted = this.log?.config.minInsyncReplicas ?? 1
    return effectiveMinIsr(wanted, this.assignment.replicas.length)
  }

  get isUnderMinIsr(): boolean {
    return this.isLeader && this.#isrState.isr.length < this.minIsr
  }

  /** Takes over a newer state that names this broker. The log exists. */
  becomeLeader(update: PartitionStateUpdate): void {
    const log = this.#leaderLog()
    const wasLeader = this.isLeader
    this.controllerEpoch = update.controllerEpoch
    this.#setIsrState({ kind: 'committed', isr: update.isr })
    if (update.leaderEpoch > this.leaderEpoch) {
      const nowMs = this.#host.clock.monotonicMs()
      // In an epoch that we did not hear of another may have led, and our followers may have cut
      // their logs for it: what they told us before holds no more. (Kafka goes on with it.)
      const hasLedOn = wasLeader && update.leaderEpoch === this.leaderEpoch + 1
      // A follower may hold records of our old epoch; the new one shows it where to cut (KIP-101).
      log.assignEpochStartOffset(update.leaderEpoch, log.logEndOffset)
      this.epochStartOffset = log.logEndOffset
      if (!hasLedOn) this.#followers = []
      this.#trackFollowers()
      for (const follower of this.#followers) {
        if (hasLedOn) follower.resetForNewEpoch(log.logEndOffset, nowMs)
        else follower.resetForNewLeader(nowMs)
      }
      this.leaderEpoch = update.leaderEpoch
    } else {
      this.#trackFollowers()
    }
    this.partitionEpoch = update.partitionEpoch
    this.leader = this.#host.brokerId
    this.#host.events.onRole(this)
    this.maybeAdvanceHighWatermark()
  }

  /** Takes over a newer state that names another broker. The log exists. */
  becomeFollower(update: PartitionStateUpdate): void {
    this.controllerEpoch = update.controllerEpoch
    this.partitionEpoch = update.partitionEpoch
    this.leader = update.leader
    this.leaderEpoch = update.leaderEpoch
    this.#forgetLeadership()
    this.#host.events.onRole(this)
  }

  /**
   * There is a newer leader which this broker cannot follow yet. It stops to lead at once, keeps its
   * epoch, and is free to take the state later.
   */
  stepDown(): void {
    if (!this.isLeader) return
    this.leader = -1
    this.#forgetLeadership()
    this.#host.events.onRole(this)
  }

  markOffline(): void {
    this.isOffline = true
    this.close()
  }

  /** Its log is gone or out of reach. */
  close(): void {
    this.log = null
    this.leader = -1
    this.#forgetLeadership()
    this.#host.events.onRole(this)
  }

  openLog(log: ReplicaLog): void {
    this.log = log
    if (log.topicId !== null) this.topicId = log.topicId
  }

  /** No effect when it is known already. */
  learnTopicId(topicId: string): void {
    if (topicId === ZERO_UUID || this.topicId !== ZERO_UUID) return
    this.topicId = topicId
    if (this.log !== null && this.log.topicId === null) this.log.assignTopicId(topicId)
  }

  /** The ISR changed within our epoch: somebody else wrote the znode, or our answer got lost. */
  updateIsr(update: PartitionStateUpdate): void {
    this.controllerEpoch = update.controllerEpoch
    this.partitionEpoch = update.partitionEpoch
    if (!this.isLeader) return
    this.#commitIsr(update.isr, update.partitionEpoch)
    this.#host.events.onRole(this)
    this.maybeAdvanceHighWatermark()
  }

  setAssignment(assignment: Assignment): void {
    this.assignment = assignment
    if (this.isLeader) this.#trackFollowers()
  }

  append(records: Buffer, origin: AppendOrigin): LogAppend {
    const { clock, events } = this.#host
    const log = this.#leaderLog()
    const appended = log.appendAsLeader(records, this.leaderEpoch, {
      origin,
      nowMs: clock.wallMs(),
    })
    if (!appended.duplicate) {
      events.onLogEnd(this, records.length)
      this.maybeAdvanceHighWatermark()
    }
    return appended
  }

  /** On the first read of a fetch that does not diverge. */
  recordFollowerFetch(
    follower: FollowerProgress,
    fetchOffset: number,
    logStartOffset: number,
    leaderEndOffset: number,
  ): void {
    const endOffsetBefore = follower.logEndOffset
    const startOffsetBefore = follower.logStartOffset
    const nowMs = this.#host.clock.monotonicMs()
    follower.recordFetch(fetchOffset, logStartOffset, leaderEndOffset, nowMs)
    this.#maybeExpandIsr(follower)
    if (endOffsetBefore !== fetchOffset) this.maybeAdvanceHighWatermark()
    if (startOffsetBefore !== logStartOffset) this.#host.events.onLogStart(this)
  }

  /**
   * Nothing is committed while fewer than `min.insync.replicas` are in sync, not even for acks=1:
   * what consumers have seen must survive the loss of all but that many.
   */
  maybeAdvanceHighWatermark(): void {
    const log = this.log
    if (log === null || !this.isLeader || this.#isrState.isr.length < this.minIsr) return
    const reached = computeHighWatermark(
      log.logEndOffset,
      this.#followers,
      this.#maximalIsr,
      this.#canJoin,
    )
    if (reached <= log.highWatermark) return
    log.setHighWatermark(reached)
    this.#host.events.onHighWatermark(this)
  }

  /** The code for an acks=all append whose last record is below the high watermark. */
  acknowledgement(): ErrorCode {
    return this.#maximalIsr.length >= this.minIsr
      ? ErrorCode.NONE
      : ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
  }

  /** True when the high watermark moved, up or down. */
  updateFollowerHighWatermark(leaderHighWatermark: number): boolean {
    const log = this.log
    if (log === null || this.isLeader) return false
    const next = followerHighWatermark(leaderHighWatermark, log.logStartOffset, log.logEndOffset)
    if (next === log.highWatermark) return false
    if (next < log.highWatermark) {
      this.#logger.warn(`The high watermark goes back from ${log.highWatermark} to ${next}`)
    }
    log.setHighWatermark(next)
    this.#host.events.onHighWatermark(this)
    return true
  }

  /** As leader: records below `offset` are deleted. */
  advanceLogStart(offset: number): void {
    const log = this.#leaderLog()
    if (offset <= log.logStartOffset) return
    log.incrementLogStartOffset(offset)
    this.#host.events.onLogStart(this)
  }

  /** The lowest log start of all live replicas, as far as their fetches tell. */
  lowWatermark(): number {
    let lowest = this.#leaderLog().logStartOffset
    for (const { brokerId, logStartOffset } of this.#followers) {
      if (this.#host.isAlive(brokerId)) lowest = Math.min(lowest, logStartOffset)
    }
    return lowest
  }

  /** As follower: what the leader has deleted goes here too. True when the log start moved. */
  followLogStart(leaderLogStartOffset: number): boolean {
    const log = this.log
    if (log === null || this.isLeader || leaderLogStartOffset <= log.logStartOffset) return false
    if (leaderLogStartOffset > log.highWatermark) return false
    log.incrementLogStartOffset(leaderLogStartOffset)
    this.#host.events.onLogStart(this)
    return true
  }

  /** Called every half `replica.lag.time.max.ms`, so that a member leaves within 1.5 times that. */
  maybeShrinkIsr(): void {
    const { clock } = this.#host
    const log = this.log
    if (log === null || !this.isLeader || this.#isrState.kind !== 'committed') return
    const { isr } = this.#isrState
    const endOffset = log.logEndOffset
    const nowMs = clock.monotonicMs()
    const leaving = laggingMembers(isr, this.#followers, endOffset, nowMs, this.#lagMs)
    if (leaving.length === 0) return
    const state: PendingIsrState = { kind: 'pending-shrink', isr, leaving }
    this.#logger.info(
      `Shrinking ISR from ${isr.join(',')} to ${proposedIsr(state).join(',')}. Leader: ` +
        `(highWatermark: ${log.highWatermark}, endOffset: ${endOffset}). Out of sync replicas: ` +
        `${leaving.map((id) => this.#describeLaggard(id)).join(' ')}.`,
    )
    this.#propose(state)
  }

  #maybeExpandIsr(follower: FollowerProgress): void {
    if (this.#isrState.kind !== 'committed') return
    const { isr } = this.#isrState
    const joining = follower.brokerId
    const log = this.#leaderLog()
    if (isr.includes(joining)) return
    if (!mayJoinIsr(follower.logEndOffset, log.highWatermark, this.epochStartOffset)) return
    if (!this.#host.isAlive(joining)) return
    const pausedMs = this.#host.clock.monotonicMs() - follower.refusedAtMs
    if (pausedMs < REFUSED_PAUSE_MS) return
    follower.forgetRefusal()
    this.#propose({ kind: 'pending-expand', isr, joining })
  }

  #propose(state: PendingIsrState): void {
    this.#setIsrState(state)
    this.#submit(state)
  }

  #submit(state: PendingIsrState): void {
    const change: IsrChange = {
      leaderEpoch: this.leaderEpoch,
      partitionEpoch: this.partitionEpoch,
      newIsr: proposedIsr(state),
    }
    this.#host.submitIsrChange(this, change, (answer) => this.#onIsrAnswer(state, answer))
  }

  #onIsrAnswer(proposed: PendingIsrState, answer: IsrAnswer): void {
    // A newer state came by another way meanwhile.
    if (this.#isrState !== proposed) return
    if (answer.kind === 'error') {
      this.#onIsrRefused(proposed, answer.code)
      return
    }
    const { state } = answer
    if (state.leaderEpoch !== this.leaderEpoch || state.partitionEpoch < this.partitionEpoch) return
    if (proposed.kind === 'pending-expand') this.#host.stats.isrExpands += 1
    else this.#host.stats.isrShrinks += 1
    this.#commitIsr(state.isr, state.partitionEpoch)
    this.#host.events.onRole(this)
    this.maybeAdvanceHighWatermark()
  }

  #onIsrRefused(proposed: PendingIsrState, code: ErrorCode): void {
    this.#host.stats.failedIsrUpdates += 1
    const what = `ISR change from ${proposed.isr.join(',')} to ${proposedIsr(proposed).join(',')}`
    switch (code) {
      case ErrorCode.OPERATION_NOT_ATTEMPTED:
      case ErrorCode.INELIGIBLE_REPLICA:
        this.#logger.info(`${what} was refused with code ${code}, back to the committed ISR`)
        this.#setIsrState({ kind: 'committed', isr: proposed.isr })
        if (proposed.kind === 'pending-expand') this.#onRefused(proposed.joining)
        this.maybeAdvanceHighWatermark()
        break
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.INVALID_UPDATE_VERSION:
      case ErrorCode.INVALID_REQUEST:
      case ErrorCode.NEW_LEADER_ELECTED:
        // Our picture is old. It stays pending, which is safe, until the newer state arrives.
        this.#logger.info(`${what} was refused with code ${code}, waiting for a newer state`)
        break
      default:
        this.#logger.warn(`${what} failed with code ${code}, trying again`)
        this.#submit(proposed)
    }
  }

  /** The controller sees it leave, or not yet there: nothing waits for it until it is proposed again. */
  #onRefused(brokerId: number): void {
    const follower = this.follower(brokerId)
    if (follower !== undefined) follower.refusedAtMs = this.#host.clock.monotonicMs()
  }

  #commitIsr(isr: readonly number[], partitionEpoch: number): void {
    this.#setIsrState({ kind: 'committed', isr })
    this.#trackFollowers()
    this.partitionEpoch = partitionEpoch
    const under = this.isUnderMinIsr ? '(under-min-isr)' : ''
    this.#logger.info(
      `ISR updated to ${isr.join(',')} ${under} and version updated to ${partitionEpoch}`,
    )
  }

  #setIsrState(state: IsrState): void {
    this.#isrState = state
    this.#maximalIsr = maximalIsr(state)
    for (const follower of this.#followers) {
      follower.isInIsr = state.isr.includes(follower.brokerId)
    }
  }

  #trackFollowers(): void {
    // A member that we were not told is assigned counts all the same.
    const ids = new Set([...this.assignment.replicas, ...this.#isrState.isr])
    this.#followers = [...ids]
      .filter((id) => id !== this.#host.brokerId)
      .map((id) => this.follower(id) ?? new FollowerProgress(id))
    this.#setIsrState(this.#isrState)
  }

  #forgetLeadership(): void {
    this.#followers = []
    this.epochStartOffset = -1
    this.#setIsrState({ kind: 'committed', isr: [] })
  }

  #describeLaggard(brokerId: number): string {
    const follower = this.follower(brokerId)
    return (
      `(brokerId: ${brokerId}, endOffset: ${follower?.logEndOffset ?? -1}, ` +
      `lastCaughtUpTimeMs: ${follower?.lastCaughtUpMs ?? -1})`
    )
  }

  get #lagMs(): number {
    return this.#host.replicaLagTimeMaxMs
  }

  #leaderLog(): ReplicaLog {
    if (this.log === null) throw new Error(`${this.topic}-${this.index} has no log`)
    return this.log
  }
}
