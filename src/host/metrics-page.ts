/**
 * `/metrics` in the text format of Prometheus: what the broker measures, and the process itself by
 * `prom-client`. Loaded with the first scrape, so the delay of the event loop is known from then on.
 */
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import client from 'prom-client'
import type { MetricFamily, MetricLabels } from '../broker/metric-families.ts'
import { LOOP_DELAY_METRICS, LoopDelay } from './loop-delay.ts'

const DIGITS = 6
const FIRST_SAMPLES_MS = 25
/** The timer that `prom-client` starts for what we measure ourselves never rings. */
const NEVER_MS = 0x7fff_ffff

export class MetricsPage {
  #utilization: EventLoopUtilization | undefined
  #loopDelay: LoopDelay | null = null

  async render(families: readonly MetricFamily[]): Promise<string> {
    if (this.#loopDelay === null) {
      this.#loopDelay = new LoopDelay()
      collectOnce()
      // There are no values before the first samples.
      await delay(FIRST_SAMPLES_MS)
    }
    const own = [...families, ...this.#idle(), ...(await this.#loopDelay.measure())]
    return own.map(formatFamily).join('') + (await client.register.metrics())
  }

  /** Since the scrape before. Kafka has threads for these; a broker here is one loop. */
  #idle(): MetricFamily[] {
    const now = performance.eventLoopUtilization()
    const { utilization } =
      this.#utilization === undefined
        ? now
        : performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    const value = 1 - utilization
    const help =
      'Part of the time since the scrape before in which the event loop had nothing to do.'
    return [
      // As kafka-2_0_0.yml names it, and as the boards do that name meters of percents apart.
      'kafka_network_socketserver_networkprocessoravgidlepercent',
      'kafka_network_socketserver_networkprocessoravgidle_percent',
      'kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent',
    ].map((name) => ({ name, type: 'gauge', help, samples: [{ labels: {}, value }] }))
  }
}

/** One registry for the process, however many brokers are in it. */
function collectOnce(): void {
  const { register } = client
  if (register.getSingleMetric('process_resident_memory_bytes') !== undefined) return
  client.collectDefaultMetrics({ eventLoopMonitoringPrecision: NEVER_MS })
  for (const name of LOOP_DELAY_METRICS) register.removeSingleMetric(name)
}

function formatFamily({ name, type, help, samples }: MetricFamily): string {
  const lines = samples.map(({ labels, value }) => `${name}${format(labels)} ${number(value)}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function format(labels: MetricLabels): string {
  const pairs = Object.entries(labels)
  if (pairs.length === 0) return ''
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function number(value: number): string {
  if (Number.isInteger(value)) return String(value)
  if (Number.isFinite(value)) return String(Number(value.toPrecision(DIGITS)))
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))
}
