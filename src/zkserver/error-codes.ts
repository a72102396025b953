/** The error numbers of ZooKeeper's wire protocol, as in `KeeperException.Code`. */

export const ErrorCode = {
  OK: 0,
  RUNTIME_INCONSISTENCY: -2,
  MARSHALLING_ERROR: -5,
  UNIMPLEMENTED: -6,
  BAD_ARGUMENTS: -8,
  NO_NODE: -101,
  NO_AUTH: -102,
  BAD_VERSION: -103,
  NO_CHILDREN_FOR_EPHEMERALS: -108,
  NODE_EXISTS: -110,
  NOT_EMPTY: -111,
  SESSION_EXPIRED: -112,
  INVALID_ACL: -114,
  AUTH_FAILED: -115,
  NO_WATCHER: -121,
  RECONFIG_DISABLED: -123,
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** A request that is refused: changes nothing but the zxid. */
export class RequestError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail: string) {
    super(`${detail} (${code})`)
    this.name = 'RequestError'
    this.code = code
  }
}
