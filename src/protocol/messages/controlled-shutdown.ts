/**
 * ControlledShutdown, v0-3: a broker asks the controller to move its leaders away. The header of
 * version 0 has no client id.
 */

import { api, array, int16, int32, int64, string } from '../types.ts'

export const controlledShutdown = api({
  key: 7,
  name: 'ControlledShutdown',
  versions: '0-3',
  flexible: '3+',
  request: { brokerId: int32(), brokerEpoch: int64('2+', { default: -1 }) },
  response: {
    errorCode: int16(),
    remainingPartitions: array({ topicName: string(), partitionIndex: int32() }),
  },
})
