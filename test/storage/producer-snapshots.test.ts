/** What a log reads again to know its producers, and what it leaves in its directory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildBatch } from '../../src/records/builder.ts'
import { DIRECTORY, LogBench } from '../support/log-bench.ts'

/** One record a batch, one or two batches a segment. */
function append(t: LogBench, batches: number): void {
  for (let sequence = 0; sequence < batches; sequence++) send(t, sequence)
}

function send(t: LogBench, sequence: number) {
  const options = { producerId: 4000, producerEpoch: 0, baseSequence: sequence }
  const batch = buildBatch([{ value: 'x', timestamp: 1 }], options)
  return t.log.appendAsLeader(batch, 0, { origin: 'client', nowMs: 1 })
}

/** The files of records that are read, of those opened from now on. */
function filesRead(t: LogBench): Set<string> {
  const paths = new Set<string>()
  const { open } = t.disk
  t.disk.open = (path, mode) => {
    const file = open(path, mode)
    const { read } = file
    file.read = (target, position) => {
      if (path.endsWith('.log')) paths.add(path)
      return read.call(file, target, position)
    }
    return file
  }
  return paths
}

const snapshots = (t: LogBench) =>
  t.disk.list(DIRECTORY).filter(({ name }) => name.endsWith('.snapshot'))

test('a truncation does not read the whole log to know its producers', () => {
  const t = new LogBench({ segmentBytes: 200 })
  const paths = filesRead(t)
  append(t, 40)
  t.log.setHighWatermark(36)
  assert.ok(t.log.segmentCount >= 20)
  t.log.truncateTo(38)
  assert.ok(paths.size <= 4, `${[...paths]}`)
  assert.equal(send(t, 37).duplicate, true)
  assert.equal(send(t, 36).duplicate, true, 'not committed, and known beyond the snapshot')
  assert.throws(() => send(t, 39), /Out of order/)
  assert.deepEqual([send(t, 38).firstOffset, send(t, 38).duplicate], [38, true])
})

test('a truncation below all snapshots reads what is left', () => {
  const t = new LogBench({ segmentBytes: 200 })
  append(t, 10)
  t.log.truncateTo(1)
  assert.equal(send(t, 0).duplicate, true)
  assert.throws(() => send(t, 2), /Out of order/)
  assert.equal(send(t, 1).firstOffset, 1)
})

test('snapshots of clean stops do not pile up', async () => {
  const t = new LogBench()
  for (let sequence = 0; sequence < 10; sequence++) {
    send(t, sequence)
    await t.restart()
  }
  assert.equal(snapshots(t).length, 1)
  assert.equal(send(t, 9).duplicate, true)
})
