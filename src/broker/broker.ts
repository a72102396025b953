/**
 * One broker: builds everything from ports and settings, starts it in the order of Kafka's
 * `KafkaServer`, and takes it down again. Wiring only; the rules live in the layers below.
 */
import type { Clock, Disk, Logger, Loggers, Random, Transport } from '../base/ports.ts'
import { createPersistentPaths, readOrCreateClusterId } from '../cluster/cluster-setup.ts'
import { ConfigChanges } from '../cluster/config-changes.ts'
import { MetadataCache } from '../cluster/image.ts'
import { Registration } from '../cluster/registration.ts'
import { StateWatcher } from '../cluster/state-watcher.ts'
import { TopicStore } from '../cluster/topic-store.ts'
import { KafkaController } from '../controller/kafka-controller.ts'
import { ClientChannel } from '../network/client-channel.ts'
import { ReplicaManager } from '../replication/replica-manager.ts'
import { LogManager } from '../storage/log-manager.ts'
import type { ZkClient } from '../zk/zk-client.ts'
import { ZkSession } from '../zk/zk-session.ts'
import { HANDLERS } from './apis/index.ts'
import type { BrokerConfig } from './config.ts'
import { ControllerChannel } from './controller-channel.ts'
import { Dispatcher } from './dispatch.ts'
import { ListenerSockets } from './listener-sockets.ts'
import { RequestMetrics } from './request-metrics.ts'

export interface BrokerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly transport: Transport
  readonly loggers: Loggers
  /** Makes a client for one ZooKeeper session. */
  readonly connectZooKeeper: (connect: string, sessionTimeoutMs: number) => ZkClient
}
