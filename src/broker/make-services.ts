/** What handlers may use, from the parts of a broker. */

import type { MetadataCache } from '../cluster/image.ts'
import { MissedDeletions } from '../cluster/missed-deletions.ts'
import type { Registration } from '../cluster/registration.ts'
import { topicNameProblem } from '../cluster/topic-names.ts'
import { TopicStore } from '../cluster/topic-store.ts'
import type { KafkaController } from '../controller/kafka-controller.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { allocateProducerIds } from '../protocol/messages/allocate-producer-ids.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { LogManager } from '../storage/log-manager.ts'
import type { ZkSession } from '../zk/zk-session.ts'
import { featurePath } from '../zk/znodes.ts'
import { HANDLERS } from './apis/index.ts'
import { AutoTopicCreation } from './auto-topic-creation.ts'
import type { BrokerPorts } from './broker.ts'
import type { BrokerConfig } from './config.ts'
import type { ConfigService } from './config-service.ts'
import type { ControllerChannel } from './controller-channel.ts'
import { ProducerIds } from './producer-ids.ts'
import type { BrokerServices } from './services.ts'
import { topicConfigProblem } from './topic-config.ts'
import { TopicCreator } from './topic-creation.ts'
import { untilImage } from './until-image.ts'

/** What a broker builds before the parts that need each other. */
export interface BuildContext {
  readonly brokerId: number
  readonly clusterId: string
  readonly zk: ZkSession
  readonly configs: ConfigService
  readonly logs: LogManager
  readonly metadata: MetadataCache
  readonly registration: Registration
}

export interface Minds {
  readonly controllerChannel: ControllerChannel
  readonly replicas: ReplicaManager
  readonly controller: KafkaController
}

export function makeServices(
  ports: BrokerPorts,
  config: BrokerConfig,
  context: BuildContext,
  { controllerChannel, replicas, controller }: Minds,
): BrokerServices {
  const { brokerId, clusterId, zk, configs, logs, metadata, registration } = context
  const { clock, random, disk, loggers } = ports
  const topics = makeTopicCreator(ports, config, context)
  metadata.onTopicDeleted((topic) => configs.forgetTopic(topic))
  const stateChangeLog = loggers.get('state.change.logger', `[Broker id=${brokerId}] `)
  let featuresEpoch = -1
  void zk.exists(featurePath).then((stat) => {
    featuresEpoch = stat?.version ?? -1
  }, ignore)
  return {
    brokerId,
    clusterId,
    config,
    clock,
    random,
    disk,
    metadata,
    replicas,
    logs,
    controller,
    configs,
    topics,
    missedDeletions: new MissedDeletions({
      zk,
      metadata,
      logger: stateChangeLog,
      onDeleted: (partitions) => replicas.onPartitionsDeletedFromMetadata(partitions),
    }),
    stateChangeLog,
    logLevels: ports.logLevels ?? null,
    autoTopics: new AutoTopicCreation(
      () => config['auto.create.topics.enable'],
      (name) => topicNameProblem(name) === null,
      (name) => topics.createWithDefaults(name),
    ),
    producerIds: makeProducerIds(ports, context, controllerChannel),
    apiRanges: HANDLERS.map(({ api }) => ({
      apiKey: api.key,
      minVersion: api.versions.min,
      maxVersion: api.versions.max,
    })),
    finalizedFeaturesEpoch: () => featuresEpoch,
    isStaleBrokerEpoch: (epoch) => epoch >= 0 && epoch < registration.brokerEpoch,
    untilImage: (condition, timeoutMs) => untilImage(clock, metadata, condition, timeoutMs),
  }
}

function makeTopicCreator(
  { random }: BrokerPorts,
  config: BrokerConfig,
  { zk, metadata }: BuildContext,
): TopicCreator {
  return new TopicCreator({
    store: new TopicStore(zk, random),
    metadata,
    random,
    defaults: () => ({
      partitions: config['num.partitions'],
      replicationFactor: config['default.replication.factor'],
    }),
    configProblem: topicConfigProblem,
  })
}

function makeProducerIds(
  { clock }: BrokerPorts,
  { brokerId, registration }: BuildContext,
  channel: ControllerChannel,
): ProducerIds {
  return new ProducerIds(clock, async () => {
    try {
      const { brokerEpoch } = registration
      const answer = await channel.send(allocateProducerIds, 0, { brokerId, brokerEpoch })
      if (answer.errorCode !== ErrorCode.NONE) {
        return { kind: 'error', reason: `error ${answer.errorCode}` }
      }
      const block = { start: answer.producerIdStart, length: answer.producerIdLen }
      return { kind: 'ok', block }
    } catch (error) {
      return { kind: 'error', reason: (error as Error).message }
    }
  })
}

function ignore(): void {}
