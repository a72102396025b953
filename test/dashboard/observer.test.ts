import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldCluster } from '../../src/dashboard/history/cluster-model.ts'
import type { ClusterEvent } from '../../src/dashboard/history/events.ts'
import { foldFailovers } from '../../src/dashboard/history/failovers.ts'
import { Observer } from '../../src/dashboard/observer/observer.ts'
import { openObserverClient } from '../../src/dashboard/observer/observer-client.ts'
import { startCluster } from '../../src/devcluster/start-cluster.ts'
import { systemClock } from '../../src/host/clock.ts'
import { until } from '../support/until.ts'

test('a cluster is observed from outside: its shutdown of a broker is a failover', async (t) => {
  await using cluster = await startCluster({
    brokers: 2,
    topics: [{ name: 'orders', partitions: 4, replicationFactor: 2 }],
  })
  const client = await openObserverClient(systemClock, {
    zookeeper: cluster.zookeeperAddress,
    prefer: 'js',
  })
  const observer = new Observer({ clock: systemClock, client }, { capacity: 400 })
  t.after(() => observer.stop())
  const heard: ClusterEvent[] = []
  observer.onEvent((event) => heard.push(event))
  await observer.start()
  const found = foldCluster(observer.events)
  assert.deepEqual([...found.brokers.keys()].sort(), [1, 2])
  assert.equal(found.topics.get('orders')!.partitions.size, 4)
  const victim = found.controllerId!
  const other = 3 - victim
  const fault = { kind: 'fault', id: 'f1', fault: 'terminate', brokerId: victim } as const
  const ended = { endsAtMs: null, detail: '' }
  observer.add({ ...fault, ...ended, atMs: systemClock.wallMs(), phase: 'started' })
  await cluster.broker(victim).stop()
  const failover = () => foldFailovers(observer.events).at(-1)
  const kinds = () => new Set(failover()?.phases.map(({ kind }) => kind))
  const wanted = ['controller-elected', 'epoch-bumped', 'partitions-elected', 'registration-gone']
  await until('the failover is seen', () => wanted.every((kind) => kinds().has(kind as never)))
  const { phases, brokerId, wasController } = failover()!
  assert.deepEqual([brokerId, wasController], [victim, true])
  const phase = (kind: string) => phases.find((each) => each.kind === kind)!
  assert.equal(phase('controller-elected').text, `broker ${other} is controller`)
  assert.equal(phase('registration-gone').how, 'closed')
  assert.ok(phase('partitions-elected').count! >= 1)
  assert.deepEqual(
    heard.map(({ seq }) => seq),
    heard.map((_, at) => at),
  )
})
