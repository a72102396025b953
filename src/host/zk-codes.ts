/** The numbers of ZooKeeper's protocol that both clients see. */

import type { ZkCreateMode, ZkErrorName, ZkWatchEvent } from '../zk/zk-client.ts'

export const CREATE_FLAGS: Record<ZkCreateMode, number> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
}

/** Codes that are absent here come out as SYSTEM_ERROR. */
const ERROR_NAMES: ReadonlyMap<number, ZkErrorName> = new Map([
  [-2, 'RUNTIME_INCONSISTENCY'],
  [-4, 'CONNECTION_LOSS'],
  [-5, 'MARSHALLING_ERROR'],
  [-6, 'UNIMPLEMENTED'],
  [-7, 'CONNECTION_LOSS'], // OPERATIONTIMEOUT
  [-8, 'BAD_ARGUMENTS'],
  [-101, 'NO_NODE'],
  [-102, 'NO_AUTH'],
  [-103, 'BAD_VERSION'],
  [-108, 'NO_CHILDREN_FOR_EPHEMERALS'],
  [-110, 'NODE_EXISTS'],
  [-111, 'NOT_EMPTY'],
  [-112, 'SESSION_EXPIRED'],
  [-114, 'INVALID_ACL'],
  [-115, 'AUTH_FAILED'],
  [-118, 'CONNECTION_LOSS'], // SESSIONMOVED: the server that answered is no longer ours
  [-122, 'CONNECTION_LOSS'], // REQUESTTIMEOUT
  [-124, 'AUTH_FAILED'], // SESSIONCLOSEDREQUIRESASLAUTH
  [-127, 'CONNECTION_LOSS'], // THROTTLEDOP: not carried out, to be tried again
])

export const EVENT_TYPES: ReadonlyMap<number, ZkWatchEvent['type']> = new Map([
  [1, 'created'],
  [2, 'deleted'],
  [3, 'changed'],
  [4, 'children'],
])

export function errorNameOf(code: number): ZkErrorName {
  return ERROR_NAMES.get(code) ?? 'SYSTEM_ERROR'
}
