/**
 * Fetch, v0-17: consumers and followers read batches. 4 adds transactions, 7 sessions (KIP-227), 9
 * leader epochs (KIP-320), 11 follower fetching (KIP-392), 12 the epoch of the last record read
 * (KIP-595), 13 topic ids in place of names, 15 the broker epoch of a follower (KIP-903), 16 the
 * endpoints of new leaders (KIP-951), 17 the directory of a follower.
 */

import {
  api,
  array,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  records,
  string,
  struct,
  tagged,
  uuid,
} from '../types.ts'

export const fetch = api({
  key: 1,
  name: 'Fetch',
  versions: '0-17',
  flexible: '12+',
  request: {
    replicaId: int32('0-14', { default: -1 }),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32('3+', { default: 0x7fff_ffff }),
    isolationLevel: int8('4+'),
    sessionId: int32('7+'),
    sessionEpoch: int32('7+', { default: -1 }),
    topics: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('9+', { default: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32('12+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: tagged(0, uuid('17+')),
      }),
    }),
    forgottenTopicsData: array(
      { topic: string('7-12'), topicId: uuid('13+'), partitions: array(int32()) },
      '7+',
    ),
    rackId: string('11+'),
    clusterId: tagged(0, nullableString('12+')),
    replicaState: tagged(
      1,
      struct({ replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) }, '15+'),
    ),
  },
  response: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('7+'),
    sessionId: int32('7+'),
    responses: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64('4+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        abortedTransactions: nullableArray({ producerId: int64(), firstOffset: int64() }, '4+'),
        preferredReadReplica: int32('11+', { default: -1 }),
        records: records(),
        divergingEpoch: tagged(
          0,
          struct({ epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) }, '12+'),
        ),
        currentLeader: tagged(
          1,
          struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '12+'),
        ),
        snapshotId: tagged(
          2,
          struct({ endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) }, '12+'),
        ),
      }),
    }),
    nodeEndpoints: tagged(
      0,
      array({ nodeId: int32(), host: string(), port: int32(), rack: nullableString() }, '16+'),
    ),
  },
})
