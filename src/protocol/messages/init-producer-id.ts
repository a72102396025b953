/**
 * InitProducerId, v0-5: a producer id and epoch. From version 3 on a producer names what it had
 * before, to have its epoch bumped (KIP-360).
 */

import { api, int16, int32, int64, nullableString } from '../types.ts'

export const initProducerId = api({
  key: 22,
  name: 'InitProducerId',
  versions: '0-5',
  flexible: '2+',
  request: {
    transactionalId: nullableString(),
    transactionTimeoutMs: int32(),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
})
