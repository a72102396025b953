/**
 * Settings that live in ZooKeeper: overrides of topics (`/config/topics/T`) and of brokers. Read once
 * at the start, again when a change is announced; written for AlterConfigs.
 */
import type { ClusterImage } from '../cluster/image.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { LogConfig } from '../storage/log-config.ts'
import {
  isZkError,
  ZkError,
  type ZkErrorName,
  type ZkOp,
  type ZkOperations,
} from '../zk/zk-client.ts'
import {
  brokerEntity,
  type ConfigEntity,
  configChangePrefix,
  configEntityPath,
  decodeConfig,
  encodeConfig,
  encodeConfigChange,
  parentPath,
  topicEntity,
} from '../zk/znodes.ts'
import {
  type ConfigEntry,
  describeBrokerConfig,
  describeBrokerDefaults,
  describeTopicConfig,
} from './config-description.ts'
import { ApiError } from './handler.ts'
import { type BrokerConfigLayers, logConfigOf } from './topic-config.ts'

interface StoredConfig {
  readonly config: ReadonlyMap<string, string>
  /** Of the znode. */
  readonly version: number
}

export class ConfigService {
  readonly #zk: ZkOperations
  readonly #brokerId: number
  readonly #given: ReadonlyMap<string, string>
  #dynamic: ReadonlyMap<string, string> = new Map()
  #dynamicDefault: ReadonlyMap<string, string> = new Map()
  readonly #topics = new Map<string, ReadonlyMap<string, string>>()

  constructor(zk: ZkOperations, brokerId: number, given: ReadonlyMap<string, string>) {
    this.#zk = zk
    this.#brokerId = brokerId
    this.#given = given
  }

  get layers(): BrokerConfigLayers {
    return { given: this.#given, dynamic: this.#dynamic, dynamicDefault: this.#dynamicDefault }
  }

  /** Whether the overrides of a topic were ever read. */
  knows(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** What is set for a topic, as last read; empty when nothing is known. */
  overridesOf(topic: string): ReadonlyMap<string, string> {
    return this.#topics.get(topic) ?? new Map()
  }

  logConfigOf(topic: string): LogConfig {
    return logConfigOf(this.layers, this.overridesOf(topic))
  }

  describeTopicOverrides(overrides: ReadonlyMap<string, string>): ConfigEntry[] {
    return describeTopicConfig(this.layers, overrides)
  }

  /** Throws `ApiError` for a topic that nobody knows. */
  async describeTopic(topic: string, image: ClusterImage): Promise<ConfigEntry[]> {
    if (!image.topics.has(topic)) throw new ApiError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, '')
    await this.loadTopic(topic)
    return describeTopicConfig(this.layers, this.overridesOf(topic))
  }

  describeBroker(): ConfigEntry[] {
    return describeBrokerConfig(this.layers)
  }

  describeBrokerDefaults(): ConfigEntry[] {
    return describeBrokerDefaults(this.layers)
  }

  async loadBroker(): Promise<void> {
    this.#dynamicDefault = await this.read(brokerEntity(null))
    this.#dynamic = await this.read(brokerEntity(this.#brokerId))
  }

  /** A topic without the znode of its settings is deleted, or is made without any. */
  async loadTopic(topic: string): Promise<void> {
    const stored = await this.#find(topicEntity(topic))
    if (stored === null) this.#topics.delete(topic)
    else this.#topics.set(topic, stored.config)
  }

  /** It is deleted: a later one of the same name has settings of its own. */
  forgetTopic(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Empty when there is none, or when the znode is garbage. */
  async read(entity: ConfigEntity): Promise<ReadonlyMap<string, string>> {
    return (await this.#find(entity))?.config ?? new Map()
  }

  /** Null without a znode. */
  async #find(entity: ConfigEntity): Promise<StoredConfig | null> {
    try {
      const { data, stat } = await this.#zk.get(configEntityPath(entity))
      const decoded = decodeConfig(data)
      const config = decoded.kind === 'ok' ? decoded.value : new Map<string, string>()
      return { config, version: stat.version }
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return null
      throw error
    }
  }

  /**
   * Changes the overrides of an entity and announces that to every broker: both or neither. `next` is
   * asked again when somebody else has changed them meanwhile.
   */
  async change(
    entity: ConfigEntity,
    next: (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>,
  ): Promise<void> {
    const path = configEntityPath(entity)
    const announced: ZkOp = {
      kind: 'create',
      path: configChangePrefix,
      data: encodeConfigChange(entity),
      mode: 'persistent-sequential',
    }
    for (;;) {
      const stored = await this.#find(entity)
      const data = encodeConfig(next(stored?.config ?? new Map()))
      const written: ZkOp =
        stored === null
          ? { kind: 'create', path, data, mode: 'persistent' }
          : { kind: 'set', path, data, version: stored.version }
      const result = await this.#zk.multi([written, announced])
      if (result.kind === 'ok') return
      const error = result.errors.find((each) => each !== null) ?? 'SYSTEM_ERROR'
      if (stored === null && error === 'NO_NODE') {
        await this.#zk.create(parentPath(path), null, 'persistent').catch(ignoreExisting)
      } else if (!MADE_OR_CHANGED.has(error)) {
        throw new ZkError(error, path)
      }
    }
  }
}

/** Somebody else was faster. */
const MADE_OR_CHANGED: ReadonlySet<ZkErrorName> = new Set(['BAD_VERSION', 'NODE_EXISTS', 'NO_NODE'])

function ignoreExisting(error: unknown): void {
  if (!isZkError(error, 'NODE_EXISTS')) throw error
}
