/**
 * ElectLeaders, v0-2: preferred (type 0), and from version 1 on unclean (1) elections. No list of
 * topics means all partitions (KIP-183, KIP-460).
 */

import { api, array, int8, int16, int32, nullableArray, nullableString, string } from '../types.ts'

export const electLeaders = api({
  key: 43,
  name: 'ElectLeaders',
  versions: '0-2',
  flexible: '2+',
  request: {
    electionType: int8('1+'),
    topicPartitions: nullableArray({ topic: string(), partitions: array(int32()) }),
    timeoutMs: int32({ default: 60000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16('1+'),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      }),
    }),
  },
})
