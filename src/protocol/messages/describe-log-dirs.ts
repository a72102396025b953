/** DescribeLogDirs, v0-4: sizes and lags of the logs of a broker (KIP-113, KIP-827). */

import { api, array, bool, int16, int32, int64, nullableArray, string } from '../types.ts'

export const describeLogDirs = api({
  key: 35,
  name: 'DescribeLogDirs',
  versions: '0-4',
  flexible: '2+',
  request: { topics: nullableArray({ topic: string(), partitions: array(int32()) }) },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16('3+'),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64('4+', { default: -1 }),
      usableBytes: int64('4+', { default: -1 }),
    }),
  },
})
