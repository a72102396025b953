import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LocalProcesses, localTarget } from '../../src/chaos/local-target.ts'
import { ZkError } from '../../src/zk/zk-client.ts'

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

test('without fault endpoints sessions do not expire, and the reason is told', async () => {
  const { cluster } = setUp()
  const without = localTarget(cluster, { zk: null })
  assert.match(without.missing!.get('expire-session')!, /samsa.http.listener/)
  await assert.rejects(without.expireSession(1), /samsa.http.listener/)
  const get = (path: string) => Promise.reject(new ZkError('NO_NODE', path))
  const target = localTarget(cluster, { zk: { get } })
  assert.equal(target.missing!.size, 0)
  await assert.rejects(target.expireSession(1), /broker 1 is not registered/)
})
