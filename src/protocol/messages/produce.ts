/**
 * Produce, v0-11: append batches to partitions. Batches are v2 from version 3 on; 7 allows zstd, 8
 * adds errors of single records, 10 tells the new leader (KIP-951), 11 the answers of KIP-890.
 */

import {
  api,
  array,
  int16,
  int32,
  int64,
  nullableString,
  records,
  string,
  struct,
  tagged,
} from '../types.ts'

export const produce = api({
  key: 0,
  name: 'Produce',
  versions: '0-11',
  flexible: '9+',
  request: {
    transactionalId: nullableString('3+'),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string(),
      partitionData: array({ index: int32(), records: records() }),
    }),
  },
  response: {
    responses: array({
      name: string(),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64('2+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        recordErrors: array(
          { batchIndex: int32(), batchIndexErrorMessage: nullableString() },
          '8+',
        ),
        errorMessage: nullableString('8+'),
        currentLeader: tagged(
          0,
          struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '10+'),
        ),
      }),
    }),
    throttleTimeMs: int32('1+'),
    nodeEndpoints: tagged(
      0,
      array({ nodeId: int32(), host: string(), port: int32(), rack: nullableString() }, '10+'),
    ),
  },
})
