/** Measures that need a cluster of their own: how fast it starts, how much it takes, how it fails over. */
import fs from 'node:fs'
import { connectOverTcp } from '../cli/open-cluster.ts'
import { Admin } from '../client/admin.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { LocalCluster } from '../devcluster/local-cluster.ts'
import { systemClock } from '../host/clock.ts'
import { buildLoadGenerator, LoadGenerator } from './load.ts'
import { freshTopic, type Measurement, round, uniqueName } from './measures.ts'

export interface ClusterBench {
  readonly dataDir: string
  readonly scale: number
}

export type ClusterMeasure = (bench: ClusterBench) => Promise<Measurement[]>

const PORT = 18092
const ZOOKEEPER_PORT = 18181
const MEBIBYTE = 1024 * 1024
/** A broker gives back what its start took once it has had nothing to do for two seconds. */
const UNTIL_IDLE_MS = 8_000
/** As many as in the figures for Kafka. */
const FAILOVER_TOPICS = 21
const PARTITIONS_PER_TOPIC = 20

export const CLUSTER_MEASURES: Readonly<Record<string, ClusterMeasure>> = {
  start: measureStart,
  memory: measureMemory,
  'failover-leader': (bench) => measureFailover(bench, 'leader'),
  'failover-controller': (bench) => measureFailover(bench, 'controller'),
  'shutdown-gap': measureShutdownGap,
}

async function withCluster<T>(
  dataDir: string,
  overrides: readonly string[],
  run: (cluster: LocalCluster, admin: Admin) => Promise<T>,
): Promise<T> {
  const cluster = new LocalCluster({
    brokers: 3,
    port: PORT,
    zookeeperPort: ZOOKEEPER_PORT,
    dataDir,
    overrides,
  })
  const connect = connectOverTcp({
    clientId: 'samsa-bench',
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 60_000,
  })
  try {
    await cluster.start()
    const { bootstrap } = cluster
    const client = new ClusterClient(connect, systemClock, { bootstrap, retryBackoffMs: 5 })
    const result = await run(cluster, new Admin(client))
    await client.close()
    return result
  } finally {
    await cluster.stop()
  }
}

async function measureStart({ dataDir }: ClusterBench): Promise<Measurement[]> {
  const results: Measurement[] = []
  for (let round_ = 0; round_ < 3; round_++) {
    const startMs = performance.now()
    await withCluster(`${dataDir}/${round_}`, [], async () => {
      const value = round((performance.now() - startMs) / 1000)
      results.push({ measure: 'start', value, unit: 's' })
    })
  }
  return results
}

/** Resident memory of the largest broker, idle and after 2 GB of traffic. */
function measureMemory({ dataDir, scale }: ClusterBench): Promise<Measurement[]> {
  return withCluster(dataDir, [], async (cluster, admin) => {
    await new Promise((resolve) => setTimeout(resolve, UNTIL_IDLE_MS))
    const idle = largestResidentBytes(cluster)
    const load = new LoadGenerator(await buildLoadGenerator(), cluster.bootstrap)
    const topic = await freshTopic({ admin }, 6)
    const records = Math.ceil(2_000_000 * scale)
    await load.produce({ topic, records, recordBytes: 1000, acks: 'all', codec: 'none' })
    const busy = largestResidentBytes(cluster)
    const inMebibytes = (bytes: number) => Math.round(bytes / MEBIBYTE)
    return [
      { measure: 'memory-idle', value: inMebibytes(idle), unit: 'MiB' },
      { measure: 'memory-after-traffic', value: inMebibytes(busy), unit: 'MiB', records },
    ]
  })
}

function largestResidentBytes(cluster: LocalCluster): number {
  const bytes = cluster.brokerIds.map((id) => {
    const status = fs.readFileSync(`/proc/${cluster.pidOf(id)}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  })
  return Math.max(...bytes)
}

/** kill -9 of a broker with 420 partitions until every one of them has a leader that is alive. */
function measureFailover(
  { dataDir }: ClusterBench,
  victim: 'leader' | 'controller',
): Promise<Measurement[]> {
  return withCluster(dataDir, [], async (cluster, admin) => {
    const prefix = uniqueName('failover')
    const names = Array.from({ length: FAILOVER_TOPICS }, (_, at) => `${prefix}-${at}`)
    await admin.createTopics(
      names.map((name) => ({ name, partitions: PARTITIONS_PER_TOPIC, replicationFactor: 3 })),
    )
    const { controllerId, brokers } = await admin.describeCluster()
    const killed =
      victim === 'controller'
        ? controllerId
        : brokers.map(({ nodeId }) => nodeId).find((id) => id !== controllerId)!
    const startMs = performance.now()
    await cluster.signalBroker(killed, 'SIGKILL')
    await untilLedWithout(admin, names, killed)
    const value = round((performance.now() - startMs) / 1000)
    return [{ measure: `failover-${victim}`, value, unit: 's' }]
  })
}

async function untilLedWithout(
  admin: Admin,
  names: readonly string[],
  killed: number,
): Promise<void> {
  for (;;) {
    try {
      const topics = await admin.describeTopics(names)
      const led = topics.every(({ partitions }) =>
        partitions.every(
          ({ errorCode, leaderId }) => errorCode === 0 && leaderId >= 0 && leaderId !== killed,
        ),
      )
      if (led) return
    } catch {
      // The broker that was asked is the one that died.
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** SIGTERM of a leader under acks=all: the longest time between two acknowledgements. */
function measureShutdownGap({ dataDir }: ClusterBench): Promise<Measurement[]> {
  return withCluster(dataDir, [], async (cluster, admin) => {
    const topic = await freshTopic({ admin }, 1)
    const load = new LoadGenerator(await buildLoadGenerator(), cluster.bootstrap)
    const running = load.gap(topic, 8)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const [description] = await admin.describeTopics([topic])
    await cluster.signalBroker(description!.partitions[0]!.leaderId, 'SIGTERM')
    const { longestGapMs, failed } = await running
    return [{ measure: 'shutdown-gap', value: round(longestGapMs / 1000), unit: 's', failed }]
  })
}
