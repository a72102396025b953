/** Refusals of the HTTP API: words and status codes are those of Toxiproxy, which clients compare. */

export class ApiError extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

export function badRequestBody(reason: string): ApiError {
  return new ApiError(`bad request body: ${reason}`, 400)
}

export function missingField(field: string): ApiError {
  return new ApiError(`missing required field: ${field}`, 400)
}

/** An object of JSON from outside; `what` is named when it is something else. */
export function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequestBody(`${what} must be an object`)
  }
  return value as Record<string, unknown>
}

/** Absent and null stand for `fallback`, as in Toxiproxy. */
export function stringOf(value: unknown, field: string, fallback: string): string {
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'string') throw badRequestBody(`${field} must be a string`)
  return value
}

export function booleanOf(value: unknown, field: string, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'boolean') throw badRequestBody(`${field} must be true or false`)
  return value
}
