/** DescribeConfigs held against what Kafka answers: `test/golden/describe-configs-kafka-3.9.txt`. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  type ConfigEntry,
  describeBrokerConfig,
  describeBrokerDefaults,
  describeTopicConfig,
} from '../../src/broker/config-description.ts'
import { LONG_MAX } from '../../src/broker/settings/setting.ts'
import { type BrokerConfigLayers, logConfigOf } from '../../src/broker/topic-config.ts'
import { defaultLogConfig } from '../../src/storage/log-config.ts'

const FILE = path.join(import.meta.dirname, '..', 'golden', 'describe-configs-kafka-3.9.txt')
const LINES = fs.readFileSync(FILE, 'utf8').trimEnd().split('\n')

function settings(layer: string): Map<string, string> {
  const prefix = `# ${layer} `
  return new Map(
    LINES.filter((line) => line.startsWith(prefix)).map((line) => {
      const [name = '', value = ''] = line.slice(prefix.length).split('=')
      return [name, value]
    }),
  )
}

const LAYERS: BrokerConfigLayers = {
  given: settings('static'),
  dynamic: settings('broker'),
  dynamicDefault: settings('default'),
}
const NOTHING: BrokerConfigLayers = {
  given: new Map(),
  dynamic: new Map(),
  dynamicDefault: new Map(),
}

function section(name: string): string[] {
  const start = LINES.indexOf(`## ${name}`) + 1
  const end = LINES.findIndex((line, at) => at >= start && line.startsWith('##'))
  return LINES.slice(start, end < 0 ? undefined : end)
}

function shown(entry: ConfigEntry): string {
  const { name, value, readOnly, source, type, isSensitive, synonyms } = entry
  const written = synonyms.map((each) => `${each.source}:${each.name}=${each.value}`).join(' ')
  const cells = [name, String(value), readOnly ? 'RO' : 'dyn', `src${source}`, `type${type}`]
  return [...cells, isSensitive ? 'S' : '', written].join('\t')
}

test('a topic is described as Kafka describes it, in the same order', () => {
  assert.deepEqual(describeTopicConfig(LAYERS, settings('t1')).map(shown), section('t1'))
  assert.deepEqual(describeTopicConfig(LAYERS, new Map()).map(shown), section('t2'))
})

test('a broker is described as Kafka describes it', () => {
  const entries = new Map(describeBrokerConfig(LAYERS).map((each) => [each.name, shown(each)]))
  const expected = section('broker')
  assert.deepEqual(
    expected.map((line) => entries.get(line.split('\t')[0]!)),
    expected,
  )
})

test('the defaults of all brokers are described alone', () => {
  const byText = (a: string, b: string) => (a < b ? -1 : 1)
  const described = describeBrokerDefaults(LAYERS).map(shown)
  assert.deepEqual(described.sort(byText), section('defaults').sort(byText))
})

test('every entry of a broker appears once and has a documentation', () => {
  const entries = describeBrokerConfig(LAYERS)
  assert.equal(new Set(entries.map(({ name }) => name)).size, entries.length)
  for (const { name, type, documentation } of entries) {
    assert.ok(type === 0 || documentation.length > 10, name)
  }
})

test('without settings a log has the defaults of Kafka', () => {
  const config = logConfigOf(NOTHING, new Map()) as unknown as Record<string, unknown>
  for (const [name, value] of Object.entries(defaultLogConfig)) {
    assert.deepEqual(config[name], value, name)
  }
})

test('the value of a log comes from the strongest layer, and from the finest unit', () => {
  const config = logConfigOf(LAYERS, settings('t1'))
  assert.deepEqual(
    [config.retentionMs, config.segmentBytes, config.segmentMs, config.segmentJitterMs],
    [1000, 1073741824, 777000, 7200000],
  )
  const other = logConfigOf(LAYERS, new Map())
  assert.deepEqual(
    [other.retentionMs, other.segmentBytes, other.flushMs, other.cleanupPolicy],
    [5000, 3000000, 9000, ['compact', 'delete']],
  )
  const given = (...pairs: [string, string][]) =>
    logConfigOf({ ...NOTHING, given: new Map(pairs) }, new Map())
  assert.equal(
    given(['log.retention.minutes', '2'], ['log.retention.hours', '1']).retentionMs,
    120000,
  )
  assert.equal(given(['log.retention.hours', '-1']).retentionMs, -1)
  assert.equal(given(['log.retention.ms', '-2']).retentionMs, -1)
  assert.equal(given(['log.flush.scheduler.interval.ms', '77']).flushMs, 77)
  assert.equal(given(['log.retention.ms', '9223372036854775807']).retentionMs, LONG_MAX)
})

test('the old bound of timestamps holds where the new ones are not set', () => {
  const overrides = new Map([
    ['message.timestamp.difference.max.ms', '1000'],
    ['message.timestamp.after.max.ms', '50'],
  ])
  const config = logConfigOf(NOTHING, overrides)
  assert.equal(config.messageTimestampBeforeMaxMs, 1000)
  assert.equal(config.messageTimestampAfterMaxMs, 50)
})

test('an override that is not valid is left out, and the broker goes on', () => {
  const overrides = new Map([
    ['segment.bytes', 'abc'],
    ['retention.ms', '-7'],
    ['no.such', '1'],
  ])
  const config = logConfigOf(LAYERS, overrides)
  assert.deepEqual([config.segmentBytes, config.retentionMs], [3000000, 5000])
})
