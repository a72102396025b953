/**
 * `npm run chaos`: real processes, real signals. Each fault runs in rounds under the verifier; then
 * everything acknowledged must be there once and in order, every ISR full, every epoch only grown.
 *
 *     npm run chaos -- [--only NAME] [--rounds 2]
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { SILENT_LOGGER } from '../../src/base/silent-logger.ts'
import { ChaosEngine } from '../../src/chaos/engine.ts'
import type { FaultRequest } from '../../src/chaos/faults.ts'
import { localTarget } from '../../src/chaos/local-target.ts'
import { systemVerifier } from '../../src/chaos/system-verifier.ts'
import { VERIFY_TOPIC } from '../../src/chaos/verifier.ts'
import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import { hasPassed } from '../../src/cli/verdict-table.ts'
import { Admin } from '../../src/client/admin.ts'
import { ClusterClient } from '../../src/client/cluster-client.ts'
import type { UnnumberedEvent } from '../../src/dashboard/history/events.ts'
import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import { LocalCluster } from '../../src/devcluster/local-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import type { HistoryVerdict, Sighting } from './epoch-history.ts'
import { EpochObserver } from './epoch-observer.ts'

const PARTITIONS = 6
const SESSION_MS = 6_000
const HEAL_DEADLINE_MS = 60_000
const STEADY_MS = 2_000
const ACKED_MIN = 100
const SETTINGS = [
  `zookeeper.session.timeout.ms=${SESSION_MS}`,
  'replica.lag.time.max.ms=5000',
  'samsa.http.listener=127.0.0.1:0',
  'samsa.faults.enable=true',
]

const { values } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string', default: '2' } },
})

interface Roles {
  readonly leader: number
  readonly controller: number
}

const FAULTS: Readonly<Record<string, (roles: Roles) => FaultRequest[]>> = {
  'kill leader': ({ leader }) => [kill(leader, SESSION_MS + 2_000)],
  'kill controller': ({ controller }) => [kill(controller, SESSION_MS + 2_000)],
  'kill both': ({ leader, controller }) =>
    [...new Set([leader, controller])].map((id) => kill(id, SESSION_MS + 2_000)),
  'term leader': ({ leader }) => [{ kind: 'terminate', target: leader, forMs: 1_000 }],
  'stop and go on': ({ leader }) => [{ kind: 'pause', target: leader, forMs: SESSION_MS + 4_000 }],
  'zookeeper restart': () => [{ kind: 'stop-zookeeper', target: 'zookeeper', forMs: 1_000 }],
  'restart at once': ({ leader }) => [kill(leader, 100)],
  'disk full': ({ leader }) => [{ kind: 'disk-full', target: leader, forMs: SESSION_MS + 2_000 }],
}

function kill(target: number, forMs: number): FaultRequest {
  return { kind: 'kill', target, forMs }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function rolesNow(admin: Admin): Promise<Roles> {
  const [topic] = await admin.describeTopics([VERIFY_TOPIC])
  const { controllerId } = await admin.describeCluster()
  return { leader: topic!.partitions[0]!.leaderId, controller: controllerId }
}

/** Seconds until every ISR is full; null when that takes too long. */
async function untilFull(admin: Admin): Promise<number | null> {
  const startMs = performance.now()
  while (performance.now() - startMs < HEAL_DEADLINE_MS) {
    try {
      const [topic] = await admin.describeTopics([VERIFY_TOPIC])
      const isFull = topic!.partitions.every(({ isrNodes }) => isrNodes.length === 3)
      if (isFull) return Math.round((performance.now() - startMs) / 100) / 10
    } catch {
      // The broker that was asked is the one that is away.
    }
    await pause(200)
  }
  return null
}

async function strike(engine: ChaosEngine, admin: Admin, name: string): Promise<void> {
  const requests = FAULTS[name]!(await rolesNow(admin))
  await Promise.all(requests.map((request) => engine.start(request)))
  while (engine.active.length > 0) await pause(50)
}

/** A line of the table, and whether it is good. */
interface Round {
  readonly row: Readonly<Record<string, unknown>>
  readonly isGood: boolean
}

async function runRound(name: string, round: number): Promise<Round> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-chaos-'))
  const cluster = new LocalCluster({
    brokers: 3,
    port: 17092,
    zookeeperPort: 17181,
    dataDir,
    overrides: SETTINGS,
    onUnexpectedEnd: ({ name: child, how }) => console.log(`  ${child} ended with ${how}`),
  })
  const interrupt = () => void cluster.stop().then(() => process.exit(1))
  process.once('SIGINT', interrupt)
  let isGood = false
  try {
    await cluster.start()
    const result = await runOn(cluster, name, round)
    isGood = result.isGood
    return result
  } finally {
    process.off('SIGINT', interrupt)
    await cluster.stop()
    if (isGood) fs.rmSync(dataDir, { recursive: true, force: true })
    else console.log(`  logs and data: ${dataDir}`)
  }
}

async function runOn(cluster: LocalCluster, name: string, round: number): Promise<Round> {
  const timeouts = { connectTimeoutMs: 1_000, requestTimeoutMs: 5_000 }
  const connect = connectOverTcp({ clientId: 'chaos', ...timeouts })
  const client = new ClusterClient(connect, systemClock, { bootstrap: cluster.bootstrap })
  const admin = new Admin(client)
  const events: UnnumberedEvent[] = []
  const zk = await openZooKeeper(cluster.zookeeperAddress)
  const engine = new ChaosEngine(localTarget(cluster, { zk }), systemClock, (event) =>
    events.push(event),
  )
  const verifier = systemVerifier(cluster.bootstrap, { partitions: PARTITIONS })
  let observer: EpochObserver | null = null
  try {
    await verifier.start()
    observer = await EpochObserver.open(cluster.zookeeperAddress, VERIFY_TOPIC, PARTITIONS)
    if (round === 1) console.log(`  the observer's ZooKeeper client is ${observer.client}`)
    await pause(STEADY_MS)
    await strike(engine, admin, name)
    const fullAfterS = await untilFull(admin)
    await pause(STEADY_MS)
    const verdict = await verifier.stop()
    const epochs = observer.verdict
    const hasFailed = events.some((event) => event.kind === 'fault' && event.phase === 'failed')
    const isGood =
      hasPassed(verdict) &&
      verdict.acked >= ACKED_MIN &&
      fullAfterS !== null &&
      epochs.violations.length === 0 &&
      !hasFailed
    if (!isGood) tellMore(`${name} ${round}`, observer.history, events, epochs, verdict.lastError)
    const { acked, failed, consumed, lost, duplicated, reordered, unchecked } = verdict
    const counts = { acked, failed, consumed, lost, duplicated, reordered, unchecked }
    return {
      isGood,
      row: {
        fault: name,
        round,
        ...counts,
        longestGapMs: Math.round(verdict.longestGapMs),
        longestReadGapMs: Math.round(verdict.longestReadGapMs),
        fullAfterS,
        controller: epochs.controllerEpoch,
        epochs: epochs.violations.length === 0 ? 'grown' : `${epochs.violations.length} wrong`,
        unseen: epochs.notes.length,
      },
    }
  } finally {
    await engine.close()
    await zk.close()
    await verifier.stop()
    await observer?.close()
    await client.close()
  }
}

/** To find the brokers' fault endpoints. */
async function openZooKeeper(zookeeper: string): Promise<ZkSession> {
  const { connect } = await openObserverClient(systemClock, { zookeeper, prefer: 'js' })
  const zk = new ZkSession({ connect, clock: systemClock, logger: SILENT_LOGGER })
  await zk.start(HEAL_DEADLINE_MS)
  return zk
}

function tellMore(
  name: string,
  history: readonly Sighting[],
  events: readonly UnnumberedEvent[],
  { violations }: HistoryVerdict,
  lastError: string | null,
): void {
  const file = path.join(
    os.tmpdir(),
    `samsa-chaos-${name.replaceAll(' ', '-')}-${Date.now()}.jsonl`,
  )
  const asText = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
  const lines = [...history, ...events]
    .sort((a, b) => a.atMs - b.atMs)
    .map((each) => `${JSON.stringify(each, asText)}\n`)
  fs.writeFileSync(file, lines.join(''))
  for (const violation of violations) console.log(`  ${violation}`)
  if (lastError !== null) console.log(`  the last write failed with ${lastError}`)
  console.log(`  what the znodes went through: ${file}`)
}

const rounds: Round[] = []
for (const name of Object.keys(FAULTS)) {
  if (values.only !== undefined && values.only !== name) continue
  for (let round = 1; round <= Number(values.rounds); round++) {
    console.log(`${name}, round ${round} ...`)
    rounds.push(await runRound(name, round))
  }
}
console.table(rounds.map(({ row }) => row))
const bad = rounds.filter(({ isGood }) => !isGood)
const isEmpty = rounds.length === 0
if (isEmpty) console.log(`--only is one of: ${Object.keys(FAULTS).join(', ')}`)
else if (bad.length === 0) console.log('nothing acknowledged was lost')
else console.log(`${bad.length} rounds are not good`)
process.exit(isEmpty || bad.length > 0 ? 1 : 0)
