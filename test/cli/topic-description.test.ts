import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DescribeFilter, topicLines } from '../../src/cli/topic-description.ts'
import type { ConfigEntry } from '../../src/client/config-admin.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'

const ALL: DescribeFilter = {
  underReplicated: false,
  unavailable: false,
  underMinIsr: false,
  atMinIsr: false,
  topicsWithOverrides: false,
}

function config(name: string, value: string, source: ConfigEntry['source']): ConfigEntry {
  return { name, value, source, readOnly: false, isSensitive: false, synonyms: [] }
}

function partition(partitionIndex: number, leaderId: number, isrNodes: number[]) {
  const replicaNodes = [1, 2, 3]
  const state = { errorCode: 0, leaderEpoch: 0, offlineReplicas: [] }
  return { partitionIndex, leaderId, replicaNodes, isrNodes, ...state }
}

const described = {
  topic: {
    name: 't',
    topicId: '3tFzPjmsRQmv5QPLV8YMzA',
    isInternal: false,
    partitions: [partition(0, 2, [2, 1, 3]), partition(1, 1, [1]), partition(2, -1, [3])],
  },
  configs: [
    config('segment.bytes', '1024', 'STATIC_BROKER_CONFIG'),
    config('cleanup.policy', 'delete', 'DEFAULT_CONFIG'),
    config('min.insync.replicas', '2', 'DYNAMIC_TOPIC_CONFIG'),
  ],
  reassignments: [],
}
const LIVE = new Set([1, 2, 3])

const partitionsShown = (filter: Partial<DescribeFilter>, live = LIVE) =>
  topicLines(described, { ...ALL, ...filter }, live).map((line) =>
    Number(/Partition: (\d+)/.exec(line)?.[1]),
  )

test('a topic has a line of its own and one for each partition', () => {
  assert.deepEqual(topicLines(described, ALL, LIVE), [
    'Topic: t\tTopicId: 3tFzPjmsRQmv5QPLV8YMzA\tPartitionCount: 3\tReplicationFactor: 3\t' +
      'Configs: segment.bytes=1024,min.insync.replicas=2',
    '\tTopic: t\tPartition: 0\tLeader: 2\tReplicas: 1,2,3\tIsr: 2,1,3\tElr: N/A\tLastKnownElr: N/A',
    '\tTopic: t\tPartition: 1\tLeader: 1\tReplicas: 1,2,3\tIsr: 1\tElr: N/A\tLastKnownElr: N/A',
    '\tTopic: t\tPartition: 2\tLeader: none\tReplicas: 1,2,3\tIsr: 3\tElr: N/A\tLastKnownElr: N/A',
  ])
})

test('a topic without an id or configs leaves them out', () => {
  const bare = { ...described, configs: [], topic: { ...described.topic, topicId: ZERO_UUID } }
  const expected = 'Topic: t\tPartitionCount: 3\tReplicationFactor: 3\tConfigs: '
  assert.equal(topicLines(bare, ALL, LIVE)[0], expected)
})

test('reports show only the partitions they are about', () => {
  assert.deepEqual(partitionsShown({ underReplicated: true }), [1, 2])
  assert.deepEqual(partitionsShown({ unavailable: true }), [2])
  assert.deepEqual(partitionsShown({ unavailable: true }, new Set([2, 3])), [1, 2])
  assert.deepEqual(partitionsShown({ underMinIsr: true }), [1, 2])
  assert.deepEqual(partitionsShown({ atMinIsr: true }), [])
})

test('topics with overrides are shown without partitions, others not at all', () => {
  const filter = { ...ALL, topicsWithOverrides: true }
  assert.equal(topicLines(described, filter, LIVE).length, 1)
  const plain = { ...described, configs: [config('a', 'b', 'DEFAULT_CONFIG')] }
  assert.deepEqual(topicLines(plain, filter, LIVE), [])
})

test('a reassignment is shown, and what it adds does not count as a replica', () => {
  const moving = { topic: 't', partition: 0, replicas: [3, 1, 2] }
  const reassignments = [{ ...moving, addingReplicas: [3], removingReplicas: [1] }]
  const [topic, first] = topicLines({ ...described, reassignments }, ALL, LIVE)
  assert.match(topic!, /ReplicationFactor: 2/)
  assert.match(first!, /Isr: 2,1,3\tAdding Replicas: 3\tRemoving Replicas: 1\tElr: N\/A/)
})
