/** Values for `/metrics`: named, with labels, read when somebody asks. */

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
