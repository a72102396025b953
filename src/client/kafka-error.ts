/** What can go wrong for a client of a cluster. */

import { type ErrorCode, errorMessage, isRetriable } from '../protocol/error-codes.ts'

/** A broker answered with an error code. The message is the broker's, else the code's own. */
export class KafkaError extends Error {
  readonly code: ErrorCode

  constructor(code: number, message?: string | null) {
    super(message ?? errorMessage(code))
    this.name = 'KafkaError'
    this.code = code as ErrorCode
  }
}

/** No answer: refused, lost, or timed out on the way. The request may have been carried out. */
export class ConnectionError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ConnectionError'
  }
}

/** The broker does not speak any version of an api that we do. */
export class UnsupportedVersionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UnsupportedVersionError'
  }
}

/** The time for a call with all its retries is over; `cause` is what went wrong last. */
export class CallTimeoutError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'CallTimeoutError'
  }
}

/** Whether trying again may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof KafkaError) return isRetriable(error.code)
  return error instanceof ConnectionError
}

/** Throws what the code means, unless it means success. */
export function throwIfError(code: number, message?: string | null): void {
  if (code !== 0) throw new KafkaError(code, message)
}
