import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildBatch } from '../../src/records/builder.ts'
import type { StorageError } from '../../src/storage/storage-error.ts'
import { settlePromises } from '../support/fake-clock.ts'
import { DIRECTORY, LogBench } from '../support/log-bench.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const SEGMENT = '00000000000000000000'

test('what is appended is read back, from memory and from the file', async () => {
  const t = new LogBench()
  assert.equal(t.append(['a', 'b']), 0)
  assert.equal(t.append(['c']), 2)
  const hot = await t.readAll()
  assert.deepEqual(
    [...hot],
    [
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ],
  )
  await t.restart()
  assert.equal(t.log.read(0, 1000, 'log-end', true).chunks, null, 'nothing is in memory now')
  assert.deepEqual(await t.readAll(), hot)
})

test('a read starts with the batch that holds its offset', async () => {
  const t = new LogBench()
  t.append(['a', 'b', 'c'])
  t.append(['d'])
  assert.deepEqual(
    [...(await t.readAll(1))],
    [
      [1, 'b'],
      [2, 'c'],
      [3, 'd'],
    ],
  )
})

test('nothing above the high watermark is given to a consumer', () => {
  const t = new LogBench()
  t.append(['a'])
  t.append(['b'])
  assert.equal(t.log.read(0, 1000, 'high-watermark', true).bytes, 0)
  t.log.setHighWatermark(1)
  const one = t.log.read(0, 1000, 'high-watermark', true).bytes
  assert.ok(one > 0 && one < t.log.read(0, 1000, 'log-end', true).bytes)
})

test('the first batch comes whole whatever the limit, later ones only when they fit', () => {
  const t = new LogBench()
  t.append(['a'.repeat(100)])
  t.append(['b'.repeat(100)])
  const both = t.log.read(0, 10_000, 'log-end', true).bytes
  assert.equal(t.log.read(0, 1, 'log-end', true).bytes, both / 2)
  assert.equal(t.log.read(0, 1, 'log-end', false).bytes, 0)
  assert.equal(t.log.read(0, both - 1, 'log-end', true).bytes, both / 2)
})

test('an offset outside the log is out of range, its end is not', () => {
  const t = new LogBench()
  t.append(['a'])
  assert.throws(
    () => t.log.read(2, 100, 'log-end', true),
    (error) => (error as StorageError).code === 1,
  )
  assert.equal(t.log.read(1, 100, 'log-end', true).bytes, 0)
})

test('a segment that is full rolls, and reads go on into the next', async () => {
  const t = new LogBench({ segmentBytes: 300 })
  for (let i = 0; i < 20; i++) t.append([`value ${i}`])
  const names = t.disk.list(DIRECTORY).map(({ name }) => name)
  assert.ok(names.filter((name) => name.endsWith('.log')).length > 3)
  assert.equal((await t.readAll(0, 100)).size, 20)
  t.crash()
  assert.equal((await t.readAll()).size, 20)
})

test('a batch larger than a segment is refused', () => {
  const t = new LogBench({ segmentBytes: 100 })
  assert.throws(
    () => t.append(['x'.repeat(200)]),
    (error) => (error as StorageError).code === 18,
  )
})

test('truncation takes the whole batch that holds the offset, and leaves no hole', async () => {
  const t = new LogBench({ segmentBytes: 300 })
  for (let i = 0; i < 10; i++) t.append([`${i}a`, `${i}b`], i)
  t.log.setHighWatermark(20)
  t.log.truncateTo(13)
  assert.equal(t.log.logEndOffset, 12)
  assert.equal(t.log.highWatermark, 12)
  assert.equal(t.log.latestEpoch, 5)
  const kept = await t.readAll()
  assert.deepEqual(
    [...kept.keys()],
    Array.from({ length: 12 }, (_, at) => at),
  )
  t.append(['new'], 11)
  t.crash()
  assert.equal((await t.readAll()).get(12), 'new')
  assert.equal(t.log.latestEpoch, 11)
})

test('ST1: a torn tail is cut at every byte of the last batch', async () => {
  const probe = new LogBench()
  probe.append(['first'])
  const whole = probe.disk.stat(`${DIRECTORY}/${SEGMENT}.log`).bytes
  probe.append(['second'])
  const end = probe.disk.stat(`${DIRECTORY}/${SEGMENT}.log`).bytes
  for (let cut = whole; cut < end; cut++) {
    const t = new LogBench()
    t.append(['first'])
    t.append(['second'])
    const file = t.disk.open(`${DIRECTORY}/${SEGMENT}.log`, 'write')
    file.truncate(cut)
    file.close()
    t.crash()
    assert.equal(t.log.logEndOffset, 1, `cut at ${cut}`)
    assert.equal(t.append(['third']), 1)
    assert.deepEqual([...(await t.readAll()).values()], ['first', 'third'])
  }
})

test('ST2: a flipped byte above the recovery point cuts the log there', async () => {
  const t = new LogBench()
  t.append(['first'])
  const at = t.disk.stat(`${DIRECTORY}/${SEGMENT}.log`).bytes + 70
  t.append(['second'])
  t.append(['third'])
  const file = t.disk.open(`${DIRECTORY}/${SEGMENT}.log`, 'write')
  file.write([Buffer.from([0xff])], at)
  file.close()
  t.crash()
  assert.deepEqual([...(await t.readAll()).values()], ['first'])
})

test('ST4: a missing index is made again, also after a clean stop', async () => {
  const t = new LogBench({ indexIntervalBytes: 1 })
  for (let i = 0; i < 10; i++) t.append([`${i}`])
  await t.logs.shutdown()
  t.disk.remove(`${DIRECTORY}/${SEGMENT}.index`)
  t.start()
  assert.equal(t.log.logEndOffset, 10)
  assert.equal((await t.readAll(7)).size, 3)
})

test('ST11: a recovery point past the end of the log is brought back to it', async () => {
  const t = new LogBench()
  t.append(['a'])
  await t.logs.shutdown()
  const file = t.disk.open('/data/recovery-point-offset-checkpoint', 'write')
  file.write([Buffer.from('0\n1\norders 0 99\n')], 0)
  file.truncate(16)
  file.close()
  t.disk.remove('/data/.kafka_cleanshutdown')
  t.start()
  assert.equal(t.log.recoveryPoint, 1)
})

test('ST13: a checkpoint that cannot be read costs a scan, not the data', async () => {
  const t = new LogBench()
  t.append(['a'])
  await t.logs.shutdown()
  const file = t.disk.open('/data/recovery-point-offset-checkpoint', 'write')
  file.write([Buffer.from('garbage')], 0)
  file.close()
  t.start()
  assert.deepEqual([...(await t.readAll()).values()], ['a'])
})

test('ST16: a directory that another process holds is refused', () => {
  const t = new LogBench()
  assert.throws(() => t.start(true), /using this directory/)
})

test('ST19: segments roll by the time in the records, not by the clock', () => {
  const t = new LogBench({ segmentMs: 1000 })
  t.append(['a'], 0, 5_000)
  t.clock.advance(10_000_000)
  t.append(['b'], 0, 6_000)
  const count = () => t.disk.list(DIRECTORY).filter(({ name }) => name.endsWith('.log')).length
  assert.equal(count(), 1)
  t.append(['c'], 0, 6_001)
  assert.equal(count(), 2)
})

test('ST21, ST22: retention by time takes what is committed, the active segment included', () => {
  const t = new LogBench({ retentionMs: 1000 })
  t.append(['a'])
  t.clock.advance(5000)
  t.logs.applyRetention()
  assert.equal(t.log.logStartOffset, 0, 'nothing is committed')
  t.log.setHighWatermark(1)
  t.logs.applyRetention()
  assert.equal(t.log.logStartOffset, 1)
  assert.equal(t.append(['b']), 1)
})

test('retention by size keeps the newest segments', async () => {
  const t = new LogBench({ segmentBytes: 200, retentionBytes: 400, retentionMs: -1 })
  for (let i = 0; i < 20; i++) t.append([`value ${i}`])
  t.log.setHighWatermark(20)
  t.logs.applyRetention()
  assert.ok(t.log.logStartOffset > 10 && t.log.logStartOffset < 20)
  assert.equal((await t.readAll()).size, 20 - t.log.logStartOffset)
  const start = t.log.logStartOffset
  t.crash()
  assert.equal(t.log.logStartOffset, start)
})

test('the time of a record leads to its offset', () => {
  const t = new LogBench({ segmentBytes: 300, indexIntervalBytes: 1 })
  for (let i = 0; i < 30; i++) t.append([`${i}`], 0, 1000 + i * 10)
  assert.equal(t.log.offsetForTimestamp(1095)?.offset, 10)
  assert.equal(t.log.offsetForTimestamp(0)?.offset, 0)
  assert.equal(t.log.offsetForTimestamp(5000), null)
  assert.equal(t.log.maxTimestampOffset()?.offset, 29)
})

test('PR7-PR11: repeated batches get their old offsets, gaps and old epochs are refused', async () => {
  const t = new LogBench()
  const send = (sequence: number, epoch = 0) =>
    t.log.appendAsLeader(
      buildBatch([{ value: 'x', timestamp: 1 }], {
        producerId: 4000,
        producerEpoch: epoch,
        baseSequence: sequence,
      }),
      0,
      { origin: 'client', nowMs: 1 },
    )
  const codeOf = (code: number) => (error: unknown) => (error as StorageError).code === code
  for (let sequence = 0; sequence < 6; sequence++) send(sequence)
  assert.deepEqual(
    { ...send(5) },
    { firstOffset: 5, lastOffset: 5, logAppendTimeMs: 1, logStartOffset: 0, duplicate: true },
  )
  assert.equal(send(1).firstOffset, 1)
  assert.throws(() => send(0), codeOf(45), 'older than the last five')
  assert.throws(() => send(7), codeOf(45), 'a gap')
  await t.restart()
  assert.equal(send(5).duplicate, true, 'the last batch survives in the snapshot')
  assert.equal(send(6).firstOffset, 6)
  t.crash()
  assert.equal(send(6).duplicate, true, 'and what came after is learnt from the log')
  assert.throws(() => send(3, 1), codeOf(45), 'a new epoch begins at zero')
  assert.equal(send(0, 1).firstOffset, 7)
  assert.throws(() => send(7, 0), codeOf(47))
})

test('with flush.messages=1 a power loss takes nothing that was appended', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const t = new LogBench({ flushMessages: 1, segmentBytes: 400 }, seed)
    const count = 5 + (seed % 9)
    for (let i = 0; i < count; i++) t.append([`${i}`], i % 3 === 0 ? i : i - (i % 3))
    t.losePower()
    assert.equal((await t.readAll()).size, count, `seed ${seed}`)
    assert.equal(t.log.topicId, 'aaaaaaaaaaaaaaaaaaaaaQ')
  }
})

test('a power loss leaves a log that is a prefix of what it was', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const t = new LogBench({ segmentBytes: 400 }, seed)
    for (let i = 0; i < 12; i++) t.append([`${i}`])
    t.losePower()
    const left = await t.readAll()
    assert.deepEqual(
      [...left],
      Array.from({ length: left.size }, (_, at) => [at, `${at}`]),
    )
    assert.equal(t.append(['next']), left.size)
  }
})

test('a log behaves as an array of values does, whatever happens to it', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed)
    const t = new LogBench({ segmentBytes: 500, indexIntervalBytes: 50 }, seed)
    let model: string[] = []
    for (let step = 0; step < 60; step++) {
      const dice = random.nextInt(10)
      if (dice < 6) {
        const values = Array.from({ length: 1 + random.nextInt(3) }, () => `${seed}-${step}`)
        assert.equal(t.append(values, Math.floor(step / 10)), model.length)
        model.push(...values)
      } else if (dice === 6) {
        // At a border of batches, as epochs end: truncation keeps whole batches.
        const all = [...(await t.readAll()).keys()]
        const keep = all.length === 0 ? 0 : random.nextInt(all.length + 1)
        t.log.truncateTo(keep)
        const left = (await t.readAll()).size
        assert.ok(left <= keep)
        t.log.truncateTo(left)
        model = model.slice(0, left)
      } else if (dice === 7) t.crash()
      else if (dice === 8) await t.restart()
      else {
        const from = random.nextInt(model.length + 1)
        const values = [...(await t.readAll(from, 1 + random.nextInt(300))).values()]
        assert.deepEqual(values, model.slice(from))
      }
    }
    assert.deepEqual([...(await t.readAll()).values()], model, `seed ${seed}`)
  }
})

test('deleting a log renames it at once and removes it later', () => {
  const t = new LogBench({ fileDeleteDelayMs: 1000 })
  t.append(['a'])
  t.logs.delete({ topic: 'orders', partition: 0 })
  const names = () => t.disk.list('/data').map(({ name }) => name)
  assert.ok(names().some((name) => /^orders-0\.[0-9a-f]{32}-delete$/.test(name)))
  t.clock.advance(1000)
  assert.ok(!names().some((name) => name.startsWith('orders-0')))
})

test('a power loss does not bring back the word that the last stop was clean', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const t = new LogBench({}, seed)
    t.append(['flushed'])
    await t.restart()
    for (let i = 0; i < 5; i++) t.append([`${i}`])
    t.losePower()
    const left = [...(await t.readAll()).values()]
    assert.deepEqual(left, ['flushed', '0', '1', '2', '3', '4'].slice(0, left.length))
    assert.equal(t.append(['next']), left.length, `seed ${seed}`)
  }
})

test('a clean stop after a crash has what the crash left on the device', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const t = new LogBench({ segmentBytes: 400 }, seed)
    for (let i = 0; i < 8; i++) t.append([`${i}`], i)
    t.crash()
    await t.restart()
    const epochs = () => String(t.disk.readFile(`${DIRECTORY}/leader-epoch-checkpoint`))
    const before = epochs()
    t.losePower()
    assert.equal((await t.readAll()).size, 8, `seed ${seed}`)
    assert.equal(epochs(), before, `seed ${seed}`)
  }
})

test('an index that a kill left behind is not taken for that of the next segment of its name', async () => {
  const t = new LogBench({ indexIntervalBytes: 1 })
  for (let at = 0; at < 20; at++) t.append([`${at}`])
  t.log.flush()
  // What is left when the process is killed between the renames of a segment that is to go.
  const path = `${DIRECTORY}/${'0'.repeat(20)}.log`
  t.disk.rename(path, `${path}.deleted`)
  t.crash()
  t.append(['a'])
  await t.restart()
  t.append(['b'])
  await t.restart()
  assert.deepEqual([...(await t.readAll()).values()], ['a', 'b'])
})

test('the recovery point passes no segment that is not on the device', async () => {
  const t = new LogBench({ segmentBytes: 200 })
  let reachDevice = () => {}
  const slow = new Promise<void>((resolve) => {
    reachDevice = resolve
  })
  const { open } = t.disk
  t.disk.open = (path, mode) => {
    const file = open(path, mode)
    if (path.endsWith('/00000000000000000000.log')) file.syncAsync = () => slow
    return file
  }
  for (let at = 0; at < 5; at++) t.append(['x'.repeat(80)])
  await settlePromises()
  assert.equal(t.log.recoveryPoint, 0)
  reachDevice()
  await settlePromises()
  assert.equal(t.log.recoveryPoint, 4)
})

test('a read that a truncation overtakes brings nothing of what was written since', async () => {
  const t = new LogBench()
  t.append(['a'])
  t.append(['old'])
  t.crash()
  t.isDeviceBusy = true
  const read = t.log.read(1, 1000, 'log-end', true).materialize()
  t.log.truncateTo(1)
  t.append(['new'], 1)
  t.settleDevice()
  assert.deepEqual(await read, [])
})

test('a log goes on where it ends when its leader lacks what came next', async () => {
  const t = new LogBench({ segmentBytes: 200 })
  const copy = (offset: number, value: string) => {
    const batch = buildBatch([{ value, timestamp: 1 }])
    batch.writeBigInt64BE(BigInt(offset), 0)
    batch.writeInt32BE(0, 12)
    t.log.appendAsFollower(batch)
  }
  copy(0, 'x'.repeat(80))
  // Compacted away at the leader: what lay between.
  copy(50, 'y'.repeat(80))
  assert.ok(t.disk.exists(`${DIRECTORY}/00000000000000000001.log`))
  t.crash()
  assert.equal(t.log.logEndOffset, 51)
  assert.deepEqual([...(await t.readAll()).keys()], [0, 50])
})

/** Two full segments, of which the first has lost its last batch, as Kafka's cleaner may do. */
async function withoutLastBatch(cleanerPoint: number | null): Promise<string[]> {
  const t = new LogBench({ segmentBytes: 200 })
  for (const value of ['a', 'b', 'c', 'd']) t.append([value])
  const second = t.disk.list(DIRECTORY).filter(({ name }) => name.endsWith('.log'))[1]!.name
  const first = t.disk.open(`${DIRECTORY}/${SEGMENT}.log`, 'write')
  first.truncate(first.size() / 2)
  first.close()
  if (cleanerPoint !== null) {
    const file = t.disk.open('/data/cleaner-offset-checkpoint', 'write')
    file.write([Buffer.from(`0\n1\norders 0 ${cleanerPoint}\n`)], 0)
    file.close()
  }
  assert.equal(second, '00000000000000000002.log')
  t.crash()
  return [...(await t.readAll()).values()]
}

test('a hole between segments is believed where a cleaner was, else it is a loss', async () => {
  // Whatever the policy is now: it was perhaps another one then.
  assert.deepEqual(await withoutLastBatch(2), ['a', 'c', 'd'])
  assert.deepEqual(await withoutLastBatch(1), ['a'])
  assert.deepEqual(await withoutLastBatch(null), ['a'])
})

test("a hole below the recovery point is nobody's loss", async () => {
  const t = new LogBench({ segmentBytes: 200 })
  for (const value of ['a', 'b', 'c', 'd']) t.append([value])
  t.log.flush()
  t.logs.checkpoint()
  const first = t.disk.open(`${DIRECTORY}/${SEGMENT}.log`, 'write')
  first.truncate(first.size() / 2)
  first.close()
  t.disk.remove(`${DIRECTORY}/${SEGMENT}.index`)
  t.crash()
  assert.deepEqual([...(await t.readAll()).values()], ['a', 'c', 'd'])
})
