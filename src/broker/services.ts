/**
 * What handlers may use of the broker they run in. `broker.ts` builds it once; tests build their own.
 */
import type { Clock, Disk, Logger, Random } from '../base/ports.ts'
import type { MetadataCache } from '../cluster/image.ts'
import type { MissedDeletions } from '../cluster/missed-deletions.ts'
import type { KafkaController } from '../controller/kafka-controller.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { LogManager } from '../storage/log-manager.ts'
import type { AutoTopicCreation } from './auto-topic-creation.ts'
import type { BrokerConfig } from './config.ts'
import type { ConfigService } from './config-service.ts'
import type { LogLevels } from './log-levels.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { TopicCreator } from './topic-creation.ts'

export interface ApiRange {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

export interface BrokerServices {
  readonly brokerId: number
  readonly clusterId: string
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly metadata: MetadataCache
  readonly missedDeletions: MissedDeletions
  readonly replicas: ReplicaManager
  readonly logs: LogManager
  readonly controller: KafkaController
  readonly configs: ConfigService
  readonly topics: TopicCreator
  /** What the controller made us do. */
  readonly stateChangeLog: Logger
  /** Null: levels of loggers cannot be seen or changed here. */
  readonly logLevels: LogLevels | null
  readonly autoTopics: AutoTopicCreation
  readonly producerIds: ProducerIds
  /** Every API of this broker with its versions, for ApiVersions. */
  readonly apiRanges: readonly ApiRange[]
  /** Version of the `/feature` znode, -1 before it was read. */
  finalizedFeaturesEpoch(): number
  /** True for an epoch of an earlier life of this broker; -1 is never stale (KIP-380). */
  isStaleBrokerEpoch(epoch: number): boolean
  /** Waits for the image to satisfy a condition; false when `timeoutMs` passed first. */
  untilImage(condition: () => boolean, timeoutMs: number): Promise<boolean>
}
