/**
 * How late the event loop is. A broker that stands still for a session timeout is dead to the others,
 * so the longest delay since the look before is told, besides what is usual. The names are those of
 * `prom-client`, whose own values contain its sampling interval and are not numbers between two looks
 * that are close.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricFamily } from '../broker/metric-families.ts'

type Histogram = ReturnType<typeof monitorEventLoopDelay>

const SAMPLE_MS = 10
const NS_PER_SECOND = 1e9
const PREFIX = 'nodejs_eventloop_lag'

/** Metrics of `prom-client` in whose place ours are. */
export const LOOP_DELAY_METRICS = [
  '',
  'min_',
  'max_',
  'mean_',
  'stddev_',
  'p50_',
  'p90_',
  'p99_',
].map((which) => `${PREFIX}_${which}seconds`)

export class LoopDelay {
  readonly #histogram: Histogram = monitorEventLoopDelay({ resolution: SAMPLE_MS })
  #values: number[] = [0, 0, 0, 0, 0, 0, 0]

  constructor() {
    this.#histogram.enable()
  }

  async measure(): Promise<MetricFamily[]> {
    const startMs = performance.now()
    await new Promise((resolve) => setImmediate(resolve))
    const nowSeconds = (performance.now() - startMs) / 1000
    // Too early for samples: what was told last is still the best that is known.
    if (this.#histogram.count > 0) {
      this.#values = valuesOf(this.#histogram)
      this.#histogram.reset()
    }
    const help = 'Delay of the event loop since the look before.'
    return [nowSeconds, ...this.#values].map((value, at) => ({
      name: LOOP_DELAY_METRICS[at]!,
      type: 'gauge',
      help,
      samples: [{ labels: {}, value }],
    }))
  }
}

/** In the order of the names. A sample is the time between two ticks of the sampling timer. */
function valuesOf(histogram: Histogram): number[] {
  const late = (ns: number) => Math.max(0, ns / NS_PER_SECOND - SAMPLE_MS / 1000)
  const { min, max, mean, stddev } = histogram
  const percentiles = [50, 90, 99].map((percentile) => late(histogram.percentile(percentile)))
  return [late(min), late(max), late(mean), stddev / NS_PER_SECOND, ...percentiles]
}
