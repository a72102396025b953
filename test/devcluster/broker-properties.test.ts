import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerSettings } from '../../src/devcluster/broker-properties.ts'

const BROKER = {
  brokerId: 1,
  host: '127.0.0.1',
  port: 9092,
  logDir: '/data/broker-1',
  zookeeper: '127.0.0.1:2181',
  replicationFactor: 3,
  overrides: [],
}
const WAIT = 'zookeeper.connection.timeout.ms'

test('a broker that is started again outwaits a ZooKeeper that is stopped', () => {
  assert.equal(brokerSettings(BROKER).has(WAIT), false)
  assert.ok(Number(brokerSettings({ ...BROKER, isAgain: true }).get(WAIT)) > 600_000)
  const overrides = [`${WAIT}=1000`]
  assert.equal(brokerSettings({ ...BROKER, isAgain: true, overrides }).get(WAIT), '1000')
})
