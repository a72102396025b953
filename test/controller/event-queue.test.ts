import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventQueue } from '../../src/controller/event-queue.ts'
import { mayMovePartition, mayMoveReplica } from '../../src/controller/state-transitions.ts'
import { settlePromises } from '../support/fake-clock.ts'

function setUp() {
  const done: string[] = []
  const queue = new EventQueue(
    (event) => event.process(),
    () => 0,
  )
  const event = (name: string, work: () => Promise<void> = async () => {}) => ({
    name,
    activity: 'Idle' as const,
    process: async () => {
      await work()
      done.push(name)
    },
    preempt: () => {
      done.push(`${name} preempted`)
    },
  })
  return { done, queue, event }
}

test('events are processed one at a time, in order, awaits included', async () => {
  const { done, queue, event } = setUp()
  void queue.put(event('a', settlePromises))
  void queue.put(event('b'))
  await queue.put(event('c'))
  assert.deepEqual(done, ['a', 'b', 'c'])
})

test('what waits is preempted, what runs ends first, then comes the one that was put', async () => {
  const { done, queue, event } = setUp()
  void queue.put(event('running', settlePromises))
  const waiting = queue.put(event('waiting'))
  assert.equal(queue.size, 1)
  await queue.clearAndPut(event('expire'))
  await waiting
  assert.deepEqual(done, ['waiting preempted', 'running', 'expire'])
})

test('after the close nothing is processed, everything is preempted at once', async () => {
  const { done, queue, event } = setUp()
  void queue.put(event('running', settlePromises))
  void queue.put(event('waiting'))
  queue.close()
  await queue.put(event('late'))
  assert.deepEqual(done, ['waiting preempted', 'late preempted'])
  await settlePromises()
  await settlePromises()
  assert.equal(done.at(-1), 'running')
})

test('legal moves of partitions and replicas', () => {
  assert(mayMovePartition('non-existent', 'new'))
  assert(!mayMovePartition('non-existent', 'online'))
  assert(!mayMovePartition('new', 'non-existent'))
  assert(mayMovePartition('offline', 'non-existent'))
  assert(mayMoveReplica('deletion-ineligible', 'online'))
  assert(!mayMoveReplica('online', 'deletion-started'))
  assert(!mayMoveReplica('deletion-successful', 'offline'))
  assert(mayMoveReplica('deletion-successful', 'non-existent'))
})
