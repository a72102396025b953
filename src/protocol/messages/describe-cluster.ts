/** DescribeCluster, v0-1 (KIP-700). */

import { api, array, bool, int8, int16, int32, nullableString, string } from '../types.ts'

export const describeCluster = api({
  key: 60,
  name: 'DescribeCluster',
  versions: '0-1',
  flexible: '0+',
  request: { includeClusterAuthorizedOperations: bool(), endpointType: int8('1+', { default: 1 }) },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullableString(),
    endpointType: int8('1+', { default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array({ brokerId: int32(), host: string(), port: int32(), rack: nullableString() }),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
})
