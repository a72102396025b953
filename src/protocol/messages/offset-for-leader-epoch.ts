/**
 * OffsetForLeaderEpoch, v0-4: where the log of an epoch ends, for truncation (KIP-101, KIP-279).
 * A replica id of -2 marks a client that is a debugging tool, -1 a consumer.
 */

import { api, array, int16, int32, int64, string } from '../types.ts'

export const offsetForLeaderEpoch = api({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: '0-4',
  flexible: '4+',
  request: {
    replicaId: int32('3+', { default: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('2+', { default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('2+'),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32('1+', { default: -1 }),
        endOffset: int64({ default: -1 }),
      }),
    }),
  },
})
