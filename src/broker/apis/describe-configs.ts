// DescribeConfigs, v0-4: settings of topics and of this broker with where each value comes from, and
// the levels of its loggers.

import { topicNameProblem } from '../../cluster/topic-names.ts'
import { ErrorCode, errorMessage } from '../../protocol/error-codes.ts'
import { describeConfigs } from '../../protocol/messages/describe-configs.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { type ConfigEntry, ConfigSource } from '../config-description.ts'
import { ApiError, errorCodeOf, handler } from '../handler.ts'
import { describeLoggers } from '../logger-config.ts'
import { parsedId, ResourceType } from '../resource-types.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof describeConfigs>
type Resource = Request['resources'][number]

export const handleDescribeConfigs = handler(
  describeConfigs,
  async (request, services) => {
    if (!request.resources.every(({ resourceType }) => TYPES.has(resourceType))) {
      throw new ApiError(ErrorCode.INVALID_REQUEST, '')
    }
    const { resources } = request
    return {
      results: await Promise.all(resources.map((each) => describe(services, request, each))),
    }
  },
  (request, errorCode, message) => ({
    results: request.resources.map((resource) =>
      failed(resource, errorCode, message ?? errorMessage(errorCode)),
    ),
  }),
)

const TYPES: ReadonlySet<number> = new Set(Object.values(ResourceType))

async function describe(services: BrokerServices, request: Request, resource: Resource) {
  try {
    const wanted = resource.configurationKeys ?? []
    const entries = await entriesOf(services, resource)
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: '',
      resourceType: resource.resourceType,
      resourceName: resource.resourceName,
      configs: entries
        .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
        .map((entry) => answer(entry, request)),
    }
  } catch (error) {
    return failed(resource, errorCodeOf(error), (error as Error).message)
  }
}

function answer(entry: ConfigEntry, request: Request) {
  return {
    name: entry.name,
    value: entry.isSensitive ? null : entry.value,
    readOnly: entry.readOnly,
    configSource: entry.source,
    isSensitive: entry.isSensitive,
    synonyms: request.includeSynonyms ? entry.synonyms : [],
    configType: entry.type,
    documentation: documentationOf(entry, request),
  }
}

function documentationOf({ source, documentation }: ConfigEntry, request: Request) {
  if (source === ConfigSource.DYNAMIC_BROKER_LOGGER) return ''
  return request.includeDocumentation ? documentation || null : null
}

async function entriesOf(
  { configs, metadata, brokerId, logLevels }: BrokerServices,
  { resourceType, resourceName }: Resource,
): Promise<ConfigEntry[]> {
  if (resourceType === ResourceType.TOPIC) {
    const problem = topicNameProblem(resourceName)
    if (problem !== null) throw new ApiError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem)
    return configs.describeTopic(resourceName, metadata.image)
  }
  if (resourceType === ResourceType.BROKER) {
    if (resourceName === '') return configs.describeBrokerDefaults()
    if (parsedId(resourceName, 'Broker') !== brokerId) {
      const message = `Unexpected broker id, expected ${brokerId} or empty string, but received ${resourceName}`
      throw new ApiError(ErrorCode.INVALID_REQUEST, message)
    }
    return configs.describeBroker()
  }
  if (resourceType === ResourceType.BROKER_LOGGER && logLevels !== null) {
    return describeLoggers(logLevels, brokerId, resourceName)
  }
  throw new ApiError(
    ErrorCode.INVALID_REQUEST,
    'Config type client-metrics is only supported on KRaft clusters',
  )
}

function failed(resource: Resource, errorCode: ErrorCode, errorMessage: string | null) {
  const { resourceType, resourceName } = resource
  return { errorCode, errorMessage, resourceType, resourceName, configs: [] }
}
