/** Section 3.11 of the control plane: what is collected for the brokers, and how it is said. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlRequest } from '../../src/controller/broker-channels.ts'
import { ControllerContext } from '../../src/controller/controller-context.ts'
import { RequestBatch } from '../../src/controller/request-batch.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

const TOPIC_ID = 'aaaaaaaaaaaaaaaaaaaaaA'

function setUp() {
  const context = new ControllerContext(5)
  for (const id of [1, 2, 3]) {
    const endpoint = { listener: 'PLAINTEXT', host: `h${id}`, port: 90 + id, securityProtocol: 0 }
    const external = { listener: 'EXTERNAL', host: `e${id}`, port: 80 + id, securityProtocol: 1 }
    const endpoints = [endpoint, external]
    const rack = id === 1 ? 'r1' : null
    context.brokers.set(id, { id, epoch: 100 + id, endpoints, rack, features: new Map() })
  }
  const topic = context.addTopic('t', TOPIC_ID)
  const assignment = { replicas: [3, 1, 2], adding: [3], removing: [2] }
  const partition = context.addPartition(topic, 0, assignment)
  const leadership = {
    leader: 1,
    leaderEpoch: 7,
    isr: [1, 2],
    leaderRecoveryState: 0,
    controllerEpoch: 4,
    partitionEpoch: 9,
  }
  partition.leadership = leadership
  const sent: { to: number; request: ControlRequest }[] = []
  const batch = new RequestBatch(
    context,
    { enqueue: (to, request) => sent.push({ to, request }) },
    new SilentLoggers().get('test'),
    { controllerId: 2, interBrokerListener: 'PLAINTEXT' },
  )
  const bodies = <K extends ControlRequest['kind']>(kind: K, to: number) =>
    sent.flatMap(({ to: receiver, request }) =>
      receiver === to && isOfKind(request, kind) ? [request.body] : [],
    )
  return { context, partition, leadership, batch, sent, bodies }
}

function isOfKind<K extends ControlRequest['kind']>(
  request: ControlRequest,
  kind: K,
): request is Extract<ControlRequest, { kind: K }> {
  return request.kind === kind
}

test('every field of a LeaderAndIsr', () => {
  const { partition, leadership, batch, bodies } = setUp()
  batch.leaderAndIsr([1], partition, leadership, true)
  batch.send()
  assert.deepEqual(bodies('leader-and-isr', 1), [
    {
      controllerId: 2,
      isKRaftController: false,
      controllerEpoch: 5,
      brokerEpoch: 101,
      type: 0,
      topicStates: [
        {
          topicName: 't',
          topicId: TOPIC_ID,
          partitionStates: [
            {
              partitionIndex: 0,
              // Of the decision; it may be older than that of the request.
              controllerEpoch: 4,
              leader: 1,
              leaderEpoch: 7,
              isr: [1, 2],
              partitionEpoch: 9,
              replicas: [3, 1, 2],
              addingReplicas: [3],
              removingReplicas: [2],
              isNew: true,
              leaderRecoveryState: 0,
            },
          ],
        },
      ],
      liveLeaders: [{ brokerId: 1, hostName: 'h1', port: 91 }],
    },
  ])
})

test('every field of an UpdateMetadata; everybody gets it with a LeaderAndIsr', () => {
  const { context, partition, leadership, batch, bodies, sent } = setUp()
  context.shuttingDown.add(3)
  batch.leaderAndIsr([1], partition, leadership, false)
  batch.send()
  assert.deepEqual(
    sent.map(({ to, request }) => `${request.kind} ${to}`),
    ['leader-and-isr 1', 'update-metadata 1', 'update-metadata 2', 'update-metadata 3'],
  )
  const endpoints = (id: number) => [
    { port: 90 + id, host: `h${id}`, listener: 'PLAINTEXT', securityProtocol: 0 },
    { port: 80 + id, host: `e${id}`, listener: 'EXTERNAL', securityProtocol: 1 },
  ]
  assert.deepEqual(bodies('update-metadata', 3), [
    {
      controllerId: 2,
      isKRaftController: false,
      controllerEpoch: 5,
      brokerEpoch: 103,
      topicStates: [
        {
          topicName: 't',
          topicId: TOPIC_ID,
          partitionStates: [
            {
              partitionIndex: 0,
              controllerEpoch: 4,
              leader: 1,
              leaderEpoch: 7,
              isr: [1, 2],
              zkVersion: 9,
              replicas: [3, 1, 2],
              offlineReplicas: [3],
            },
          ],
        },
      ],
      liveBrokers: [
        { id: 1, endpoints: endpoints(1), rack: 'r1' },
        { id: 2, endpoints: endpoints(2), rack: null },
        { id: 3, endpoints: endpoints(3), rack: null },
      ],
    },
  ])
})

test('isNew and deletePartition stick, negative and unknown brokers are skipped', () => {
  const { partition, leadership, batch, sent } = setUp()
  batch.leaderAndIsr([1, -1, 9], partition, leadership, true)
  batch.leaderAndIsr([1], partition, leadership, false)
  batch.stopReplica(2, partition, true)
  batch.stopReplica(2, partition, false)
  batch.stopReplica(-1, partition, false)
  batch.send()
  const [first] = sent
  assert(first?.request.kind === 'leader-and-isr')
  assert.equal(first.request.body.topicStates?.[0]?.partitionStates[0]?.isNew, true)
  const last = sent.at(-1)
  assert(last?.request.kind === 'stop-replica')
  assert.deepEqual(last.request.body, {
    controllerId: 2,
    isKRaftController: false,
    controllerEpoch: 5,
    brokerEpoch: 102,
    topicStates: [
      {
        topicName: 't',
        partitionStates: [{ partitionIndex: 0, leaderEpoch: 7, deletePartition: true }],
      },
    ],
  })
  assert.deepEqual([...new Set(sent.map(({ to }) => to))], [1, 2, 3])
})

test('a topic in deletion: leader -2 for all, leader epoch -2 for those that stop', () => {
  const { context, partition, batch, bodies } = setUp()
  context.deletionQueued.add('t')
  batch.updateMetadata([1], [partition])
  batch.stopReplica(1, partition, false)
  batch.send()
  const [metadata] = bodies('update-metadata', 1)
  assert.deepEqual(metadata?.topicStates, [
    {
      topicName: 't',
      topicId: TOPIC_ID,
      partitionStates: [
        {
          partitionIndex: 0,
          controllerEpoch: 4,
          leader: -2,
          leaderEpoch: 0,
          isr: [1, 2],
          zkVersion: 0,
          replicas: [3, 1, 2],
          offlineReplicas: [],
        },
      ],
    },
  ])
  const [stop] = bodies('stop-replica', 1)
  assert.equal(stop?.topicStates?.[0]?.partitionStates[0]?.leaderEpoch, -2)
})

test('a partition that never had a leader is no metadata, and is stopped without an epoch', () => {
  const { partition, batch, bodies } = setUp()
  partition.leadership = null
  batch.updateMetadata([1], [partition])
  batch.stopReplica(1, partition, false)
  batch.send()
  const [metadata] = bodies('update-metadata', 1)
  assert.deepEqual(metadata?.topicStates, [])
  const [stop] = bodies('stop-replica', 1)
  assert.equal(stop?.topicStates?.[0]?.partitionStates[0]?.leaderEpoch, -1)
})

test('a batch is empty after it was sent', () => {
  const { partition, leadership, batch, sent } = setUp()
  batch.leaderAndIsr([1], partition, leadership, true)
  batch.send()
  const { length } = sent
  batch.send()
  assert.equal(sent.length, length)
})
