/** The HTTP endpoint of broker processes: readiness from the first moment on, and faults that strike. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { freePorts } from '../../src/devcluster/ports.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { pagesOf } from '../support/broker-pages.ts'
import { until } from '../support/until.ts'

const MAIN = path.join(import.meta.dirname, '../../src/main.ts')
let cluster: TestCluster

before(async () => {
  cluster = await startCluster({
    brokers: 2,
    mode: 'process',
    config: {
      'samsa.http.listener': '127.0.0.1:0',
      'samsa.faults.enable': 'true',
      'zookeeper.session.timeout.ms': '10000',
    },
  })
})

after(() => cluster?.close())

async function post(pages: string, fault: object): Promise<number> {
  const response = await fetch(`${pages}/faults`, { method: 'POST', body: JSON.stringify(fault) })
  await response.text()
  return response.status
}

const isReady = async (pages: string) => (await fetch(`${pages}/readyz`)).status === 200

test('a broker that cannot start yet is alive and says what it waits for', async () => {
  const silent = net.createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port: zookeeperPort } = silent.address() as net.AddressInfo
  const [port] = await freePorts('127.0.0.1', 1)
  const logDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-unready-'))
  const settings = [
    'broker.id=7',
    `zookeeper.connect=127.0.0.1:${zookeeperPort}`,
    'listeners=PLAINTEXT://127.0.0.1:0',
    `log.dirs=${logDir}`,
    `samsa.http.listener=127.0.0.1:${port}`,
  ]
  const args = settings.flatMap((setting) => ['--override', setting])
  const child = spawn(process.execPath, [MAIN, 'broker', ...args], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    const pages = `http://127.0.0.1:${port}`
    const alive = () =>
      fetch(`${pages}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      )
    await until('the endpoint answers', alive)
    const ready = await fetch(`${pages}/readyz`)
    assert.equal(ready.status, 503)
    assert.deepEqual(await ready.json(), { ready: false, reasons: ['connecting to ZooKeeper'] })
    assert.equal((await fetch(`${pages}/metrics`)).status, 200)
    assert.equal(await post(pages, { kind: 'kill' }), 403)
  } finally {
    child.kill('SIGKILL')
    await ended
    silent.close()
    fs.rmSync(logDir, { recursive: true, force: true })
  }
})

test('a session that is ended on request is followed by a new one', async () => {
  const pages = await pagesOf(cluster.zookeeperAddress, 2)
  const log = path.join(cluster.dataDir, 'logs/broker-2.log')
  const registrations = () => fs.readFileSync(log, 'utf8').split('Registered broker 2').length - 1
  assert.equal(await isReady(pages), true)
  assert.equal(await post(pages, { kind: 'expire-session' }), 202)
  await until('it registers again', () => registrations() === 2)
  await until('it is ready again', () => isReady(pages))
})

/** `T` while it is held. */
function stateOf(pid: number): string {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}

test('a broker that is paused goes on by itself', {
  skip: fs.existsSync('/proc/self/stat') ? false : 'needs /proc',
}, async () => {
  const pages = await pagesOf(cluster.zookeeperAddress, 2)
  const { pid } = cluster.broker(2)
  assert.equal(await post(pages, { kind: 'pause', forMs: 300 }), 202)
  await until('it stands still', () => stateOf(pid) === 'T')
  await until('it goes on', () => stateOf(pid) !== 'T')
  assert.equal(await post(pages, { kind: 'stall', forMs: 100 }), 202)
  await until('it is ready', () => isReady(pages))
})

test('a broker ends on request, with and without a farewell', async () => {
  const [first, second] = await Promise.all(
    [1, 2].map((id) => pagesOf(cluster.zookeeperAddress, id)),
  )
  assert.equal(await post(second!, { kind: 'terminate' }), 202)
  await until('broker 2 has ended', () => !cluster.broker(2).isRunning)
  const log = (id: number) =>
    fs.readFileSync(path.join(cluster.dataDir, `logs/broker-${id}.log`), 'utf8')
  assert.match(log(2), /\[KafkaServer id=2\] shut down completed/)
  assert.equal(await post(first!, { kind: 'kill' }), 202)
  await until('broker 1 has ended', () => !cluster.broker(1).isRunning)
  assert.doesNotMatch(log(1), /\[KafkaServer id=1\] shutting down/)
})
