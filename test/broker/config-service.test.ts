/** Settings in ZooKeeper, as a broker keeps them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BrokerPorts } from '../../src/broker/broker.ts'
import { loadConfig } from '../../src/broker/config.ts'
import { ConfigService } from '../../src/broker/config-service.ts'
import { type BuildContext, type Minds, makeServices } from '../../src/broker/make-services.ts'
import { createPersistentPaths } from '../../src/cluster/cluster-setup.ts'
import { LEADER_DURING_DELETE, MetadataCache } from '../../src/cluster/image.ts'
import { brokerEntity, configEntityPath, encodeConfig, topicEntity } from '../../src/zk/znodes.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { FakeZooKeeper } from '../support/fake-zookeeper.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

async function bench() {
  const zk = new FakeZooKeeper(new FakeClock()).connect()
  await settlePromises()
  await createPersistentPaths(zk)
  const setTopic = (topic: string, overrides: [string, string][]) =>
    zk.create(configEntityPath(topicEntity(topic)), encodeConfig(new Map(overrides)), 'persistent')
  return { zk, setTopic, configs: new ConfigService(zk, 1, new Map()) }
}

/** The metadata name the leaders of the first partitions of a topic. */
function tell(metadata: MetadataCache, leaders: number[]): void {
  const partitions = leaders.map((leader, partition) => ({
    partition,
    controllerEpoch: 1,
    leader,
    leaderEpoch: 0,
    isr: [1],
    zkVersion: 0,
    replicas: [1],
    offlineReplicas: [],
  }))
  const topicId = Buffer.alloc(16, 7).toString('base64url')
  metadata.apply({ controllerId: 1, brokers: [], topics: [{ name: 't', topicId, partitions }] })
}

test('what was set for a topic is forgotten with its last partition', async () => {
  const { zk, configs, setTopic } = await bench()
  const metadata = new MetadataCache()
  const { config } = loadConfig({ properties: 'zookeeper.connect=zk:2181' })
  // No more of a broker is touched when its services are made.
  const ports = { clock: new FakeClock(), loggers: new SilentLoggers() } as unknown as BrokerPorts
  const context = { brokerId: 1, zk, configs, metadata } as unknown as BuildContext
  makeServices(ports, config, context, {} as unknown as Minds)
  await setTopic('t', [['min.insync.replicas', '2']])
  await configs.loadTopic('t')
  tell(metadata, [1, 1])
  tell(metadata, [LEADER_DURING_DELETE])
  assert.equal(configs.logConfigOf('t').minInsyncReplicas, 2)
  tell(metadata, [LEADER_DURING_DELETE, LEADER_DURING_DELETE])
  assert.equal(configs.knows('t'), false)
  assert.equal(configs.logConfigOf('t').minInsyncReplicas, 1)
})

test('an announcement about a topic that is gone leaves nothing behind', async () => {
  const { configs } = await bench()
  await configs.loadTopic('t')
  assert.equal(configs.knows('t'), false)
})

test('of two alterations at a time none is lost, and each is announced', async () => {
  const { zk, configs, setTopic } = await bench()
  await setTopic('t', [])
  const set = (name: string) =>
    configs.change(topicEntity('t'), (current) => new Map([...current, [name, '1']]))
  await Promise.all([set('retention.ms'), set('segment.ms')])
  const config = await configs.read(topicEntity('t'))
  assert.deepEqual([...config.keys()].sort(), ['retention.ms', 'segment.ms'])
  assert.equal((await zk.children('/config/changes')).children.length, 2)
})

test('the first overrides of an entity make its znode', async () => {
  const { configs } = await bench()
  await configs.change(brokerEntity(1), () => new Map([['log.retention.ms', '1']]))
  assert.deepEqual([...(await configs.read(brokerEntity(1)))], [['log.retention.ms', '1']])
})
