/**
 * Moves partitions between their states, many in one batch, and elects leaders on the way (Kafka's
 * `ZkPartitionStateMachine`). A partition that cannot move is logged and left; the rest proceeds.
 *
 * Elections start from the cached state and not from a fresh read: the write carries the cached
 * version, so it succeeds only if the cache was right. A conflict brings what is stored, and the
 * election is held again on that.
 */

import { assert } from '../base/assert.ts'
import type { Logger } from '../base/ports.ts'
import { LEADER_RECOVERED } from '../zk/znodes.ts'
import { targetReplicas } from './assignment.ts'
import {
  type ControllerContext,
  formatLeadership,
  type Leadership,
  type Partition,
} from './controller-context.ts'
import type { ControllerStats } from './controller-stats.ts'
import {
  type Elected,
  electForControlledShutdown,
  electForReassignment,
  electOffline,
  electPreferred,
} from './election.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import type { RequestBatch } from './request-batch.ts'
import { mayMovePartition, type PartitionState, partitionStateNames } from './state-transitions.ts'
import type { StateChange, StateRead, StateWriter, WriteOutcome } from './state-writer.ts'

export type ElectionStrategy =
  /** `allowUnclean`: whatever the configuration says. */
  | { readonly kind: 'offline'; readonly allowUnclean: boolean }
  | { readonly kind: 'reassign' }
  | { readonly kind: 'preferred' }
  | { readonly kind: 'controlled-shutdown' }

export const OFFLINE: ElectionStrategy = { kind: 'offline', allowUnclean: false }

/** As Kafka names it, where an answer tells which election found no leader. */
function strategyName(strategy: ElectionStrategy): string {
  switch (strategy.kind) {
    case 'offline':
      return `OfflinePartitionLeaderElectionStrategy(${strategy.allowUnclean})`
    case 'reassign':
      return 'ReassignPartitionLeaderElectionStrategy'
    case 'preferred':
      return 'PreferredReplicaPartitionLeaderElectionStrategy'
    case 'controlled-shutdown':
      return 'ControlledShutdownPartitionLeaderElectionStrategy'
  }
}

function failure(partition: Partition, reason: string): Error {
  return new Error(`Failed to elect leader for partition ${partition}: ${reason}`)
}

/** Per partition asked for: its new leadership, or why it has none. */
export type ElectionResults = Map<Partition, Leadership | Error>

export interface PartitionStatePorts {
  readonly context: ControllerContext
  readonly writer: StateWriter
  readonly newBatch: () => RequestBatch
  /** Topics among those given whose configuration allows an unclean election. */
  readonly uncleanTopics: (topics: readonly string[]) => Promise<ReadonlySet<string>>
  readonly stats: ControllerStats
  readonly log: Logger
  readonly stateChangeLog: Logger
}

export class PartitionStates {
  readonly #ports: PartitionStatePorts

  constructor(ports: PartitionStatePorts) {
    this.#ports = ports
  }

  /** Start of a reign: states from what is stored, then leaders for all that have none. */
  async startup(): Promise<void> {
    const { context, log } = this.#ports
    log.info('Initializing partition state')
    for (const partition of context.partitions()) {
      const { leadership } = partition
      if (leadership === null) partition.state = 'new'
      else {
        const isLed = context.isReplicaOnline(partition, leadership.leader)
        partition.state = isLed ? 'online' : 'offline'
      }
    }
    log.info('Triggering online partition state changes')
    await this.bringOnline()
  }

  /** Tries to find a leader for every partition that has none. */
  bringOnline(topic?: string): Promise<ElectionResults> {
    const { context } = this.#ports
    const leaderless = context.partitionsWhere(
      (partition) =>
        (partition.state === 'offline' || partition.state === 'new') &&
        !context.isBeingDeleted(partition) &&
        (topic === undefined || partition.topic.name === topic),
    )
    return this.move(leaderless, 'online', OFFLINE)
  }

  async move(
    partitions: readonly Partition[],
    target: PartitionState,
    strategy?: ElectionStrategy,
  ): Promise<ElectionResults> {
    const results: ElectionResults = new Map()
    if (partitions.length === 0) return results
    const batch = this.#ports.newBatch()
    const movable = partitions.filter((partition) => {
      if (mayMovePartition(partition.state, target)) return true
      const error = new Error(
        `Partition ${partition} should be in one of the states that lead to ` +
          `${partitionStateNames[target]}, not in ${partitionStateNames[partition.state]}`,
      )
      this.#logFailure(partition, target, error)
      results.set(partition, error)
      return false
    })
    if (target !== 'online') {
      for (const partition of movable) this.#enter(partition, target)
      return results
    }
    assert(strategy !== undefined, 'a move to online needs a strategy')
    try {
      await this.#bringOnline(movable, strategy, batch, results)
    } catch (error) {
      // What was written before the failure must be told; a deposed controller tells nothing.
      if (!(error instanceof ControllerMovedError)) batch.send()
      throw error
    }
    batch.send()
    return results
  }

  async #bringOnline(
    partitions: readonly Partition[],
    strategy: ElectionStrategy,
    batch: RequestBatch,
    results: ElectionResults,
  ): Promise<void> {
    const uninitialized = partitions.filter(({ state }) => state === 'new')
    const toElect = partitions.filter(({ state }) => state !== 'new')
    if (uninitialized.length > 0) {
      toElect.push(...(await this.#initialize(uninitialized, batch, results)))
    }
    if (toElect.length > 0) await this.#elect(toElect, strategy, batch, results)
  }

  /**
   * First leader and ISR: all live replicas. Returns those that turn out to have a state already
   * (a reply got lost in an earlier reign, or somebody wrote it): they take part in an election.
   */
  async #initialize(
    partitions: readonly Partition[],
    batch: RequestBatch,
    results: ElectionResults,
  ): Promise<Partition[]> {
    const { context, writer } = this.#ports
    const changes: StateChange[] = []
    for (const partition of partitions) {
      const isr = partition.assignment.replicas.filter((id) =>
        context.isReplicaOnline(partition, id),
      )
      const [leader] = isr
      if (leader === undefined) {
        const error = new Error(
          `none of the replicas ${partition.assignment.replicas.join(',')} is live`,
        )
        this.#logFailure(partition, 'online', error)
        results.set(partition, error)
        continue
      }
      changes.push({ partition, next: initialLeadership(leader, isr, context.epoch) })
    }
    const outcomes = await writer.create(changes)
    const existing: Partition[] = []
    changes.forEach(({ partition, next }, at) => {
      const outcome = outcomes[at]!
      if (outcome.kind === 'ok') {
        partition.leadership = outcome.leadership
        batch.leaderAndIsr(next.isr, partition, outcome.leadership, true)
        this.#enter(partition, 'online')
        results.set(partition, outcome.leadership)
      } else if (outcome.kind === 'conflict' && outcome.stored.kind === 'ok') {
        partition.leadership = outcome.stored.leadership
        existing.push(partition)
      } else {
        this.#fail(partition, failure(partition, describeOutcome(outcome)), results)
      }
    })
    return existing
  }

  /** Repeats for those whose state somebody else changed, until the write counts or is refused. */
  async #elect(
    partitions: readonly Partition[],
    strategy: ElectionStrategy,
    batch: RequestBatch,
    results: ElectionResults,
  ): Promise<void> {
    const startedMs = this.#ports.stats.nowMs()
    for (let remaining = partitions; remaining.length > 0; ) {
      const current = await this.#currentStates(remaining, results)
      const elected = await this.#decide(current, strategy, results)
      const changes = [...elected].map(([partition, outcome]): StateChange => {
        const { epoch } = this.#ports.context
        return { partition, next: nextLeadership(partition.leadership!, outcome, epoch) }
      })
      const outcomes = await this.#ports.writer.update(changes)
      const conflicted: Partition[] = []
      changes.forEach(({ partition }, at) => {
        const outcome = outcomes[at]!
        if (outcome.kind === 'ok') {
          this.#lead(partition, elected.get(partition)!, outcome.leadership, batch)
          results.set(partition, outcome.leadership)
        } else if (outcome.kind === 'conflict') {
          if (this.#adopt(partition, outcome.stored, results)) conflicted.push(partition)
        } else {
          this.#fail(partition, failure(partition, describeOutcome(outcome)), results)
        }
      })
      remaining = conflicted
    }
    this.#ports.stats.onLeaderElection(this.#ports.stats.nowMs() - startedMs)
  }

  #lead(partition: Partition, elected: Elected, leadership: Leadership, batch: RequestBatch): void {
    partition.leadership = leadership
    if (elected.unclean) this.#ports.stats.onUncleanElection()
    batch.leaderAndIsr(elected.recipients, partition, leadership, false)
    this.#enter(partition, 'online')
  }

  /** Those whose state is known and not of a newer controller; reads what is not cached. */
  async #currentStates(
    partitions: readonly Partition[],
    results: ElectionResults,
  ): Promise<Partition[]> {
    const isUsable = ({ leadership }: Partition) =>
      leadership !== null && leadership.controllerEpoch <= this.#ports.context.epoch
    const unread = partitions.filter((partition) => !isUsable(partition))
    const states = await this.#ports.writer.readAll(unread)
    unread.forEach((partition, at) => {
      if (!this.#adopt(partition, states[at]!, results) || isUsable(partition)) return
      const { controllerEpoch } = partition.leadership!
      const why = `another controller of epoch ${controllerEpoch} wrote it`
      this.#fail(partition, failure(partition, why), results)
    })
    return partitions.filter((partition) => isUsable(partition) && !results.has(partition))
  }

  #adopt(partition: Partition, stored: StateRead, results: ElectionResults): boolean {
    if (stored.kind !== 'ok') {
      this.#fail(partition, failure(partition, describeRead(stored)), results)
      return false
    }
    partition.leadership = stored.leadership
    return true
  }

  async #decide(
    partitions: readonly Partition[],
    strategy: ElectionStrategy,
    results: ElectionResults,
  ): Promise<Map<Partition, Elected>> {
    const uncleanTopics =
      strategy.kind === 'offline' && !strategy.allowUnclean
        ? await this.#uncleanTopics(partitions)
        : new Set<string>()
    const elected = new Map<Partition, Elected>()
    for (const partition of partitions) {
      const isUncleanAllowed =
        (strategy.kind === 'offline' && strategy.allowUnclean) ||
        uncleanTopics.has(partition.topic.name)
      const outcome = this.#electOne(partition, strategy, isUncleanAllowed)
      if (outcome === null) {
        const { replicas } = partition.assignment
        const { isr } = partition.leadership!
        const why = `None of replicas ${replicas.join(',')} and ISR ${isr.join(',')} may lead`
        const message = `Failed to elect leader for partition ${partition} under strategy`
        const error = new Error(`${message} ${strategyName(strategy)}`, { cause: new Error(why) })
        this.#fail(partition, error, results)
      } else {
        elected.set(partition, outcome)
      }
    }
    return elected
  }

  /** The configuration is asked only for partitions that have no live ISR member. */
  #uncleanTopics(partitions: readonly Partition[]): Promise<ReadonlySet<string>> {
    const { context } = this.#ports
    const lost = partitions.filter(
      (partition) =>
        !partition.leadership!.isr.some((id) => context.isReplicaOnline(partition, id)),
    )
    const topics = [...new Set(lost.map(({ topic }) => topic.name))]
    if (topics.length === 0) return Promise.resolve(new Set())
    return this.#ports.uncleanTopics(topics)
  }

  #electOne(
    partition: Partition,
    strategy: ElectionStrategy,
    isUncleanAllowed: boolean,
  ): Elected | null {
    const { context } = this.#ports
    const { assignment } = partition
    const current = partition.leadership!
    const isOnline = (id: number) => context.isReplicaOnline(partition, id)
    switch (strategy.kind) {
      case 'offline':
        return electOffline(assignment.replicas, current, isOnline, isUncleanAllowed)
      case 'reassign':
        return electForReassignment(targetReplicas(assignment), current, isOnline)
      case 'preferred':
        return electPreferred(assignment.replicas, current, isOnline)
      case 'controlled-shutdown':
        return electForControlledShutdown(
          assignment.replicas,
          current,
          (id) => context.isReplicaOnlineOrShuttingDown(partition, id),
          (id) => context.shuttingDown.has(id),
        )
    }
  }

  #enter(partition: Partition, state: PartitionState): void {
    const { stateChangeLog } = this.#ports
    const before = partition.state
    partition.state = state
    const { leadership } = partition
    if (state === 'online' && leadership !== null) {
      stateChangeLog.info(
        `Changed partition ${partition} from ${partitionStateNames[before]} ` +
          `to ${partitionStateNames[state]} with state ${formatLeadership(leadership)}`,
      )
    } else if (stateChangeLog.isDebugEnabled()) {
      stateChangeLog.debug(
        `Changed partition ${partition} state from ${partitionStateNames[before]} ` +
          `to ${partitionStateNames[state]}`,
      )
    }
  }

  #fail(partition: Partition, error: Error, results: ElectionResults): void {
    this.#logFailure(partition, 'online', error)
    results.set(partition, error)
  }

  #logFailure(partition: Partition, target: PartitionState, error: Error): void {
    this.#ports.stateChangeLog.error(
      `Controller epoch ${this.#ports.context.epoch} failed to change state for partition ` +
        `${partition} from ${partitionStateNames[partition.state]} ` +
        `to ${partitionStateNames[target]}`,
      error,
    )
  }
}

function initialLeadership(
  leader: number,
  isr: readonly number[],
  controllerEpoch: number,
): Leadership {
  const leaderRecoveryState = LEADER_RECOVERED
  return { leader, leaderEpoch: 0, isr, leaderRecoveryState, controllerEpoch, partitionEpoch: 0 }
}

function nextLeadership(
  before: Leadership,
  { leader, isr, leaderRecoveryState }: Elected,
  controllerEpoch: number,
): Leadership {
  const leaderEpoch = before.leaderEpoch + 1
  return { ...before, leader, leaderEpoch, isr, leaderRecoveryState, controllerEpoch }
}

function describeRead(stored: StateRead): string {
  if (stored.kind === 'missing') return 'its state znode is missing'
  return stored.kind === 'undecodable' ? `its state is not readable: ${stored.reason}` : 'none'
}

function describeOutcome(outcome: WriteOutcome): string {
  if (outcome.kind === 'error') return `writing its state failed with ${outcome.errorName}`
  return outcome.kind === 'conflict' ? describeRead(outcome.stored) : 'none'
}
