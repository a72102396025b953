/** What AlterConfigs and IncrementalAlterConfigs share: which resource, checks, the write. */
import { ErrorCode } from '../protocol/error-codes.ts'
import { brokerEntity, type ConfigEntity, topicEntity } from '../zk/znodes.ts'
import { checkTopicConfig } from './config-alteration.ts'
import { checkBrokerConfig } from './dynamic-config-checks.ts'
import { ApiError, errorCodeOf } from './handler.ts'
import { parsedId, ResourceType } from './resource-types.ts'
import type { BrokerServices } from './services.ts'

export interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

type NextConfig = (current: ReadonlyMap<string, string>) => ReadonlyMap<string, string>

/** Never rejects. */
export function alterResource(
  services: BrokerServices,
  resource: ConfigResource,
  validateOnly: boolean,
  next: NextConfig,
) {
  return outcomeOf(resource, async () => {
    const entity = entityOf(services, resource)
    const { configs } = services
    const checked: NextConfig = (current) => {
      const config = next(current)
      if (entity.type === 'topics') checkTopicConfig(resource.resourceName, config)
      else checkBrokerConfig(config, configs.layers, resource.resourceName === '')
      return config
    }
    if (validateOnly) checked(await configs.read(entity))
    else await configs.change(entity, checked)
  })
}

/** Never rejects: what went wrong is in the answer. */
export async function outcomeOf(resource: ConfigResource, change: () => Promise<void> | void) {
  try {
    await change()
    return answer(resource, ErrorCode.NONE, null)
  } catch (error) {
    return answer(resource, errorCodeOf(error), (error as Error).message)
  }
}

export function hasDuplicate(
  all: readonly ConfigResource[],
  { resourceType, resourceName }: ConfigResource,
) {
  const same = all.filter(
    (each) => each.resourceType === resourceType && each.resourceName === resourceName,
  )
  return same.length > 1
}

export function repeated(resource: ConfigResource) {
  return answer(resource, ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
}

function entityOf(
  services: BrokerServices,
  { resourceType, resourceName }: ConfigResource,
): ConfigEntity {
  if (resourceType === ResourceType.TOPIC) {
    if (resourceName === '') {
      throw new ApiError(ErrorCode.INVALID_REQUEST, 'Default topic resources are not allowed.')
    }
    if (!services.metadata.image.topics.has(resourceName)) {
      const message = `The topic '${resourceName}' does not exist.`
      throw new ApiError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message)
    }
    return topicEntity(resourceName)
  }
  if (resourceType === ResourceType.BROKER) {
    if (resourceName === '') return brokerEntity(null)
    if (parsedId(resourceName, 'Node') !== services.brokerId) {
      const message = `Unexpected broker id, expected ${services.brokerId}, but received ${resourceName}`
      throw new ApiError(ErrorCode.INVALID_REQUEST, message)
    }
    return brokerEntity(services.brokerId)
  }
  throw new ApiError(
    ErrorCode.INVALID_REQUEST,
    resourceType === ResourceType.CLIENT_METRICS
      ? 'AlterConfigs is only supported for topics and brokers, but resource type is CLIENT_METRICS'
      : `Unknown resource type ${resourceType}`,
  )
}

function answer(
  { resourceType, resourceName }: ConfigResource,
  errorCode: ErrorCode,
  errorMessage: string | null,
) {
  return { errorCode, errorMessage, resourceType, resourceName }
}
