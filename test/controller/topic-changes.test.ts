import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ControllerContext } from '../../src/controller/controller-context.ts'
import { type TopicChangePorts, TopicChanges } from '../../src/controller/topic-changes.ts'
import type { ZkWatcher } from '../../src/zk/zk-client.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

test('a topic that the controller has deleted itself is not watched any more', async () => {
  let names = ['orders']
  const watchers: ZkWatcher[] = []
  const modified: string[] = []
  const context = new ControllerContext(1)
  const move = () => Promise.resolve(new Map())
  const ports = {
    context,
    zk: { children: () => Promise.resolve({ children: names }) },
    topicZnodes: {
      read: (_name: string, watcher: ZkWatcher) => {
        watchers.push(watcher)
        return Promise.resolve({
          topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
          partitions: new Map(),
          version: 0,
        })
      },
    },
    partitionStates: { move },
    replicaStates: { move },
    onTopicModified: (topic: string) => modified.push(topic),
    log: new SilentLoggers().get('test'),
  }
  const changes = new TopicChanges(ports as unknown as TopicChangePorts)
  await changes.onTopicsChanged()
  const event = { type: 'changed', path: '/brokers/topics/orders' } as const
  watchers[0]!(event)
  assert.deepEqual(modified, ['orders'])
  await changes.onTopicsChanged()
  context.removeTopic('orders')
  names = []
  await changes.onTopicsChanged()
  watchers[0]!(event)
  assert.deepEqual(modified, ['orders'])
})
