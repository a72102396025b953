/** Configs of topics and brokers: reading and changing them. */

import { describeConfigs } from '../protocol/messages/describe-configs.ts'
import { incrementalAlterConfigs } from '../protocol/messages/incremental-alter-configs.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'
import type { ClusterClient } from './cluster-client.ts'
import { throwIfError } from './kafka-error.ts'

export interface ConfigResource {
  readonly type: 'topic' | 'broker' | 'broker-logger'
  /** A topic, a broker id, or empty for the defaults of all brokers. */
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  /** Null when sensitive. */
  readonly value: string | null
  readonly readOnly: boolean
  readonly isSensitive: boolean
  readonly source: ConfigSource
  /** Where the value comes from, strongest first; empty unless asked for. */
  readonly synonyms: readonly ConfigSynonym[]
}

export interface ConfigSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: ConfigSource
}

export type ConfigSource =
  | 'UNKNOWN'
  | 'DYNAMIC_TOPIC_CONFIG'
  | 'DYNAMIC_BROKER_CONFIG'
  | 'DYNAMIC_DEFAULT_BROKER_CONFIG'
  | 'STATIC_BROKER_CONFIG'
  | 'DEFAULT_CONFIG'
  | 'DYNAMIC_BROKER_LOGGER_CONFIG'

/** By their ids in DescribeConfigs. */
const SOURCES: readonly ConfigSource[] = [
  'UNKNOWN',
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
  'DYNAMIC_BROKER_LOGGER_CONFIG',
]

const RESOURCE_TYPES = { topic: 2, broker: 4, 'broker-logger': 8 } as const

export type ConfigChange =
  | { readonly kind: 'set'; readonly name: string; readonly value: string }
  | { readonly kind: 'delete'; readonly name: string }

type Answer = ResponseOf<typeof describeConfigs>['results'][number]

export class ConfigAdmin {
  readonly #client: ClusterClient

  constructor(client: ClusterClient) {
    this.#client = client
  }

  /** Entries of each resource in the broker's order, keyed by resource name. */
  async describe(
    resources: readonly ConfigResource[],
    options: { readonly synonyms?: boolean } = {},
  ): Promise<Map<string, ConfigEntry[]>> {
    const entries = new Map<string, ConfigEntry[]>()
    // A broker tells only its own configs, so each is asked itself; anyone knows the rest.
    const own = resources.filter(isOneBroker)
    const common = resources.filter((resource) => !isOneBroker(resource))
    for (const group of [...own.map((resource) => [resource]), common]) {
      if (group.length === 0) continue
      const { results } = await this.#send(describeConfigs, group, 'describeConfigs', {
        resources: group.map(({ type, name }) => ({
          resourceType: RESOURCE_TYPES[type],
          resourceName: name,
          configurationKeys: null,
        })),
        includeSynonyms: options.synonyms ?? false,
      })
      for (const result of results) {
        throwIfError(result.errorCode, result.errorMessage)
        entries.set(result.resourceName, result.configs.map(toEntry))
      }
    }
    return entries
  }

  /** Changes single configs and leaves the others as they are. */
  async alter(resource: ConfigResource, changes: readonly ConfigChange[]): Promise<void> {
    const { responses } = await this.#send(
      incrementalAlterConfigs,
      [resource],
      'incrementalAlterConfigs',
      {
        resources: [
          {
            resourceType: RESOURCE_TYPES[resource.type],
            resourceName: resource.name,
            configs: changes.map((change) => ({
              name: change.name,
              configOperation: change.kind === 'set' ? 0 : 1,
              value: change.kind === 'set' ? change.value : null,
            })),
          },
        ],
        validateOnly: false,
      },
    )
    for (const { errorCode, errorMessage } of responses) throwIfError(errorCode, errorMessage)
  }

  #send<A extends Api>(
    api: A,
    resources: readonly ConfigResource[],
    callName: string,
    request: RequestInput<A>,
  ): Promise<ResponseOf<A>> {
    const resource = resources[0]!
    return isOneBroker(resource)
      ? this.#client.callBroker(callName, Number(resource.name), api, request)
      : this.#client.callAny(callName, api, request)
  }
}

function isOneBroker({ type, name }: ConfigResource): boolean {
  return type !== 'topic' && name !== ''
}

function toEntry(config: Answer['configs'][number]): ConfigEntry {
  return {
    name: config.name,
    value: config.value,
    readOnly: config.readOnly,
    isSensitive: config.isSensitive,
    source: SOURCES[config.configSource] ?? (config.isDefault ? 'DEFAULT_CONFIG' : 'UNKNOWN'),
    synonyms: config.synonyms.map(({ name, value, source }) => ({
      name,
      value,
      source: SOURCES[source] ?? 'UNKNOWN',
    })),
  }
}
