// IncrementalAlterConfigs, v0-1 (KIP-339): sets, deletes, appends to and subtracts from overrides.
import { incrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts'
import { alterResource, hasDuplicate, repeated } from '../alter-resource.ts'
import { applyOperations } from '../config-alteration.ts'
import { handler } from '../handler.ts'

export const handleIncrementalAlterConfigs = handler(
  incrementalAlterConfigs,
  async (request, services) => ({
    responses: await Promise.all(
      request.resources.map((resource) =>
        hasDuplicate(request.resources, resource)
          ? repeated(resource)
          : alterResource(services, resource, request.validateOnly, (current) =>
              applyOperations(
                current,
                resource.configs.map(({ name, configOperation, value }) => ({
                  name,
                  operation: configOperation,
                  value,
                })),
              ),
            ),
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
