import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  applyToFailovers,
  createFailovers,
  type Failover,
  failoversOf,
  foldFailovers,
  type Phase,
} from '../../src/dashboard/history/failovers.ts'
import { type EventScript, SCRIPT_START_MS, threeBrokers } from '../support/event-script.ts'

function onlyOne(script: EventScript): Failover {
  const failovers = foldFailovers(script.events)
  assert.equal(failovers.length, 1)
  return failovers[0]!
}

function brief({ phases }: Failover): [string, number, number][] {
  return phases.map(({ kind, startMs, endMs }) => [kind, startMs, endMs])
}

function phase({ phases }: Failover, kind: Phase['kind']): Phase {
  const found = phases.find((each) => each.kind === kind)
  assert.ok(found !== undefined, `a phase ${kind}`)
  return found
}

/** The controller, which leads `t-0`, is killed at 1000 and started again at 5000. */
function controllerKilled(): EventScript {
  return threeBrokers()
    .at(900)
    .writes('t', 0, 5, 890)
    .writes('t', 1, 5, 895)
    .reads('t', 0, 4, 898)
    .reads('t', 1, 4, 898)
    .at(1_000)
    .fault('f1', 'kill', 1)
    .at(1_003)
    .link(1, false)
    .at(1_010)
    .log(2, 'Controller 1 refuses connections at 127.0.0.1:9001: removing /controller and more')
    .at(1_012)
    .remove('/controller')
    .remove('/brokers/ids/1')
    .at(1_020)
    .controller(2, 6)
    .at(1_040)
    .state('t-0', -1, 8, [2, 3], 6)
    .at(1_050)
    .state('t-0', 2, 9, [2, 3], 6)
    .state('t-1', 2, 4, [2, 3], 6)
    .at(1_055)
    .log(2, '[Broker id=2] Leader t-0 with topic id x starts at leader epoch 9 from offset 5')
    .at(1_060)
    .log(
      3,
      '[Broker id=3] Finished LeaderAndIsr request in 2ms correlationId 1 from controller 2 for 2 partitions',
    )
    .at(1_100)
    .writes('t', 0, 1, 1_090, 200)
    .writes('t', 1, 3, 1_095, 60)
    .reads('t', 0, 1, 1_080, 85)
    .reads('t', 1, 4, 1_090, 30)
    .at(5_000)
    .fault('f1', 'kill', 1, 'ended')
    .at(5_500)
    .broker(1)
    .link(1, true)
    .at(6_000)
    .state('t-0', 2, 9, [2, 3, 1], 6)
    .at(6_100)
    .state('t-1', 2, 4, [2, 3, 1], 6)
}

test('a killed controller: every phase with its milliseconds since the fault', () => {
  const failover = onlyOne(controllerKilled())
  assert.equal(failover.title, 'kill -9 of broker 1, the controller')
  assert.equal(failover.startMs, SCRIPT_START_MS + 1_000)
  assert.equal(failover.wasController, true)
  assert.deepEqual(brief(failover), [
    ['connection-lost', 0, 3],
    ['registration-gone', 3, 12],
    ['controller-gone', 3, 12],
    ['controller-elected', 12, 20],
    ['epoch-bumped', 12, 20],
    ['partitions-elected', 50, 50],
    ['brokers-told', 55, 60],
    ['first-fetch', -5, 80],
    ['first-write', -110, 90],
    ['registered-again', 12, 4_500],
    ['isr-full', 40, 5_100],
  ])
  assert.equal(phase(failover, 'registration-gone').how, 'proof-of-death')
  assert.match(phase(failover, 'registration-gone').text, /by broker 2/)
  assert.equal(phase(failover, 'controller-elected').text, 'broker 2 is controller')
  const elected = phase(failover, 'partitions-elected')
  assert.deepEqual([elected.count, elected.total], [1, 1])
  assert.deepEqual(phase(failover, 'brokers-told').brokers, [
    { brokerId: 2, atMs: 55 },
    { brokerId: 3, atMs: 60 },
  ])
  assert.equal(failover.unavailableMs, 200)
  assert.deepEqual(failover.outages, [
    { topic: 't', partition: 0, role: 'leader', lastMs: -110, firstMs: 90, gapMs: 200 },
  ])
  assert.equal(failover.unreadableMs, 85)
  assert.deepEqual(failover.readOutages, [
    { topic: 't', partition: 0, role: 'leader', lastMs: -5, firstMs: 80, gapMs: 85 },
    { topic: 't', partition: 1, role: 'follower', lastMs: 60, firstMs: 90, gapMs: 30 },
  ])
})

test('a partition that cannot be read yet is told how long so far', () => {
  const script = threeBrokers()
    .at(900)
    .reads('t', 0, 4, 895)
    .at(1_000)
    .fault('f1', 'pause', 1)
    .at(3_000)
    .reads('t', 0, 0, 990)
  const failover = onlyOne(script)
  assert.equal(failover.unreadableMs, 2_010)
  assert.deepEqual([failover.readOutages[0]!.firstMs, failover.unavailableMs], [null, null])
  const later = onlyOne(script.at(7_100).reads('t', 0, 2, 7_095, 6_100))
  assert.deepEqual([later.unreadableMs, later.readOutages[0]!.firstMs], [6_100, 6_095])
})

test('a gap is over with the next answer, though its length is told a millisecond shorter', () => {
  const script = threeBrokers().at(900).reads('t', 0, 4, 895).at(1_000).fault('f1', 'kill', 1)
  script.at(1_287).reads('t', 0, 0, 990)
  const failover = onlyOne(script.at(1_300).reads('t', 0, 2, 1_286, 295.5))
  assert.deepEqual([failover.readOutages[0]!.firstMs, failover.unreadableMs], [286, 295.5])
})

test('a gap is over with the next answer, also when the longest gap since is another one', () => {
  const script = threeBrokers().at(900).reads('t', 0, 4, 995).at(1_000).fault('f1', 'kill', 1)
  script.at(1_010).reads('t', 0, 0, 995)
  const failover = onlyOne(script.at(9_000).reads('t', 0, 2, 8_990, 90))
  assert.deepEqual([failover.readOutages[0]!.firstMs, failover.unreadableMs], [10, 15])
})

test('a run from before reads were measured has its writes, and no phase of reads', () => {
  const old = controllerKilled().events.filter(
    (event) =>
      event.kind !== 'writes' || event.partitions.every(({ reads }) => reads === undefined),
  )
  const failover = foldFailovers(old)[0]!
  assert.deepEqual([failover.unavailableMs, failover.unreadableMs], [200, null])
  assert.equal(
    failover.phases.some(({ kind }) => kind === 'first-fetch'),
    false,
  )
})

test('who read all the while needed no election to do so', () => {
  const script = threeBrokers()
    .at(900)
    .reads('t', 0, 4, 898)
    .at(1_000)
    .fault('f1', 'cut-zookeeper', 1)
  script.at(1_010).remove('/brokers/ids/1').at(1_060).reads('t', 0, 4, 1_055, 47)
  script.at(1_100).state('t-0', 2, 8, [2, 3], 5).at(1_160).reads('t', 0, 4, 1_150, 30)
  const failover = onlyOne(script)
  assert.equal(failover.unreadableMs, 47)
  assert.equal(
    failover.phases.some(({ kind }) => kind === 'first-fetch'),
    false,
  )
})

test('where a gap in a span ended is told, and need not be guessed from the event before', () => {
  const script = threeBrokers().at(900).reads('t', 0, 4, 895).at(1_000).fault('f1', 'kill', 1)
  script.at(1_010).remove('/brokers/ids/1').at(1_030).state('t-0', 2, 8, [2, 3], 5)
  // The last answer before the gap came in the same span.
  const failover = onlyOne(script.at(1_060).reads('t', 0, 3, 1_060, 58))
  assert.deepEqual([phase(failover, 'first-fetch').startMs], [2])
  assert.equal(phase(failover, 'first-fetch').endMs, 60)
})

/** The disk of broker 1, which leads `t-0`, is full from 1000 to 5000: it ends, and is started again. */
function diskFilled(): EventScript {
  return threeBrokers()
    .at(1_000)
    .fault('f1', 'disk-full', 1)
    .at(1_020)
    .log(1, 'Stopping serving logs in dir /data/broker-1')
    .at(1_040)
    .link(1, false)
    .at(1_050)
    .log(2, 'Broker 1 refuses connections at 127.0.0.1:9001: removing its registration')
    .at(1_055)
    .remove('/brokers/ids/1')
    .at(1_070)
    .state('t-0', 2, 9, [2, 3], 5)
    .at(5_000)
    .fault('f1', 'disk-full', 1, 'ended')
    .at(5_500)
    .broker(1)
    .link(1, true)
    .at(6_000)
    .state('t-0', 2, 9, [2, 3, 1], 5)
}

test('a full disk: the broker gives its directory up, ends, and what follows is as after a kill', () => {
  const failover = onlyOne(diskFilled())
  assert.equal(failover.title, 'full disk of broker 1, the controller')
  assert.deepEqual(brief(failover), [
    ['log-dir-failed', 0, 20],
    ['connection-lost', 0, 40],
    ['registration-gone', 40, 55],
    ['partitions-elected', 70, 70],
    ['registered-again', 55, 4_500],
    ['isr-full', 70, 5_000],
  ])
  assert.equal(phase(failover, 'log-dir-failed').text, '/data/broker-1 takes no more writes')
  assert.equal(phase(failover, 'registration-gone').how, 'proof-of-death')
})

test('one directory of two that fails without a fault of ours is a failover, though nobody is gone', () => {
  const script = threeBrokers()
    .at(1_000)
    .log(1, 'Stopping serving logs in dir /data/two')
    .at(1_040)
    .state('t-0', 2, 9, [2, 3], 5)
    .at(1_050)
    .log(
      3,
      '[Broker id=3] Finished LeaderAndIsr request in 2ms correlationId 1 from controller 1 for 1 partitions',
    )
  const failover = onlyOne(script)
  assert.equal(failover.title, 'log directory failed on broker 1, the controller')
  assert.deepEqual(brief(failover), [
    ['log-dir-failed', 0, 0],
    ['partitions-elected', 40, 40],
    ['brokers-told', 50, 50],
  ])
})

test('folding a prefix and then the rest is folding all', () => {
  const { events } = controllerKilled()
  const whole = foldFailovers(events)
  for (let cut = 0; cut <= events.length; cut++) {
    const fold = createFailovers()
    for (const event of events.slice(0, cut)) applyToFailovers(fold, event)
    failoversOf(fold)
    for (const event of events.slice(cut)) applyToFailovers(fold, event)
    assert.deepEqual(failoversOf(fold), whole)
  }
})

test('what did not happen is absent', () => {
  const paused = threeBrokers()
    .at(1_000)
    .fault('f1', 'pause', 3)
    .at(2_000)
    .fault('f1', 'pause', 3, 'ended')
  const failover = onlyOne(paused)
  assert.deepEqual(failover.phases, [])
  assert.equal(failover.unavailableMs, null)
  assert.equal(failover.isOver, false)
  const later = onlyOne(paused.at(30_000).log(1, 'something else'))
  assert.equal(later.isOver, true)
})

test('without a fault the broker that vanished is the cause, and its lost link the start', () => {
  const script = threeBrokers()
    .at(1_000)
    .link(2, false)
    .at(7_000)
    .remove('/brokers/ids/2')
    .at(7_030)
    .state('t-1', 3, 4, [3, 1], 5)
  const failover = onlyOne(script)
  assert.deepEqual(failover.cause, { kind: 'observed', what: 'broker-gone' })
  assert.equal(failover.title, 'lost: broker 2')
  assert.deepEqual(brief(failover), [
    ['connection-lost', 0, 0],
    ['registration-gone', 0, 6_000],
    ['partitions-elected', 6_030, 6_030],
  ])
  assert.equal(phase(failover, 'registration-gone').how, 'session-expired')
})

test('why a registration went is unknown when nobody who could tell is heard', () => {
  const script = threeBrokers().link(1, false).link(3, false).at(1_000).remove('/brokers/ids/2')
  assert.equal(phase(onlyOne(script), 'registration-gone').how, 'unknown')
})

test('a proof of death that is read after the znodes still counts', () => {
  const script = threeBrokers()
    .at(1_000)
    .fault('f1', 'kill', 2)
    .at(1_010)
    .remove('/brokers/ids/2')
    .at(1_012)
    .log(1, 'Broker 2 refuses connections: removing its registration')
  assert.equal(phase(onlyOne(script), 'registration-gone').how, 'proof-of-death')
})

test('an old line that a broker kept for who connects proves nothing now', () => {
  const script = threeBrokers()
    .at(500)
    .log(1, 'on time')
    .at(1_000)
    .fault('f1', 'pause', 2)
    .at(1_005)
    .log(1, 'Broker 2 refuses connections: removing its registration', 60_000)
    .at(7_000)
    .remove('/brokers/ids/2')
  assert.equal(phase(onlyOne(script), 'registration-gone').how, 'session-expired')
})

test('an orderly shutdown is seen by its log, and its session is closed', () => {
  const script = threeBrokers()
    .at(1_000)
    .log(2, '[KafkaServer id=2] Starting controlled shutdown')
    .at(1_020)
    .state('t-1', 3, 4, [3, 1], 5)
    .at(1_200)
    .remove('/brokers/ids/2')
    .at(1_210)
    .link(2, false)
  const failover = onlyOne(script)
  assert.equal(failover.title, 'shutdown of broker 2')
  assert.equal(phase(failover, 'registration-gone').how, 'closed')
  assert.deepEqual(brief(failover), [
    ['partitions-elected', 20, 20],
    ['registration-gone', 0, 200],
    ['connection-lost', 0, 210],
  ])
})

test('an expired session of the controller: it registers again and may be elected again', () => {
  const script = threeBrokers()
    .at(1_000)
    .fault('f1', 'expire-session', 1)
    .fault('f1', 'expire-session', 1, 'ended')
    .at(1_004)
    .remove('/controller')
    .remove('/brokers/ids/1')
    .at(1_015)
    .broker(1)
    .at(1_020)
    .controller(1, 6)
  const failover = onlyOne(script)
  assert.equal(phase(failover, 'registration-gone').how, 'session-expired')
  assert.equal(phase(failover, 'registered-again').endMs, 15)
  assert.equal(phase(failover, 'controller-elected').text, 'broker 1 is controller')
})

test('failovers that overlap are kept apart by the broker they are about', () => {
  const script = threeBrokers()
    .at(1_000)
    .fault('f1', 'kill', 1)
    .at(1_100)
    .fault('f2', 'kill', 2)
    .at(1_200)
    .remove('/brokers/ids/2')
    .at(1_300)
    .remove('/controller')
    .remove('/brokers/ids/1')
    .at(1_400)
    .controller(3, 6)
    .at(1_500)
    .state('t-0', 3, 8, [3], 6)
    .at(1_600)
    .state('t-1', 3, 4, [3], 6)
  const [first, second] = foldFailovers(script.events) as [Failover, Failover]
  assert.equal(phase(first, 'registration-gone').endMs, 300)
  assert.equal(phase(second, 'registration-gone').endMs, 100)
  assert.equal(phase(first, 'controller-elected').endMs, 400)
  assert.equal(
    second.phases.some(({ kind }) => kind === 'controller-elected'),
    false,
  )
  assert.equal(phase(first, 'partitions-elected').endMs, 500)
  assert.equal(phase(second, 'partitions-elected').endMs, 500)
  assert.equal(phase(second, 'partitions-elected').text, '1 of 1 partitions have a new leader')
})

test('a sign that came a moment before its fault is told belongs to it', () => {
  const script = threeBrokers()
    .at(1_001)
    .link(3, false)
    .remove('/brokers/ids/3')
    .at(1_000)
    .fault('f1', 'kill', 3)
  const failover = onlyOne(script)
  assert.deepEqual(failover.cause, { kind: 'fault', id: 'f1', fault: 'kill' })
  assert.equal(phase(failover, 'connection-lost').endMs, 1)
})

test('ZooKeeper away and back is a failover of its own', () => {
  const script = threeBrokers()
    .at(1_000)
    .fault('f1', 'stop-zookeeper', null)
    .at(1_005)
    .link('zookeeper', false)
    .at(4_000)
    .fault('f1', 'stop-zookeeper', null, 'ended')
    .at(4_100)
    .link('zookeeper', true)
  assert.deepEqual(brief(onlyOne(script)), [
    ['connection-lost', 0, 5],
    ['zookeeper-back', 5, 3_100],
  ])
})

test('a fault that could not be injected says so', () => {
  const script = threeBrokers().fault('f1', 'kill', 1).fault('f1', 'kill', 1, 'failed')
  const failover = onlyOne(script)
  assert.equal(failover.failure, '')
  assert.deepEqual(failover.phases, [])
})
