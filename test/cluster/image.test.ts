import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AliveBroker,
  applyUpdate,
  EMPTY_IMAGE,
  isReachable,
  LEADER_DURING_DELETE,
  MetadataCache,
} from '../../src/cluster/image.ts'

const broker = (id: number, listener = 'PLAINTEXT'): AliveBroker => ({
  id,
  rack: null,
  endpoints: [{ listener, host: 'h', port: 9092 + id, securityProtocol: 0 }],
})

const partition = (number: number, leader: number) => ({
  partition: number,
  leader,
  leaderEpoch: 0,
  controllerEpoch: 1,
  zkVersion: 0,
  isr: [leader],
  replicas: [leader],
  offlineReplicas: [],
})

const orders = (topicId: string, ...partitions: ReturnType<typeof partition>[]) => ({
  name: 'orders',
  topicId,
  partitions,
})

const ID_A = 'aaaaaaaaaaaaaaaaaaaaaQ'
const ID_B = 'bbbbbbbbbbbbbbbbbbbbbQ'

test('an update replaces the brokers and merges the partitions', () => {
  const first = applyUpdate(EMPTY_IMAGE, {
    controllerId: 1,
    brokers: [broker(1), broker(2)],
    topics: [orders(ID_A, partition(0, 1), partition(1, 2))],
  }).image
  const second = applyUpdate(first, {
    controllerId: 2,
    brokers: [broker(2)],
    topics: [orders(ID_A, partition(0, 2))],
  }).image
  assert.deepEqual([...second.brokers.keys()], [2])
  assert.deepEqual(
    second.topics.get('orders')?.partitions.map((each) => each?.leader),
    [2, 2],
  )
  assert.equal(first.topics.get('orders')?.partitions[0]?.leader, 1, 'images are immutable')
})

test('partitions marked as being deleted go, and the topic with the last of them', () => {
  const before = applyUpdate(EMPTY_IMAGE, {
    controllerId: 1,
    brokers: [broker(1)],
    topics: [orders(ID_A, partition(0, 1), partition(1, 1))],
  }).image
  const gone = (number: number) => ({ ...partition(number, 1), leader: LEADER_DURING_DELETE })
  const half = applyUpdate(before, {
    controllerId: 1,
    brokers: [broker(1)],
    topics: [orders(ID_A, gone(0))],
  })
  assert.deepEqual(half.deleted, [{ topic: 'orders', partition: 0 }])
  assert.equal(half.image.topics.get('orders')?.partitions[0], undefined)
  const none = applyUpdate(half.image, {
    controllerId: 1,
    brokers: [broker(1)],
    topics: [orders(ID_A, gone(1))],
  }).image
  assert.equal(none.topics.size, 0)
  assert.equal(none.topicsById.size, 0)
})

test('a topic made again is found by its new id only', () => {
  const first = applyUpdate(EMPTY_IMAGE, {
    controllerId: 1,
    brokers: [],
    topics: [orders(ID_A, partition(0, 1))],
  }).image
  const second = applyUpdate(first, {
    controllerId: 1,
    brokers: [],
    topics: [orders(ID_B, partition(0, 1))],
  }).image
  assert.equal(second.topicsById.has(ID_A), false)
  assert.equal(second.topicsById.get(ID_B)?.name, 'orders')
})

test('nothing is left of a topic whose deletion was not told when there is another of its name', () => {
  const cache = new MetadataCache()
  const heard: string[] = []
  cache.onTopicDeleted((topic) => heard.push(topic))
  const update = { controllerId: 1, brokers: [] }
  cache.apply({ ...update, topics: [orders(ID_A, partition(0, 1), partition(1, 1))] })
  const deleted = cache.apply({ ...update, topics: [orders(ID_B, partition(0, 1))] })
  assert.equal(cache.image.topics.get('orders')?.partitions.length, 1)
  assert.equal(deleted.length, 2)
  assert.deepEqual(heard, [])
  // Not even when this one is deleted before it was told.
  cache.apply({ ...update, topics: [orders(ID_A, partition(1, LEADER_DURING_DELETE))] })
  assert.equal(cache.image.topics.size, 0)
  assert.deepEqual(heard, ['orders'])
})

test('a broker is reachable on a listener that it offers', () => {
  const { image } = applyUpdate(EMPTY_IMAGE, {
    controllerId: 1,
    brokers: [broker(1, 'EXTERNAL')],
    topics: [],
  })
  assert.equal(isReachable(image, 1, 'EXTERNAL'), true)
  assert.equal(isReachable(image, 1, 'PLAINTEXT'), false)
  assert.equal(isReachable(image, 2, 'EXTERNAL'), false)
})

test('listeners hear of each new image until they are removed', () => {
  const cache = new MetadataCache()
  const heard: number[] = []
  const remove = cache.onChange((image) => heard.push(image.controllerId))
  cache.apply({ controllerId: 1, brokers: [], topics: [] })
  remove()
  cache.apply({ controllerId: 2, brokers: [], topics: [] })
  assert.deepEqual(heard, [1])
})
