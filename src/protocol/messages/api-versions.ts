/**
 * ApiVersions, v0-4: what a broker speaks. A version that is not known is answered in the layout of
 * version 0 (KIP-511); the response header never has tagged fields.
 */

import { api, array, bool, int16, int32, int64, string, tagged } from '../types.ts'

export const apiVersions = api({
  key: 18,
  name: 'ApiVersions',
  versions: '0-4',
  flexible: '3+',
  request: { clientSoftwareName: string('3+'), clientSoftwareVersion: string('3+') },
  response: {
    errorCode: int16(),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32('1+'),
    supportedFeatures: tagged(
      0,
      array({ name: string(), minVersion: int16(), maxVersion: int16() }, '3+'),
    ),
    finalizedFeaturesEpoch: tagged(1, int64('3+', { default: -1 })),
    finalizedFeatures: tagged(
      2,
      array({ name: string(), maxVersionLevel: int16(), minVersionLevel: int16() }, '3+'),
    ),
    zkMigrationReady: tagged(3, bool('3+')),
  },
})
