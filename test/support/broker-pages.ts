/** The pages that brokers of a test cluster serve over HTTP, found as observers find them. */
import assert from 'node:assert/strict'
import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { ZkJsClient } from '../../src/host/zk-js.ts'
import { brokerPath, decodeBrokerRegistration } from '../../src/zk/znodes.ts'
import { SilentLoggers } from './silent-loggers.ts'

/** `http://host:port` of a broker, from its registration. */
export async function pagesOf(zookeeper: string, brokerId: number): Promise<string> {
  const client = new ZkJsClient(
    {
      transport: systemTransport,
      clock: systemClock,
      random: systemRandom,
      logger: new SilentLoggers().get('test'),
    },
    { connect: zookeeper, sessionTimeoutMs: 10_000 },
  )
  try {
    const { data } = await client.get(brokerPath(brokerId))
    const decoded = decodeBrokerRegistration(data)
    assert.ok(decoded.kind === 'ok')
    const { endpoints, jmxPort } = decoded.value
    assert.ok(jmxPort > 0, `broker ${brokerId} has no pages`)
    return `http://${endpoints[0]!.host}:${jmxPort}`
  } finally {
    await client.close()
  }
}

export interface ExposedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/y

/** The page of `/metrics`; fails on a line that Prometheus would not take. */
export async function scrape(pages: string): Promise<ExposedSample[]> {
  const response = await fetch(`${pages}/metrics`)
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const lines = (await response.text()).split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseSample)
}

function parseSample(line: string): ExposedSample {
  const match = SAMPLE.exec(line)
  assert.ok(match !== null, `not a sample: ${line}`)
  const [, name = '', labelText = '', text = ''] = match
  const labels: Record<string, string> = {}
  for (LABEL.lastIndex = 0; LABEL.lastIndex < labelText.length; ) {
    const label = LABEL.exec(labelText)
    assert.ok(label !== null, `labels: ${line}`)
    labels[label[1]!] = label[2]!
  }
  const value = text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text)
  assert.ok(!Number.isNaN(value), `value: ${line}`)
  return { name, labels, value }
}
