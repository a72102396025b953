/** The texts were captured from the encoders of Kafka 3.9.1. */

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  aclChangePrefix,
  aclPath,
  brokerEntity,
  clusterIdOf,
  configEntityPath,
  type Decoded,
  decodeAclChange,
  decodeAcls,
  decodeBrokerRegistration,
  decodeClusterId,
  decodeConfig,
  decodeConfigChange,
  decodeController,
  decodeControllerEpoch,
  decodeFeatures,
  decodeLogDirEvent,
  decodePartitionList,
  decodePartitionState,
  decodeProducerIdBlock,
  decodeReassignment,
  decodeTopic,
  desanitizeName,
  encodeAclChange,
  encodeAcls,
  encodeBrokerRegistration,
  encodeClusterId,
  encodeConfig,
  encodeConfigChange,
  encodeController,
  encodeControllerEpoch,
  encodeFeatures,
  encodeLogDirEvent,
  encodePartitionList,
  encodePartitionState,
  encodeProducerIdBlock,
  encodeReassignment,
  encodeTopic,
  namedEntity,
  nodeName,
  parentPath,
  partitionStatePath,
  sanitizeName,
  sequenceNumberOf,
  topicEntity,
  userClientEntity,
} from '../../src/zk/znodes.ts'

const TOPIC_ID = 'wpvYZa4MTOmTf2ywRSU2OQ'

/** Encodes to exactly `text`, and `text` decodes to the value again. */
function golden<T>(
  value: T,
  text: string,
  encode: (value: T) => Buffer,
  decode: (data: Buffer) => Decoded<unknown>,
): void {
  assert.equal(encode(value).toString('utf8'), text)
  assert.deepEqual(decode(Buffer.from(text)), { kind: 'ok', value })
}

function accepts<T>(decode: (data: Buffer) => Decoded<T>, text: string): T {
  const decoded = decode(Buffer.from(text))
  assert.equal(decoded.kind, 'ok', text)
  return (decoded as { value: T }).value
}

function rejects(decode: (data: Buffer) => Decoded<unknown>, ...texts: string[]): void {
  for (const text of texts) {
    const decoded = decode(Buffer.from(text))
    assert.equal(decoded.kind, 'error', `${text} gave ${JSON.stringify(decoded)}`)
  }
}

test('a broker registration is written as Kafka writes it', () => {
  const plain = { listener: 'PLAINTEXT', host: 'h1', port: 9092, securityProtocol: 0 }
  const ssl = { listener: 'SSL', host: '::1', port: 9093, securityProtocol: 1 }
  const registration = {
    endpoints: [plain, ssl],
    rack: 'dc1',
    jmxPort: -1,
    timestampMs: 1795235341647,
    features: new Map(),
  }
  golden(
    registration,
    '{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT","SSL":"SSL"},' +
      '"endpoints":["PLAINTEXT://h1:9092","SSL://[::1]:9093"],"rack":"dc1","jmx_port":-1,' +
      '"port":9092,"host":"h1","version":5,"timestamp":"1795235341647"}',
    encodeBrokerRegistration,
    decodeBrokerRegistration,
  )
  golden(
    { ...registration, endpoints: [ssl], rack: null },
    '{"features":{},"listener_security_protocol_map":{"SSL":"SSL"},' +
      '"endpoints":["SSL://[::1]:9093"],"jmx_port":-1,"port":-1,"host":null,"version":5,' +
      '"timestamp":"1795235341647"}',
    encodeBrokerRegistration,
    decodeBrokerRegistration,
  )
})

test('registrations of older brokers are understood', () => {
  const first = accepts(
    decodeBrokerRegistration,
    '{"version":1,"jmx_port":9,"host":"h","port":1,"unknown":[]}',
  )
  assert.deepEqual(first.endpoints, [
    { listener: 'PLAINTEXT', host: 'h', port: 1, securityProtocol: 0 },
  ])
  const second = accepts(
    decodeBrokerRegistration,
    '{"version":2,"jmx_port":-1,"endpoints":["SSL://h:1"],"features":{"a":1},"rack":null}',
  )
  assert.equal(second.endpoints[0]?.securityProtocol, 1)
  assert.equal(second.rack, null)
  const lower = accepts(
    decodeBrokerRegistration,
    '{"version":4,"jmx_port":-1,"endpoints":["x://:1"],' +
      '"listener_security_protocol_map":{"X":"SASL_SSL"}}',
  )
  assert.deepEqual(lower.endpoints, [{ listener: 'X', host: '', port: 1, securityProtocol: 3 }])
  const later = accepts(
    decodeBrokerRegistration,
    '{"version":6,"jmx_port":-1,"endpoints":["PLAINTEXT://h:1"],' +
      '"features":{"a":{"min_version":1,"max_version":2}}}',
  )
  assert.deepEqual(later.features, new Map([['a', { min: 1, max: 2 }]]))
})

test('a malformed broker registration is an error, not an exception', () => {
  rejects(
    decodeBrokerRegistration,
    '',
    '[]',
    'null',
    '{"version":0,"jmx_port":-1,"host":"h","port":1}',
    '{"version":5,"jmx_port":-1}',
    '{"version":5,"jmx_port":"-1","endpoints":["PLAINTEXT://h:1"]}',
    '{"version":5,"jmx_port":-1,"endpoints":["X://h:1"]}',
    '{"version":5,"jmx_port":-1,"endpoints":["PLAINTEXT//h:1"]}',
    '{"version":5,"jmx_port":-1,"endpoints":[1]}',
  )
  assert.equal(decodeBrokerRegistration(null).kind, 'error')
})

test('a partition state is written as Kafka writes it', () => {
  const state = { leader: 1, leaderEpoch: 3, controllerEpoch: 2, isr: [1, 2] }
  golden(
    { ...state, leaderRecoveryState: 0 },
    '{"controller_epoch":2,"leader":1,"version":1,"leader_epoch":3,"isr":[1,2]}',
    encodePartitionState,
    decodePartitionState,
  )
  golden(
    { ...state, leaderRecoveryState: 1 },
    '{"controller_epoch":2,"leader":1,"version":1,"leader_recovery_state":1,"leader_epoch":3,' +
      '"isr":[1,2]}',
    encodePartitionState,
    decodePartitionState,
  )
})

test('a partition state lacks nothing and coerces nothing', () => {
  rejects(
    decodePartitionState,
    'xx',
    '{"leader":1,"leader_epoch":0,"controller_epoch":1}',
    '{"leader":1.5,"leader_epoch":0,"controller_epoch":1,"isr":[]}',
    '{"leader":"1","leader_epoch":0,"controller_epoch":1,"isr":[]}',
    '{"leader":2147483648,"leader_epoch":0,"controller_epoch":1,"isr":[]}',
    '{"leader":1,"leader_epoch":null,"controller_epoch":1,"isr":[]}',
    '{"leader":1,"leader_epoch":0,"controller_epoch":1,"isr":[1,"2"]}',
    '{"leader":1,"leader_epoch":0,"controller_epoch":1,"isr":[],"leader_recovery_state":7}',
  )
})

test('the controller znode is written as Kafka writes it, and its first version is read', () => {
  const text = '{"version":2,"brokerid":1,"timestamp":"1700000000000","kraftControllerEpoch":-1}'
  assert.equal(encodeController(1, 1700000000000).toString(), text)
  assert.deepEqual(accepts(decodeController, text), {
    brokerId: 1,
    timestampMs: 1700000000000,
    kraftControllerEpoch: -1,
  })
  assert.equal(accepts(decodeController, '{"brokerid":7}').kraftControllerEpoch, -1)
  rejects(decodeController, '1', 'x', '{"brokerid":"1"}', '{}')
})

test('the controller epoch is a decimal text', () => {
  golden(7, '7', encodeControllerEpoch, decodeControllerEpoch)
  rejects(decodeControllerEpoch, '', ' 7', '7x', '99999999999', '1.5')
  assert.equal(decodeControllerEpoch(null).kind, 'error')
})

test('a topic is written as Kafka writes it', () => {
  const partitions = new Map([
    [0, { replicas: [1, 2, 3], adding: [3], removing: [] as number[] }],
    [1, { replicas: [1, 2, 3], adding: [] as number[], removing: [1] }],
  ])
  const rest = '"adding_replicas":{"0":[3]},"removing_replicas":{"1":[1]},"version":3}'
  golden(
    { topicId: TOPIC_ID, partitions },
    `{"partitions":{"0":[1,2,3],"1":[1,2,3]},"topic_id":"${TOPIC_ID}",${rest}`,
    encodeTopic,
    decodeTopic,
  )
  golden(
    { topicId: null, partitions },
    `{"partitions":{"0":[1,2,3],"1":[1,2,3]},${rest}`,
    encodeTopic,
    decodeTopic,
  )
})

test('topics of older versions are read, partitions come out ascending', () => {
  const topic = accepts(decodeTopic, '{"version":1,"partitions":{"10":[1],"9":[2],"011":[3]}}')
  assert.deepEqual([...topic.partitions.keys()], [9, 10, 11])
  assert.equal(topic.topicId, null)
  assert.deepEqual(accepts(decodeTopic, '{}').partitions, new Map())
  rejects(
    decodeTopic,
    'zz',
    '{"partitions":null}',
    '{"partitions":{"x":[1]}}',
    '{"partitions":{"-1":[1]}}',
    '{"partitions":{"0":[1]},"topic_id":null}',
    '{"partitions":{"0":[1]},"topic_id":"xx"}',
    '{"partitions":{"0":[1]},"adding_replicas":{"0":1}}',
  )
})

test('lists of partitions are written as Kafka writes them', () => {
  golden(
    [
      { topic: 't', partition: 0 },
      { topic: 'u', partition: 1 },
    ],
    '{"version":1,"partitions":[{"topic":"t","partition":0},{"topic":"u","partition":1}]}',
    encodePartitionList,
    decodePartitionList,
  )
  golden(
    [{ topic: 't', partition: 0, replicas: [1, 2] }],
    '{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}',
    encodeReassignment,
    decodeReassignment,
  )
  rejects(decodePartitionList, '{"version":1}', '{"partitions":[1]}', '{"partitions":[{}]}')
  rejects(decodeReassignment, '{"partitions":[{"topic":"t","partition":0}]}')
})

test('cluster id, features, producer ids and log directory events are as in Kafka', () => {
  golden(TOPIC_ID, `{"version":"1","id":"${TOPIC_ID}"}`, encodeClusterId, decodeClusterId)
  golden(
    { version: 2 as const, enabled: true, levels: new Map([['f', 2]]) },
    '{"features":{"f":{"max_version_level":2}},"version":2,"status":1}',
    encodeFeatures,
    decodeFeatures,
  )
  golden(
    { version: 1 as const, enabled: false, levels: new Map([['f', 2]]) },
    '{"features":{"f":{"max_version_level":2,"min_version_level":2}},"version":1,"status":0}',
    encodeFeatures,
    decodeFeatures,
  )
  golden(
    { brokerId: 1, start: 0, end: 999 },
    '{"version":1,"broker":1,"block_start":"0","block_end":"999"}',
    encodeProducerIdBlock,
    decodeProducerIdBlock,
  )
  golden(1, '{"version":1,"broker":1,"event":1}', encodeLogDirEvent, decodeLogDirEvent)
  rejects(
    decodeFeatures,
    '{"version":3,"status":1,"features":{}}',
    '{"version":2,"status":2,"features":{}}',
    '{"version":2,"status":1}',
    '{"version":1,"status":1,"features":{"f":{"max_version_level":2}}}',
  )
})

test('null and empty producer id blocks are different things', () => {
  assert.deepEqual(decodeProducerIdBlock(null), { kind: 'ok', value: null })
  rejects(decodeProducerIdBlock, '', '{"broker":1,"block_start":0,"block_end":999}')
})

test('a new cluster id is a version 4 UUID in 22 characters', () => {
  const id = clusterIdOf(Buffer.alloc(16, 0xff))
  assert.equal(id.length, 22)
  assert.equal(Buffer.from(id, 'base64url').toString('hex'), 'ffffffffffff4fffbfffffffffffffff')
})

test('configs and their change notifications are as in Kafka', () => {
  golden(
    new Map([
      ['cleanup.policy', 'delete'],
      ['a', 'é"\\/\u0001<>&'],
    ]),
    '{"version":1,"config":{"cleanup.policy":"delete","a":"é\\"\\\\/\\u0001<>&"}}',
    encodeConfig,
    decodeConfig,
  )
  golden(new Map(), '{"version":1,"config":{}}', encodeConfig, decodeConfig)
  for (const text of ['{}', '{"version":1}', '{"version":1,"config":null}']) {
    assert.equal(accepts(decodeConfig, text).size, 0)
  }
  assert.deepEqual(decodeConfig(null), { kind: 'ok', value: new Map() })
  rejects(decodeConfig, 'x', '{"config":{"a":1}}', '{"config":{"a":null}}')

  golden(
    topicEntity('t'),
    '{"version":2,"entity_path":"topics/t"}',
    encodeConfigChange,
    decodeConfigChange,
  )
  assert.deepEqual(
    accepts(decodeConfigChange, '{"version":1,"entity_type":"clients","entity_name":"c"}'),
    { type: 'clients', name: 'c' },
  )
  rejects(
    decodeConfigChange,
    '{"version":1,"entity_type":"users","entity_name":"c"}',
    '{"version":2,"entity_path":"topics"}',
    '{"version":2,"entity_path":"/t"}',
    '{"version":2,"entity_path":"others/t"}',
    '{"version":3,"entity_path":"topics/t"}',
  )
})

test('names of config entities are sanitized as Kafka does', () => {
  assert.equal(sanitizeName("a b*+~é/.-_%@!'()"), 'a%20b%2A%2B%7E%C3%A9%2F.-_%25%40%21%27%28%29')
  assert.equal(desanitizeName('a%20b%2A'), 'a b*')
  assert.equal(desanitizeName('%zz'), null)
  assert.equal(configEntityPath(brokerEntity(null)), '/config/brokers/<default>')
  assert.equal(configEntityPath(namedEntity('users', '<default>')), '/config/users/%3Cdefault%3E')
  assert.equal(
    configEntityPath(userClientEntity('a b*', null)),
    '/config/users/a%20b%2A/clients/<default>',
  )
})

test('access control lists and their notifications are as in Kafka', () => {
  golden(
    [
      { principal: 'User:a', permission: 'Allow', operation: 'Read', host: '*' },
      { principal: 'User:b', permission: 'Deny', operation: 'DescribeConfigs', host: '10.0.0.1' },
    ],
    '{"acls":[{"principal":"User:a","permissionType":"Allow","host":"*","operation":"Read"},' +
      '{"principal":"User:b","permissionType":"Deny","host":"10.0.0.1",' +
      '"operation":"DescribeConfigs"}],"version":1}',
    encodeAcls,
    decodeAcls,
  )
  const literal = { type: 'TransactionalId', name: 'n:x', pattern: 'LITERAL' } as const
  golden(literal, 'TRANSACTIONAL_ID:n:x', encodeAclChange, (data) =>
    decodeAclChange(data, 'LITERAL'),
  )
  const prefixed = { type: 'Topic', name: 'n', pattern: 'PREFIXED' } as const
  golden(
    prefixed,
    '{"version":1,"resourceType":"TOPIC","name":"n","patternType":"PREFIXED"}',
    encodeAclChange,
    (data) => decodeAclChange(data, 'PREFIXED'),
  )
  assert.equal(aclPath(prefixed), '/kafka-acl-extended/prefixed/Topic/n')
  assert.equal(aclPath(literal), '/kafka-acl/TransactionalId/n:x')
  assert.equal(aclChangePrefix('LITERAL'), '/kafka-acl-changes/acl_changes_')
})

test('paths are put together and taken apart', () => {
  assert.equal(partitionStatePath('t', 3), '/brokers/topics/t/partitions/3/state')
  assert.equal(sequenceNumberOf('config_change_0000000012'), 12)
  assert.equal(sequenceNumberOf('config_change_-2147483648'), -2147483648)
  assert.equal(sequenceNumberOf('config_change_12'), null)
  assert.equal(parentPath('/a/b'), '/a')
  assert.equal(parentPath('/a'), '/')
  assert.equal(nodeName('/a/b'), 'b')
})
