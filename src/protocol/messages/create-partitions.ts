/** CreatePartitions, v0-3: `count` is the new total of a topic. */

import { api, array, bool, int16, int32, nullableArray, nullableString, string } from '../types.ts'

export const createPartitions = api({
  key: 37,
  name: 'CreatePartitions',
  versions: '0-3',
  flexible: '2+',
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: nullableArray({ brokerIds: array(int32()) }),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({ name: string(), errorCode: int16(), errorMessage: nullableString() }),
  },
})
