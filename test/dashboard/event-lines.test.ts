import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatEventLine, parseEventLines } from '../../src/dashboard/history/event-lines.ts'
import { makeHistory } from '../support/made-history.ts'

const EVENTS = makeHistory({ brokers: 3, partitions: 6 })
const TEXT = EVENTS.map(formatEventLine).join('')

test('a history that was saved and opened again is the same', () => {
  const { events, problems } = parseEventLines(TEXT)
  assert.deepEqual(problems, [])
  assert.deepEqual(events, EVENTS)
})

test('lines that are no events are left out and told, the others numbered without holes', () => {
  const text = [
    '{"kind":"link","atMs":1,"to":{"kind":"zookeeper"},"isUp":true}',
    'garbage',
    '[]',
    'null',
    '{"kind":"toString","atMs":1}',
    '{"kind":"link","atMs":"1","to":{"kind":"zookeeper"},"isUp":true}',
    '{"kind":"znode","atMs":1,"path":"no-slash"}',
    '{"kind":"writes","atMs":1,"topic":"t","partitions":[{"partition":0}]}',
    '',
    '{"kind":"link","atMs":2,"to":{"kind":"zookeeper"},"isUp":false}',
  ].join('\r\n')
  const { events, problems } = parseEventLines(text)
  assert.deepEqual(
    events.map(({ seq, atMs }) => [seq, atMs]),
    [
      [0, 1],
      [1, 2],
    ],
  )
  assert.deepEqual(
    problems.map((problem) => problem.split(':')[0]),
    ['line 2', 'line 3', 'line 4', 'line 5', 'line 6', 'line 7', 'line 8'],
  )
})

test('a run from before reads were measured can still be opened, a wrong one of now not', () => {
  const writes = (more: string) =>
    '{"kind":"writes","atMs":1,"topic":"t","partitions":' +
    `[{"partition":0,"acked":1,"failed":0,"lastAckAtMs":1,"longestGapMs":2${more}}]}`
  const verdict = (more: string) =>
    '{"kind":"verdict","atMs":1,"acked":1,"failed":0,"consumed":1,"lost":0,"duplicated":0,' +
    `"reordered":0,"longestGapMs":2,"isRunning":true${more}}`
  const reads = '"reads":{"answered":1,"failed":0,"lastAtMs":1,"longestGapMs":2}'
  const good = [writes(''), writes(`,"longestGapEndedAtMs":1,${reads}`), verdict('')]
  const read = parseEventLines(good.join('\n'))
  assert.deepEqual(read.problems, [])
  assert.equal(read.events.length, 3)
  const bad = [
    writes(',"longestGapEndedAtMs":null'),
    writes(',"reads":{"answered":1}'),
    writes(',"reads":null'),
    verdict(',"longestReadGapMs":"2"'),
  ]
  assert.equal(parseEventLines(bad.join('\n')).problems.length, 4)
})

test('a torn file gives what came before the tear', () => {
  for (let cut = 0; cut < 2_000; cut += 37) {
    const { events } = parseEventLines(TEXT.slice(0, cut))
    assert.deepEqual(events, EVENTS.slice(0, events.length))
  }
})
