import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BROKER_SETTINGS, loadConfig, logDirsOf } from '../../src/broker/config.ts'
import { advertisedHosts } from '../../src/broker/listeners.ts'
import {
  ConfigError,
  formatSetting,
  LONG_MAX,
  parseSetting,
  SETTING_TYPES,
} from '../../src/broker/settings/setting.ts'
import { UNUSED_SETTINGS } from '../../src/broker/settings/unused-settings.ts'
import { topicConfigProblem } from '../../src/broker/topic-config.ts'

const GOLDEN = path.join(import.meta.dirname, '..', 'golden')
const ZOOKEEPER = 'zookeeper.connect=localhost:2181\n'

function rowsOf(file: string): string[][] {
  return fs
    .readFileSync(path.join(GOLDEN, file), 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.split('\t'))
}

function messageOf(run: () => unknown): string {
  try {
    run()
    return 'ok'
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
}

const load = (properties: string) => loadConfig({ properties: ZOOKEEPER + properties })

test('a broker is known by the hosts that it advertises, else by those it listens on', () => {
  const hostsOf = (properties: string) => advertisedHosts(load(properties).config)
  assert.deepEqual(
    hostsOf(
      'listeners=A://:1,B://10.0.0.7:2\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT\ninter.broker.listener.name=A\n',
    ),
    ['10.0.0.7'],
  )
  const advertised = 'advertised.listeners=PLAINTEXT://kafka-1.example:9092\n'
  assert.deepEqual(hostsOf(`listeners=PLAINTEXT://:9092\n${advertised}`), ['kafka-1.example'])
})

test('every setting of Kafka is known, with its type, default and way of being altered', () => {
  const known = { ...BROKER_SETTINGS, ...UNUSED_SETTINGS }
  for (const [name = '', type, defaultValue, mode] of rowsOf('broker-settings-kafka-3.9.txt')) {
    const setting = known[name]
    assert.ok(setting !== undefined, `${name} is not known`)
    assert.deepEqual(
      [
        setting.type,
        String(formatSetting(setting.default, setting.type)),
        setting.mode === 'read-only' ? 'read-only' : 'dynamic',
      ],
      [type, defaultValue, mode],
      name,
    )
  }
})

test('every setting is one of Kafka, or two that are internal there, or says that it is ours', () => {
  const kafkas = new Set(rowsOf('broker-settings-kafka-3.9.txt').map(([name]) => name))
  const own = Object.keys({ ...BROKER_SETTINGS, ...UNUSED_SETTINGS }).filter(
    (name) => !kafkas.has(name) && !name.startsWith('samsa.'),
  )
  assert.deepEqual(own.sort(), [
    'log.initial.task.delay.ms',
    'producer.id.expiration.check.interval.ms',
  ])
})

test('every default passes the checks of its own setting', () => {
  for (const [name, setting] of Object.entries({ ...BROKER_SETTINGS, ...UNUSED_SETTINGS })) {
    const text = formatSetting(setting.default, setting.type)
    if (text === null) continue
    const value = parseSetting(name, setting, text)
    assert.deepEqual(value, setting.default, name)
    assert.ok(SETTING_TYPES[setting.type] > 0)
  }
})

/** Where we are stricter than Kafka, or do not look. */
const OTHER_VERDICTS: Readonly<Record<string, string>> = {
  'default.replication.factor=0': 'must be at least 1 here',
  'num.replica.fetchers=0': 'must be at least 1 here',
  'zookeeper.connect=': 'an empty address is no address',
}

test('values are refused as Kafka refuses them, word for word', () => {
  for (const row of rowsOf('config-verdicts-kafka-3.9.txt')) {
    const arrow = row.indexOf('=>')
    const [what, ...settings] = row.slice(0, arrow)
    const expected = row[arrow + 1]!
    if (settings.some((each) => each in OTHER_VERDICTS)) continue
    const message = what === 'topic' ? topicVerdict(settings) : brokerVerdict(settings)
    if (expected === 'ok') assert.equal(message, 'ok', settings.join(' '))
    else assert.ok(message.startsWith(expected), `${settings}: ${message}, expected ${expected}`)
  }
})

function topicVerdict(settings: readonly string[]): string {
  const pairs = settings.map((each) => each.split(/=(.*)/s).slice(0, 2) as [string, string])
  // Kafka refuses these two further on.
  const isLater = pairs.some(([name]) => name.startsWith('remote.'))
  return isLater ? 'ok' : (topicConfigProblem(new Map(pairs)) ?? 'ok')
}

function brokerVerdict(settings: readonly string[]): string {
  const isWithoutZooKeeper = settings.includes('-zookeeper.connect=')
  const properties = settings.filter((each) => !each.startsWith('-')).join('\n')
  return messageOf(() => (isWithoutZooKeeper ? loadConfig({ properties }) : load(properties)))
}

test('a refusal says what to do', () => {
  const cases: [string, RegExp][] = [
    ['log.segment.bytes=abc', /INT\. Set log.segment.bytes to a whole number of bytes from 14 \(/],
    ['compression.type=zip', /Set compression.type to one of uncompressed, .*default is producer/],
    ['auto.create.topics.enable=1', /Set auto.create.topics.enable to true or false\.$/],
    ['broker.id=5000', /broker.id is 5000, reserved.broker.max.id is 1000/],
    ['process.roles=broker', /KRaft.*Remove process.roles/],
    ['listeners=A://:1', /Add A:PLAINTEXT to listener.security.protocol.map/],
  ]
  for (const [properties, expected] of cases) {
    assert.match(
      messageOf(() => load(properties)),
      expected,
    )
  }
  assert.match(
    messageOf(() => loadConfig({})),
    /zookeeper.connect=host:2181/,
  )
})

test('the refusal of a password does not show it', () => {
  const secret = { type: 'password', default: null, doc: '', mode: 'read-only' } as const
  const short = { ...secret, check: () => 'too short' }
  assert.equal(
    messageOf(() => parseSetting('a.password', short, 'hunter2')),
    'Invalid value [hidden] for configuration a.password: too short',
  )
})

test('the largest long survives, and prints exactly', () => {
  const { config } = load('log.retention.ms=9223372036854775807\nlog.flush.interval.ms=1')
  assert.equal(config['log.retention.ms'], LONG_MAX)
  assert.equal(formatSetting(config['log.retention.ms'], 'long'), '9223372036854775807')
  assert.equal(formatSetting(config['log.flush.interval.messages'], 'long'), '9223372036854775807')
  assert.equal(formatSetting(-(2 ** 63), 'long'), '-9223372036854775808')
})

test('doubles print as Java prints them', () => {
  const cases: [number, string][] = [
    [0, '0.0'],
    [2, '2.0'],
    [0.5, '0.5'],
    [-1.25, '-1.25'],
    [1e7, '1.0E7'],
    [12345678.5, '1.23456785E7'],
    [9999999, '9999999.0'],
    [0.001, '0.001'],
    [0.00012, '1.2E-4'],
    [Number.MAX_VALUE, '1.7976931348623157E308'],
  ]
  for (const [value, text] of cases) assert.equal(formatSetting(value, 'double'), text)
})

test('values have the types of their settings', () => {
  const { config } = load('log.segment.bytes= 4096 \nlog.cleanup.policy=compact , delete')
  const bytes: number = config['log.segment.bytes']
  const policy: readonly string[] = config['log.cleanup.policy']
  const retentionMs: number | null = config['log.retention.ms']
  assert.deepEqual([bytes, policy, retentionMs], [4096, ['compact', 'delete'], null])
})

test('the server.properties that Kafka ships is taken as it is', () => {
  const { config, warnings } = load(`
# The id of the broker. This must be set to a unique integer for each broker.
broker.id=0
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kafka-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.retention.check.interval.ms=300000
zookeeper.connection.timeout.ms=18000
group.initial.rebalance.delay.ms=0
`)
  assert.equal(config['broker.id'], 0)
  assert.deepEqual(warnings, [
    'These settings are accepted and have no effect: offsets.topic.replication.factor, ' +
      'transaction.state.log.replication.factor, transaction.state.log.min.isr, ' +
      'group.initial.rebalance.delay.ms.',
  ])
})

test('unknown settings are told and ignored, prefixes of listeners and authorizers are known', () => {
  const { warnings } = load(
    'no.such.setting=1\nsuper.users=User:a\nlistener.name.internal.ssl.keystore.location=/x',
  )
  assert.deepEqual(warnings, [
    'no.such.setting is not a known setting and is ignored.',
    'These settings are accepted and have no effect: super.users, ' +
      'listener.name.internal.ssl.keystore.location.',
  ])
})

test('an override beats the environment, which beats the file', () => {
  const sources = {
    properties: `${ZOOKEEPER}broker.id=1\nnum.partitions=1\nbroker.rack=file`,
    env: { KAFKA_BROKER_ID: '2', KAFKA_NUM_PARTITIONS: '2', PATH: '/bin' },
    overrides: ['broker.id=3', 'broker.id=4'],
  }
  const { config, given } = loadConfig(sources)
  assert.deepEqual(
    [config['broker.id'], config['num.partitions'], config['broker.rack']],
    [4, 2, 'file'],
  )
  assert.equal(given.get('broker.id'), '4')
  assert.throws(() => loadConfig({ ...sources, overrides: ['broker.id'] }), /key=value/)
  assert.throws(() => loadConfig({ ...sources, overrides: ['=5'] }), /key=value/)
})

test('broker.id and node.id are one setting', () => {
  assert.equal(load('node.id=5').config['broker.id'], 5)
  assert.equal(load('broker.id=5').given.get('node.id'), '5')
  assert.match(
    messageOf(() => load('broker.id=5\nnode.id=6')),
    /same value/,
  )
})

test('log directories are a list, without slashes at their ends', () => {
  const dirs = (properties: string) => logDirsOf(load(properties).config)
  assert.deepEqual(dirs(''), ['/tmp/kafka-logs'])
  assert.deepEqual(dirs('log.dir=/a'), ['/a'])
  assert.deepEqual(dirs('log.dir=/a\nlog.dirs= /b/ ,/c//,, / '), ['/b', '/c', '/'])
})
