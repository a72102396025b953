/** Kinds of things that have settings, as the protocol numbers them. */
import { ErrorCode } from '../protocol/error-codes.ts'
import { ApiError } from './handler.ts'

export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16 } as const

const ID_MAX = 0x7fff_ffff

/** The broker that a resource names; `what` says what it is called there. Throws `ApiError`. */
export function parsedId(resourceName: string, what: 'Broker' | 'Node'): number {
  const id = /^[+-]?\d+$/.test(resourceName) ? Number(resourceName) : Number.NaN
  if (Math.abs(id) <= ID_MAX) return id
  const message = `${what} id must be an integer, but it is: ${resourceName}`
  throw new ApiError(ErrorCode.INVALID_REQUEST, message)
}
