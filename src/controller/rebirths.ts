/**
 * Brokers whose process died and was started again while nobody reigned. A controller in office sees that
 * in the new epoch of a broker and takes it out of its ISRs first: it may have lost what was not on its
 * device. A new controller can see it too: a process that registered first after a partition state was
 * written is not the one that was meant. (Ours; Kafka's believes that such a broker has all it had, and
 * that a leader is the one it was. Its brokers do not tell a new process from a new session.)
 */

import type { Logger } from '../base/ports.ts'
import type { ControllerContext, Partition, Replica } from './controller-context.ts'
import { OFFLINE, type PartitionStates } from './partition-states.ts'
import type { ReplicaStates } from './replica-states.ts'

export interface RebirthPorts {
  readonly context: ControllerContext
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly log: Logger
}

export class Rebirths {
  readonly #ports: RebirthPorts
  /** Members of ISRs in a life that nobody has put there. */
  #reborn: Replica[] = []

  constructor(ports: RebirthPorts) {
    this.#ports = ports
  }

  /** `zxid`: of the last write of its state. */
  look(partition: Partition, zxid: number): void {
    const { brokers } = this.#ports.context
    for (const brokerId of partition.leadership?.isr ?? []) {
      const since = brokers.get(brokerId)?.processEpoch ?? -1
      if (since > zxid) this.#reborn.push({ partition, brokerId })
    }
  }

  /** Before the state machines start: they count as offline. */
  async begin(): Promise<void> {
    const { context, log, partitionStates } = this.#ports
    this.#reborn = this.#reborn.filter(({ partition }) => !context.isBeingDeleted(partition))
    if (this.#reborn.length === 0) return
    const names = this.#reborn.map(({ partition, brokerId }) => `${partition} on ${brokerId}`)
    log.info(`Members of ISRs that have had a restart since: ${names.join(', ')}`)
    const byPartition = Map.groupBy(this.#reborn, ({ partition }) => partition)
    const whole: Partition[] = []
    for (const [partition, replicas] of byPartition) {
      if (replicas.length === partition.leadership!.isr.length) whole.push(partition)
      else for (const { brokerId } of replicas) context.markOffline(partition, brokerId)
    }
    // Nobody has more than the others. The leader may have less than it had, though, and must not write
    // something else in the epoch in which its followers have the rest.
    for (const partition of whole) partition.state = 'offline'
    await partitionStates.move(whole, 'online', OFFLINE)
  }

  /** They are replicas as others are, and follow. */
  async end(): Promise<void> {
    const { context, replicaStates, partitionStates } = this.#ports
    const offline = this.#reborn.filter(({ partition, brokerId }) =>
      context.isOnOfflineDir(partition, brokerId),
    )
    this.#reborn = []
    if (offline.length === 0) return
    for (const { partition, brokerId } of offline) context.markOnline(partition, brokerId)
    await replicaStates.move(offline, 'online')
    await partitionStates.bringOnline()
  }
}
