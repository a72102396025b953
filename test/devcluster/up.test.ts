/** `samsa up` as a person has it: processes, signals, what is printed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/devcluster/ports.ts'
import { until } from '../support/until.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-up-'))
const spawned: ChildProcess[] = []
after(() => {
  // What a failed test left; its children follow.
  for (const child of spawned) child.kill('SIGKILL')
  fs.rmSync(root, { recursive: true, force: true })
})

interface Running {
  readonly process: ChildProcess
  readonly output: () => string
  readonly ended: Promise<unknown[]>
}

function samsa(...args: readonly string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  spawned.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += chunk
    })
  }
  return { process: child, output: () => text, ended: once(child, 'close') }
}

async function upArgs(name: string): Promise<{ args: string[]; port: number }> {
  const [port = 0, zookeeperPort = 0] = await freePorts('127.0.0.1', 2)
  const ports = ['--port', String(port), '--zookeeper-port', String(zookeeperPort)]
  return { args: ['up', '--brokers', '1', ...ports, '--data', path.join(root, name)], port }
}

async function untilReady(running: Running): Promise<void> {
  await Promise.race([
    until('it is ready', () => running.output().includes('Ready in')),
    running.ended.then(() => Promise.reject(new Error(running.output()))),
  ])
}

const pidOf = (running: Running, what: string) =>
  Number(new RegExp(`${what} .*pid (\\d+)`).exec(running.output())?.[1])

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('it tells where things are, ends on SIGTERM, and goes on with its data', async () => {
  const { args, port } = await upArgs('again')
  const first = samsa(...args)
  await untilReady(first)
  assert.match(first.output(), /^Starting 1 broker with new data in .*\/again \.\.\.$/m)
  assert.match(
    first.output(),
    new RegExp(`broker 1 {3}127\\.0\\.0\\.1:${port} {2}pid \\d+ {2}controller`),
  )
  const server = `127.0.0.1:${port}`
  const create = samsa('topics', '--create', '--topic', 't', '--bootstrap-server', server)
  await create.ended
  assert.match(create.output(), /Created topic t\./)
  first.process.kill('SIGTERM')
  assert.deepEqual(await first.ended, [0, null])

  const second = samsa(...args)
  await untilReady(second)
  assert.match(second.output(), /on the data in/)
  const list = samsa('topics', '--list', '--bootstrap-server', server)
  await list.ended
  assert.equal(list.output(), 't\n')
  const healthy = samsa('healthcheck', '--bootstrap-server', server)
  assert.deepEqual(await healthy.ended, [0, null])
  assert.equal(healthy.output(), 'ready: brokers 1, controller 1\n')
  second.process.kill('SIGINT')
  assert.deepEqual(await second.ended, [0, null])
})

test('a taken port is named before anything starts', async () => {
  const { args, port } = await upArgs('taken')
  const server = net.createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const running = samsa(...args)
  assert.deepEqual(await running.ended, [1, null])
  server.close()
  assert.match(
    running.output(),
    new RegExp(`broker 1: 127\\.0\\.0\\.1:${port} is taken.*\\(--port\\)`),
  )
  assert.equal(fs.existsSync(path.join(root, 'taken')), false)
})

test('a killed child is reported with the command that starts it again', async () => {
  const { args } = await upArgs('child')
  // Nobody but ZooKeeper can tell that the only broker is dead.
  const running = samsa(...args, '--override', 'zookeeper.session.timeout.ms=2000')
  await untilReady(running)
  process.kill(pidOf(running, 'broker 1'), 'SIGKILL')
  await until('it tells of the death', () => running.output().includes('start it again'))
  assert.match(running.output(), /broker-1 ended with SIGKILL\. The others go on\./)
  const command = /start it again {2}npm run samsa -- (.*)/.exec(running.output())?.[1]
  const again = samsa(...command!.split(' '))
  await until('it runs again', () => again.output().includes('[KafkaServer id=1] started'))
  again.process.kill('SIGTERM')
  assert.deepEqual(await again.ended, [0, null])
  process.kill(pidOf(running, 'ZooKeeper'), 'SIGKILL')
  assert.deepEqual(await running.ended, [1, null])
  assert.match(running.output(), /zookeeper ended with SIGKILL\. Nothing is left\./)
})

test('when it is killed itself, no child stays', async () => {
  const { args } = await upArgs('killed')
  const running = samsa(...args)
  await untilReady(running)
  const pids = [pidOf(running, 'broker 1'), pidOf(running, 'ZooKeeper')]
  for (const pid of pids) assert.equal(isAlive(pid), true)
  running.process.kill('SIGKILL')
  await until('all are gone', () => pids.every((pid) => !isAlive(pid)))
})

test('a child that cannot start ends all, with the end of its log', async () => {
  const { args } = await upArgs('failing')
  const running = samsa(...args, '--override', 'num.partitions=many')
  assert.deepEqual(await running.ended, [1, null])
  assert.match(running.output(), /broker-1 ended with exit code 1; the end of .*broker-1\.log:/)
  assert.match(running.output(), /Invalid value many for configuration num\.partitions/)
  const twice = await upArgs('twice')
  const first = samsa(...twice.args)
  await untilReady(first)
  const other = await upArgs('twice')
  const second = samsa(...other.args)
  assert.deepEqual(await second.ended, [1, null])
  assert.match(second.output(), /another samsa up uses the data in/)
  first.process.kill('SIGTERM')
  await first.ended
})

test('it shows its cluster on a page, and every way between its processes can be cut', async () => {
  const { args } = await upArgs('page')
  const [dashboardPort = 0, proxyPort = 0] = await freePorts('127.0.0.1', 2)
  const more = ['--dashboard-port', String(dashboardPort), '--proxies', '--proxy-port']
  const running = samsa(...args, ...more, String(proxyPort))
  await untilReady(running)
  const url = `http://127.0.0.1:${dashboardPort}`
  await until('its address is told', () => running.output().includes(`dashboard  ${url}`))
  const page = await fetch(url)
  assert.equal(page.status, 200)
  assert.match(await page.text(), /<title>/)
  const { available } = (await (await fetch(`${url}/api/faults`)).json()) as {
    available: { kind: string; targets: unknown[]; reason?: string }[]
  }
  const reasons = available.filter(({ targets }) => targets.length === 0).map(({ kind }) => kind)
  // One broker has no peers.
  assert.deepEqual(reasons, ['cut-peers'])
  const proxies = (await (await fetch(`http://127.0.0.1:${proxyPort}/proxies`)).json()) as object
  assert.deepEqual(Object.keys(proxies).sort(), ['broker-1-to-zookeeper', 'clients-to-broker-1'])
  running.process.kill('SIGTERM')
  assert.deepEqual(await running.ended, [0, null])
  await assert.rejects(fetch(url))
})

test('a taken port of the page is named', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as net.AddressInfo
  const { args } = await upArgs('taken-page')
  const running = samsa(...args, '--dashboard-port', String(port))
  assert.deepEqual(await running.ended, [1, null])
  assert.match(running.output(), new RegExp(`port ${port} of .* is taken: .* --dashboard-port`))
  taken.close()
})

test('a broker that is stopped at the moment dies with a samsa up that is killed', async () => {
  const running = samsa(...(await upArgs('paused')).args)
  await untilReady(running)
  const broker = pidOf(running, 'broker 1')
  const url = /dashboard +(\S+)/.exec(running.output())![1]!
  const body = JSON.stringify({ kind: 'pause', target: 1, forMs: 600_000 })
  const answer = await fetch(`${url}/api/faults`, { method: 'POST', body })
  assert.equal(answer.status, 201)
  running.process.kill('SIGKILL')
  await until('the broker is gone', () => !isAlive(broker))
})
