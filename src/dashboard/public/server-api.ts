/** What the page asks of its server besides the events: what is possible, faults, verifier, records. */

export interface FaultOption {
  readonly kind: string
  readonly targets: readonly (number | string)[]
  readonly reason?: string
  readonly defaultForMs?: number
}

export interface ServerHealth {
  readonly source: string
  readonly needsToken: boolean
  readonly hasChaos: boolean
  readonly isRecorded: boolean
}

export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

const TOKEN_KEY = 'samsa-token'
const REQUEST_TIMEOUT_MS = 15_000

export class ServerApi {
  #token: string | null
  #health: ServerHealth | null = null
  #options: readonly FaultOption[] = []
  #verifierReason: string | null = 'Not known yet.'

  /** A token in the page's address is kept for this tab and taken out of the address. */
  constructor() {
    const url = new URL(location.href)
    const given = url.searchParams.get('token')
    if (given !== null) {
      sessionStorage.setItem(TOKEN_KEY, given)
      url.searchParams.delete('token')
      history.replaceState(null, '', url)
    }
    this.#token = sessionStorage.getItem(TOKEN_KEY)
  }

  get health(): ServerHealth | null {
    return this.#health
  }

  get faultOptions(): readonly FaultOption[] {
    return this.#options
  }

  /** Null: it can be started. */
  get verifierReason(): string | null {
    return this.#verifierReason
  }

  get lacksToken(): boolean {
    return this.#health?.needsToken === true && this.#token === null
  }

  useToken(token: string): void {
    this.#token = token
    sessionStorage.setItem(TOKEN_KEY, token)
  }

  /** Asks again what is there and what is possible. */
  async refresh(): Promise<void> {
    this.#health = (await this.get('/api/health')) as ServerHealth
    const { available } = (await this.get('/api/faults')) as { available: FaultOption[] }
    this.#options = available
    const verifier = (await this.get('/api/verifier')) as { reason?: string }
    this.#verifierReason = verifier.reason ?? null
  }

  get(path: string): Promise<unknown> {
    return this.#send('GET', path)
  }

  post(path: string, body: object): Promise<unknown> {
    return this.#send('POST', path, JSON.stringify(body))
  }

  delete(path: string): Promise<unknown> {
    return this.#send('DELETE', path)
  }

  async #send(method: string, path: string, body: string | null = null): Promise<unknown> {
    const response = await fetch(path, {
      method,
      body,
      headers: {
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const text = await response.text()
    const answer = parse(text)
    if (response.ok) return answer
    if (response.status === 401) {
      this.#token = null
      sessionStorage.removeItem(TOKEN_KEY)
    }
    throw new ApiError(response.status, messageOf(answer) ?? `answer ${response.status}`)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function messageOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null) return null
  const { error, message } = answer as Record<string, unknown>
  if (typeof error === 'string') return error
  return typeof message === 'string' ? message : null
}
