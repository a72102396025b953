import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collidingTopics, topicNameProblem } from '../../src/cluster/topic-names.ts'
import { newTopicId, TopicStore } from '../../src/cluster/topic-store.ts'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { encodeController } from '../../src/zk/znodes.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { FakeZooKeeper } from '../support/fake-zookeeper.ts'

let drawn = 0
const random = {
  nextInt: (bound: number) => drawn++ % bound,
  bytes: (length: number) => Buffer.alloc(length, ++drawn),
}

const SETTLED = '"adding_replicas":{},"removing_replicas":{},"version":3'

async function store() {
  const zk = new FakeZooKeeper(new FakeClock()).connect()
  await settlePromises()
  for (const path of ['/admin', '/admin/delete_topics', '/brokers', '/brokers/topics']) {
    await zk.create(path, null, 'persistent')
  }
  for (const path of ['/config', '/config/topics']) await zk.create(path, null, 'persistent')
  await zk.create('/controller', encodeController(1, 0), 'ephemeral')
  const topics = new TopicStore(zk, random)
  const text = async (path: string) => (await zk.get(path)).data?.toString() ?? 'null'
  return { zk, topics, text }
}

const topic = (name: string, replicas: number[][] = [[1, 2]], config = {}) => ({
  name,
  assignment: new Map(replicas.map((list, at) => [at, list] as const)),
  config: new Map<string, string>(Object.entries(config)),
})

test('names, in the words of Kafka', () => {
  assert.equal(topicNameProblem('a.b_c-1'), null)
  assert.equal(topicNameProblem('a'.repeat(249)), null)
  const prefix = 'Topic name is invalid: '
  assert.equal(topicNameProblem(''), `${prefix}the empty string is not allowed`)
  assert.equal(topicNameProblem('.'), `${prefix}'.' is not allowed`)
  assert.equal(topicNameProblem('..'), `${prefix}'..' is not allowed`)
  const long = 'a'.repeat(250)
  assert.equal(
    topicNameProblem(long),
    `${prefix}the length of '${long}' is longer than the max allowed length 249`,
  )
  assert.equal(
    topicNameProblem('a b'),
    `${prefix}'a b' contains one or more characters other than ` +
      "ASCII alphanumerics, '.', '_' and '-'",
  )
})

test('topics that differ only in dots and underscores collide', () => {
  assert.deepEqual(collidingTopics('a_b', ['a.b', 'a-b', 'ab']), ['a.b'])
  assert.deepEqual(collidingTopics('ab', ['a.b']), [])
})

test('topic ids are version 4 and do not begin with a dash', () => {
  let first = 0xfb
  const dashFirst = { ...random, bytes: (length: number) => Buffer.alloc(length, first++) }
  const id = newTopicId(dashFirst)
  assert(!id.startsWith('-'))
  const bytes = Buffer.from(id, 'base64url')
  assert.equal(bytes[6]! >> 4, 4)
})

test('a topic and its configuration are made together', async () => {
  const { topics, text } = await store()
  const replicas = [
    [1, 2],
    [2, 1],
  ]
  const id = await topics.createTopic(topic('t', replicas, { 'retention.ms': '1' }))
  assert.equal(
    await text('/brokers/topics/t'),
    `{"partitions":{"0":[1,2],"1":[2,1]},"topic_id":"${id}",${SETTLED}}`,
  )
  assert.equal(await text('/config/topics/t'), '{"version":1,"config":{"retention.ms":"1"}}')
})

test('refusals of names that exist, are being deleted, or collide', async () => {
  const { topics } = await store()
  await topics.createTopic(topic('a.b'))
  await topics.markForDeletion('gone')
  await topics.markForDeletion('gone')
  const refusal = (name: string, code: ErrorCode, message: string) =>
    assert.rejects(topics.createTopic(topic(name)), { name: 'TopicError', code, message })
  await refusal('a.b', ErrorCode.TOPIC_ALREADY_EXISTS, "Topic 'a.b' already exists.")
  await refusal('gone', ErrorCode.TOPIC_ALREADY_EXISTS, "Topic 'gone' is marked for deletion.")
  await refusal(
    'a_b',
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    "Topic 'a_b' collides with existing topics: a.b",
  )
  await refusal(
    '..',
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    "Topic name is invalid: '..' is not allowed",
  )
})

test('refusals of manual assignments', async () => {
  const { topics } = await store()
  const refusal = (assignment: Map<number, number[]>, message: RegExp) =>
    assert.rejects(topics.validate({ name: 't', assignment, config: new Map() }), {
      code: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      message,
    })
  const unequal = new Map([
    [0, [1, 2]],
    [1, [1]],
  ])
  await refusal(unequal, /^All partitions should have the same number of replicas$/)
  await refusal(new Map([[0, [1, 1]]]), /^Duplicate replica assignment found: /)
  const gap = new Map([
    [0, [1]],
    [2, [1]],
  ])
  await refusal(gap, /^partitions should be a consecutive 0-based integer sequence$/)
})

test('D9: of two that make the same topic one wins, and its configuration stays', async () => {
  const { zk, topics, text } = await store()
  const other = new TopicStore(zk, random)
  const results = await Promise.allSettled([
    topics.createTopic(topic('t', [[1, 2]], { a: '1' })),
    other.createTopic(topic('t', [[2, 1]], { a: '2' })),
  ])
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  const [won] = results[0]?.status === 'fulfilled' ? ['1'] : ['2']
  assert.equal(await text('/config/topics/t'), `{"version":1,"config":{"a":"${won}"}}`)
})

test('the configuration that an earlier topic of the name left behind is replaced', async () => {
  const { zk, topics, text } = await store()
  await zk.create('/config/topics/t', Buffer.from('{"version":1,"config":{"x":"y"}}'), 'persistent')
  await topics.createTopic(topic('t'))
  assert.equal(await text('/config/topics/t'), '{"version":1,"config":{}}')
})

test('a lost reply is recognised by the topic id', async () => {
  const { zk, topics } = await store()
  const { multi } = zk
  zk.multi = async (ops) => {
    const result = await multi.call(zk, ops)
    zk.multi = multi
    assert.equal(result.kind, 'ok')
    return multi.call(zk, ops)
  }
  assert.equal(typeof (await topics.createTopic(topic('t'))), 'string')
})

test('another controller meanwhile makes no difference, no controller does', async () => {
  const { zk, topics } = await store()
  const { multi } = zk
  zk.multi = async (ops) => {
    zk.multi = multi
    await zk.set('/controller', encodeController(2, 0), -1)
    return multi.call(zk, ops)
  }
  await topics.createTopic(topic('t'))
  await zk.delete('/controller', -1)
  await assert.rejects(topics.createTopic(topic('u')), { code: ErrorCode.NOT_CONTROLLER })
})

const brokers = [1, 2, 3].map((id) => ({ id, rack: null }))

test('partitions are added where the assignment left off', async () => {
  const { topics, text } = await store()
  const id = await topics.createTopic(topic('t', [[2, 3]]))
  await topics.createPartitions({ topic: 't', count: 3, assignments: null, brokers }, true)
  await topics.createPartitions({ topic: 't', count: 3, assignments: null, brokers })
  assert.equal(
    await text('/brokers/topics/t'),
    `{"partitions":{"0":[2,3],"1":[3,2],"2":[1,3]},"topic_id":"${id}",${SETTLED}}`,
  )
})

test('partitions that were added by a write whose reply was lost are added', async () => {
  const { zk, topics, text } = await store()
  await topics.createTopic(topic('t', [[1, 2]]))
  const { set } = zk
  zk.set = async (path, data, version) => {
    // As `ZkSession` does it: the write is sent again when the connection is back.
    await set.call(zk, path, data, version)
    return set.call(zk, path, data, version)
  }
  await topics.createPartitions({ topic: 't', count: 3, assignments: null, brokers })
  const { partitions } = JSON.parse(await text('/brokers/topics/t'))
  assert.deepEqual(Object.keys(partitions), ['0', '1', '2'])
})

test('partitions that somebody else has added meanwhile are not ours', async () => {
  const { zk, topics } = await store()
  await topics.createTopic(topic('t', [[1, 2]]))
  const { set } = zk
  const others = {
    topic: 't',
    count: 3,
    assignments: [
      [1, 2],
      [1, 2],
    ],
    brokers,
  }
  zk.set = async (path, data, version) => {
    zk.set = set
    await topics.createPartitions(others)
    return set.call(zk, path, data, version)
  }
  const ours = {
    ...others,
    assignments: [
      [2, 1],
      [1, 2],
    ],
  }
  await assert.rejects(topics.createPartitions(ours), { code: ErrorCode.INVALID_PARTITIONS })
})

test('refusals of added partitions', async () => {
  const { zk, topics } = await store()
  await topics.createTopic(topic('t', [[1, 2]]))
  const refusal = async (
    change: { topic?: string; count?: number; assignments?: number[][] },
    code: ErrorCode,
    message: RegExp,
  ) => {
    const wanted = { topic: 't', count: 2, assignments: null, brokers, ...change }
    await assert.rejects(topics.createPartitions(wanted), { code, message })
  }
  const { INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT } = ErrorCode
  await refusal(
    { topic: 'u' },
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    /^The topic 'u' does not exist\.$/,
  )
  await refusal({ count: 1 }, INVALID_PARTITIONS, /^Topic already has 1 partitions\.$/)
  await refusal(
    { count: 0 },
    INVALID_PARTITIONS,
    /^Topic currently has 1 partitions, which is higher than the requested 0\.$/,
  )
  await refusal(
    { assignments: [[1, 9]] },
    INVALID_REPLICA_ASSIGNMENT,
    /^Unknown broker\(s\) in replica assignment: 9\.$/,
  )
  await refusal(
    { count: 3, assignments: [[1, 2]] },
    INVALID_REPLICA_ASSIGNMENT,
    /^Increasing the number of partitions by 2 but 1 assignments provided\.$/,
  )
  await refusal({ assignments: [[1]] }, INVALID_REPLICA_ASSIGNMENT, /^Inconsistent replication/)
  await refusal({ assignments: [[1, 1]] }, INVALID_REPLICA_ASSIGNMENT, /^Duplicate brokers/)
  const moving = '{"version":3,"partitions":{"0":[1,2]},"adding_replicas":{"0":[2]}}'
  await zk.set('/brokers/topics/t', Buffer.from(moving), -1)
  await refusal({}, ErrorCode.REASSIGNMENT_IN_PROGRESS, /in progress for the topic 't'\.$/)
  await topics.markForDeletion('t')
  await refusal({}, ErrorCode.INVALID_TOPIC_EXCEPTION, /^The topic is queued for deletion\.$/)
})
