/**
 * StopReplica, v0-4: the controller takes replicas away from a broker. Three layouts: a flat list
 * (0), topics with partition numbers (1, 2), topics with partition states (3 and later), where each
 * partition has its leader epoch and says whether its log is deleted.
 */

import { api, array, bool, int16, int32, int64, string } from '../types.ts'

export const stopReplica = api({
  key: 5,
  name: 'StopReplica',
  versions: '0-4',
  flexible: '2+',
  request: {
    controllerId: int32(),
    isKRaftController: bool('4+'),
    controllerEpoch: int32(),
    brokerEpoch: int64('1+', { default: -1 }),
    deletePartitions: bool('0-2'),
    ungroupedPartitions: array({ topicName: string(), partitionIndex: int32() }, '0'),
    topics: array({ name: string(), partitionIndexes: array(int32()) }, '1-2'),
    topicStates: array(
      {
        topicName: string(),
        partitionStates: array({
          partitionIndex: int32(),
          leaderEpoch: int32({ default: -1 }),
          deletePartition: bool(),
        }),
      },
      '3+',
    ),
  },
  response: {
    errorCode: int16(),
    partitionErrors: array({ topicName: string(), partitionIndex: int32(), errorCode: int16() }),
  },
})
