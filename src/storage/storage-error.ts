/** What storage refuses, with the code of the protocol that a client hears. */
export const StorageErrorCode = {
  OFFSET_OUT_OF_RANGE: 1,
  RECORD_LIST_TOO_LARGE: 18,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  KAFKA_STORAGE_ERROR: 56,
} as const

export type StorageErrorCode = (typeof StorageErrorCode)[keyof typeof StorageErrorCode]

export class StorageError extends Error {
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StorageError'
    this.code = code
  }
}

export function offsetOutOfRange(offset: number, start: number, end: number): StorageError {
  return new StorageError(
    StorageErrorCode.OFFSET_OUT_OF_RANGE,
    `Received request for offset ${offset}, but we only have log segments in the range ${start} to ${end}.`,
  )
}

export function batchTooLarge(directory: string, bytes: number, maxBytes: number): StorageError {
  return new StorageError(
    StorageErrorCode.RECORD_LIST_TOO_LARGE,
    `Message batch size is ${bytes} bytes in append to partition ${directory}, which exceeds the maximum configured segment size of ${maxBytes}.`,
  )
}
