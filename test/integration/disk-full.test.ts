/**
 * A broker whose disk is full, under writers with acks=all: as a fault on all of its log directories
 * and on one of two, and on a volume that really has no room.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { SILENT_LOGGER } from '../../src/base/silent-logger.ts'
import { localTarget } from '../../src/chaos/local-target.ts'
import { systemVerifier } from '../../src/chaos/system-verifier.ts'
import { VERIFY_TOPIC, type Verifier } from '../../src/chaos/verifier.ts'
import { foldFailovers } from '../../src/dashboard/history/failovers.ts'
import { type LiveCluster, openLiveCluster } from '../../src/dashboard/live-cluster.ts'
import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import type { ClusterView, PartitionView } from '../../src/devcluster/cluster-view.ts'
import { startCluster, type TestCluster } from '../../src/devcluster/start-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { BesideBroker } from '../support/beside-broker.ts'
import { until } from '../support/until.ts'

const PARTITIONS = 6
const BROKER = 3
/** Whoever waits for a session to end fails: a broker that ends is found dead. */
const SETTINGS = {
  'samsa.http.listener': '127.0.0.1:0',
  'samsa.faults.enable': 'true',
  'zookeeper.session.timeout.ms': '40000',
}
const PATIENCE = { deadlineMs: 40_000, lookEveryMs: 20 }

interface Bench {
  readonly cluster: TestCluster
  readonly broker: BesideBroker
  readonly live: LiveCluster
  readonly verifier: Verifier
}

/** Three brokers and writers to all of them; `body` may hurt broker 3, which is well again at its end. */
async function underWriters(
  logDirs: readonly string[],
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  await using cluster = await startCluster({ brokers: 2, mode: 'process', config: SETTINGS })
  const overrides = Object.entries(SETTINGS).map(([key, value]) => `${key}=${value}`)
  const broker = new BesideBroker({ cluster, brokerId: BROKER, logDirs, overrides })
  const zookeeper = cluster.zookeeperAddress
  const { connect } = await openObserverClient(systemClock, { zookeeper, prefer: 'js' })
  const zk = new ZkSession({ connect, clock: systemClock, logger: SILENT_LOGGER })
  await zk.start(20_000)
  const target = localTarget(broker.processes, { zk })
  const live = await openLiveCluster({ zookeeper, prefer: 'js', target })
  const verifier = systemVerifier(cluster.bootstrapServers, {
    partitions: PARTITIONS,
    onEvent: (event) => live.observer.add(event),
  })
  try {
    await broker.start()
    await cluster.until(({ brokerIds }) => brokerIds.length === 3)
    await verifier.start()
    await cluster.until((view) => ledBy(view, BROKER).length > 0 && view.isFullyInSync)
    await until('writes', () => verifier.verdict.acked > 100, PATIENCE)
    await body({ cluster, broker, live, verifier })
    await cluster.until((view) => view.brokerIds.length === 3 && view.isFullyInSync)
    const { acked } = verifier.verdict
    await until('more writes', () => verifier.verdict.acked > acked + 100, PATIENCE)
    const verdict = await verifier.stop()
    const { lost, duplicated, reordered, unchecked, consumed } = verdict
    assert.deepEqual({ lost, duplicated, reordered, unchecked }, ALL_IS_WELL)
    assert.ok(consumed >= verdict.acked)
  } finally {
    await live.close()
    await verifier.stop()
    await zk.close()
    await broker.stop()
  }
}

const ALL_IS_WELL = { lost: 0, duplicated: 0, reordered: 0, unchecked: 0 }

function partitionsOf(view: ClusterView): PartitionView[] {
  const all = Array.from({ length: PARTITIONS }, (_, at) => view.partition(VERIFY_TOPIC, at))
  return all.filter((each) => each !== null)
}

function ledBy(view: ClusterView, brokerId: number): PartitionView[] {
  return partitionsOf(view).filter(({ leader }) => leader === brokerId)
}

const isOutOfSync = (each: PartitionView): boolean => !each.isr.includes(BROKER)

function temporary(name: string): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), `samsa-${name}-`))
}

test('a broker whose disk is full ends with exit code 1, its leaders move, and it comes back', async (t) => {
  const logDir = temporary('full')
  await underWriters([logDir], async ({ cluster, broker, live }) => {
    const fault = await live.engine.start({ kind: 'disk-full', target: BROKER, forMs: 600_000 })
    await until('broker 3 ends', () => !broker.isRunning, PATIENCE)
    assert.deepEqual(broker.ends, ['exit code 1'])
    assert.match(broker.log, /Stopping serving logs in dir .*no space left on device/s)
    assert.match(broker.log, /Shutdown broker because all log dirs in \S+ have failed/)
    assert.match(broker.log, /Make room on that volume, then start again\./)
    await cluster.until((view) => partitionsOf(view).every(isOutOfSync))
    await cluster.until((view) => partitionsOf(view).every(({ leader }) => leader > 0))
    await live.engine.end(fault.id)
    await cluster.until((view) => view.isFullyInSync)
    const isOver = () => foldFailovers(live.observer.events).at(-1)?.isOver === true
    await until('the failover is over', isOver, PATIENCE)
    const failover = foldFailovers(live.observer.events).at(-1)!
    t.diagnostic(failover.phases.map(({ kind, endMs }) => `${kind} ${endMs.toFixed()}`).join(', '))
    assert.match(failover.title, /^full disk of broker 3/)
    const gone = failover.phases.find(({ kind }) => kind === 'registration-gone')
    assert.equal(gone?.how, 'proof-of-death')
    const seen = new Set(failover.phases.map(({ kind }) => kind))
    for (const kind of [
      'log-dir-failed',
      'partitions-elected',
      'first-write',
      'isr-full',
    ] as const) {
      assert.ok(seen.has(kind), `${kind} in ${[...seen]}`)
    }
  })
  fs.rmSync(logDir, { recursive: true })
})

test('a broker that has another log directory goes on with that, and is restarted for the lost one', async () => {
  const [one, two] = [temporary('one'), temporary('two')]
  await underWriters([one, two], async ({ cluster, broker, live }) => {
    const fault = { kind: 'disk-full', target: BROKER, forMs: 600_000, logDir: two } as const
    const { id } = await live.engine.start(fault)
    await cluster.until((view) => partitionsOf(view).filter(isOutOfSync).length === PARTITIONS / 2)
    assert.ok(broker.isRunning)
    const lost = partitionsOf(await cluster.until((view) => view.brokerIds.includes(BROKER)))
    assert.ok(lost.filter(isOutOfSync).every(({ leader }) => leader !== BROKER && leader > 0))
    assert.doesNotMatch(broker.log, /have failed/)
    await live.engine.end(id)
    assert.deepEqual(broker.ends, ['exit code 0'])
  })
  for (const directory of [one, two]) fs.rmSync(directory, { recursive: true })
})

/** A volume of its own; null, and why, where none can be mounted. */
function mountVolume(bytes: number): { readonly path: string } | { readonly reason: string } {
  const where = temporary('volume')
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'samsa-test', where])
  if (mounted.status === 0) return { path: where }
  fs.rmdirSync(where)
  const reason = String(mounted.stderr ?? mounted.error).trim()
  return { reason: `a volume cannot be mounted: ${reason}` }
}

/** Somebody else's file, which takes all the room that there is. */
function fillUp(file: string): void {
  const descriptor = fs.openSync(file, 'w')
  try {
    for (;;) fs.writeSync(descriptor, Buffer.alloc(4096))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  } finally {
    fs.closeSync(descriptor)
  }
}

test('a broker on a volume that really fills up ends, stays not while it is full, and comes back with the room', async (t) => {
  const volume = mountVolume(2 * 1024 * 1024)
  if ('reason' in volume) return t.skip(volume.reason)
  const ballast = path.join(volume.path, 'ballast')
  try {
    await underWriters([path.join(volume.path, 'logs')], async ({ cluster, broker }) => {
      fillUp(ballast)
      await until('broker 3 ends', () => broker.ends.length === 1, PATIENCE)
      assert.match(broker.log, /Stopping serving logs in dir .*ENOSPC/s)
      await cluster.until((view) => partitionsOf(view).every(isOutOfSync))
      broker.start().catch(() => {})
      await until('it ends again', () => broker.ends.length === 2, PATIENCE)
      assert.deepEqual(broker.ends, ['exit code 1', 'exit code 1'])
      fs.rmSync(ballast)
      await broker.start()
    })
  } finally {
    spawnSync('umount', [volume.path])
    fs.rmdirSync(volume.path)
  }
})
