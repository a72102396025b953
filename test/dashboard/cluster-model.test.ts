import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  applyEvent,
  brokersOf,
  type ClusterModel,
  createClusterModel,
  foldCluster,
  partitionsOf,
} from '../../src/dashboard/history/cluster-model.ts'
import type { ClusterEvent } from '../../src/dashboard/history/events.ts'
import { foldFailovers } from '../../src/dashboard/history/failovers.ts'
import {
  foldEvents,
  HistoryStore,
  importHistory,
} from '../../src/dashboard/history/history-store.ts'
import { type EventScript, SCRIPT_START_MS, threeBrokers } from '../support/event-script.ts'

test('brokers, controller, topics and partitions are read from their znodes', () => {
  const model = foldCluster(threeBrokers().events)
  assert.equal(model.controllerId, 1)
  assert.equal(model.controllerEpoch, 5)
  assert.equal(model.isZooKeeperUp, true)
  assert.deepEqual(
    brokersOf(model).map(({ id, endpoints, jmxPort, isRegistered, link }) => [
      id,
      endpoints[0]!.port,
      jmxPort,
      isRegistered,
      link,
    ]),
    [
      [1, 9_001, 8_001, true, 'up'],
      [2, 9_002, 8_002, true, 'up'],
      [3, 9_003, 8_003, true, 'up'],
    ],
  )
  assert.deepEqual(
    partitionsOf(model).map(({ topic, partition, replicas, leader, leaderEpoch, isr }) => [
      `${topic}-${partition}`,
      replicas,
      leader,
      leaderEpoch,
      isr,
    ]),
    [
      ['t-0', [1, 2, 3], 1, 7, [1, 2, 3]],
      ['t-1', [2, 3, 1], 2, 3, [2, 3, 1]],
    ],
  )
  assert.deepEqual([...model.znodes.get('/brokers/ids')!.children], ['1', '2', '3'])
})

test('a broker whose registration goes stays, with its link; a new one has a new epoch', () => {
  const script = threeBrokers().at(5).remove('/brokers/ids/2')
  const gone = foldCluster(script.events).brokers.get(2)!
  assert.equal(gone.isRegistered, false)
  assert.equal(gone.link, 'up')
  assert.equal(gone.sinceMs, SCRIPT_START_MS + 5)
  const back = foldCluster(script.at(9).broker(2, 8_100).events).brokers.get(2)!
  assert.equal(back.isRegistered, true)
  assert.equal(back.jmxPort, 8_100)
  assert.notEqual(back.epoch, gone.epoch)
})

test('without a controller the epoch stays', () => {
  const model = foldCluster(threeBrokers().remove('/controller').events)
  assert.equal(model.controllerId, null)
  assert.equal(model.controllerEpoch, 5)
})

test('a partition without a leader remembers the last one', () => {
  const model = foldCluster(threeBrokers().state('t-0', -1, 8, [1], 5).events)
  const partition = model.topics.get('t')!.partitions.get(0)!
  assert.deepEqual([partition.leader, partition.lastLeader], [-1, 1])
})

test('a broker that believes to be controller is known by its log', () => {
  const script = threeBrokers().log(
    3,
    '[Controller id=3] 3 successfully elected as the controller. Epoch incremented to 6 and epoch zk version is now 6',
  )
  assert.equal(foldCluster(script.events).brokers.get(3)!.reignEpoch, 6)
  script.log(3, '[Controller id=3] Resigned')
  assert.equal(foldCluster(script.events).brokers.get(3)!.reignEpoch, null)
})

test('a paused broker is paused until that fault ends, whatever else is on it', () => {
  const script = threeBrokers().fault('f1', 'pause', 2).fault('f2', 'slow', 2)
  assert.equal(foldCluster(script.events).brokers.get(2)!.isPaused, true)
  script.fault('f2', 'slow', 2, 'ended')
  assert.equal(foldCluster(script.events).brokers.get(2)!.isPaused, true)
  script.fault('f1', 'pause', 2, 'ended')
  const model = foldCluster(script.events)
  assert.equal(model.brokers.get(2)!.isPaused, false)
  assert.equal(model.faults.size, 0)
})

test('a deleted topic is gone with its partitions, and marked before that', () => {
  const script = threeBrokers().put('/admin/delete_topics/t', null)
  assert.equal(foldCluster(script.events).topics.get('t')!.isBeingDeleted, true)
  script
    .remove('/brokers/topics/t/partitions/0/state')
    .remove('/brokers/topics/t/partitions/1/state')
    .remove('/brokers/topics/t')
    .remove('/admin/delete_topics/t')
  assert.equal(foldCluster(script.events).topics.size, 0)
})

test('what nobody can read changes nothing', () => {
  const script = threeBrokers()
    .put('/brokers/topics/t/partitions/0/state', 'garbage')
    .put('/brokers/ids/1', '[]')
    .put('/brokers/topics/t', '{"partitions":7}')
    .put('/controller_epoch', 'many')
  const model = foldCluster(script.events)
  assert.equal(model.topics.get('t')!.partitions.get(0)!.leader, 1)
  assert.equal(model.brokers.get(1)!.endpoints.length, 1)
  assert.equal(model.controllerEpoch, null)
})

test('folding a prefix and then the rest is folding all, for any history', () => {
  fc.assert(
    fc.property(histories, fc.nat(), (events, cut) => {
      const at = cut % (events.length + 1)
      const model = createClusterModel()
      for (const event of events.slice(0, at)) applyEvent(model, event)
      for (const event of events.slice(at)) applyEvent(model, event)
      assert.deepEqual(model, foldCluster(events))
      foldFailovers(events)
    }),
    { numRuns: 100 },
  )
})

test('a folded history leads to the same cluster as the history', () => {
  fc.assert(
    fc.property(histories, (events) => {
      const folded = foldEvents(events)
      assert.ok(folded.length <= events.length)
      assert.deepEqual(visible(foldCluster(folded)), visible(foldCluster(events)))
    }),
    { numRuns: 100 },
  )
})

test('a bounded history keeps its newest events and the whole cluster, without holes', () => {
  const store = new HistoryStore(50)
  const script = threeBrokers()
  for (let epoch = 8; epoch < 200; epoch++) {
    script.at(epoch).state(`t-${epoch % 2}`, 1 + (epoch % 3), epoch, [1, 2, 3], 5)
  }
  let largest = 0
  for (const { seq: _, ...event } of script.events) {
    store.add(event)
    largest = Math.max(largest, store.events.length)
  }
  assert.ok(largest <= 50 + 25, `${largest} events`)
  const { events } = store
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, at) => events[0]!.seq + at),
  )
  assert.equal(events.at(-1)!.seq, script.events.length - 1)
  assert.deepEqual(
    events.filter(({ seq }) => seq >= store.firstKeptSeq),
    script.events.filter(({ seq }) => seq >= store.firstKeptSeq),
  )
  assert.ok(events.some((event) => event.kind === 'znode' && event.change === 'found'))
  assert.deepEqual(visible(foldCluster(events)), visible(foldCluster(script.events)))
})

test('few events with much in them are folded like many', () => {
  const store = new HistoryStore(1_000, 100_000)
  const data = 'x'.repeat(10_000)
  let largest = 0
  const add = (path: string, text: string): void => {
    const found = threeBrokers().events.find((event) => event.kind === 'znode')!
    store.add({ ...found, path, data: text, before: null } as ClusterEvent)
    const sizes = store.events.map((event) => (event.kind === 'znode' ? event.data!.length : 0))
    largest = Math.max(
      largest,
      sizes.reduce((sum, size) => sum + size, 0),
    )
  }
  for (let i = 0; i < 100; i++) add('/config/topics/a', `${i}${data}`)
  assert.ok(largest <= 140_000, `${largest} characters`)
  // What is there cannot be folded away; that is no reason to try with every event.
  for (let i = 0; i < 40; i++) add(`/config/topics/${i}`, data)
  const kept = store.firstKeptSeq
  for (let i = 0; i < 10; i++) add('/config/topics/a', 'short')
  assert.equal(store.firstKeptSeq, kept)
  assert.equal(new Set(store.events.flatMap((each) => ('path' in each ? each.path : []))).size, 41)
})

test('an exported run comes back; a line that is no event is named', () => {
  const { events } = threeBrokers()
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join('')
  assert.deepEqual(importHistory(text), events)
  assert.throws(() => importHistory(`${text}{"kind":"link"}\n`), {
    message: new RegExp(`line ${events.length + 1}: `),
  })
  assert.throws(() => importHistory('nonsense'), /line 1: not JSON/)
})

/** Of a model what a fold must keep: not when and by which event it came. */
function visible(model: ClusterModel) {
  const { znodes, topics, controllerId, controllerEpoch, faults, isZooKeeperUp } = model
  const brokers = brokersOf(model).filter(({ isRegistered }) => isRegistered)
  return {
    znodes: [...znodes.values()]
      .map(({ path, data, version, czxid, mzxid }) => ({ path, data, version, czxid, mzxid }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    topics: [...topics.keys()].sort(),
    states: partitionsOf(model).map(({ topic, partition, leader, isr }) => ({
      topic,
      partition,
      leader,
      isr,
    })),
    brokers: brokers.map(({ id, epoch, link, endpoints }) => ({ id, epoch, link, endpoints })),
    faults: [...faults.keys()].sort(),
    controllerId,
    controllerEpoch,
    isZooKeeperUp,
  }
}

type Step = (script: EventScript, known: Set<string>) => void

const brokerIds = fc.integer({ min: 1, max: 3 })
const names = fc.constantFrom('t-0', 't-1')
const put = (path: string, write: (script: EventScript) => unknown): Step => {
  return (script, known) => {
    known.add(path)
    write(script)
  }
}
const steps: fc.Arbitrary<Step> = fc.oneof(
  brokerIds.map((id) => put(`/brokers/ids/${id}`, (script) => script.broker(id))),
  fc
    .tuple(brokerIds, fc.integer({ min: 1, max: 9 }))
    .map(([id, epoch]) => put('/controller', (script) => script.controller(id, epoch))),
  fc
    .tuple(names, fc.integer({ min: -1, max: 3 }), fc.nat(9))
    .map(([name, leader, epoch]) =>
      put(`/brokers/topics/t/partitions/${name.at(-1)}/state`, (script) =>
        script.state(name, leader, epoch, [1, 2], 5),
      ),
    ),
  fc.constantFrom('/controller', '/brokers/ids/1', '/brokers/ids/2').map(
    (path): Step =>
      (script, known) => {
        if (known.delete(path)) script.remove(path)
      },
  ),
  fc.tuple(brokerIds, fc.boolean()).map(
    ([id, isUp]): Step =>
      (script) =>
        script.link(id, isUp),
  ),
  fc.boolean().map(
    (isUp): Step =>
      (script) =>
        script.link('zookeeper', isUp),
  ),
  fc
    .tuple(
      fc.constantFrom('f1', 'f2'),
      fc.constantFrom('kill', 'pause', 'cut-zookeeper' as const),
      brokerIds,
      fc.constantFrom('started', 'ended', 'failed' as const),
    )
    .map(
      ([id, kind, broker, phase]): Step =>
        (script) =>
          script.fault(id, kind as 'kill', broker, phase as 'started'),
    ),
  fc.tuple(fc.nat(1), fc.nat(3), fc.nat(500)).map(
    ([partition, acked, gap]): Step =>
      (script) =>
        script.writes('t', partition, acked, 10, gap),
  ),
)

const histories: fc.Arbitrary<readonly ClusterEvent[]> = fc
  .array(fc.tuple(steps, fc.nat(2_000)), { maxLength: 60 })
  .map((list) => {
    const script = threeBrokers()
    const known = new Set(['/controller', ...[1, 2, 3].map((id) => `/brokers/ids/${id}`)])
    let atMs = 0
    for (const [step, waitMs] of list) {
      atMs += waitMs
      step(script.at(atMs), known)
    }
    return script.events
  })
