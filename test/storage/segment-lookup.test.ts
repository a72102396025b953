import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk, DiskFile } from '../../src/base/ports.ts'
import { Segment } from '../../src/storage/segment.ts'
import { findRange } from '../../src/storage/segment-lookup.ts'
import { DIRECTORY, LogBench } from '../support/log-bench.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** A disk that tells how many bytes each file gave. */
class CountingDisk {
  readonly disk: Disk
  bytesRead = 0

  constructor(disk: Disk) {
    this.disk = { ...disk, open: (path, mode) => this.#counted(disk.open(path, mode)) }
  }

  #counted(file: DiskFile): DiskFile {
    const read = (target: Uint8Array, position: number): number => {
      const bytes = file.read(target, position)
      this.bytesRead += bytes
      return bytes
    }
    return new Proxy(file, {
      get: (target, key) => {
        if (key === 'read') return read
        const value = target[key as keyof DiskFile]
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

/** Opened with its indexes, as a reader finds it. */
function openSegment(t: LogBench): { segment: Segment; counting: CountingDisk } {
  t.log.flush()
  const counting = new CountingDisk(t.disk)
  const segment = new Segment(counting.disk, DIRECTORY, 0, 0)
  assert.ok(segment.offsetIndex.load())
  return { segment, counting }
}

test('to find a range of large batches takes little more than their headers', () => {
  const t = new LogBench()
  for (let i = 0; i < 200; i++) t.append(['v'.repeat(5000)])
  const { segment, counting } = openSegment(t)
  const maxBytes = 20_000
  const range = findRange([segment], {
    startOffset: 100,
    limit: 200,
    maxBytes,
    minOneMessage: true,
  })
  assert.deepEqual([range?.bytes, range?.position], [maxBytes, 100 * (segment.size / 200)])
  assert.ok(counting.bytesRead < 10_000, `${counting.bytesRead} bytes were read`)
})

test('a range ends where the batch with the limit begins, wherever the index has entries', () => {
  const random = new SeededRandom(11)
  const t = new LogBench({ indexIntervalBytes: 500 })
  const starts: number[] = []
  let bytes = 0
  for (let i = 0; i < 120; i++) {
    starts.push(bytes)
    const before = t.log.sizeBytes
    t.append(['v'.repeat(1 + random.nextInt(900))])
    bytes += t.log.sizeBytes - before
  }
  const { segment } = openSegment(t)
  for (let round = 0; round < 500; round++) {
    const startOffset = random.nextInt(119)
    const limit = startOffset + 1 + random.nextInt(120 - startOffset - 1)
    const maxBytes = random.nextInt(20_000)
    const range = findRange([segment], { startOffset, limit, maxBytes, minOneMessage: false })
    const expected = Math.min(maxBytes, starts[limit]! - starts[startOffset]!)
    assert.equal(range?.bytes ?? 0, expected, `from ${startOffset} to ${limit}, ${maxBytes} bytes`)
  }
})
