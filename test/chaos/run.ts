/**
 * `npm run chaos`: real processes, real signals. Each fault runs in rounds under a producer with
 * acks=all; then everything acknowledged must be there once, every ISR full, every epoch only grown.
 *
 *     npm run chaos -- [--only NAME] [--rounds 2]
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import { LocalCluster } from '../../src/devcluster/local-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { systemRandom } from '../../src/host/random.ts'
import { systemTransport } from '../../src/host/tcp.ts'
import { ZkJsClient } from '../../src/host/zk-js.ts'
import { EpochObserver } from './epoch-observer.ts'
import { Workload } from './workload.ts'

const PARTITIONS = 6
const SESSION_MS = 6_000
const HEAL_DEADLINE_MS = 60_000
const STEADY_MS = 2_000

const { values } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string', default: '2' } },
})

interface Scene {
  readonly cluster: LocalCluster
  readonly admin: Admin
  readonly topic: string
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function leaderOf({ admin, topic }: Scene): Promise<number> {
  const [description] = await admin.describeTopics([topic])
  return description!.partitions[0]!.leaderId
}

async function controllerOf({ admin }: Scene): Promise<number> {
  return (await admin.describeCluster()).controllerId
}

async function bounce(
  scene: Scene,
  ids: readonly number[],
  signal: NodeJS.Signals,
  awayMs: number,
) {
  const different = [...new Set(ids)]
  await Promise.all(different.map((id) => scene.cluster.signalBroker(id, signal)))
  await pause(awayMs)
  for (const id of different) await scene.cluster.startBroker(id)
}

const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'kill leader': async (s) => bounce(s, [await leaderOf(s)], 'SIGKILL', SESSION_MS + 2_000),
  'kill controller': async (s) => bounce(s, [await controllerOf(s)], 'SIGKILL', SESSION_MS + 2_000),
  'kill both': async (s) =>
    bounce(s, [await leaderOf(s), await controllerOf(s)], 'SIGKILL', SESSION_MS + 2_000),
  'term leader': async (s) => bounce(s, [await leaderOf(s)], 'SIGTERM', 1_000),
  'stop and go on': async (s) => {
    const id = await leaderOf(s)
    await s.cluster.signalBroker(id, 'SIGSTOP')
    await pause(SESSION_MS + 4_000)
    await s.cluster.signalBroker(id, 'SIGCONT')
  },
  'zookeeper restart': async (s) => {
    await s.cluster.stopZooKeeper('SIGKILL')
    await pause(1_000)
    await s.cluster.startZooKeeper()
  },
  'restart at once': async (s) => bounce(s, [await leaderOf(s)], 'SIGKILL', 100),
}

/** Seconds until every ISR is full; null when that takes too long. */
async function untilFull({ admin, topic }: Scene): Promise<number | null> {
  const startMs = performance.now()
  while (performance.now() - startMs < HEAL_DEADLINE_MS) {
    try {
      const [description] = await admin.describeTopics([topic])
      const isFull = description!.partitions.every(({ isrNodes }) => isrNodes.length === 3)
      if (isFull) return Math.round((performance.now() - startMs) / 100) / 10
    } catch {
      // The broker that was asked is the one that is away.
    }
    await pause(200)
  }
  return null
}

async function runFault(name: string, round: number): Promise<Record<string, unknown>> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-chaos-'))
  const overrides = [
    'min.insync.replicas=2',
    `zookeeper.session.timeout.ms=${SESSION_MS}`,
    'replica.lag.time.max.ms=5000',
  ]
  const cluster = new LocalCluster({
    brokers: 3,
    port: 17092,
    zookeeperPort: 17181,
    dataDir,
    overrides,
  })
  const connect = connectOverTcp({
    clientId: 'chaos',
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 5_000,
  })
  process.once('SIGINT', () => void cluster.stop().then(() => process.exit(1)))
  try {
    await cluster.start()
    const client = new ClusterClient(connect, systemClock, { bootstrap: cluster.bootstrap })
    const admin = new Admin(client)
    const topic = 'chaos'
    const replicationFactor = 3
    await admin.createTopics([{ name: topic, partitions: PARTITIONS, replicationFactor }])
    const silent = { debug() {}, info() {}, warn() {}, error() {}, isDebugEnabled: () => false }
    const zk = new ZkJsClient(
      { transport: systemTransport, clock: systemClock, random: systemRandom, logger: silent },
      { connect: cluster.zookeeperAddress, sessionTimeoutMs: 20_000 },
    )
    const observer = new EpochObserver(zk)
    observer.start(topic, PARTITIONS)
    const load = new Workload(client, topic, PARTITIONS)
    load.start()
    await pause(STEADY_MS)
    const scene = { cluster, admin, topic }
    await FAULTS[name]!(scene)
    const fullAfterS = await untilFull(scene)
    await pause(STEADY_MS)
    await load.stop()
    const verdict = await load.verify()
    await zk.close()
    await client.close()
    const epochs = observer.violations.length === 0 ? 'grown' : observer.violations.join('; ')
    return {
      fault: name,
      round,
      ...verdict,
      fullAfterS,
      controller: observer.controllerEpoch,
      epochs,
    }
  } finally {
    await cluster.stop()
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}

const rows: Record<string, unknown>[] = []
for (const name of Object.keys(FAULTS)) {
  if (values.only !== undefined && values.only !== name) continue
  for (let round = 1; round <= Number(values.rounds); round++) {
    console.log(`${name}, round ${round} ...`)
    rows.push(await runFault(name, round))
  }
}
console.table(rows)
const isBad = ({ acked, lost, duplicated, fullAfterS, epochs }: Record<string, unknown>) =>
  Number(acked) < 100 || lost !== 0 || duplicated !== 0 || fullAfterS === null || epochs !== 'grown'
const bad = rows.filter(isBad)
console.log(
  bad.length === 0 ? 'nothing acknowledged was lost' : `${bad.length} rounds are not good`,
)
process.exit(bad.length === 0 ? 0 : 1)
