/** `/metrics` in the text format of Prometheus. */
import type { MetricFamily, MetricLabels } from '../broker/metric-families.ts'

export async function metricsPage(families: readonly MetricFamily[]): Promise<string> {
  return families.map(formatFamily).join('')
}

function formatFamily({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ labels, value }) => `${name}${format(labels)} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function format(labels: MetricLabels): string {
  const pairs = Object.entries(labels)
  if (pairs.length === 0) return ''
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))
}
