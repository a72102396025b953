// ApiVersions, v0-4. The list is derived from the handlers, so nothing is advertised by accident.
// A version that is not known never gets here: the dispatcher answers it in the v0 format (KIP-511).
import { ErrorCode } from '../../protocol/error-codes.ts'
import { apiVersions } from '../../protocol/messages/api-versions.ts'
import { handler } from '../handler.ts'

const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

export const handleApiVersions = handler(
  apiVersions,
  (request, { apiRanges, finalizedFeaturesEpoch }, { version }) => {
    if (
      version >= 3 &&
      !(
        SOFTWARE_NAME.test(request.clientSoftwareName) &&
        SOFTWARE_NAME.test(request.clientSoftwareVersion)
      )
    ) {
      return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
    }
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: [...apiRanges],
      finalizedFeaturesEpoch: finalizedFeaturesEpoch(),
    }
  },
  (_request, code) => ({ errorCode: code, apiKeys: [] }),
)
