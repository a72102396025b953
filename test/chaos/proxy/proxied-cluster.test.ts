/** Real brokers all of whose connections run through proxies: they work, fail over, are cut off. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { type ClusterEdges, startClusterEdges } from '../../../src/chaos/proxy/cluster-edges.ts'
import { type ProxyServer, startProxyServer } from '../../../src/chaos/proxy/proxy-server.ts'
import { connectOverTcp } from '../../../src/cli/open-cluster.ts'
import { Admin } from '../../../src/client/admin.ts'
import { ClusterClient } from '../../../src/client/cluster-client.ts'
import { PartitionClient } from '../../../src/client/partition-client.ts'
import { brokerSettings, propertiesText } from '../../../src/devcluster/broker-properties.ts'
import { ServerChild } from '../../../src/devcluster/child.ts'
import { checkPorts } from '../../../src/devcluster/ports.ts'
import { untilKnows } from '../../../src/devcluster/readiness.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { systemDisk } from '../../../src/host/disk.ts'
import { systemRandom } from '../../../src/host/random.ts'
import { systemTransport } from '../../../src/host/tcp.ts'
import { ZkJsClient } from '../../../src/host/zk-js.ts'
import { buildBatch } from '../../../src/records/builder.ts'
import { decodePartitionState, partitionStatePath } from '../../../src/zk/znodes.ts'
import { startZkServer, type ZkServer } from '../../../src/zkserver/server.ts'
import { SilentLoggers } from '../../support/silent-loggers.ts'
import { until } from '../../support/until.ts'

const HOST = '127.0.0.1'
const IDS = [1, 2, 3]
const TOPIC = 'proxied'

const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-proxied-'))
const children = new Map<number, ServerChild>()
let zookeeper: ZkServer
let proxies: ProxyServer
let edges: ClusterEdges
let client: ClusterClient
let zk: ZkJsClient

before(async () => {
  const loggers = new SilentLoggers()
  const ports = await portsInARow(IDS.length * 3)
  zookeeper = await startZkServer({
    transport: systemTransport,
    disk: systemDisk,
    clock: systemClock,
    loggers,
    dataDir: null,
    host: HOST,
    port: 0,
    tickMs: 500,
  })
  proxies = await startProxyServer({
    clock: systemClock,
    random: systemRandom,
    log: loggers.get('proxy'),
    host: HOST,
    port: 0,
  })
  const publicPort = (id: number): number => ports[id - 1]!
  edges = await startClusterEdges(proxies, {
    host: HOST,
    zookeeper: `${HOST}:${zookeeper.port}`,
    brokerIds: IDS,
    brokers: { portOf: publicPort, innerPortsOf: (id) => [ports[id + 2]!, ports[id + 5]!] },
  })
  for (const id of IDS) startBroker(id)
  zk = new ZkJsClient(
    {
      transport: systemTransport,
      clock: systemClock,
      random: systemRandom,
      logger: loggers.get('zk'),
    },
    { connect: `${HOST}:${zookeeper.port}`, sessionTimeoutMs: 20_000 },
  )
  const addresses = IDS.map((id) => `${HOST}:${publicPort(id)}`)
  const deadlineMs = systemClock.monotonicMs() + 20_000
  await Promise.all([...children.values()].map(({ ready }) => ready))
  await Promise.all(addresses.map((address) => untilKnows(address, IDS.length, deadlineMs)))
  client = new ClusterClient(
    connectOverTcp({ clientId: 'test', connectTimeoutMs: 1_000, requestTimeoutMs: 2_000 }),
    systemClock,
    { bootstrap: addresses.join(','), retryBackoffMs: 20, callTimeoutMs: 20_000 },
  )
  await new Admin(client).createTopics([{ name: TOPIC, partitions: 1, replicationFactor: 3 }])
})

after(async () => {
  await client?.close()
  await zk?.close()
  await Promise.all([...children.values()].map((child) => child.stop(0)))
  await proxies?.close()
  await zookeeper?.close()
  fs.rmSync(dataDir, { recursive: true, force: true })
})

/** Below those that the system gives to anyone, the proxies among them. */
async function portsInARow(count: number): Promise<number[]> {
  for (let first = 30_000 + (process.pid % 270) * 10; ; first = 30_000 + ((first + 10) % 2_700)) {
    const ports = Array.from({ length: count }, (_, at) => first + at)
    const wanted = ports.map((port) => ({ name: 'broker', port, flag: '--port' }))
    const areFree = await checkPorts(HOST, wanted).then(
      () => true,
      () => false,
    )
    if (areFree) return ports
  }
}

function logFile(id: number): string {
  return path.join(dataDir, `broker-${id}.log`)
}

function startBroker(id: number): void {
  const overrides = [...edges.settingsOf(id)].map(([key, value]) => `${key}=${value}`)
  const settings = brokerSettings({
    brokerId: id,
    host: HOST,
    port: 0,
    logDir: path.join(dataDir, String(id)),
    zookeeper: '',
    replicationFactor: 3,
    overrides: [
      ...overrides,
      'zookeeper.session.timeout.ms=3000',
      'replica.lag.time.max.ms=1500',
      'min.insync.replicas=2',
      // A broker that is cut off only from its peers would be made leader again.
      'auto.leader.rebalance.enable=false',
    ],
  })
  const file = path.join(dataDir, `broker-${id}.properties`)
  fs.writeFileSync(file, propertiesText(settings))
  const args = ['broker', file]
  children.set(id, new ServerChild({ name: `broker-${id}`, args, logFile: logFile(id) }))
}

/** As ZooKeeper has it: a broker that is cut off from there goes on telling what it knew. */
async function inSync(): Promise<readonly number[]> {
  const state = decodePartitionState((await zk.get(partitionStatePath(TOPIC, 0))).data)
  return state.kind === 'ok' ? state.value.isr : []
}

async function controller(): Promise<number> {
  return (await client.metadata([])).controllerId
}

async function produced(acks: 1 | -1 = -1): Promise<boolean> {
  const batch = buildBatch([{ value: 'x' }], { timestamp: 1 })
  return await new PartitionClient(client).produce(TOPIC, 0, [batch], { acks }).then(
    () => true,
    () => false,
  )
}

test('every edge that is used runs through its proxy', async () => {
  await until('all in sync', async () => (await inSync()).length === 3)
  await until('a record is acknowledged', () => produced())
  const leader = await new PartitionClient(client).leaderOf(TOPIC, 0)
  for (const id of IDS) {
    const used = [`broker-${id}-to-zookeeper`, `clients-to-broker-${id}`]
    if (id !== leader) used.push(`broker-${id}-to-broker-${leader}`)
    for (const name of used) {
      const [up, down] = proxies.proxies.get(name).traffic
      assert.ok(up!.sentBytes > 0 && down!.sentBytes > 0, name)
    }
  }
  assert.equal(edges.edges.length, 3 + 3 + 6)
})

test('a controller that is killed is proven dead past its proxies', async () => {
  const dead = await controller()
  children.get(dead)!.kill('SIGKILL')
  const others = IDS.filter((id) => id !== dead)
  await until('another one reigns', async () => others.includes(await controller()))
  const logs = others.map((id) => fs.readFileSync(logFile(id), 'utf8')).join('')
  assert.match(logs, new RegExp(`Controller ${dead} refuses connections at ${HOST}:\\d+: removing`))
  await until('a record is acknowledged', () => produced())
  startBroker(dead)
  await until('all in sync', async () => (await inSync()).length === 3)
})

test('a broker that is cut off leaves the ISR and comes back when it heals', async () => {
  for (const kinds of [['zookeeper'], ['peer', 'client']]) {
    const leader = await new PartitionClient(client).leaderOf(TOPIC, 0)
    const reigning = await controller()
    const chosen = IDS.find((id) => id !== leader && id !== reigning)!
    const cut = edges.edges.filter(
      ({ kind, from, to }) => kinds.includes(kind) && (from === chosen || to === chosen),
    )
    for (const edge of cut) edge.cut()
    // Who has all there is stays in the ISR, however silent.
    await until('there is something to miss', () => produced(1))
    await until(`it is out without ${kinds}`, async () => !(await inSync()).includes(chosen))
    await until('a record is acknowledged', () => produced())
    for (const edge of cut) edge.heal()
    await until(`all in sync with ${kinds}`, async () => (await inSync()).length === 3)
  }
})
