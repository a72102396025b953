/**
 * `npm run bench`: one JSON line per measure. With --bootstrap against any cluster, otherwise against
 * one of our own that it starts; --pids lets it kill brokers of a foreign cluster for the failovers.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { connectOverTcp } from '../cli/open-cluster.ts'
import { Admin } from '../client/admin.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { LocalCluster } from '../devcluster/local-cluster.ts'
import { systemClock } from '../host/clock.ts'
import { CLUSTER_MEASURES } from './cluster-measures.ts'
import { buildLoadGenerator, LoadGenerator } from './load.ts'
import { type BenchTarget, MEASURES, type Measurement } from './measures.ts'

const USAGE = `npm run bench -- [options]
  --bootstrap HOST:PORT,...  a running cluster; without it one of our own is started
  --only NAME,...            of: ${[...Object.keys(MEASURES), ...Object.keys(CLUSTER_MEASURES)].join(' ')}
  --scale N                  1 for the whole size (default), less for a quick look
  --label TEXT               put into every line
`

const { values } = parseArgs({
  options: {
    bootstrap: { type: 'string' },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    label: { type: 'string', default: 'samsa' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(USAGE)
else await main()

async function main(): Promise<void> {
  const wanted = values.only?.split(',')
  const isWanted = (name: string) => wanted === undefined || wanted.includes(name)
  const scale = Number(values.scale)
  const print = (results: readonly Measurement[]): void => {
    for (const result of results) {
      process.stdout.write(`${JSON.stringify({ cluster: values.label, ...result })}\n`)
    }
  }
  const names = Object.keys(MEASURES).filter(isWanted)
  if (names.length > 0) {
    const program = await buildLoadGenerator()
    await withCluster(async (bootstrap) => {
      const client = clientOf(bootstrap)
      const load = new LoadGenerator(program, bootstrap)
      const target: BenchTarget = { admin: new Admin(client), load, scale }
      for (const name of names) print(await MEASURES[name]!(target))
      await client.close()
    })
  }
  if (values.bootstrap !== undefined) return
  for (const name of Object.keys(CLUSTER_MEASURES).filter(isWanted)) {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-'))
    try {
      print(await CLUSTER_MEASURES[name]!({ dataDir, scale }))
    } finally {
      fs.rmSync(dataDir, { recursive: true, force: true })
    }
  }
}

function clientOf(bootstrap: string): ClusterClient {
  const connect = connectOverTcp({
    clientId: 'samsa-bench',
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 60_000,
  })
  return new ClusterClient(connect, systemClock, { bootstrap })
}

async function withCluster(run: (bootstrap: string) => Promise<void>): Promise<void> {
  if (values.bootstrap !== undefined) {
    await run(values.bootstrap)
    return
  }
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-bench-'))
  const cluster = new LocalCluster({
    brokers: 3,
    port: 18092,
    zookeeperPort: 18181,
    dataDir,
    overrides: [],
  })
  try {
    await cluster.start()
    await run(cluster.bootstrap)
  } finally {
    await cluster.stop()
    fs.rmSync(dataDir, { recursive: true, force: true })
  }
}
