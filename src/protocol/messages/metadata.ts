/**
 * Metadata, v0-12: brokers, controller, topics. An empty list of topics means all in version 0, and
 * none later, where null means all. Topics by id from version 12 on (KIP-516).
 */

import {
  api,
  array,
  bool,
  int16,
  int32,
  nullableArray,
  nullableString,
  string,
  uuid,
} from '../types.ts'

export const metadata = api({
  key: 3,
  name: 'Metadata',
  versions: '0-12',
  flexible: '9+',
  request: {
    topics: nullableArray(
      { topicId: uuid('10+'), name: nullableString('0+', { nullable: '10+' }) },
      '0+',
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
  response: {
    throttleTimeMs: int32('3+'),
    brokers: array({ nodeId: int32(), host: string(), port: int32(), rack: nullableString('1+') }),
    clusterId: nullableString('2+'),
    controllerId: int32('1+', { default: -1 }),
    topics: array({
      errorCode: int16(),
      name: nullableString('0+', { nullable: '12+' }),
      topicId: uuid('10+'),
      isInternal: bool('1+'),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32('7+', { default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        offlineReplicas: array(int32(), '5+'),
      }),
      topicAuthorizedOperations: int32('8+', { default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: -2147483648 }),
  },
})
