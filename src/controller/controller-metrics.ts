/**
 * The gauges of `kafka.controller`, computed when asked for. All zero on an inactive controller.
 */

import type { Controller } from './controller.ts'
import type { Partition } from './controller-context.ts'
import { type ControllerStats, controllerActivities } from './controller-stats.ts'
import { imbalanceCount } from './leader-elections.ts'

export interface ControllerMetrics {
  readonly activeControllerCount: number
  readonly offlinePartitionsCount: number
  readonly preferredReplicaImbalanceCount: number
  readonly globalTopicCount: number
  readonly globalPartitionCount: number
  readonly topicsToDeleteCount: number
  readonly replicasToDeleteCount: number
  readonly topicsIneligibleToDeleteCount: number
  readonly replicasIneligibleToDeleteCount: number
  readonly activeBrokerCount: number
  readonly fencedBrokerCount: number
  /** Position of the present activity in `controllerActivities`. */
  readonly controllerState: number
  readonly eventQueueSize: number
  /** Requests that wait, by broker. */
  readonly queueSizes: ReadonlyMap<number, number>
}

export function controllerMetrics(
  reign: Controller | null,
  stats: ControllerStats,
  eventQueueSize: number,
): ControllerMetrics {
  const controllerState = controllerActivities.indexOf(stats.activity)
  if (reign === null) return { ...ZERO, controllerState, eventQueueSize }
  const { context, channels } = reign.parts
  const partitions = [...context.partitions()]
  const deleting = partitions.filter((partition) => context.isBeingDeleted(partition))
  const isOffline = (partition: Partition) =>
    !context.isBeingDeleted(partition) &&
    (partition.state === 'offline' || partition.state === 'new')
  return {
    activeControllerCount: 1,
    offlinePartitionsCount: partitions.filter(isOffline).length,
    preferredReplicaImbalanceCount: imbalanceCount(context),
    globalTopicCount: context.topics.size,
    globalPartitionCount: partitions.length,
    topicsToDeleteCount: context.deletionQueued.size,
    replicasToDeleteCount: count(deleting, (state) => state !== 'deletion-successful'),
    topicsIneligibleToDeleteCount: context.deletionIneligible.size,
    replicasIneligibleToDeleteCount: count(deleting, (state) => state === 'deletion-ineligible'),
    activeBrokerCount: context.brokers.size,
    fencedBrokerCount: 0,
    controllerState,
    eventQueueSize,
    queueSizes: channels.queueSizes(),
  }
}

const ZERO: ControllerMetrics = {
  activeControllerCount: 0,
  offlinePartitionsCount: 0,
  preferredReplicaImbalanceCount: 0,
  globalTopicCount: 0,
  globalPartitionCount: 0,
  topicsToDeleteCount: 0,
  replicasToDeleteCount: 0,
  topicsIneligibleToDeleteCount: 0,
  replicasIneligibleToDeleteCount: 0,
  activeBrokerCount: 0,
  fencedBrokerCount: 0,
  controllerState: 0,
  eventQueueSize: 0,
  queueSizes: new Map(),
}

function count(partitions: readonly Partition[], matches: (state: string) => boolean): number {
  let total = 0
  for (const { replicaStates } of partitions) {
    for (const state of replicaStates.values()) if (matches(state)) total += 1
  }
  return total
}
