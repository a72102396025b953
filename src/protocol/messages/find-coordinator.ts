/**
 * FindCoordinator, v0-6: which broker coordinates a group (key type 0) or a transactional id (1).
 * One key up to version 3, a batch of them later (KIP-699).
 */

import { api, array, int8, int16, int32, nullableString, string } from '../types.ts'

export const findCoordinator = api({
  key: 10,
  name: 'FindCoordinator',
  versions: '0-6',
  flexible: '3+',
  request: { key: string('0-3'), keyType: int8('1+'), coordinatorKeys: array(string(), '4+') },
  response: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0-3'),
    errorMessage: nullableString('1-3'),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      },
      '4+',
    ),
  },
})
