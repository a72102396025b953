/**
 * Bodies of requests and responses, from bytes to values and back. Decoding checks everything and
 * raises `MalformedMessageError`; bytes after a complete body are ignored, as Kafka does.
 * Encoding gives a list of chunks in which record bytes appear by reference.
 */

import { assert } from '../base/assert.ts'
import { compileMessage, type Plan } from './plan.ts'
import { MalformedMessageError, MessageReader } from './reader.ts'
import type { Api, RequestInput, RequestOf, ResponseInput, ResponseOf } from './types.ts'
import { isInRange } from './version-range.ts'
import { MessageWriter } from './writer.ts'

export { MalformedMessageError } from './reader.ts'
export type { Api, RequestInput, RequestOf, ResponseInput, ResponseOf } from './types.ts'

type Direction = 'request' | 'response'

/** The body of a request, which begins at `offset`, after the header. */
export function decodeRequest<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  offset = 0,
): RequestOf<A> {
  return decode(api, 'request', version, buffer, offset) as RequestOf<A>
}

/** The body of a response, which begins at `offset`, after the header. */
export function decodeResponse<A extends Api>(
  api: A,
  version: number,
  buffer: Buffer,
  offset = 0,
): ResponseOf<A> {
  return decode(api, 'response', version, buffer, offset) as ResponseOf<A>
}

export function encodeRequest<A extends Api>(
  api: A,
  version: number,
  value: RequestInput<A>,
): Buffer[] {
  const writer = new MessageWriter()
  writeRequest(writer, api, version, value)
  return writer.finish()
}

export function encodeResponse<A extends Api>(
  api: A,
  version: number,
  value: ResponseInput<A>,
): Buffer[] {
  const writer = new MessageWriter()
  writeResponse(writer, api, version, value)
  return writer.finish()
}

/** For a caller that has written a header into the same writer. */
export function writeRequest<A extends Api>(
  writer: MessageWriter,
  api: A,
  version: number,
  value: RequestInput<A>,
): void {
  planOf(api, 'request', version).write(writer, value)
}

export function writeResponse<A extends Api>(
  writer: MessageWriter,
  api: A,
  version: number,
  value: ResponseInput<A>,
): void {
  planOf(api, 'response', version).write(writer, value)
}

function decode(
  api: Api,
  direction: Direction,
  version: number,
  buffer: Buffer,
  offset: number,
): unknown {
  const plan = planOf(api, direction, version)
  try {
    return plan.read(new MessageReader(buffer, offset))
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    throw new MalformedMessageError(`${api.name} v${version} ${direction}: ${error.message}`)
  }
}

/** Plans follow from the schemas alone, so keeping them is not state that brokers could share. */
const PLANS = new WeakMap<Api, Record<Direction, (Plan | undefined)[]>>()

function planOf(api: Api, direction: Direction, version: number): Plan {
  let plans = PLANS.get(api)
  if (plans === undefined) {
    plans = { request: [], response: [] }
    PLANS.set(api, plans)
  }
  const known = plans[direction][version]
  if (known !== undefined) return known
  assert(isInRange(api.versions, version), `${api.name} has no version ${version}`)
  const plan = compileMessage(api[direction], version, isInRange(api.flexible, version))
  plans[direction][version] = plan
  return plan
}
