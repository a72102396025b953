/** A broker that cannot start says why, and what to do, in words that name the setting. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { LocalCluster } from '../../src/devcluster/local-cluster.ts'
import { freePorts } from '../../src/devcluster/ports.ts'

const MAIN = path.join(import.meta.dirname, '../../src/main.ts')
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-wrong-'))
const at = (name: string) => path.join(dataDir, name)
let cluster: LocalCluster

before(async () => {
  const [port, zookeeperPort] = await freePorts('127.0.0.1', 2)
  cluster = new LocalCluster({
    brokers: 1,
    port: port!,
    zookeeperPort: zookeeperPort!,
    dataDir,
    overrides: [],
  })
  await cluster.start()
})

after(async () => {
  await cluster?.stop()
  fs.rmSync(dataDir, { recursive: true, force: true })
})

/** What `samsa broker` writes to stderr before it gives up. */
async function refusal(...overrides: string[]): Promise<string> {
  const settings = [
    'broker.id=7',
    `zookeeper.connect=${cluster.zookeeperAddress}`,
    'listeners=PLAINTEXT://127.0.0.1:0',
    `log.dirs=${at('fresh')}`,
    'zookeeper.connection.timeout.ms=300',
    ...overrides,
  ]
  const args = settings.flatMap((setting) => ['--override', setting])
  const child = spawn(process.execPath, [MAIN, 'broker', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(code, 1, `exit code of a broker with ${overrides}: ${stderr}`)
  return stderr
}

function identity(directory: string, brokerId: number, clusterId: string): string {
  fs.mkdirSync(at(directory))
  const text = `version=0\nbroker.id=${brokerId}\ncluster.id=${clusterId}\n`
  fs.writeFileSync(at(`${directory}/meta.properties`), text)
  return at(directory)
}

test('a value of the wrong type or shape', async () => {
  const number = await refusal('num.io.threads=abc')
  assert.match(number, /Invalid value abc for configuration num\.io\.threads/)
  assert.match(number, /Set num\.io\.threads to a whole number/)
  assert.match(await refusal('listeners=PLAINTEXT://127.0.0.1:x'), /NAME:\/\/host:port/)
  assert.match(await refusal('inter.broker.listener.name=NOPE'), /inter\.broker\.listener\.name/)
})

test('no ZooKeeper', async () => {
  assert.match(await refusal('zookeeper.connect='), /zookeeper\.connect=host:2181/)
  const [port] = await freePorts('127.0.0.1', 1)
  const silent = await refusal(`zookeeper.connect=127.0.0.1:${port}`)
  assert.match(silent, /Timed out waiting for connection to ZooKeeper/)
  assert.match(silent, /Does ZooKeeper run where zookeeper\.connect says\?/)
})

test('a taken port', async () => {
  const port = cluster.portOf(1)
  assert.match(
    await refusal(`listeners=PLAINTEXT://127.0.0.1:${port}`),
    new RegExp(`127\\.0\\.0\\.1:${port} is taken`),
  )
})

test('a log directory that cannot be one', async () => {
  fs.writeFileSync(at('in-the-way'), '')
  const blocked = await refusal(`log.dirs=${at('in-the-way')}`)
  assert.match(blocked, /in-the-way/)
  assert.match(blocked, /Each directory of log\.dirs/)
  assert.match(await refusal('log.dirs=/proc/nope'), /\/proc\/nope/)
})

test('a log directory of another broker or another cluster', async () => {
  const meta = fs.readFileSync(at('broker-1/meta.properties'), 'utf8')
  const clusterId = /cluster\.id=(\S+)/.exec(meta)![1]!
  const otherBroker = identity('other-broker', 9, clusterId)
  assert.match(
    await refusal(`log.dirs=${otherBroker}`),
    /Configured broker\.id 7 doesn't match stored broker\.id 9/,
  )
  const otherCluster = identity('other-cluster', 7, 'AAAAAAAAAAAAAAAAAAAAAA')
  assert.match(
    await refusal(`log.dirs=${otherCluster}`),
    /doesn't match stored clusterId AAAAAAAAAAAAAAAAAAAAAA/,
  )
})
