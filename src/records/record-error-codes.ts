/** The codes of the protocol that a refused batch may have; `records/` does not know the protocol. */
export const ErrorCode = {
  UNKNOWN_SERVER_ERROR: -1,
  CORRUPT_MESSAGE: 2,
  MESSAGE_TOO_LARGE: 10,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_COMPRESSION_TYPE: 76,
  INVALID_RECORD: 87,
} as const

export type RecordErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]
