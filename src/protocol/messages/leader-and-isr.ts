/**
 * LeaderAndIsr, v0-7: the controller tells a broker the roles of its replicas. Grouped by topic
 * from version 2 on, with topic ids from 5 on, where `type` tells a full set (1) from a partial one
 * (0).
 */

import { api, array, bool, int8, int16, int32, int64, string, uuid } from '../types.ts'

const leaderAndIsrPartitionState = {
  topicName: string('0-1'),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  leader: int32(),
  leaderEpoch: int32(),
  isr: array(int32()),
  partitionEpoch: int32(),
  replicas: array(int32()),
  addingReplicas: array(int32(), '3+'),
  removingReplicas: array(int32(), '3+'),
  isNew: bool('1+'),
  leaderRecoveryState: int8('6+'),
}

const leaderAndIsrPartitionError = {
  topicName: string('0-4'),
  partitionIndex: int32(),
  errorCode: int16(),
}

export const leaderAndIsr = api({
  key: 4,
  name: 'LeaderAndIsr',
  versions: '0-7',
  flexible: '4+',
  request: {
    controllerId: int32(),
    isKRaftController: bool('7+'),
    controllerEpoch: int32(),
    brokerEpoch: int64('2+', { default: -1 }),
    type: int8('5+'),
    ungroupedPartitionStates: array(leaderAndIsrPartitionState, '0-1'),
    topicStates: array(
      {
        topicName: string(),
        topicId: uuid('5+'),
        partitionStates: array(leaderAndIsrPartitionState),
      },
      '2+',
    ),
    liveLeaders: array({ brokerId: int32(), hostName: string(), port: int32() }),
  },
  response: {
    errorCode: int16(),
    partitionErrors: array(leaderAndIsrPartitionError, '0-4'),
    topics: array({ topicId: uuid(), partitionErrors: array(leaderAndIsrPartitionError) }, '5+'),
  },
})
