/** All logs of a broker: what one directory suffers, the others and the process do not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../../src/base/ports.ts'
import { DIRECTORY, LogBench, PARTITION } from '../support/log-bench.ts'

test('a disk that fails when old segments are removed takes its directory offline, no more', () => {
  const t = new LogBench({ segmentBytes: 200, retentionBytes: 400, retentionMs: -1 })
  for (let at = 0; at < 10; at++) t.append([`${at}`.repeat(50)])
  t.log.setHighWatermark(t.log.logEndOffset)
  t.logs.applyRetention()
  t.disk.remove = (path) => {
    throw new DiskError('IO', path, 'the disk has failed')
  }
  const failed: string[] = []
  t.logs.onDirFailure((partitions) => {
    failed.push(...partitions.map(({ topic, partition }) => `${topic}-${partition}`))
  })
  t.clock.advance(60_000)
  t.clock.advance(1)
  assert.deepEqual(failed, ['orders-0'])
  assert.ok(t.logs.isOffline(PARTITION))
  assert.ok(t.disk.exists(DIRECTORY))
})
