import type { RecordErrorCode } from './record-error-codes.ts'

export interface RecordError {
  /** Place of the record in its batch. */
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** A batch is refused; `code` is what the client hears. */
export class InvalidRecordsError extends Error {
  readonly code: RecordErrorCode
  readonly recordErrors: readonly RecordError[]

  constructor(code: RecordErrorCode, message: string, recordErrors: readonly RecordError[] = []) {
    super(message)
    this.name = 'InvalidRecordsError'
    this.code = code
    this.recordErrors = recordErrors
  }
}
