/**
 * ListOffsets, v0-9: offsets by time. Version 0 gives a list of segment base offsets, later ones a
 * single offset. 2 adds isolation, 4 leader epochs, 7 the maximal timestamp (KIP-734), 8 the local
 * log start and 9 the last tiered offset.
 */

import { api, array, int8, int16, int32, int64, string } from '../types.ts'

export const listOffsets = api({
  key: 2,
  name: 'ListOffsets',
  versions: '0-9',
  flexible: '6+',
  request: {
    replicaId: int32(),
    isolationLevel: int8('2+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32('4+', { default: -1 }),
        timestamp: int64(),
        maxNumOffsets: int32('0', { default: 1 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('2+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        oldStyleOffsets: array(int64(), '0'),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
})
