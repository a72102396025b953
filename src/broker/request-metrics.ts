/** How many requests of each API were answered, and how long they took. Read by whoever shows it. */
import { LatencyHistogram } from '../base/latency-histogram.ts'
import type { Api } from '../protocol/types.ts'

export interface ApiMetrics {
  readonly name: string
  /** Answered requests by version. */
  readonly countByVersion: number[]
  readonly time: LatencyHistogram
}

export class RequestMetrics {
  readonly #byKey: (ApiMetrics | undefined)[] = []
  /** Parts of an API that are told apart: fetches of consumers and of followers. */
  readonly #variants = new Map<string, LatencyHistogram>()

  record(api: Api, version: number, elapsedMs: number, nowMs: number): void {
    let metrics = this.#byKey[api.key]
    if (metrics === undefined) {
      metrics = { name: api.name, countByVersion: [], time: new LatencyHistogram() }
      this.#byKey[api.key] = metrics
    }
    metrics.countByVersion[version] = (metrics.countByVersion[version] ?? 0) + 1
    metrics.time.record(elapsedMs, nowMs)
  }

  recordVariant(name: string, elapsedMs: number, nowMs: number): void {
    let time = this.#variants.get(name)
    if (time === undefined) {
      time = new LatencyHistogram()
      this.#variants.set(name, time)
    }
    time.record(elapsedMs, nowMs)
  }

  *all(): Generator<ApiMetrics> {
    for (const metrics of this.#byKey) if (metrics !== undefined) yield metrics
  }

  /** By name, variants included. */
  *times(): Generator<readonly [name: string, time: LatencyHistogram]> {
    for (const { name, time } of this.all()) yield [name, time]
    yield* this.#variants
  }
}
