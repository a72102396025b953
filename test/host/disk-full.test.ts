/** A disk that is said to be full, over files that are really there. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { DiskError } from '../../src/base/ports.ts'
import { systemDisk } from '../../src/host/disk.ts'
import { DiskFull } from '../../src/host/disk-full.ts'
import { FakeClock } from '../support/fake-clock.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-disk-full-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))

const isNoSpace = (error: unknown) => error instanceof DiskError && error.code === 'NO_SPACE'

function bench(name: string) {
  const directory = path.join(root, name)
  fs.mkdirSync(directory)
  const clock = new FakeClock()
  const full = new DiskFull(systemDisk, clock, [directory])
  return { directory, clock, full, disk: full.disk, at: (file: string) => `${directory}/${file}` }
}

test('what needs room fails, half of a write is left behind, and the rest goes on', () => {
  const { full, disk, at, directory } = bench('rest')
  const file = disk.open(at('log'), 'write')
  file.write([Buffer.from('abcd')], 0)
  full.begin(1_000, null)
  assert.throws(() => file.write([Buffer.from('ef'), Buffer.from('gh')], 4), isNoSpace)
  assert.equal(disk.readFile(at('log')).toString(), 'abcdef')
  assert.throws(() => disk.open(at('new'), 'write'), isNoSpace)
  assert.throws(() => disk.makeDirectory(at('topic-0')), isNoSpace)
  assert.throws(() => disk.lock(at('.lock')), isNoSpace)
  assert.throws(() => file.truncate(100), isNoSpace)
  assert.equal(disk.space(directory).usableBytes, 0)
  assert.deepEqual(fs.readdirSync(directory), ['log'])
  file.truncate(4)
  file.sync()
  const read = Buffer.alloc(10)
  assert.equal(file.read(read, 0), 4)
  disk.makeDirectory(directory)
  disk.open(at('log'), 'write').close()
  disk.rename(at('log'), at('log.deleted'))
  disk.remove(at('log.deleted'))
  file.close()
  assert.deepEqual(fs.readdirSync(directory), [])
})

test('there is room again when its time is over, or when told', () => {
  const { clock, full, disk, at } = bench('again')
  const file = disk.open(at('log'), 'write')
  full.begin(1_000, null)
  clock.advance(999)
  assert.throws(() => file.write([Buffer.from('a')], 0), isNoSpace)
  clock.advance(1)
  file.write([Buffer.from('a')], 0)
  full.begin(1_000, null)
  full.end()
  file.write([Buffer.from('b')], 1)
  file.close()
  assert.equal(disk.readFile(at('log')).toString(), 'ab')
})
