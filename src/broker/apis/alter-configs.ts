// AlterConfigs, v0-2: replaces all overrides of a topic or a broker.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { alterConfigs } from '../../protocol/messages/alter-configs.ts'
import { alterResource, hasDuplicate, repeated } from '../alter-resource.ts'
import { ApiError, handler } from '../handler.ts'

export const handleAlterConfigs = handler(
  alterConfigs,
  async (request, services) => ({
    responses: await Promise.all(
      request.resources.map((resource) =>
        hasDuplicate(request.resources, resource)
          ? repeated(resource)
          : alterResource(services, resource, request.validateOnly, () => {
              const nulls = resource.configs.filter(({ value }) => value === null)
              if (nulls.length > 0) {
                const names = nulls.map(({ name }) => name).join(',')
                const message = `Null value not supported for : ${names}`
                throw new ApiError(ErrorCode.INVALID_REQUEST, message)
              }
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
