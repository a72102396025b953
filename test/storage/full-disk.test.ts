/** A disk that fills up: at any write of a log's life, and what of it is there after the next start. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../../src/base/ports.ts'
import type { Log } from '../../src/storage/log.ts'
import { StorageError, StorageErrorCode } from '../../src/storage/storage-error.ts'
import { settlePromises } from '../support/fake-clock.ts'
import { DIRECTORY, LogBench, PARTITION } from '../support/log-bench.ts'

const SMALL = { segmentBytes: 300, indexIntervalBytes: 100 }

/** Room for so many writes and creations. `part` of the next one still fits. */
function fillsAfter(t: LogBench, writes: number, part: number): void {
  let left = writes
  const isFull = () => left-- <= 0
  t.fullness = { isFull, fitting: (bytes) => Math.floor(bytes * part) }
}

function makeRoom(t: LogBench): void {
  t.fullness = { isFull: () => false, fitting: () => 0 }
}

const isStorageError = (error: unknown) =>
  error instanceof StorageError && error.code === StorageErrorCode.KAFKA_STORAGE_ERROR

/** What a follower with `offset` records gets next. */
function leaderBatchAt(offset: number): Buffer[] {
  const leader = new LogBench()
  for (let at = 0; at <= offset; at++) leader.append(['from the leader'])
  return leader.log.read(offset, 1_000, 'log-end', true).chunks!
}

/** What was appended and not refused, by offset; and the value that was under way at the end. */
class Life {
  readonly acked = new Map<number, string>()
  underWay = ''
  readonly #t: LogBench
  #count = 0

  constructor(t: LogBench) {
    this.#t = t
  }

  append(leaderEpoch: number): void {
    this.underWay = `value ${this.#count++}`
    this.acked.set(this.#t.append([this.underWay], leaderEpoch), this.underWay)
  }

  /** Everything that a log does to its disk. */
  *steps(): Generator<void> {
    const t = this.#t
    for (let epoch = 0; epoch < 3; epoch++) {
      for (let at = 0; at < 6; at++) yield this.append(epoch)
      t.log.setHighWatermark(t.log.logEndOffset - 2)
      yield t.logs.checkpointHighWatermarks()
      yield t.log.flush()
      yield t.logs.checkpoint()
    }
    const cutAt = t.log.logEndOffset - 2
    for (const offset of [...this.acked.keys()]) if (offset >= cutAt) this.acked.delete(offset)
    yield t.log.truncateTo(cutAt)
    for (let at = 0; at < 4; at++) yield this.append(3)
    for (const offset of [...this.acked.keys()]) if (offset < 8) this.acked.delete(offset)
    yield t.log.incrementLogStartOffset(8)
    yield t.logs.applyRetention()
    yield t.logs.checkpoint()
    for (let at = 0; at < 4; at++) yield this.append(4)
  }
}

/** Lives until the disk is full; false when it never was. */
async function liveUntilFull(t: LogBench, life: Life): Promise<boolean> {
  try {
    for (const _ of life.steps()) {
      if (t.logs.isOffline(PARTITION)) return true
      // What is written in the background has its turn.
      await settlePromises()
    }
    await t.logs.shutdown()
  } catch (error) {
    assert.ok(isStorageError(error), String((error as Error).stack))
    assert.ok(t.logs.offlineDirCount === 1)
    return true
  }
  return t.logs.offlineDirCount === 1
}

/** Full after one write, after two, and so on. `end`: what ends the process then. */
async function liveManyTimes(
  config: ConstructorParameters<typeof LogBench>[0],
  part: number,
  end: (t: LogBench) => void,
): Promise<number> {
  for (let writes = 1; ; writes++) {
    const t = new LogBench(config, writes)
    fillsAfter(t, writes, part)
    const life = new Life(t)
    const isFull = await liveUntilFull(t, life)
    makeRoom(t)
    end(t)
    const context = `full after ${writes} writes`
    assert.equal(t.logs.offlineDirCount, 0, context)
    const found = await t.readAll()
    for (const [offset, value] of life.acked) {
      if (offset >= t.log.logStartOffset) assert.equal(found.get(offset), value, context)
    }
    const more = [...found.keys()].filter((offset) => offset >= 8 && !life.acked.has(offset))
    assert.ok(more.length <= 2, `${context}: ${more}`)
    const last = t.append(['after'], 9)
    t.crash()
    assert.equal((await t.readAll()).get(last), 'after', context)
    if (!isFull) return writes
  }
}

for (const part of [0, 0.5, 0.99]) {
  test(`what was acknowledged survives a disk that is full at any write (${part} of it fits)`, async () => {
    assert.ok((await liveManyTimes(SMALL, part, (t) => t.crash())) > 60)
  })
}

test('with flush.messages=1 what was acknowledged survives a full disk and a power loss', async () => {
  const config = { ...SMALL, flushMessages: 1 }
  assert.ok((await liveManyTimes(config, 0.5, (t) => t.losePower())) > 100)
})

test('a log whose directory has failed takes and gives nothing more, though there is room again', async () => {
  const t = new LogBench()
  t.append(['a'])
  t.append(['b'])
  const { log } = t
  const [next] = leaderBatchAt(2)
  fillsAfter(t, 0, 0.5)
  assert.throws(() => t.append(['c']), isStorageError)
  makeRoom(t)
  const uses: ((log: Log) => unknown)[] = [
    (each) => each.appendAsFollower(next!),
    (each) => each.read(0, 1_000, 'log-end', true),
    (each) => each.flush(),
    (each) => each.truncateTo(1),
    (each) => each.truncateFullyAndStartAt(5),
    (each) => each.assignEpochStartOffset(7, 2),
    (each) => each.offsetForTimestamp(0),
  ]
  for (const use of uses) assert.throws(() => use(log), isStorageError, use.toString())
  const before = t.disk.readFile(`${DIRECTORY}/00000000000000000000.log`)
  assert.throws(() => t.append(['d']), isStorageError)
  assert.deepEqual(t.disk.readFile(`${DIRECTORY}/00000000000000000000.log`), before)
})

test('a directory that has failed is free for another process', () => {
  const t = new LogBench()
  t.append(['a'])
  assert.equal(t.disk.lock('/data/.lock'), null)
  fillsAfter(t, 0, 0)
  assert.throws(() => t.append(['b']), isStorageError)
  makeRoom(t)
  assert.notEqual(t.disk.lock('/data/.lock'), null)
})

test('a log that could not be taken away is not said to be deleted', () => {
  const t = new LogBench()
  t.append(['a'])
  t.disk.rename = (path) => {
    throw new DiskError('IO', path, 'the disk has failed')
  }
  assert.throws(() => t.logs.delete(PARTITION), isStorageError)
  assert.ok(t.logs.isOffline(PARTITION))
  assert.ok(t.disk.exists(DIRECTORY))
})

test('the last directory that fails is told with the reason, after its partitions', () => {
  const t = new LogBench()
  const told: string[] = []
  t.logs.onDirFailure((partitions) => told.push(`${partitions.length} partition`))
  t.logs.onAllDirsOffline((cause) => told.push(`${(cause as DiskError).code}`))
  t.append(['a'])
  fillsAfter(t, 0, 0.5)
  assert.throws(() => t.append(['b']), isStorageError)
  assert.deepEqual(told, [], 'whoever asked is answered first')
  t.clock.advance(1)
  assert.deepEqual(told, ['1 partition', 'NO_SPACE'])
})
