/** From settings to the options of the parts. */
import type { ControllerConfig } from '../controller/controller-parts.ts'
import type { ReplicaManagerOptions } from '../replication/replica-manager.ts'
import type { BrokerConfig } from './config.ts'
import { interBrokerListener } from './listeners.ts'

const RACK_AWARE_SELECTOR = 'org.apache.kafka.common.replica.RackAwareReplicaSelector'

export function replicaManagerOptions(
  config: BrokerConfig,
  brokerId: number,
): ReplicaManagerOptions {
  return {
    brokerId,
    replicaLagTimeMaxMs: config['replica.lag.time.max.ms'],
    replicaFetchWaitMaxMs: config['replica.fetch.wait.max.ms'],
    replicaFetchMinBytes: config['replica.fetch.min.bytes'],
    replicaFetchMaxBytes: config['replica.fetch.max.bytes'],
    replicaFetchResponseMaxBytes: config['replica.fetch.response.max.bytes'],
    replicaFetchBackoffMs: config['replica.fetch.backoff.ms'],
    numReplicaFetchers: config['num.replica.fetchers'],
    fetchMaxBytes: config['fetch.max.bytes'],
    maxIncrementalFetchSessionCacheSlots: config['max.incremental.fetch.session.cache.slots'],
    highWatermarkCheckpointIntervalMs: config['replica.high.watermark.checkpoint.interval.ms'],
    rackAwareReplicaSelector: config['replica.selector.class'] === RACK_AWARE_SELECTOR,
  }
}

export function controllerConfig(
  config: BrokerConfig,
  isUncleanAllowed: boolean,
): ControllerConfig {
  return {
    uncleanLeaderElectionEnable: isUncleanAllowed,
    deleteTopicEnable: config['delete.topic.enable'],
    autoLeaderRebalanceEnable: config['auto.leader.rebalance.enable'],
    leaderImbalanceCheckIntervalSeconds: config['leader.imbalance.check.interval.seconds'],
    leaderImbalancePerBrokerPercentage: config['leader.imbalance.per.broker.percentage'],
    interBrokerListenerName: interBrokerListener(config),
    controlPlaneListenerName: config['control.plane.listener.name'],
  }
}
