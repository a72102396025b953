/** What the page derives from events, without a browser: any moment of a history, from its index. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldCluster, partitionsOf } from '../../src/dashboard/history/cluster-model.ts'
import type { ClusterEvent, ZnodeEvent } from '../../src/dashboard/history/events.ts'
import { EventStore } from '../../src/dashboard/public/event-store.ts'
import { diffOf, isAbout, lineOf, wordsOf } from '../../src/dashboard/public/event-words.ts'
import { FeedFilter, type FeedQuery } from '../../src/dashboard/public/feed-filter.ts'
import { recordTime } from '../../src/dashboard/public/format.ts'
import { spanAt } from '../../src/dashboard/public/lane-spans.ts'
import { cellOf } from '../../src/dashboard/public/partition-cell.ts'
import { Playback } from '../../src/dashboard/public/playback.ts'
import { ancestorsOf, rowsOf } from '../../src/dashboard/public/znode-rows.ts'
import { threeBrokers } from '../support/event-script.ts'
import { makeHistory } from '../support/made-history.ts'

function storeOf(events: readonly ClusterEvent[]): EventStore {
  const store = new EventStore()
  store.append(events)
  return store
}

const SMALL = makeHistory({ brokers: 3, partitions: 12 })

test('the cluster at any moment is what folding the events up to it gives', () => {
  const store = storeOf(SMALL)
  for (let cursor = 0; cursor <= SMALL.length; cursor += 7) {
    const folded = foldCluster(SMALL.slice(0, cursor))
    const shown = store.clusterAt(cursor)
    assert.equal(shown.controllerId, folded.controllerId, `controller at ${cursor}`)
    assert.equal(shown.controllerEpoch, folded.controllerEpoch, `epoch at ${cursor}`)
    assert.deepEqual(
      shown.brokers.filter((each) => each.isRegistered).map(({ id }) => id),
      [...folded.brokers.values()].filter((each) => each.isRegistered).map(({ id }) => id),
      `brokers at ${cursor}`,
    )
    assert.deepEqual(
      shown.partitions.map(({ topic, partition, leader, isr }) => [topic, partition, leader, isr]),
      partitionsOf(folded)
        .filter(({ replicas }) => replicas.length > 0)
        .map(({ topic, partition, leader, isr }) => [topic, partition, leader ?? -1, isr]),
      `partitions at ${cursor}`,
    )
  }
})

test('a znode at any moment is the last one told before it', () => {
  const { znodes } = storeOf(SMALL)
  for (let cursor = 0; cursor <= SMALL.length; cursor += 11) {
    const naive = new Map<string, ZnodeEvent>()
    for (const event of SMALL.slice(0, cursor)) {
      if (event.kind !== 'znode') continue
      if (event.change === 'deleted') naive.delete(event.path)
      else naive.set(event.path, event)
    }
    for (const path of ['/controller', '/controller_epoch', '/brokers/ids/1', '/brokers/ids/2']) {
      assert.equal(znodes.znodeAt(path, cursor), naive.get(path) ?? null, `${path} at ${cursor}`)
    }
    const ids = [...naive.keys()].flatMap((path) => /^\/brokers\/ids\/(\d)$/.exec(path)?.[1] ?? [])
    assert.deepEqual(znodes.childrenAt('/brokers/ids', cursor), ids.sort())
  }
})

test('the tree lists what is open, parents that nobody told of included', () => {
  const { znodes } = storeOf(SMALL)
  const open = new Set(['/', '/brokers', '/brokers/ids'])
  const names = rowsOf(znodes, SMALL.length, open).map(({ depth, name }) => `${depth} ${name}`)
  assert.deepEqual(names.slice(0, 7), [
    '0 /',
    '1 brokers',
    '2 ids',
    '3 1',
    '3 2',
    '3 3',
    '2 topics',
  ])
  assert.deepEqual(ancestorsOf('/brokers/ids/1'), ['/', '/brokers', '/brokers/ids'])
})

test('a stopped controller is seen to believe in its old epoch, a killed one in nothing', () => {
  const { lanes, events } = storeOf(SMALL)
  const pause = events.find((event) => event.kind === 'fault' && event.fault === 'pause')!
  const epochMs = events.find(
    (event) =>
      event.kind === 'znode' && event.path === '/controller_epoch' && event.atMs > pause.atMs,
  )!.atMs
  assert.equal(spanAt(lanes.laneOf(2).believes, epochMs + 1)?.epoch, 2)
  assert.equal(lanes.epochAt(epochMs + 1), 3)
  assert.equal(spanAt(lanes.laneOf(2).believes, events.at(-1)!.atMs), null)
  const kill = events.find((event) => event.kind === 'fault' && event.fault === 'kill')!
  assert.equal(spanAt(lanes.laneOf(1).believes, kill.atMs + 1), null)
})

test('a controller whose disk is full believes in its epoch until it is no longer heard', () => {
  const { lanes, events } = storeOf(
    threeBrokers()
      .at(500)
      .log(
        1,
        '[Controller id=1] 1 successfully elected as the controller. Epoch incremented to 5 and',
      )
      .link(1, true)
      .at(1_000)
      .fault('f1', 'disk-full', 1)
      .at(1_040)
      .link(1, false).events,
  )
  const startMs = events.find(({ kind }) => kind === 'fault')!.atMs
  assert.equal(spanAt(lanes.laneOf(1).believes, startMs + 39)?.epoch, 5)
  assert.equal(spanAt(lanes.laneOf(1).believes, startMs + 40), null)
})

test('what a broker led when its registration went is still known', () => {
  const store = storeOf(SMALL)
  const gone = SMALL.findLast(
    (event) =>
      event.kind === 'znode' && event.path === '/brokers/ids/2' && event.change === 'deleted',
  )!
  const led = store.ledBefore(gone, 2)
  assert.ok(led.reduce((sum, [, count]) => sum + count, 0) > 0)
})

test('a store that forgets its oldest events still shows the same cluster', () => {
  const store = new EventStore()
  assert.equal(store.append(SMALL, 150), true)
  assert.ok(store.events.length < SMALL.length)
  const whole = storeOf(SMALL)
  assert.deepEqual(
    store.clusterAt(store.events.length).partitions,
    whole.clusterAt(SMALL.length).partitions,
  )
  assert.equal(store.generation, 1)
})

test('playback holds, steps, plays at its speed, and ends at the end', () => {
  const store = storeOf(SMALL)
  const playback = new Playback(store)
  assert.equal(playback.cursor, SMALL.length)
  playback.hold()
  playback.step(-5)
  assert.equal(playback.cursor, SMALL.length - 5)
  playback.seekToTime(store.startMs + 100)
  assert.equal(playback.cursor, store.cursorAt(store.startMs + 100))
  playback.setSpeed(10)
  playback.play(1_000)
  playback.advance(1_100)
  assert.equal(Math.round(playback.atMs - store.startMs), 1_100)
  playback.advance(1_000_000)
  assert.deepEqual([playback.mode, playback.cursor], ['held', SMALL.length])
  playback.play(0)
  assert.equal(playback.atMs, store.startMs)
  playback.goLive()
  assert.equal(playback.cursor, SMALL.length)
})

test('the feed finds lines by broker, partition and text, and new ones as they come', () => {
  const filter = new FeedFilter()
  const query: FeedQuery = {
    kinds: new Set(['broker-log']),
    text: 'SHRINKING isr',
    brokerId: 3,
    partition: '',
  }
  const half = SMALL.slice(0, 100)
  filter.places(half, 0, query, half.length)
  const { places, count } = filter.places(SMALL, 0, query, SMALL.length)
  assert.deepEqual(
    places.slice(0, count),
    SMALL.flatMap((event, place) => {
      const isWanted = event.kind === 'broker-log' && event.brokerId === 3
      return isWanted && event.message.includes('Shrinking ISR') ? [place] : []
    }),
  )
  assert.ok(count > 0)
  assert.equal(filter.places(SMALL, 0, query, 0).count, 0)
})

test('a line is about a partition when it names it whole', () => {
  const line = (message: string): ClusterEvent => {
    const origin = { brokerId: 1, brokerAtMs: 0, level: 'INFO', logger: 'x' }
    return { kind: 'broker-log', seq: 0, atMs: 0, ...origin, message }
  }
  assert.equal(isAbout(line('[Partition orders-1 broker=2] Shrinking'), 'orders-1'), true)
  assert.equal(isAbout(line('[Partition orders-12 broker=2] Shrinking'), 'orders-1'), false)
  assert.equal(isAbout(line('[Partition my.orders-1 broker=2] x'), 'orders-1'), false)
  assert.equal(isAbout(line('orders-12 and orders-1'), 'orders-1'), true)
  const state = SMALL.find((event) => event.kind === 'znode' && event.path.endsWith('/0/state'))!
  const topic = (state as ZnodeEvent).path.split('/')[3]
  assert.equal(isAbout(state, `${topic}-0`), true)
  assert.equal(isAbout(state, `${topic}-1`), false)
})

test('a change is told field by field where both are JSON objects', () => {
  assert.deepEqual(diffOf('{"leader":1,"isr":[1,2]}', '{"leader":2,"isr":[1,2],"x":null}'), [
    { field: 'leader', before: '1', after: '2' },
    { field: 'x', before: null, after: 'null' },
  ])
  assert.deepEqual(diffOf('4', '5'), [{ field: '', before: '4', after: '5' }])
  assert.deepEqual(diffOf('{}', '{}'), [])
  const change = SMALL.find((event) => event.kind === 'znode' && event.change === 'changed')!
  assert.match(wordsOf(change), /→/)
})

test('a line is copied as the broker wrote it, with its own time', () => {
  const event = SMALL.find((each) => each.kind === 'broker-log')!
  assert.match(
    lineOf(event),
    /^broker-1 \[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \[KafkaServer id=1\] started \(kafka\.server\.KafkaServer\)$/,
  )
})

test('the sign of a replica tells without colours what it is', () => {
  const store = storeOf(SMALL)
  const [each] = store.clusterAt(SMALL.length).partitions
  const state = { ...each!, replicas: [1, 2, 3], leader: 1, leaderEpoch: 4, isr: [1, 2] }
  const signs = [1, 2, 3].map((id) => cellOf(state, id, true).sign)
  assert.deepEqual(signs, ['L4', '●', '○'])
  assert.equal(cellOf(state, 1, false).sign, '✕L4')
  assert.equal(cellOf(state, 2, false).sign, '✕')
  assert.equal(cellOf(state, 9, true).sign, '')
})

test('a record whose timestamp is no time can be shown like any other', () => {
  assert.match(recordTime(1_795_250_000_123).long, /^2026-11-21T.*\.123Z$/)
  assert.deepEqual(recordTime(1.7e18), { short: `${1.7e18}`, long: `${1.7e18} ms: not a time` })
  assert.equal(recordTime(-1).short, '–')
})
