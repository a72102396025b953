/**
 * Changes the replica set of partitions step by step (KIP-455, Kafka's `onPartitionReassignment`).
 * The topic znode says at every moment where a reassignment comes from and goes to, so the next
 * controller finishes what this one leaves. The steps carry the names of Kafka's comments:
 * U1 to U3 record the goal, A1 and A2 start the new replicas, B1 to B8 complete.
 */

import type { Logger } from '../base/ports.ts'
import {
  isBeingReassigned,
  originalReplicas,
  sameAssignment,
  settled,
  targetReplicas,
} from './assignment.ts'
import {
  type Assignment,
  type ControllerContext,
  canMove,
  type Partition,
} from './controller-context.ts'
import { ControllerMovedError } from './epoch-fence.ts'
import type { PartitionStates } from './partition-states.ts'
import type { ReplicaStates } from './replica-states.ts'
import type { RequestBatch } from './request-batch.ts'
import type { StateWriter } from './state-writer.ts'
import type { TopicDeletion } from './topic-deletion.ts'
import type { TopicZnodes } from './topic-znodes.ts'

export interface ReassignmentPorts {
  readonly context: ControllerContext
  readonly writer: StateWriter
  readonly topicZnodes: TopicZnodes
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly topicDeletion: TopicDeletion
  readonly newBatch: () => RequestBatch
  /** Step B7: the legacy znode forgets the partition, when it names the same replicas. */
  readonly onComplete: (partition: Partition) => Promise<void>
  readonly log: Logger
}

export class Reassignment {
  readonly #ports: ReassignmentPorts

  constructor(ports: ReassignmentPorts) {
    this.#ports = ports
  }

  /** Starts, supersedes or continues. */
  async run(partition: Partition, assignment: Assignment): Promise<void> {
    const { topicDeletion } = this.#ports
    const waiting = canMove(partition) ? [partition.topic.name] : []
    topicDeletion.markIneligible(waiting, 'topic reassignment in progress')
    await this.#recordGoal(partition, assignment)
    if (isComplete(partition)) await this.#complete(partition)
    else await this.#startNewReplicas(partition)
  }

  /** After a failover, or when a broker starts that is a target. */
  async resume(matches: (partition: Partition) => boolean): Promise<void> {
    for (const partition of [...this.#ports.context.reassigning].filter(matches)) {
      try {
        await this.run(partition, partition.assignment)
      } catch (error) {
        // One that cannot go on must not take the others, or the whole reign, with it.
        if (error instanceof ControllerMovedError) throw error
        this.#ports.log.error(`Reassignment of partition ${partition} cannot be resumed`, error)
      }
    }
  }

  /** After a change of the ISR. */
  async maybeComplete(partitions: Iterable<Partition>): Promise<void> {
    for (const partition of partitions) {
      if (!this.#ports.context.reassigning.has(partition) || !isComplete(partition)) continue
      await this.run(partition, partition.assignment)
    }
  }

  async #recordGoal(partition: Partition, assignment: Assignment): Promise<void> {
    const { context, topicZnodes } = this.#ports
    const before = partition.assignment
    if (!sameAssignment(before, assignment)) {
      await topicZnodes.setAssignment(partition.topic, partition.number, assignment) // U1
      partition.assignment = assignment // U2
      const unneeded = before.replicas.filter((id) => !assignment.replicas.includes(id))
      await this.#stopReplicas(partition, unneeded) // U3
    }
    context.reassigning.add(partition)
  }

  async #startNewReplicas(partition: Partition): Promise<void> {
    await this.#bumpLeaderEpoch(partition) // A1
    const { adding } = partition.assignment
    const replicas = adding
      .filter((brokerId) => !partition.replicaStates.has(brokerId))
      .map((brokerId) => ({ partition, brokerId }))
    await this.#ports.replicaStates.move(replicas, 'new') // A2
  }

  async #complete(partition: Partition): Promise<void> {
    const { context, log, replicaStates, topicZnodes, topicDeletion, newBatch } = this.#ports
    const { adding, removing } = partition.assignment
    const target = settled(targetReplicas(partition.assignment))
    const added = adding.map((brokerId) => ({ partition, brokerId }))
    await replicaStates.move(added, 'online') // B1
    partition.assignment = target // B2
    await this.#moveLeaderIfRequired(partition) // B3
    await this.#stopReplicas(partition, removing) // B4, B5
    await topicZnodes.setAssignment(partition.topic, partition.number, target) // B6
    context.reassigning.delete(partition)
    await this.#ports.onComplete(partition) // B7
    const batch = newBatch()
    batch.updateMetadata(context.liveOrShuttingDownBrokerIds(), [partition]) // B8
    batch.send()
    log.info(`Reassignment of partition ${partition} to ${target.replicas.join(',')} is complete`)
    await topicDeletion.resumeFor([partition.topic.name])
  }

  async #moveLeaderIfRequired(partition: Partition): Promise<void> {
    const { context, log, partitionStates } = this.#ports
    const { replicas } = partition.assignment
    const leader = partition.leadership?.leader ?? -1
    if (replicas.includes(leader) && context.isReplicaOnline(partition, leader)) {
      await this.#bumpLeaderEpoch(partition)
      return
    }
    log.info(
      `Leader ${leader} of partition ${partition} being reassigned is not a live one of the new ` +
        `replicas ${replicas.join(',')}. Re-electing leader`,
    )
    await partitionStates.move([partition], 'online', { kind: 'reassign' })
  }

  /** A new epoch makes all replicas take note of the replica lists; leader and ISR stay. */
  async #bumpLeaderEpoch(partition: Partition): Promise<void> {
    const { context, writer, newBatch } = this.#ports
    for (;;) {
      const before = partition.leadership
      if (before === null) throw new Error(`partition ${partition} has no leadership to renew`)
      if (before.controllerEpoch > context.epoch) {
        throw new Error(`a controller of epoch ${before.controllerEpoch} wrote ${partition}`)
      }
      const leaderEpoch = before.leaderEpoch + 1
      const next = { ...before, leaderEpoch, controllerEpoch: context.epoch }
      const [outcome] = await writer.update([{ partition, next }])
      if (outcome?.kind === 'ok') {
        partition.leadership = outcome.leadership
        break
      }
      if (outcome?.kind !== 'conflict' || outcome.stored.kind !== 'ok') {
        throw new Error(`the leader epoch of partition ${partition} could not be raised`)
      }
      partition.leadership = outcome.stored.leadership
    }
    const { assignment, leadership } = partition
    const batch = newBatch()
    batch.leaderAndIsr(originalReplicas(assignment), partition, leadership, false)
    batch.leaderAndIsr(assignment.adding, partition, leadership, true)
    batch.send()
  }

  /** Out of the ISR, then off the broker; nobody waits for the answer (Kafka neither). */
  async #stopReplicas(partition: Partition, brokerIds: readonly number[]): Promise<void> {
    const replicas = brokerIds
      .filter((brokerId) => partition.replicaStates.has(brokerId))
      .map((brokerId) => ({ partition, brokerId }))
    const { replicaStates } = this.#ports
    await replicaStates.move(replicas, 'offline')
    await replicaStates.move(replicas, 'deletion-started')
    await replicaStates.move(replicas, 'deletion-successful')
    await replicaStates.move(replicas, 'non-existent')
  }
}

/** All targets are in sync, or there is nothing to add and to remove. */
function isComplete({ assignment, leadership }: Partition): boolean {
  if (!isBeingReassigned(assignment)) return true
  return targetReplicas(assignment).every((id) => leadership?.isr.includes(id) ?? false)
}
