import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplicationStats } from '../../src/replication/replication-stats.ts'

test('the sum of all topics never falls, also when topics go', () => {
  const stats = new ReplicationStats()
  stats.topic('a').bytesIn += 10
  stats.topic('b').bytesIn += 5
  stats.topic('b').messagesIn += 1
  assert.equal(stats.allTopics().bytesIn, 15)
  stats.forgetTopic('b')
  stats.forgetTopic('never seen')
  assert.deepEqual([...stats.topics.keys()], ['a'])
  assert.equal(stats.allTopics().bytesIn, 15)
  stats.topic('b').bytesIn += 1
  assert.equal(stats.allTopics().bytesIn, 16)
  assert.equal(stats.allTopics().messagesIn, 1)
})
