// IncrementalAlterConfigs, v0-1 (KIP-339): sets, deletes, appends to and subtracts from overrides; sets
// the levels of loggers.
import { incrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { alterResource, hasDuplicate, outcomeOf, repeated } from '../alter-resource.ts'
import { applyOperations } from '../config-alteration.ts'
import { handler } from '../handler.ts'
import { alterLoggers } from '../logger-config.ts'
import { ResourceType } from '../resource-types.ts'
import type { BrokerServices } from '../services.ts'

type Resource = RequestOf<typeof incrementalAlterConfigs>['resources'][number]

export const handleIncrementalAlterConfigs = handler(
  incrementalAlterConfigs,
  async (request, services) => ({
    responses: await Promise.all(
      request.resources.map((resource) =>
        hasDuplicate(request.resources, resource)
          ? repeated(resource)
          : alter(services, resource, request.validateOnly),
      ),
    ),
  }),
  (request, errorCode, errorMessage) => ({
    responses: request.resources.map(({ resourceType, resourceName }) => ({
      errorCode,
      errorMessage,
      resourceType,
      resourceName,
    })),
  }),
)

function alter(services: BrokerServices, resource: Resource, validateOnly: boolean) {
  const { brokerId, logLevels } = services
  const { resourceType, resourceName } = resource
  const operations = resource.configs.map(({ name, configOperation, value }) => ({
    name,
    operation: configOperation,
    value,
  }))
  if (resourceType !== ResourceType.BROKER_LOGGER || logLevels === null) {
    return alterResource(services, resource, validateOnly, (current) =>
      applyOperations(current, operations),
    )
  }
  return outcomeOf(resource, () =>
    alterLoggers(logLevels, brokerId, resourceName, operations, validateOnly),
  )
}
