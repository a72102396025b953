/** How many requests of each API were answered, and how long they took. Read by whoever shows it. */
import type { Api } from '../protocol/types.ts'

export interface ApiMetrics {
  readonly name: string
  count: number
  totalMs: number
  maxMs: number
}

export class RequestMetrics {
  readonly #byKey: (ApiMetrics | undefined)[] = []

  record(api: Api, elapsedMs: number): void {
    let metrics = this.#byKey[api.key]
    if (metrics === undefined) {
      metrics = { name: api.name, count: 0, totalMs: 0, maxMs: 0 }
      this.#byKey[api.key] = metrics
    }
    metrics.count += 1
    metrics.totalMs += elapsedMs
    if (elapsedMs > metrics.maxMs) metrics.maxMs = elapsedMs
  }

  *all(): Generator<ApiMetrics> {
    for (const metrics of this.#byKey) if (metrics !== undefined) yield metrics
  }
}
