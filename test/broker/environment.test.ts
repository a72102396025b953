import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../src/broker/config.ts'
import {
  listenersFromAdvertised,
  settingName,
  settingsFromEnvironment,
} from '../../src/broker/settings/environment.ts'

test('underscores of variables stand for dots, underscores and dashes', () => {
  const names: [string, string][] = [
    ['KAFKA_LOG_DIRS', 'log.dirs'],
    ['KAFKA_CFG_LOG_DIRS', 'log.dirs'],
    ['KAFKA_TEST__VAR___TWO_X', 'test_var-two.x'],
    [
      'KAFKA_LISTENER_NAME_SECURE_SCRAM-SHA-256_SASL_JAAS_CONFIG',
      'listener.name.secure.scram-sha-256.sasl.jaas.config',
    ],
    ['KAFKA_AUTHORIZER_CLASS_NAME', 'authorizer.class.name'],
  ]
  for (const [variable, name] of names) assert.equal(settingName(variable), name)
})

test('variables of the images and of Kubernetes are no settings', () => {
  const settings = settingsFromEnvironment({
    KAFKA_VERSION: '3.9',
    KAFKA_HEAP_OPTS: '-Xmx1g',
    KAFKA_LOG4J_LOGGERS: 'a=INFO',
    KAFKA_SERVICE_HOST: '10.0.0.1',
    KAFKA_SERVICE_PORT: '9092',
    KAFKA_SERVICE_PORT_CLIENT: '9092',
    KAFKA_PORT: 'tcp://10.0.0.1:9092',
    KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
    KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
    KAFKA_UNSET: undefined,
    HOME: '/root',
  })
  assert.deepEqual([...settings], [])
})

test('settings that Kafka has given up are refused with advice', () => {
  for (const [variable, value] of [
    ['KAFKA_ADVERTISED_HOST_NAME', 'localhost'],
    ['KAFKA_ADVERTISED_PORT', '9092'],
    ['KAFKA_ADVERTISED_HOST', 'localhost'],
    ['KAFKA_HOST', 'localhost'],
    ['KAFKA_PORT', '9092'],
  ] as const) {
    assert.throws(
      () => loadConfig({ env: { [variable]: value, KAFKA_ZOOKEEPER_CONNECT: 'zk:2181' } }),
      /is not a setting any more\. Set KAFKA_(ADVERTISED_)?LISTENERS instead/,
    )
  }
})

test('an unknown variable is told, a typo is not silent', () => {
  const { warnings } = loadConfig({
    env: { KAFKA_ZOOKEEPER_CONNECT: 'zk:2181', KAFKA_NUM_PARTITION: '3' },
  })
  assert.deepEqual(warnings, ['num.partition is not a known setting and is ignored.'])
})

test('who advertises listeners and names none, listens on the same ports', () => {
  const advertised = 'PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092, V6://[::1]:9093'
  const derived = 'PLAINTEXT://0.0.0.0:29092,PLAINTEXT_HOST://0.0.0.0:9092,V6://0.0.0.0:9093'
  assert.equal(listenersFromAdvertised(advertised), derived)
  const env = {
    KAFKA_ZOOKEEPER_CONNECT: 'zk:2181',
    KAFKA_ADVERTISED_LISTENERS: advertised,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
      'PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT,V6:PLAINTEXT',
  }
  assert.equal(loadConfig({ env }).config.listeners, derived)
  const properties =
    'listeners=PLAINTEXT://:29092,PLAINTEXT_HOST://:9092,V6://:9093\nzookeeper.connect=zk'
  assert.match(loadConfig({ env, properties }).config.listeners, /^PLAINTEXT:\/\/:29092/)
  const file = 'zookeeper.connect=zk\nadvertised.listeners=PLAINTEXT://h:19092'
  assert.equal(loadConfig({ properties: file }).config.listeners, 'PLAINTEXT://:9092')
})

test('the environment is stronger than the file, and --override than both', () => {
  const sources = {
    properties: 'zookeeper.connect=zk\nnum.partitions=1\nbroker.rack=file\nbroker.id=1',
    env: { KAFKA_NUM_PARTITIONS: '2', KAFKA_BROKER_RACK: 'env' },
    overrides: ['num.partitions=3'],
  }
  const { config } = loadConfig(sources)
  assert.equal(config['num.partitions'], 3)
  assert.equal(config['broker.rack'], 'env')
  assert.equal(config['broker.id'], 1)
})

test('none of the names that the apache/kafka image leaves out is a setting', () => {
  for (const name of [
    'VERSION',
    'HEAP_OPTS',
    'LOG4J_OPTS',
    'OPTS',
    'JMX_OPTS',
    'JVM_PERFORMANCE_OPTS',
    'GC_LOG_OPTS',
    'LOG4J_ROOT_LOGLEVEL',
    'LOG4J_LOGGERS',
    'TOOLS_LOG4J_LOGLEVEL',
    'JMX_HOSTNAME',
  ]) {
    assert.deepEqual([...settingsFromEnvironment({ [`KAFKA_${name}`]: 'x' })], [], name)
  }
})

test('runs of underscores are read as the apache/kafka image reads them', () => {
  // Its own way, step by step: lower case, dots, then three dots, then two.
  const stepByStep = (variable: string) =>
    variable
      .slice('KAFKA_'.length)
      .toLowerCase()
      .replaceAll('_', '.')
      .replaceAll('...', '-')
      .replaceAll('..', '_')
  for (const variable of ['KAFKA_A_B__C___D____E_____F______G', 'KAFKA_X__', 'KAFKA_Y_Z-A_B']) {
    assert.equal(settingName(variable), stepByStep(variable), variable)
  }
})

test('a broker that is meant for KRaft is told to use ZooKeeper', () => {
  const env = { KAFKA_NODE_ID: '1', KAFKA_PROCESS_ROLES: 'broker,controller' }
  assert.throws(() => loadConfig({ env }), /process\.roles.*set zookeeper\.connect/)
})
