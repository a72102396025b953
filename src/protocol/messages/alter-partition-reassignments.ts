/**
 * AlterPartitionReassignments, v0 (KIP-455): new target replicas of partitions; null cancels.
 */

import { api, array, int16, int32, nullableArray, nullableString, string } from '../types.ts'

export const alterPartitionReassignments = api({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: '0',
  flexible: '0+',
  request: {
    timeoutMs: int32({ default: 60000 }),
    topics: array({
      name: string(),
      partitions: array({ partitionIndex: int32(), replicas: nullableArray(int32()) }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: nullableString(),
    responses: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      }),
    }),
  },
})
