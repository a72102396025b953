import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LocalProcesses, localTarget } from '../../src/chaos/local-target.ts'
import { ZkError } from '../../src/zk/zk-client.ts'
import { faultServer, zkWith } from '../support/fault-server.ts'

/** A local cluster that writes down what is asked of it. */
function setUp(zookeeperPid = 99) {
  const log: string[] = []
  const running = new Set([1, 2])
  const ends = new Map<number, () => void>()
  let zookeeper = zookeeperPid
  const cluster: LocalProcesses = {
    brokerIds: [1, 2],
    isRunning: (id) => running.has(id),
    pidOf: (id) => (running.has(id) ? 100 + id : -1),
    signalBroker: async (id, signal) => {
      log.push(`${signal} ${id}`)
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
      running.delete(id)
      if (signal === 'SIGTERM') await new Promise<void>((resolve) => ends.set(id, resolve))
    },
    expectEnd: (id, isExpected) => {
      log.push(`${isExpected ? 'expect' : 'do not expect'} the end of ${id}`)
    },
    startBroker: (id) => {
      log.push(`start ${id}`)
      running.add(id)
    },
    get zookeeperPid() {
      return zookeeper
    },
    stopZooKeeper: async () => {
      log.push('stop zookeeper')
      zookeeper = -1
    },
    startZooKeeper: () => {
      log.push('start zookeeper')
      zookeeper = 98
    },
  }
  const kill = (pid: number, signal: string) => log.push(`${signal} to pid ${pid}`)
  const watchOver = (pid: number) => {
    log.push(`watch over ${pid}`)
    return () => log.push(`wake ${pid}`)
  }
  return { log, running, ends, cluster, kill, watchOver }
}

test('signals go to the children, and a broker that ended is started once', async () => {
  const { log, cluster, kill, watchOver } = setUp()
  const target = localTarget(cluster, { zk: null, kill, watchOver })
  await target.signal(1, 'SIGSTOP')
  await target.signal(1, 'SIGCONT')
  await target.signal(2, 'SIGKILL')
  await target.start!(2)
  await target.start!(2)
  assert.deepEqual(log, [
    'watch over 101',
    'SIGSTOP 1',
    'SIGCONT 1',
    'wake 101',
    'SIGKILL 2',
    'start 2',
  ])
})

test('a broker on its way out can still be killed', async () => {
  const { log, ends, cluster, kill } = setUp()
  const target = localTarget(cluster, { zk: null, kill })
  const terminated = target.signal(1, 'SIGTERM')
  const killed = target.signal(1, 'SIGKILL')
  assert.deepEqual(log, ['SIGTERM 1', 'SIGKILL to pid 101'])
  ends.get(1)!()
  await terminated
  await killed
  await target.start!(1)
  await target.signal(1, 'SIGKILL')
  assert.deepEqual(log.slice(2), ['start 1', 'SIGKILL 1'])
})

test('ZooKeeper is stopped only where it is ours', async () => {
  const { log, cluster } = setUp()
  const { zookeeper } = localTarget(cluster, { zk: null })
  await zookeeper!.stop()
  await zookeeper!.start()
  await zookeeper!.start()
  assert.deepEqual(log, ['stop zookeeper', 'start zookeeper'])
  assert.equal(localTarget(setUp(-1).cluster, { zk: null }).zookeeper, undefined)
})

test('without fault endpoints sessions do not expire and disks do not fill, and the reason is told', async () => {
  const { cluster } = setUp()
  const without = localTarget(cluster, { zk: null })
  assert.match(without.missing!.get('expire-session')!, /samsa.http.listener/)
  assert.match(without.missing!.get('disk-full')!, /samsa.http.listener/)
  await assert.rejects(without.expireSession(1), /samsa.http.listener/)
  const get = (path: string) => Promise.reject(new ZkError('NO_NODE', path))
  const target = localTarget(cluster, { zk: { get } })
  assert.equal(target.missing!.size, 0)
  await assert.rejects(target.expireSession(1), /broker 1 is not registered/)
})

test('a disk is filled and freed at the same endpoint, and the end of the broker surprises nobody', async () => {
  await using endpoint = await faultServer((method) => ({
    status: method === 'POST' ? 202 : 200,
    body: '{"offlineLogDirs":["/one"]}',
  }))
  const { log, cluster } = setUp()
  const ports = new Map([[1, endpoint.port]])
  const target = localTarget(cluster, { zk: zkWith(ports) })
  await target.fillDisk(1, 4_000, null)
  // Cut off from ZooKeeper it may not be registered any more.
  ports.clear()
  assert.equal(await target.freeDisk(1), true)
  assert.deepEqual(endpoint.got, [
    'POST /faults {"kind":"disk-full","forMs":4000}',
    'DELETE /faults ',
  ])
  assert.deepEqual(log, ['expect the end of 1', 'do not expect the end of 1'])
  await assert.rejects(target.fillDisk(2, 4_000, null), /broker 2 is not registered/)
})
