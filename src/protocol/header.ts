/**
 * Headers of requests (v0, v1, v2) and responses (v0, v1); which one belongs to a message follows
 * from its api key and version. Frames here are without their 4-byte size.
 */

import { decodeResponse, writeRequest, writeResponse } from './codec.ts'
import { ErrorCode } from './error-codes.ts'
import { MessageReader } from './reader.ts'
import type { Api, RequestInput, ResponseInput, ResponseOf } from './types.ts'
import { isInRange } from './version-range.ts'
import { MessageWriter } from './writer.ts'

const API_VERSIONS_KEY = 18
const CONTROLLED_SHUTDOWN_KEY = 7

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  /** Any int32; the answer carries the same. */
  readonly correlationId: number
  readonly clientId: string | null
  /** Where the body begins in the frame. */
  readonly bodyOffset: number
}

/**
 * The version may lie outside of what the api implements: the caller decides what follows, since
 * ApiVersions answers that case. Null when `lookup` does not know the key: close the connection.
 */
export function decodeRequestHeader<A extends Api>(
  frame: Buffer,
  lookup: (apiKey: number) => A | undefined,
): (RequestHeader & { readonly api: A }) | null {
  const reader = new MessageReader(frame, 0)
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const api = lookup(apiKey)
  if (api === undefined) return null
  const headerVersion = requestHeaderVersion(api, apiVersion)
  const correlationId = reader.int32()
  const clientId = headerVersion === 0 ? null : readClientId(reader)
  if (headerVersion === 2) skipTags(reader)
  return { api, apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.position }
}

export function requestHeaderVersion(api: Api, version: number): 0 | 1 | 2 {
  if (api.key === CONTROLLED_SHUTDOWN_KEY && version === 0) return 0
  return isInRange(api.flexible, version) ? 2 : 1
}

/** An ApiVersions answer has no tagged fields: its reader may not know the version yet. */
export function responseHeaderVersion(api: Api, version: number): 0 | 1 {
  return isInRange(api.flexible, version) && api.key !== API_VERSIONS_KEY ? 1 : 0
}

/** A whole request frame without its size. */
export function encodeRequestFrame<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  clientId: string | null,
  value: RequestInput<A>,
): Buffer[] {
  const writer = new MessageWriter()
  const headerVersion = requestHeaderVersion(api, version)
  writer.int16(api.key)
  writer.int16(version)
  writer.int32(correlationId)
  if (headerVersion > 0) {
    if (clientId === null) writer.int16(-1)
    else writer.string(clientId)
  }
  if (headerVersion === 2) writer.uvarint(0)
  writeRequest(writer, api, version, value)
  return writer.finish()
}

/** A whole response frame without its size. */
export function encodeResponseFrame<A extends Api>(
  api: A,
  version: number,
  correlationId: number,
  value: ResponseInput<A>,
): Buffer[] {
  const writer = new MessageWriter()
  writer.int32(correlationId)
  if (responseHeaderVersion(api, version) === 1) writer.uvarint(0)
  writeResponse(writer, api, version, value)
  return writer.finish()
}

/** All that can be told of a response before the request it answers is found. */
export function decodeCorrelationId(frame: Buffer): number {
  return new MessageReader(frame, 0).int32()
}

export function decodeResponseFrame<A extends Api>(
  api: A,
  version: number,
  frame: Buffer,
): ResponseOf<A> {
  const reader = new MessageReader(frame, 0)
  reader.int32()
  if (responseHeaderVersion(api, version) === 1) skipTags(reader)
  const layout = isRefusedApiVersions(api, frame) ? 0 : version
  return decodeResponse(api, layout, frame, reader.position)
}

/**
 * A broker that does not know the version of an ApiVersions request cannot answer in it: it answers
 * in version 0, with the error code in front (KIP-511).
 */
function isRefusedApiVersions(api: Api, frame: Buffer): boolean {
  if (api.key !== API_VERSIONS_KEY || frame.length < 6) return false
  return frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
}

/** An int16 length even in the flexible header. Any negative one is null, as for Kafka. */
function readClientId(reader: MessageReader): string | null {
  const length = reader.int16()
  return length < 0 ? null : reader.utf8(length)
}

function skipTags(reader: MessageReader): void {
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    reader.uvarint()
    reader.skip(reader.uvarint())
  }
}
