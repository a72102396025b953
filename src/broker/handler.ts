/**
 * What a handler of one API key is: the decoded request in, the response out. A handler translates
 * and delegates; the rules stand in layer 3. Header, version check, decoding, encoding and the answer
 * to an unexpected failure live once, in `dispatch.ts`.
 */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { Api, RequestOf, ResponseInput } from '../protocol/types.ts'
import type { BrokerServices } from './services.ts'

export interface RequestContext {
  /** Version of the request. One schema covers all, so handlers rarely ask. */
  readonly version: number
  readonly correlationId: number
  /** Empty for a null client id. */
  readonly clientId: string
  /** Name of the listener that the request came in on. */
  readonly listener: string
  readonly clientAddress: string
}

/** The request has no answer (Produce with acks=0). */
export const NO_ANSWER = Symbol('no answer')
/** The connection is closed instead of an answer. */
export const CLOSE_CONNECTION = Symbol('close connection')

export type Answer<Response> = Response | typeof NO_ANSWER | typeof CLOSE_CONNECTION

/** All of a request fails with one code; `dispatch.ts` makes the answer. */
export class ApiError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'ApiError'
    this.code = code
  }
}

export interface AnyHandler {
  readonly api: Api
  handle(request: unknown, services: BrokerServices, context: RequestContext): unknown
  /** The response that carries `code` wherever this API has a place for it; null: close. */
  failure(request: unknown, code: ErrorCode, message: string | null): unknown
  /** A name under which the time of the request is told too. */
  readonly variantOf?: (request: unknown, version: number) => string
}

/** A response; the dispatcher fills in that nobody is throttled. */
type Untimed<R> = Omit<R, 'throttleTimeMs'> & { throttleTimeMs?: number | undefined }

type Handle<A extends Api> = (
  request: RequestOf<A>,
  services: BrokerServices,
  context: RequestContext,
) => Answer<Untimed<ResponseInput<A>>> | Promise<Answer<Untimed<ResponseInput<A>>>>

type Failure<A extends Api> = (
  request: RequestOf<A>,
  code: ErrorCode,
  /** Null where the code says it all. */
  message: string | null,
) => Untimed<ResponseInput<A>> | null

/** Binds a schema to its code. `failure` builds the answer when all of the request failed. */
export function handler<A extends Api>(api: A, handle: Handle<A>, failure: Failure<A>): AnyHandler {
  return {
    api,
    // The dispatcher decodes with this very schema before it calls.
    handle: (request, services, context) => handle(request as RequestOf<A>, services, context),
    failure: (request, code, message) => failure(request as RequestOf<A>, code, message),
  }
}

/** The code of any failure: that of an `ApiError`, of an error with a numeric `code`, or -1. */
export function errorCodeOf(error: unknown): ErrorCode {
  if (error instanceof Error && 'code' in error && typeof error.code === 'number') {
    return error.code as ErrorCode
  }
  return ErrorCode.UNKNOWN_SERVER_ERROR
}
