import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { ClusterState } from '../../src/dashboard/state-fold.ts'
import { StateFold } from '../../src/dashboard/state-fold.ts'
import { GrowingLog } from '../support/dashboard-bench.ts'
import { threeBrokers } from '../support/event-script.ts'

function stateIn({ body }: StateFold): ClusterState {
  return JSON.parse(body.bytes.toString())
}

function logOf(events: ReturnType<typeof threeBrokers>['events'], capacity?: number): GrowingLog {
  const log = new GrowingLog(capacity)
  for (const { seq: _, ...event } of events) log.add(event)
  return log
}

test('the state is encoded and packed once for all who ask until something happens', async () => {
  const log = logOf(threeBrokers().events)
  const fold = new StateFold(log)
  const { body } = fold
  assert.equal(fold.body, body)
  assert.equal(body.packed(), body.packed())
  assert.deepEqual(gunzipSync(await body.packed()), body.bytes)
  assert.equal(stateIn(fold).controllerId, 1)
  log.addLines(1)
  assert.notEqual(fold.body, body)
  assert.equal(stateIn(fold).seq, log.events.length - 1)
  assert.equal(fold.body, fold.body)
})

test('a state of nothing is one, and grows', () => {
  const log = new GrowingLog()
  const fold = new StateFold(log)
  assert.deepEqual(stateIn(fold).brokers, [])
  const [first] = threeBrokers().link(1, true).events.slice(-1)
  log.add(first!)
  assert.equal(stateIn(fold).brokers.length, 1)
})

test('a history that is folded under it leads to the same cluster', () => {
  const log = logOf(threeBrokers().events, 60)
  const early = new StateFold(log)
  const before = stateIn(early)
  log.addLines(500)
  const after = stateIn(early)
  assert.deepEqual(
    after.brokers.map(({ id }) => id),
    before.brokers.map(({ id }) => id),
  )
  assert.deepEqual(after.partitions, before.partitions)
  assert.deepEqual(after, stateIn(new StateFold(log)))
})
