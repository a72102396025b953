/**
 * Values for `/metrics`, read when somebody asks. Names are those that the JMX exporter makes of
 * Kafka's MBeans with its `kafka-2_0_0.yml`, so that boards and alerts for Kafka work: lower case,
 * meters as `_total`, histograms as `_count` and one gauge per quantile.
 */
import type { LatencyHistogram } from '../base/latency-histogram.ts'

export type MetricLabels = Readonly<Record<string, string>>

export interface MetricSample {
  readonly labels: MetricLabels
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly samples: readonly MetricSample[]
}

const QUANTILES = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999]
const QUANTILE_LABELS = ['0.50', '0.75', '0.95', '0.98', '0.99', '0.999']

/** Collects families in the order in which they are first named. */
export class MetricPage {
  readonly #nowMs: number
  readonly #families = new Map<string, MetricFamily & { readonly samples: MetricSample[] }>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  get families(): MetricFamily[] {
    return [...this.#families.values()]
  }

  gauge(name: string, help: string, value: number, labels: MetricLabels = {}): void {
    this.#add(name, 'gauge', help, value, labels)
  }

  /** `name` ends in `_total` or `_count`. */
  counter(name: string, help: string, value: number, labels: MetricLabels = {}): void {
    this.#add(name, 'counter', help, value, labels)
  }

  /** In milliseconds; quantiles of the last one to two minutes. */
  histogram(name: string, help: string, time: LatencyHistogram, labels: MetricLabels = {}): void {
    const values = time.quantiles(QUANTILES, this.#nowMs)
    values.forEach((value, at) => {
      this.gauge(name, help, value, { ...labels, quantile: QUANTILE_LABELS[at]! })
    })
    this.counter(`${name}_count`, `How many are behind ${name}.`, time.count, labels)
  }

  #add(
    name: string,
    type: MetricFamily['type'],
    help: string,
    value: number,
    labels: MetricLabels,
  ): void {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { name, type, help, samples: [] }
      this.#families.set(name, family)
    }
    family.samples.push({ labels, value })
  }
}
