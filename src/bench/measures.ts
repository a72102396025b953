/**
 * The measures of `docs/performance.md`. Each prints one JSON line. Those that need only a bootstrap
 * address run against any cluster, so that ratios to Kafka come from one session; the others start and
 * stop a cluster of our own.
 */
import type { Admin } from '../client/admin.ts'
import { KafkaError } from '../client/kafka-error.ts'
import type { LoadGenerator } from './load.ts'

export interface BenchTarget {
  readonly admin: Admin
  readonly load: LoadGenerator
  /** 1 for the whole size; less for a quick look. */
  readonly scale: number
}

export interface Measurement {
  readonly measure: string
  readonly value: number
  readonly unit: string
  readonly [detail: string]: unknown
}

export type Measure = (target: BenchTarget) => Promise<Measurement[]>

const PARTITIONS = 6
const REPLICATION_FACTOR = 3
const MEGABYTE = 1_000_000

interface ProduceCase {
  readonly name: string
  readonly recordBytes: number
  readonly acks: '1' | 'all'
  readonly codec: 'none' | 'lz4'
  readonly megabytes: number
}

const PRODUCE_CASES: readonly ProduceCase[] = [
  { name: 'produce-100B-acks1', recordBytes: 100, acks: '1', codec: 'none', megabytes: 200 },
  { name: 'produce-100B-all', recordBytes: 100, acks: 'all', codec: 'none', megabytes: 200 },
  { name: 'produce-1000B-acks1', recordBytes: 1000, acks: '1', codec: 'none', megabytes: 800 },
  { name: 'produce-1000B-all', recordBytes: 1000, acks: 'all', codec: 'none', megabytes: 800 },
  { name: 'produce-10000B-acks1', recordBytes: 10_000, acks: '1', codec: 'none', megabytes: 800 },
  { name: 'produce-10000B-all', recordBytes: 10_000, acks: 'all', codec: 'none', megabytes: 800 },
  { name: 'produce-1000B-lz4-all', recordBytes: 1000, acks: 'all', codec: 'lz4', megabytes: 1200 },
]

export const MEASURES: Readonly<Record<string, Measure>> = {
  ...Object.fromEntries(PRODUCE_CASES.map((each) => [each.name, produceMeasure(each)])),
  consume: measureConsume,
  latency: measureLatency,
  'create-topics': measureTopicCreation,
}

function produceMeasure(each: ProduceCase): Measure {
  return async (target) => {
    const { recordBytes, acks, codec, megabytes } = each
    const topic = await freshTopic(target, PARTITIONS)
    const records = Math.ceil((megabytes * MEGABYTE * target.scale) / recordBytes)
    const result = await target.load.produce({ topic, records, recordBytes, acks, codec })
    await target.admin.deleteTopics([topic])
    const { mbPerSecond, ...details } = result
    return [{ measure: each.name, value: mbPerSecond, unit: 'MB/s', ...details }]
  }
}

async function measureConsume(target: BenchTarget): Promise<Measurement[]> {
  const topic = await freshTopic(target, PARTITIONS)
  const recordBytes = 1000
  const records = Math.ceil((800 * MEGABYTE * target.scale) / recordBytes)
  await target.load.produce({ topic, records, recordBytes, acks: 'all', codec: 'none' })
  const result = await target.load.consume(topic, PARTITIONS, records)
  await target.admin.deleteTopics([topic])
  const { mbPerSecond, ...details } = result
  return [{ measure: 'consume-1000B', value: mbPerSecond, unit: 'MB/s', ...details }]
}

async function measureLatency(target: BenchTarget): Promise<Measurement[]> {
  const topic = await freshTopic(target, PARTITIONS)
  const perSecond = 200
  const records = Math.max(200, Math.ceil(4000 * target.scale))
  const result = await target.load.latency(topic, PARTITIONS, records, perSecond)
  await target.admin.deleteTopics([topic])
  return [
    { measure: 'latency-p50', value: result.p50Ms, unit: 'ms', records },
    { measure: 'latency-p99', value: result.p99Ms, unit: 'ms', records },
    { measure: 'latency-p99.9', value: result.p999Ms, unit: 'ms', records },
  ]
}

async function measureTopicCreation(target: BenchTarget): Promise<Measurement[]> {
  const { admin } = target
  const prefix = uniqueName('create')
  const names = Array.from({ length: 50 }, (_, at) => `${prefix}-${at}`)
  const startMs = performance.now()
  await admin.createTopics(
    names.map((name) => ({ name, partitions: 20, replicationFactor: REPLICATION_FACTOR })),
  )
  await untilAllLed(admin, names)
  const tookMs = performance.now() - startMs
  await admin.deleteTopics(names)
  return [{ measure: 'create-50x20', value: round(tookMs / 1000), unit: 's' }]
}

export async function freshTopic(
  { admin }: { readonly admin: Admin },
  partitions: number,
): Promise<string> {
  const name = uniqueName('bench')
  await admin.createTopics([{ name, partitions, replicationFactor: REPLICATION_FACTOR }])
  await untilAllLed(admin, [name])
  return name
}

/** Polls any broker until every partition of the topics has a leader that is alive. */
export async function untilAllLed(admin: Admin, names: readonly string[]): Promise<void> {
  for (;;) {
    try {
      const topics = await admin.describeTopics(names)
      const led = topics.every(({ partitions }) =>
        partitions.every(({ errorCode, leaderId }) => errorCode === 0 && leaderId >= 0),
      )
      if (led) return
    } catch (error) {
      // The broker that was asked has not heard of it yet.
      if (!(error instanceof KafkaError)) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${Math.floor(Math.random() * 1e9).toString(36)}`
}

export function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
