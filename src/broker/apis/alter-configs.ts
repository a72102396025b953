// AlterConfigs, v0-2: replaces all overrides of a topic or a broker.
import { alterConfigs } from '../../protocol/messages/alter-configs.ts'
import { alterResource, hasDuplicate, repeated } from '../alter-resource.ts'
import { checkOperations, SET } from '../config-alteration.ts'
import { handler } from '../handler.ts'

export const handleAlterConfigs = handler(
  alterConfigs,
  async (request, services) => ({
    responses: await Promise.all(
      request.resources.map((resource) =>
        hasDuplicate(request.resources, resource)
          ? repeated(resource)
          : alterResource(services, resource, request.validateOnly, () => {
              checkOperations(resource.configs.map((each) => ({ ...each, operation: SET })))
              return new Map(resource.configs.map(({ name, value }) => [name, value ?? '']))
            }),
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
