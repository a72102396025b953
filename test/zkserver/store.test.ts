import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../src/base/ports.ts'
import { Processor } from '../../src/zkserver/processor.ts'
import { Store, StoreError } from '../../src/zkserver/store.ts'
import type { Txn } from '../../src/zkserver/txn.ts'
import { encodeRecord } from '../../src/zkserver/txn-codec.ts'
import { SimDisk } from '../sim/sim-disk.ts'
import { SimProcess } from '../sim/sim-process.ts'
import { SimWorld } from '../sim/world.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

const DIRECTORY = '/data/zookeeper'
const NOW = { wallMs: 1_700_000_000_000, monotonicMs: 0 }

class Bench {
  readonly world = new SimWorld()
  readonly simDisk = new SimDisk(new SeededRandom(1))
  readonly loggers = new SilentLoggers()
  readonly durable: bigint[] = []
  readonly failures: Error[] = []
  process = new SimProcess(this.world, 'host')
  disk: Disk = this.simDisk.viewOf(this.process)

  open(snapshotCount = 1000): { store: Store; processor: Processor } {
    const store = new Store({
      disk: this.disk,
      directory: DIRECTORY,
      logger: this.loggers.get('store'),
      snapshotCount,
      onDurable: (zxid) => void this.durable.push(zxid),
      onFailure: (error) => void this.failures.push(error),
    })
    const processor = new Processor(500, NOW, store.initialState)
    store.recover(processor, NOW)
    return { store, processor }
  }

  /** The process dies, the disk keeps what was written. */
  kill(): void {
    this.process.die()
    this.process = new SimProcess(this.world, 'host')
    this.disk = this.simDisk.viewOf(this.process)
  }

  names(): string[] {
    return this.disk
      .list(DIRECTORY)
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('.'))
      .sort()
  }

  overwrite(name: string, change: (bytes: Buffer) => Buffer): void {
    const path = `${DIRECTORY}/${name}`
    const bytes = change(this.disk.readFile(path))
    const file = this.disk.open(path, 'write')
    file.truncate(0)
    file.write([bytes], 0)
    file.sync()
    file.close()
  }
}

/** One session, then one node after the other. */
async function write(bench: Bench, store: Store, processor: Processor, count: number) {
  const client = { sessionId: 0n, identities: [] }
  const password = Buffer.alloc(16)
  const asked = { lastZxidSeen: 0n, timeoutMs: 5000, sessionId: 0n, password }
  const outcome = processor.connect(client, asked, NOW)
  assert.ok(outcome.kind === 'connected' && outcome.txn !== null)
  const txns: Txn[] = []
  const keep = async (txn: Txn | null) => {
    assert.ok(txn)
    txns.push(txn)
    store.append(txn)
    store.commit()
    await bench.world.runFor(5)
  }
  await keep(outcome.txn)
  const acl = [{ permissions: 31, scheme: 'world', id: 'anyone' }]
  for (let i = 0; i < count; i++) {
    const path = `/node-${processor.lastZxid}`
    const data = Buffer.from(`data ${i}`)
    await keep(processor.handle(client, { kind: 'create', path, data, flags: 0, acl }, NOW).txn)
  }
  return txns
}

test('what was durable is there again after the process was killed', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open()
  const txns = await write(bench, store, processor, 10)
  assert.equal(bench.durable.at(-1), txns.at(-1)?.zxid)
  bench.kill()
  const again = bench.open()
  assert.equal(again.processor.lastZxid, 11n)
  assert.deepEqual(again.processor.tree.childNames('/'), processor.tree.childNames('/'))
  assert.equal(again.processor.sessions.size, 1)
})

test('one sync serves all changes that came during the one before', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open()
  const txns: Txn[] = []
  for (let i = 0; i < 20; i++) {
    const client = { sessionId: 0n, identities: [] }
    const password = Buffer.alloc(0)
    const asked = { lastZxidSeen: 0n, timeoutMs: 5000, sessionId: 0n, password }
    const outcome = processor.connect(client, asked, NOW)
    if (outcome.kind === 'connected' && outcome.txn !== null) txns.push(outcome.txn)
  }
  for (const txn of txns) {
    store.append(txn)
    store.commit()
  }
  await bench.world.runFor(100)
  assert.deepEqual(bench.durable, [1n, 20n])
})

test('a log that is cut anywhere gives all whole records before the cut', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open()
  const txns = await write(bench, store, processor, 6)
  const ends: number[] = []
  for (const txn of txns) ends.push((ends.at(-1) ?? 0) + encodeRecord(txn).length)
  const whole = bench.disk.readFile(`${DIRECTORY}/log.1`)
  assert.equal(whole.length, ends.at(-1))
  for (let cut = 0; cut <= whole.length; cut++) {
    bench.kill()
    bench.overwrite('log.1', () => Buffer.from(whole.subarray(0, cut)))
    const { processor } = bench.open()
    assert.equal(processor.lastZxid, BigInt(ends.filter((end) => end <= cut).length), `at ${cut}`)
    const left = bench.disk.stat(`${DIRECTORY}/log.1`).bytes
    assert.ok(left === 0 || ends.includes(left), 'the torn end is cut off')
  }
})

test('a flipped bit ends the log where it is, and writing goes on there', async () => {
  const bench = new Bench()
  const first = bench.open()
  const txns = await write(bench, first.store, first.processor, 5)
  bench.kill()
  const at = encodeRecord(txns[0] as Txn).length + encodeRecord(txns[1] as Txn).length + 20
  bench.overwrite('log.1', (bytes) => {
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes
  })
  const second = bench.open()
  assert.equal(second.processor.lastZxid, 2n)
  assert.ok(bench.loggers.lines.some((line) => line.includes('torn bytes')))
  await write(bench, second.store, second.processor, 3)
  bench.kill()
  assert.equal(bench.open().processor.lastZxid, 6n)
})

test('snapshots come by themselves, and what they make needless goes', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open(10)
  await write(bench, store, processor, 75)
  await bench.world.runFor(100)
  const names = bench.names()
  assert.equal(names.filter((name) => name.startsWith('snapshot.')).length, 3, `${names}`)
  assert.ok(names.filter((name) => name.startsWith('log.')).length <= 4, `${names}`)
  assert.ok(!names.some((name) => name.endsWith('.tmp')))
  bench.kill()
  const again = bench.open(10)
  assert.equal(again.processor.lastZxid, processor.lastZxid)
  assert.deepEqual(again.processor.tree.childNames('/'), processor.tree.childNames('/'))
})

test('a snapshot that cannot be read gives way to an older one and more of the log', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open(10)
  await write(bench, store, processor, 45)
  await bench.world.runFor(100)
  bench.kill()
  const newest = bench.names().findLast((name) => name.startsWith('snapshot.')) as string
  bench.overwrite(newest, (bytes) => bytes.subarray(0, bytes.length - 3))
  const again = bench.open(10)
  assert.equal(again.processor.lastZxid, processor.lastZxid)
  assert.deepEqual(again.processor.tree.childNames('/'), processor.tree.childNames('/'))
})

test('a log that is damaged in the middle is not taken for a torn end', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open(10)
  await write(bench, store, processor, 25)
  await bench.world.runFor(100)
  bench.kill()
  for (const name of bench.names()) {
    if (name.startsWith('snapshot.')) bench.disk.remove(`${DIRECTORY}/${name}`)
  }
  bench.overwrite('log.1', (bytes) => bytes.subarray(0, bytes.length - 5))
  assert.throws(() => bench.open(10), StoreError)
})

test('a missing log is noticed', async () => {
  const bench = new Bench()
  const { store, processor } = bench.open(10)
  await write(bench, store, processor, 15)
  await bench.world.runFor(100)
  bench.kill()
  for (const name of bench.names()) {
    if (name.startsWith('snapshot.') || name === 'log.1') bench.disk.remove(`${DIRECTORY}/${name}`)
  }
  assert.throws(() => bench.open(10), /has zxid .* after 0x0/)
})

test('a directory serves one process at a time', () => {
  const bench = new Bench()
  bench.open()
  const other = new SimProcess(bench.world, 'host')
  bench.disk = bench.simDisk.viewOf(other)
  assert.throws(() => bench.open(), /used by another process/)
  bench.kill()
  bench.disk = bench.simDisk.viewOf(other)
  bench.process.die()
})

test('when the disk fails nothing more becomes durable, and the owner is told', async () => {
  const bench = new Bench()
  const { disk } = bench
  bench.disk = {
    ...disk,
    open: (path, mode) => {
      const file = disk.open(path, mode)
      const sync = () => Promise.reject(new Error('no more'))
      return Object.assign(Object.create(file), {
        size: () => file.size(),
        write: file.write.bind(file),
        syncAsync: sync,
        close: () => file.close(),
      })
    },
  }
  const { store, processor } = bench.open()
  await write(bench, store, processor, 3)
  assert.deepEqual(bench.durable, [])
  assert.equal(bench.failures.length, 1)
})
