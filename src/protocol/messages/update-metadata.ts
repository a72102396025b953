/**
 * UpdateMetadata, v0-8: the controller shows a broker the state of partitions and the live brokers.
 * Grouped by topic from version 5 on, with topic ids from 7 on. A leader of -2 means that the topic
 * is being deleted.
 */

import {
  api,
  array,
  bool,
  int8,
  int16,
  int32,
  int64,
  nullableString,
  string,
  tagged,
  uuid,
} from '../types.ts'

const updateMetadataPartitionState = {
  topicName: string('0-4'),
  partitionIndex: int32(),
  controllerEpoch: int32(),
  leader: int32(),
  leaderEpoch: int32(),
  isr: array(int32()),
  zkVersion: int32(),
  replicas: array(int32()),
  offlineReplicas: array(int32(), '4+'),
}

export const updateMetadata = api({
  key: 6,
  name: 'UpdateMetadata',
  versions: '0-8',
  flexible: '6+',
  request: {
    controllerId: int32(),
    isKRaftController: bool('8+'),
    controllerEpoch: int32(),
    brokerEpoch: int64('5+', { default: -1 }),
    ungroupedPartitionStates: array(updateMetadataPartitionState, '0-4'),
    topicStates: array(
      {
        topicName: string(),
        topicId: uuid('7+'),
        partitionStates: array(updateMetadataPartitionState),
      },
      '5+',
    ),
    liveBrokers: array({
      id: int32(),
      v0Host: string('0'),
      v0Port: int32('0'),
      endpoints: array(
        { port: int32(), host: string(), listener: string('3+'), securityProtocol: int16() },
        '1+',
      ),
      rack: nullableString('2+'),
    }),
    type: tagged(0, int8('8+')),
  },
  response: { errorCode: int16() },
})
