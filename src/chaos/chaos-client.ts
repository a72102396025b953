/** The asking side of `http-api.ts`. */
import type { ActiveFault } from './engine.ts'
import type { FaultOption, FaultRequest } from './faults.ts'
import type { PartitionState } from './isr-watch.ts'
import type { Verdict } from './verifier.ts'

export interface FaultList {
  readonly available: readonly FaultOption[]
  readonly active: readonly ActiveFault[]
}

export interface VerifierState {
  readonly running: boolean
  readonly verdict: Verdict | null
}

/** The dashboard said no, or nothing; the message is for people. */
export class ChaosApiError extends Error {
  /** 0: no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ChaosApiError'
    this.status = status
  }
}

/** A fault that ends by SIGTERM is waited for when it is ended early. */
const ANSWER_TIMEOUT_MS = 60_000

export class ChaosClient {
  readonly #url: string
  readonly #token: string | null

  constructor(url: string, token: string | null) {
    this.#url = url.replace(/\/+$/, '')
    this.#token = token
  }

  list(): Promise<FaultList> {
    return this.ask('GET', '/api/faults')
  }

  start(request: FaultRequest): Promise<ActiveFault> {
    return this.ask('POST', '/api/faults', request)
  }

  async end(id: string): Promise<void> {
    await this.ask('DELETE', `/api/faults/${encodeURIComponent(id)}`)
  }

  async endAll(): Promise<void> {
    await this.ask('DELETE', '/api/faults')
  }

  verifier(): Promise<VerifierState> {
    return this.ask('GET', '/api/verifier')
  }

  switchVerifier(running: boolean): Promise<VerifierState> {
    return this.ask('POST', '/api/verifier', { running })
  }

  /** The cluster as the dashboard's observer sees it in ZooKeeper. */
  state(): Promise<{ readonly partitions: readonly PartitionState[] }> {
    return this.ask('GET', '/api/state')
  }

  /** One request; rejects with a `ChaosApiError`. */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    let response: Response
    try {
      response = await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      })
    } catch (error) {
      const { message, cause } = error as Error
      const why = cause instanceof Error ? cause.message || String(cause) : message
      throw new ChaosApiError(0, `no dashboard answers at ${this.#url}: ${why}`)
    }
    const value = (await response.json().catch(() => null)) as unknown
    if (typeof value !== 'object' || value === null) {
      throw new ChaosApiError(0, `what answers at ${this.#url} is no dashboard (--url)`)
    }
    if (response.ok) return value as T
    const { error } = value as { error?: unknown }
    throw new ChaosApiError(
      response.status,
      typeof error === 'string' ? error : `status ${response.status}`,
    )
  }
}
