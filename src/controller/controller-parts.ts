/**
 * Puts the pieces of one reign together. Each piece declares what it needs; here they get it. Parts
 * that call each other in a circle do so through a closure over the finished whole.
 */

import type { Clock, Logger, Loggers, Random } from '../base/ports.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import type { Features } from '../zk/znodes.ts'
import { BrokerChanges } from './broker-changes.ts'
import { BrokerChannels, type ChannelFactory } from './broker-channels.ts'
import { BrokerRegistry } from './broker-registry.ts'
import type { Mandate } from './candidacy.ts'
import { ControlResponses } from './control-responses.ts'
import { ControllerContext } from './controller-context.ts'
import type { ControllerActivity, ControllerStats } from './controller-stats.ts'
import { DeletionMarkers } from './deletion-markers.ts'
import { EpochFence } from './epoch-fence.ts'
import { supportsFeatures } from './features.ts'
import { LegacyRequests } from './legacy-requests.ts'
import { Notifications } from './notifications.ts'
import { PartitionStates } from './partition-states.ts'
import { Reassignment } from './reassignment.ts'
import { ReplicaStates } from './replica-states.ts'
import { RequestBatch } from './request-batch.ts'
import { StateWriter } from './state-writer.ts'
import { TopicChanges } from './topic-changes.ts'
import { TopicDeletion } from './topic-deletion.ts'
import { TopicZnodes } from './topic-znodes.ts'
import { findUncleanTopics } from './unclean-config.ts'

/** Read when needed: `uncleanLeaderElectionEnable` may change at run time. */
export interface ControllerConfig {
  readonly uncleanLeaderElectionEnable: boolean
  readonly deleteTopicEnable: boolean
  readonly autoLeaderRebalanceEnable: boolean
  readonly leaderImbalanceCheckIntervalSeconds: number
  readonly leaderImbalancePerBrokerPercentage: number
  /** Listener under which brokers find each other. */
  readonly interBrokerListenerName: string
  /** Listener for the requests of the controller; null: the inter-broker one. */
  readonly controlPlaneListenerName: string | null
}

export interface ControllerPorts {
  readonly brokerId: number
  readonly zk: ZkOperations
  /** Whether our ZooKeeper session is in doubt: then nothing is said to anybody. */
  readonly isFenced: () => boolean
  readonly clock: Clock
  readonly random: Random
  readonly loggers: Loggers
  readonly connect: ChannelFactory
  readonly config: () => ControllerConfig
  readonly stats: ControllerStats
}

/** Queues work of one reign; what is not begun when the reign ends is dropped. */
export type Enqueue = (
  name: string,
  activity: ControllerActivity,
  work: () => Promise<void>,
) => void

interface Foundation extends ControllerPorts {
  readonly context: ControllerContext
  readonly fence: EpochFence
  readonly writer: StateWriter
  readonly topicZnodes: TopicZnodes
  readonly channels: BrokerChannels
  readonly newBatch: () => RequestBatch
  /** Levels of the finalized features; set once `/feature` has been read. */
  readonly finalized: { levels: Features['levels'] }
  readonly enqueue: Enqueue
  readonly log: Logger
  readonly stateChangeLog: Logger
}

interface StateMachines {
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly topicDeletion: TopicDeletion
  readonly reassignment: Reassignment
  readonly legacy: LegacyRequests
}

interface Reactions {
  readonly registry: BrokerRegistry
  readonly brokerChanges: BrokerChanges
  readonly topicChanges: TopicChanges
  readonly deletionMarkers: DeletionMarkers
  readonly notifications: Notifications
  readonly responses: ControlResponses
}

export interface ControllerParts extends Foundation, StateMachines, Reactions {}

export function makeControllerParts(
  ports: ControllerPorts,
  mandate: Mandate,
  enqueue: Enqueue,
  onRefused: ConstructorParameters<typeof BrokerChannels>[2]['onRefused'],
): ControllerParts {
  const foundation = makeFoundation(ports, mandate, enqueue, {
    onResponse: (brokerId, response) => parts.responses.onResponse(brokerId, response),
    onRefused,
    onOverrun: (brokerId) =>
      enqueue('BrokerOverrun', 'BrokerChange', () => parts.brokerChanges.onBrokerOverrun(brokerId)),
    onAllTold: () => ports.stats.onAllTold(),
  })
  const machines = makeStateMachines(foundation)
  const parts: ControllerParts = {
    ...foundation,
    ...machines,
    ...makeReactions({ ...foundation, ...machines }),
  }
  return parts
}

function makeFoundation(
  ports: ControllerPorts,
  mandate: Mandate,
  enqueue: Enqueue,
  channelEvents: ConstructorParameters<typeof BrokerChannels>[2],
): Foundation {
  const { brokerId, zk, loggers } = ports
  const { interBrokerListenerName, controlPlaneListenerName } = ports.config()
  const log = loggers.get('kafka.controller.KafkaController', `[Controller id=${brokerId}] `)
  const epochPrefix = `[Controller id=${brokerId} epoch=${mandate.epoch}] `
  const stateChangeLog = loggers.get('state.change.logger', epochPrefix)
  const context = new ControllerContext(mandate.epoch)
  const fence = new EpochFence(zk, mandate.epochZkVersion)
  const listener = controlPlaneListenerName ?? interBrokerListenerName
  const channels = new BrokerChannels({ ...ports, log }, listener, channelEvents)
  const batchOptions = { controllerId: brokerId, interBrokerListener: interBrokerListenerName }
  return {
    ...ports,
    context,
    fence,
    writer: new StateWriter(zk, fence),
    topicZnodes: new TopicZnodes(zk, fence),
    channels,
    newBatch: () => new RequestBatch(context, channels, stateChangeLog, batchOptions),
    finalized: { levels: new Map() },
    enqueue,
    log,
    stateChangeLog,
  }
}

function makeStateMachines(foundation: Foundation): StateMachines {
  const { zk, config, log, enqueue } = foundation
  const partitionStates = new PartitionStates({
    ...foundation,
    uncleanTopics: (topics) =>
      findUncleanTopics(zk, topics, config().uncleanLeaderElectionEnable, log),
  })
  const replicaStates = new ReplicaStates(foundation)
  const shared = { ...foundation, partitionStates, replicaStates }
  const topicDeletion = new TopicDeletion({
    ...shared,
    onDeleted: (name) => legacy.forgetReassignments(({ topic }) => topic === name),
  })
  const reassignment = new Reassignment({
    ...shared,
    topicDeletion,
    onComplete: (partition) => legacy.onReassignmentComplete(partition),
  })
  const legacy = new LegacyRequests({
    ...shared,
    reassignment,
    onReassignmentZnode: () =>
      enqueue('ZkPartitionReassignment', 'AlterPartitionReassignment', async () => {
        await legacy.processReassignments()
      }),
    onPreferredElectionZnode: () =>
      enqueue('ReplicaLeaderElection', 'ManualLeaderBalance', () =>
        legacy.processPreferredElection(),
      ),
  })
  return { partitionStates, replicaStates, topicDeletion, reassignment, legacy }
}

function makeReactions(below: Foundation & StateMachines): Reactions {
  const { zk, config, log, enqueue, finalized } = below
  const registry = new BrokerRegistry(zk, log, {
    onBrokersChanged: () =>
      enqueue('BrokerChange', 'BrokerChange', () => brokerChanges.onBrokerChange()),
    onBrokerModified: (brokerId) =>
      enqueue('BrokerModifications', 'BrokerChange', () =>
        brokerChanges.onBrokerModified(brokerId),
      ),
  })
  const brokerChanges = new BrokerChanges({
    ...below,
    registry,
    isCompatible: (broker) => supportsFeatures(broker, finalized.levels),
  })
  const topicChanges = new TopicChanges({
    ...below,
    onTopicsChanged: () =>
      enqueue('TopicChange', 'TopicChange', () => topicChanges.onTopicsChanged()),
    onTopicModified: (topic) =>
      enqueue('PartitionModifications', 'TopicChange', () => topicChanges.onTopicModified(topic)),
  })
  const deletionMarkers = new DeletionMarkers({
    ...below,
    isDeletionEnabled: () => config().deleteTopicEnable,
    learnTopics: () => topicChanges.onTopicsChanged(),
    onMarkersChanged: () =>
      enqueue('TopicDeletion', 'TopicDeletion', () => deletionMarkers.onMarkersChanged()),
  })
  const notifications = new Notifications(below)
  const responses = new ControlResponses({ ...below, brokerChanges })
  return { registry, brokerChanges, topicChanges, deletionMarkers, notifications, responses }
}
