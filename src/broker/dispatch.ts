/**
 * From a frame to an answer: header, API key, version, body, handler, response. Bad input closes the
 * connection as Kafka does (there is no error response for an unknown key, a version out of range or
 * a body that cannot be parsed); only ApiVersions answers a version it does not know (KIP-511).
 */
import type { Clock, Logger, Loggers } from '../base/ports.ts'
import { decodeRequest } from '../protocol/codec.ts'
import { ErrorCode, errorMessage } from '../protocol/error-codes.ts'
import { decodeRequestHeader, encodeResponseFrame } from '../protocol/header.ts'
import { apiVersions } from '../protocol/messages/api-versions.ts'
import { MalformedMessageError } from '../protocol/reader.ts'
import type { Api } from '../protocol/types.ts'
import { isInRange } from '../protocol/version-range.ts'
import {
  type AnyHandler,
  CLOSE_CONNECTION,
  errorCodeOf,
  NO_ANSWER,
  type RequestContext,
} from './handler.ts'
import type { RequestMetrics } from './request-metrics.ts'
import type { BrokerServices } from './services.ts'

/** What the dispatcher knows of the connection that a frame came from. */
export interface ConnectionInfo {
  readonly listener: string
  readonly remoteAddress: string
}

/** Chunks of the answer without the size prefix; null for no answer. */
export type Reply = (answer: Buffer[] | null | 'close') => void

export class Dispatcher {
  readonly #handlers: (AnyHandler | undefined)[] = []
  readonly #services: BrokerServices
  readonly #clock: Clock
  readonly #metrics: RequestMetrics
  readonly #logger: Logger
  readonly #requestLogger: Logger

  constructor(
    handlers: readonly AnyHandler[],
    services: BrokerServices,
    metrics: RequestMetrics,
    loggers: Loggers,
  ) {
    for (const each of handlers) this.#handlers[each.api.key] = each
    this.#services = services
    this.#clock = services.clock
    this.#metrics = metrics
    this.#logger = loggers.get('kafka.server.KafkaApis')
    this.#requestLogger = loggers.get('kafka.request.logger')
  }

  /** Never throws; `reply` is called exactly once, perhaps much later. */
  dispatch(frame: Buffer, connection: ConnectionInfo, reply: Reply): void {
    try {
      this.#dispatch(frame, connection, reply)
    } catch (error) {
      const from = `${connection.remoteAddress} on listener ${connection.listener}`
      if (error instanceof MalformedMessageError) {
        this.#logger.info(`Closing connection of ${from}: ${error.message}`)
      } else {
        this.#logger.error(`Closing connection of ${from} after an unexpected error`, error)
      }
      reply('close')
    }
  }

  #dispatch(frame: Buffer, connection: ConnectionInfo, reply: Reply): void {
    const header = decodeRequestHeader(frame, (apiKey) => this.#handlers[apiKey]?.api)
    const handler = header === null ? undefined : this.#handlers[header.apiKey]
    if (header === null || handler === undefined) {
      throw new MalformedMessageError(`unknown API key ${frame.readInt16BE(0)}`)
    }
    const { api } = handler
    const version = header.apiVersion
    if (!isInRange(api.versions, version)) {
      if (api.key !== apiVersions.key) {
        throw new MalformedMessageError(`${api.name} version ${version} is not supported`)
      }
      reply(unsupportedApiVersions(header.correlationId))
      return
    }
    const request = decodeRequest(api, version, frame, header.bodyOffset)
    const context: RequestContext = {
      version,
      correlationId: header.correlationId,
      clientId: header.clientId ?? '',
      listener: connection.listener,
      clientAddress: connection.remoteAddress,
    }
    this.#handle(handler, request, context, header.correlationId, reply)
  }

  #handle(
    handler: AnyHandler,
    request: unknown,
    context: RequestContext,
    correlationId: number,
    reply: Reply,
  ): void {
    const startMs = this.#clock.monotonicMs()
    const finish = (response: unknown): void => {
      this.#onAnswered(handler, request, context, startMs)
      reply(this.#encode(handler, context.version, correlationId, response))
    }
    const fail = (error: unknown): void => finish(this.#failure(handler, request, context, error))
    let outcome: unknown
    try {
      outcome = handler.handle(request, this.#services, context)
    } catch (error) {
      fail(error)
      return
    }
    if (outcome instanceof Promise) outcome.then(finish, fail)
    else finish(outcome)
  }

  #failure(
    handler: AnyHandler,
    request: unknown,
    { version }: RequestContext,
    error: unknown,
  ): unknown {
    const code = errorCodeOf(error)
    const text = error instanceof Error ? error.message : String(error)
    const isTelling = code !== ErrorCode.UNKNOWN_SERVER_ERROR && text !== ''
    const message = isTelling && text !== errorMessage(code) ? text : null
    if (code === ErrorCode.UNKNOWN_SERVER_ERROR) {
      this.#logger.error(`Unexpected error in ${handler.api.name} v${version}`, error)
    }
    try {
      return handler.failure(request, code, message) ?? CLOSE_CONNECTION
    } catch (second) {
      this.#logger.error(`No answer to an error in ${handler.api.name} v${version}`, second)
      return CLOSE_CONNECTION
    }
  }

  /** A response that does not fit the schema is our bug; one request pays for it, not the broker. */
  #encode(
    { api }: AnyHandler,
    version: number,
    correlationId: number,
    response: unknown,
  ): Buffer[] | null | 'close' {
    if (response === NO_ANSWER) return null
    if (response === CLOSE_CONNECTION) return 'close'
    const answer = response as { throttleTimeMs?: number }
    answer.throttleTimeMs ??= 0
    try {
      // The handler was bound to this schema when it was made.
      return encodeResponseFrame(api, version, correlationId, answer as never)
    } catch (error) {
      this.#logger.error(`No answer to ${api.name} v${version}`, error)
      return 'close'
    }
  }

  #onAnswered(
    { api, variantOf }: AnyHandler,
    request: unknown,
    context: RequestContext,
    startMs: number,
  ): void {
    const nowMs = this.#clock.monotonicMs()
    const tookMs = nowMs - startMs
    this.#metrics.record(api, context.version, tookMs, nowMs)
    if (variantOf !== undefined) {
      this.#metrics.recordVariant(variantOf(request, context.version), tookMs, nowMs)
    }
    if (this.#requestLogger.isDebugEnabled()) {
      this.#requestLogger.debug(completed(api, context, tookMs))
    }
  }
}

/** A part of what Kafka tells of a request in its log. */
function completed({ key, name }: Api, context: RequestContext, tookMs: number): string {
  const { version, clientId, listener, clientAddress } = context
  const requestHeader = {
    requestApiKey: key,
    requestApiVersion: version,
    clientId,
    requestApiKeyName: name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase(),
  }
  const totalTimeMs = Math.round(tookMs * 1000) / 1000
  const facts = { requestHeader, connection: clientAddress, totalTimeMs, listener }
  return `Completed request:${JSON.stringify(facts)}`
}

/** The v0 answer to a version we do not know: clients read our range of key 18 and ask again. */
function unsupportedApiVersions(correlationId: number): Buffer[] {
  const { min, max } = apiVersions.versions
  return encodeResponseFrame(apiVersions, 0, correlationId, {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: apiVersions.key, minVersion: min, maxVersion: max }],
  })
}
