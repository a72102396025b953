/**
 * AlterPartition, v0-3: a leader asks the controller to change an ISR (KIP-497). Topic ids in place
 * of names from version 2 on, broker epochs of the members from 3 on (KIP-903).
 */

import { api, array, int8, int16, int32, int64, string, uuid } from '../types.ts'

export const alterPartition = api({
  key: 56,
  name: 'AlterPartition',
  versions: '0-3',
  flexible: '0+',
  request: {
    brokerId: int32(),
    brokerEpoch: int64({ default: -1 }),
    topics: array({
      topicName: string('0-1'),
      topicId: uuid('2+'),
      partitions: array({
        partitionIndex: int32(),
        leaderEpoch: int32(),
        newIsr: array(int32(), '0-2'),
        newIsrWithEpochs: array({ brokerId: int32(), brokerEpoch: int64({ default: -1 }) }, '3+'),
        leaderRecoveryState: int8('1+'),
        partitionEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    topics: array({
      topicName: string('0-1'),
      topicId: uuid('2+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        leaderId: int32(),
        leaderEpoch: int32(),
        isr: array(int32()),
        leaderRecoveryState: int8('1+'),
        partitionEpoch: int32(),
      }),
    }),
  },
})
