import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError } from '../../src/base/ports.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SimDisk } from './sim-disk.ts'
import { SimProcess } from './sim-process.ts'
import { SimWorld } from './world.ts'

function bench(seed = 1) {
  const world = new SimWorld()
  const simDisk = new SimDisk(new SeededRandom(seed))
  const process = new SimProcess(world, 'host')
  const disk = simDisk.viewOf(process)
  disk.makeDirectory('/d')
  return { world, simDisk, process, disk }
}

test('what was synced survives a loss of power, and nothing comes out of order', () => {
  const survived = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) {
    const { simDisk, disk } = bench(seed)
    const file = disk.open('/d/log', 'write')
    file.write([Buffer.from('kept')], 0)
    file.sync()
    file.write([Buffer.from('one')], 4)
    file.write([Buffer.from('two')], 7)
    simDisk.losePower()
    const left = disk.readFile('/d/log').toString('latin1')
    assert.ok(left.startsWith('kept'))
    survived.add(left.slice(4))
  }
  for (const expected of ['', 'one']) assert.ok(survived.has(expected), `${[...survived]}`)
  assert.ok([...survived].some((rest) => rest.length > 0 && !'onetwo'.startsWith(rest)))
})

test('an overwrite that was not synced is undone', () => {
  const { simDisk, disk } = bench(2)
  const file = disk.open('/d/log', 'write')
  file.write([Buffer.from('before')], 0)
  file.sync()
  file.truncate(2)
  simDisk.losePower()
  const left = disk.readFile('/d/log').toString()
  assert.ok(left === 'before' || left === 'be', left)
})

test('names that were not synced are undone, unless the file itself was synced', () => {
  const { simDisk, disk } = bench()
  disk.open('/d/synced', 'write').sync()
  disk.open('/d/old', 'write').sync()
  disk.syncDirectory('/d')
  disk.open('/d/forgotten', 'write').write([Buffer.from('x')], 0)
  disk.rename('/d/old', '/d/new')
  disk.open('/d/removed', 'write').sync()
  disk.remove('/d/removed')
  simDisk.losePower()
  assert.deepEqual(
    disk
      .list('/d')
      .map(({ name }) => name)
      .sort(),
    ['old', 'removed', 'synced'],
  )
})

test('a sync takes its time and covers only what was written before it', async () => {
  const { world, simDisk, disk } = bench(4)
  const file = disk.open('/d/log', 'write')
  disk.syncDirectory('/d')
  file.write([Buffer.from('a')], 0)
  let isSynced = false
  void file.syncAsync().then(() => {
    isSynced = true
  })
  file.write([Buffer.from('b')], 1)
  assert.equal(isSynced, false)
  await world.runFor(10)
  assert.equal(isSynced, true)
  simDisk.losePower()
  assert.equal(disk.readFile('/d/log').toString('latin1', 0, 1), 'a')
})

test('a lock goes with the process that holds it', () => {
  const { world, simDisk, process, disk } = bench()
  assert.ok(disk.lock('/d/.lock'))
  const other = simDisk.viewOf(new SimProcess(world, 'host'))
  assert.equal(other.lock('/d/.lock'), null)
  process.die()
  assert.ok(other.lock('/d/.lock'))
})

test('what is missing is told as such', () => {
  const { disk } = bench()
  const isMissing = (error: unknown) => error instanceof DiskError && error.code === 'NOT_FOUND'
  assert.throws(() => disk.readFile('/d/no'), isMissing)
  assert.throws(() => disk.open('/d/no', 'read'), isMissing)
  assert.throws(() => disk.open('/no/file', 'write'), isMissing)
  assert.throws(() => disk.list('/no'), isMissing)
})
