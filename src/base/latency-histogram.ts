/**
 * How long something took, for quantiles over the last one to two minutes. Eight buckets to a
 * doubling: a quantile is right to 9 %, and recording costs one increment.
 */

const BUCKETS_PER_DOUBLING = 8
const SMALLEST_MS = 1 / 64
/** Up to 18 hours. */
const BUCKET_COUNT = 32 * BUCKETS_PER_DOUBLING + 1
const WINDOW_MS = 60_000

export class LatencyHistogram {
  count = 0
  totalMs = 0
  maxMs = 0
  #window: Uint32Array | null = null
  #previous: Uint32Array | null = null
  #windowEndMs = Number.NEGATIVE_INFINITY

  record(elapsedMs: number, nowMs: number): void {
    if (nowMs >= this.#windowEndMs) this.#rotate(nowMs)
    this.#window ??= new Uint32Array(BUCKET_COUNT)
    this.#window[bucketOf(elapsedMs)]! += 1
    this.count += 1
    this.totalMs += elapsedMs
    if (elapsedMs > this.maxMs) this.maxMs = elapsedMs
  }

  /** In the order asked for; zeros when nothing was recorded of late. `quantiles` ascending. */
  quantiles(quantiles: readonly number[], nowMs: number): number[] {
    if (nowMs >= this.#windowEndMs) this.#rotate(nowMs)
    const at = (bucket: number) => (this.#window?.[bucket] ?? 0) + (this.#previous?.[bucket] ?? 0)
    let total = 0
    for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) total += at(bucket)
    let bucket = 0
    let below = at(0)
    return quantiles.map((quantile) => {
      if (total === 0) return 0
      const rank = Math.max(1, Math.ceil(quantile * total))
      while (below < rank) {
        bucket += 1
        below += at(bucket)
      }
      return Math.min(upperBoundMs(bucket), this.maxMs)
    })
  }

  #rotate(nowMs: number): void {
    const isStale = nowMs >= this.#windowEndMs + WINDOW_MS
    this.#previous = isStale ? null : this.#window
    this.#window = null
    this.#windowEndMs = nowMs + WINDOW_MS
  }
}

function bucketOf(elapsedMs: number): number {
  if (!(elapsedMs > SMALLEST_MS)) return 0
  const bucket = Math.ceil(Math.log2(elapsedMs / SMALLEST_MS) * BUCKETS_PER_DOUBLING)
  return Math.min(bucket, BUCKET_COUNT - 1)
}

function upperBoundMs(bucket: number): number {
  return SMALLEST_MS * 2 ** (bucket / BUCKETS_PER_DOUBLING)
}
