/** `samsa dashboard` as a process. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { formatEventLine } from '../../src/dashboard/history/event-lines.ts'
import { startServer } from '../support/dashboard-bench.ts'
import { makeHistory } from '../support/made-history.ts'
import { until } from '../support/until.ts'

const MAIN = path.join(import.meta.dirname, '../../src/main.ts')

function run(...words: string[]) {
  const child: ChildProcess = spawn(process.execPath, [MAIN, 'dashboard', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { out: '', err: '', code: null as number | null }
  child.stdout!.on('data', (chunk) => {
    said.out += chunk
  })
  child.stderr!.on('data', (chunk) => {
    said.err += chunk
  })
  child.on('exit', (code, signal) => {
    said.code = code ?? (signal === null ? -1 : -2)
  })
  return { child, said, ended: () => until('its end', () => said.code !== null) }
}

test('it shows a recorded run, says where, and ends with SIGTERM', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-dashboard-'))
  const file = path.join(directory, 'run.jsonl')
  const events = makeHistory({ brokers: 3, partitions: 3 })
  fs.writeFileSync(file, events.map(formatEventLine).join(''))
  const { child, said, ended } = run('--history', file, '--port', '0')
  await until('the address', () => /\n/.test(said.out))
  const url = /^The dashboard is at (http:\/\/127\.0\.0\.1:\d+)\n$/.exec(said.out)?.[1]
  assert.ok(url !== undefined, said.out)
  const state = (await (await fetch(`${url}/api/state`)).json()) as Record<string, unknown>
  assert.deepEqual([state.controllerId, state.controllerEpoch], [1, 3])
  const health = (await (await fetch(`${url}/api/health`)).json()) as Record<string, unknown>
  assert.deepEqual([health.status, health.isRecorded, health.events], ['ok', true, events.length])
  child.kill('SIGTERM')
  await ended()
  assert.deepEqual([said.code, said.err], [0, ''])
  fs.rmSync(directory, { recursive: true })
})

test('without a ZooKeeper it starts all the same, and ends', async () => {
  const { child, said, ended } = run('--zookeeper', '127.0.0.1:1', '--port', '0')
  await until('the address', () => /The dashboard is at/.test(said.out))
  const url = /(http:\S+)/.exec(said.out)![1]!
  await until('the link is told to be down', async () => {
    const state = (await (await fetch(`${url}/api/state`)).json()) as Record<string, unknown>
    return state.isZooKeeperUp === false
  })
  const records = await fetch(`${url}/api/records?topic=orders`)
  assert.equal(records.status, 503)
  child.kill('SIGTERM')
  await ended()
  assert.equal(said.code, 0)
})

test('a taken port, a missing file and a wrong use are told in a line', async () => {
  await using server = await startServer()
  const taken = run('--zookeeper', '127.0.0.1:1', '--port', String(server.port))
  await taken.ended()
  assert.equal(taken.said.code, 1)
  assert.match(taken.said.err, new RegExp(`^samsa dashboard: port ${server.port} .* is taken`))
  const missing = run('--history', '/nowhere/run.jsonl', '--port', '0')
  await missing.ended()
  assert.deepEqual([missing.said.code, missing.said.err.split('\n').length], [1, 2])
  assert.match(missing.said.err, /^samsa dashboard: .*\/nowhere\/run\.jsonl/)
  const wrong = run('--port', '0')
  await wrong.ended()
  assert.equal(wrong.said.code, 1)
  assert.match(wrong.said.err, /^Give either --zookeeper or --history/)
})
