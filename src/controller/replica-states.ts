/**
 * Moves replicas between their states (Kafka's `ZkReplicaStateMachine`), broker by broker in
 * ascending order, one request batch for all. A replica that cannot move is logged and left.
 */

import type { Logger } from '../base/ports.ts'
import {
  type Assignment,
  type ControllerContext,
  formatReplica,
  type Leadership,
  NO_LEADER,
  type Partition,
  type Replica,
  replicasOf,
} from './controller-context.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import type { RequestBatch } from './request-batch.ts'
import { mayMoveReplica, type ReplicaState, replicaStateNames } from './state-transitions.ts'
import type { StateChange, StateWriter } from './state-writer.ts'

export interface ReplicaStatePorts {
  readonly context: ControllerContext
  readonly writer: StateWriter
  readonly newBatch: () => RequestBatch
  readonly log: Logger
  readonly stateChangeLog: Logger
}

export class ReplicaStates {
  readonly #ports: ReplicaStatePorts

  constructor(ports: ReplicaStatePorts) {
    this.#ports = ports
  }

  /** Start of a reign: every live replica is told its role, every dead one leaves the ISR. */
  async startup(): Promise<void> {
    const { context, log } = this.#ports
    log.info('Initializing replica state')
    const online: Replica[] = []
    const offline: Replica[] = []
    for (const replica of replicasOf(context.partitions())) {
      const { partition, brokerId } = replica
      const isOnline = context.isReplicaOnline(partition, brokerId)
      partition.replicaStates.set(brokerId, isOnline ? 'online' : 'deletion-ineligible')
      if (isOnline) online.push(replica)
      else offline.push(replica)
    }
    log.info('Triggering online replica state changes')
    await this.move(online, 'online')
    log.info('Triggering offline replica state changes')
    await this.move(offline, 'offline')
  }

  async move(replicas: readonly Replica[], target: ReplicaState): Promise<void> {
    if (replicas.length === 0) return
    const batch = this.#ports.newBatch()
    const byBroker = Map.groupBy(replicas, ({ brokerId }) => brokerId)
    try {
      for (const brokerId of [...byBroker.keys()].sort((a, b) => a - b)) {
        const partitions = byBroker.get(brokerId)!.map(({ partition }) => partition)
        await this.#moveOnBroker(brokerId, partitions, target, batch)
      }
    } catch (error) {
      // What was written before the failure must be told; a deposed controller tells nothing.
      if (!(error instanceof ControllerMovedError)) batch.send()
      throw error
    }
    batch.send()
  }

  async #moveOnBroker(
    brokerId: number,
    partitions: readonly Partition[],
    target: ReplicaState,
    batch: RequestBatch,
  ): Promise<void> {
    const movable = partitions.filter((partition) => {
      const from = stateOf(partition, brokerId)
      if (mayMoveReplica(from, target)) return true
      const what = `it is in ${replicaStateNames[from]}`
      this.#logFailure({ partition, brokerId }, target, new Error(what))
      return false
    })
    switch (target) {
      case 'new':
        for (const partition of movable) this.#becomeNew(partition, brokerId, batch)
        return
      case 'online':
        for (const partition of movable) this.#becomeOnline(partition, brokerId, batch)
        return
      case 'offline':
        return this.#becomeOffline(brokerId, movable, batch)
      case 'deletion-started':
        for (const partition of movable) {
          batch.stopReplica(brokerId, partition, true)
          this.#enter(partition, brokerId, target)
        }
        return
      case 'non-existent':
        for (const partition of movable) {
          partition.assignment = withoutAssigned(partition.assignment, brokerId)
          this.#enter(partition, brokerId, target)
        }
        return
      case 'deletion-successful':
      case 'deletion-ineligible':
        for (const partition of movable) this.#enter(partition, brokerId, target)
        return
    }
  }

  #becomeNew(partition: Partition, brokerId: number, batch: RequestBatch): void {
    const { leadership } = partition
    if (leadership !== null) {
      if (leadership.leader === brokerId) {
        const error = new Error('it is the leader of the partition, it cannot be new')
        this.#logFailure({ partition, brokerId }, 'new', error)
        return
      }
      batch.leaderAndIsr([brokerId], partition, leadership, true)
    }
    this.#enter(partition, brokerId, 'new')
  }

  #becomeOnline(partition: Partition, brokerId: number, batch: RequestBatch): void {
    const { leadership, assignment } = partition
    if (stateOf(partition, brokerId) === 'new') {
      if (!assignment.replicas.includes(brokerId)) {
        partition.assignment = { ...assignment, replicas: [...assignment.replicas, brokerId] }
      }
    } else if (leadership !== null) {
      batch.leaderAndIsr([brokerId], partition, leadership, false)
    }
    this.#enter(partition, brokerId, 'online')
  }

  async #becomeOffline(
    brokerId: number,
    partitions: readonly Partition[],
    batch: RequestBatch,
  ): Promise<void> {
    const { context } = this.#ports
    for (const partition of partitions) batch.stopReplica(brokerId, partition, false)
    const led = partitions.filter(({ leadership }) => leadership !== null)
    const removed = await this.#removeFromIsr(brokerId, led)
    for (const partition of partitions) {
      const { leadership } = partition
      if (leadership === null) {
        batch.updateMetadata(context.liveOrShuttingDownBrokerIds(), [partition])
      } else if (!removed.has(partition)) {
        continue
      } else if (!context.isBeingDeleted(partition)) {
        const others = partition.assignment.replicas.filter((id) => id !== brokerId)
        batch.leaderAndIsr(others, partition, leadership, false)
      }
      this.#enter(partition, brokerId, 'offline')
    }
  }

  /** Those from whose ISR the broker is gone now, or never was in it. The last member stays. */
  async #removeFromIsr(
    brokerId: number,
    partitions: readonly Partition[],
  ): Promise<Set<Partition>> {
    const { context } = this.#ports
    const removed = new Set<Partition>()
    let remaining = partitions
    while (remaining.length > 0) {
      const changes: StateChange[] = []
      for (const partition of remaining) {
        const current = partition.leadership!
        if (current.controllerEpoch > context.epoch) {
          const error = new Error(`a controller of epoch ${current.controllerEpoch} wrote it`)
          this.#logFailure({ partition, brokerId }, 'offline', error)
        } else if (current.isr.includes(brokerId)) {
          changes.push({ partition, next: withoutReplica(current, brokerId, context.epoch) })
        } else {
          partition.leadership = { ...current, controllerEpoch: context.epoch }
          removed.add(partition)
        }
      }
      remaining = await this.#writeRemovals(brokerId, changes, removed)
    }
    return removed
  }

  /** The partitions whose state somebody else changed meanwhile: again, on what is stored now. */
  async #writeRemovals(
    brokerId: number,
    changes: readonly StateChange[],
    removed: Set<Partition>,
  ): Promise<Partition[]> {
    const outcomes = await this.#ports.writer.update(changes)
    const conflicted: Partition[] = []
    changes.forEach(({ partition }, at) => {
      const outcome = outcomes[at]!
      if (outcome.kind === 'ok') {
        partition.leadership = outcome.leadership
        removed.add(partition)
      } else if (outcome.kind === 'conflict' && outcome.stored.kind === 'ok') {
        partition.leadership = outcome.stored.leadership
        conflicted.push(partition)
      } else {
        const isGone = outcome.kind === 'error' ? outcome.errorName : outcome.stored.kind
        if (this.#ports.context.isBeingDeleted(partition)) removed.add(partition)
        else this.#logFailure({ partition, brokerId }, 'offline', new Error(`its state: ${isGone}`))
      }
    })
    return conflicted
  }

  #enter(partition: Partition, brokerId: number, state: ReplicaState): void {
    const { stateChangeLog } = this.#ports
    if (stateChangeLog.isDebugEnabled()) {
      const from = replicaStateNames[stateOf(partition, brokerId)]
      stateChangeLog.debug(
        `Changed state of replica ${brokerId} for partition ${partition} ` +
          `from ${from} to ${replicaStateNames[state]}`,
      )
    }
    if (state === 'non-existent') partition.replicaStates.delete(brokerId)
    else partition.replicaStates.set(brokerId, state)
  }

  #logFailure(replica: Replica, target: ReplicaState, error: Error): void {
    const { partition, brokerId } = replica
    this.#ports.stateChangeLog.error(
      `Controller epoch ${this.#ports.context.epoch} initiated state change of replica ` +
        `${formatReplica(replica)} from ${replicaStateNames[stateOf(partition, brokerId)]} ` +
        `to ${replicaStateNames[target]} failed`,
      error,
    )
  }
}

export function stateOf(partition: Partition, brokerId: number): ReplicaState {
  return partition.replicaStates.get(brokerId) ?? 'non-existent'
}

function withoutReplica(
  current: Leadership,
  brokerId: number,
  controllerEpoch: number,
): Leadership {
  const isLast = current.isr.length === 1
  return {
    ...current,
    leader: current.leader === brokerId ? NO_LEADER : current.leader,
    isr: isLast ? current.isr : current.isr.filter((id) => id !== brokerId),
    leaderEpoch: current.leaderEpoch + 1,
    controllerEpoch,
  }
}

function withoutAssigned(assignment: Assignment, brokerId: number): Assignment {
  const others = (ids: readonly number[]) => ids.filter((id) => id !== brokerId)
  return {
    replicas: others(assignment.replicas),
    adding: others(assignment.adding),
    removing: others(assignment.removing),
  }
}
