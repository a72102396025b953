import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { DiskError } from '../../src/base/ports.ts'
import { systemDisk } from '../../src/host/disk.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-disk-'))
after(() => fs.rmSync(dir, { recursive: true }))

const at = (name: string) => path.join(dir, name)
const failsWith = (code: string) => (error: unknown) =>
  error instanceof DiskError && error.code === code && error.message.includes(error.path)

test('chunks are written one after another, more of them than one system call takes', () => {
  const file = systemDisk.open(at('many'), 'write')
  const chunks = Array.from({ length: 3000 }, (_, index) => Buffer.from(`${index},`))
  file.write(chunks, 5)
  file.write([], 0)
  file.write([Buffer.from('start')], 0)
  const whole = `start${chunks.join('')}`
  assert.equal(file.size(), whole.length)
  const target = Buffer.alloc(whole.length + 10)
  assert.equal(file.read(target, 0), whole.length)
  assert.equal(target.subarray(0, whole.length).toString(), whole)
  file.close()
})

test('a write that the kernel takes only in part goes on where it stopped', (t) => {
  const real = fs.writevSync
  t.mock.method(fs, 'writevSync', (fd: number, chunks: Buffer[], position: number) =>
    real(fd, [Buffer.concat(chunks).subarray(0, 4)], position),
  )
  const realWrite = fs.writeSync
  t.mock.method(
    fs,
    'writeSync',
    (fd: number, chunk: Buffer, offset: number, length: number, position: number) =>
      realWrite(fd, chunk, offset, Math.min(length, 2), position),
  )
  const file = systemDisk.open(at('short'), 'write')
  file.write([Buffer.from('abc'), Buffer.alloc(0), Buffer.from('defg'), Buffer.from('hij')], 0)
  file.close()
  assert.equal(systemDisk.readFile(at('short')).toString(), 'abcdefghij')
})

test('reads in flight finish although the file was closed, later ones are refused', async () => {
  const file = systemDisk.open(at('closing'), 'write')
  file.write([Buffer.from('content')], 0)
  const target = Buffer.alloc(7)
  const reading = file.readAsync(target, 0)
  const syncing = file.syncAsync()
  file.close()
  file.close()
  assert.equal(await reading, 7)
  await syncing
  assert.equal(target.toString(), 'content')
  await assert.rejects(file.readAsync(target, 0), failsWith('IO'))
})

test('an asynchronous read ends at the end of the file', async () => {
  const file = systemDisk.open(at('end'), 'write')
  file.write([Buffer.from('0123456789')], 0)
  assert.equal(await file.readAsync(Buffer.alloc(20), 4), 6)
  assert.equal(await file.readAsync(Buffer.alloc(20), 10), 0)
  file.close()
})

test('failures say what failed where', () => {
  assert.throws(() => systemDisk.open(at('none'), 'read'), failsWith('NOT_FOUND'))
  assert.throws(() => systemDisk.readFile(at('none')), failsWith('NOT_FOUND'))
  assert.throws(() => systemDisk.list(at('none')), failsWith('NOT_FOUND'))
  assert.throws(() => systemDisk.stat(at('none')), failsWith('NOT_FOUND'))
  fs.writeFileSync(at('plain'), '')
  assert.throws(() => systemDisk.list(at('plain')), failsWith('IO'))
  assert.throws(() => systemDisk.makeDirectory(at('plain')), failsWith('EXISTS'))
  assert.throws(() => systemDisk.makeDirectory(at('plain/below')), failsWith('EXISTS'))
})

test('a directory that cannot be made is refused, not tried for ever', () => {
  fs.writeFileSync(at('in-the-way'), '')
  assert.throws(() => systemDisk.makeDirectory(at('in-the-way')), failsWith('EXISTS'))
  assert.throws(() => systemDisk.makeDirectory(at('in-the-way/below')), failsWith('EXISTS'))
  // Linux's /proc answers as if its own directory were absent.
  assert.throws(() => systemDisk.makeDirectory('/proc/nope/below'), DiskError)
})

test('directories are made with their parents, listed, renamed and removed', () => {
  systemDisk.makeDirectory(at('a/b'))
  systemDisk.makeDirectory(at('a/b'))
  fs.writeFileSync(at('a/file'), 'x')
  fs.symlinkSync(at('a/b'), at('a/link'))
  const entries = systemDisk.list(at('a')).sort((x, y) => (x.name < y.name ? -1 : 1))
  assert.deepEqual(entries, [
    { name: 'b', kind: 'directory' },
    { name: 'file', kind: 'file' },
    { name: 'link', kind: 'directory' },
  ])
  systemDisk.rename(at('a/file'), at('a/b/moved'))
  systemDisk.syncDirectory(at('a/b'))
  assert.equal(systemDisk.exists(at('a/b/moved')), true)
  systemDisk.remove(at('a/b/moved'))
  systemDisk.remove(at('a/b/moved'))
  systemDisk.removeDirectory(at('a'))
  systemDisk.removeDirectory(at('a'))
  assert.equal(systemDisk.exists(at('a')), false)
})

test('a file is cut, dated and kept when it is opened again', () => {
  const file = systemDisk.open(at('kept'), 'write')
  file.write([Buffer.from('0123456789')], 0)
  file.truncate(4)
  file.setModifiedMs(1_700_000_000_000)
  file.sync()
  file.close()
  const again = systemDisk.open(at('kept'), 'write')
  assert.equal(again.size(), 4)
  again.close()
  assert.deepEqual(systemDisk.stat(at('kept')), { bytes: 4, modifiedMs: 1_700_000_000_000 })
})

test('a volume tells its space', () => {
  const { totalBytes, usableBytes } = systemDisk.space(dir)
  assert.ok(totalBytes >= usableBytes && usableBytes > 0)
})

test('a directory that nobody can make is an error, not an endless attempt', {
  skip: fs.existsSync('/proc/self') ? false : 'there is no /proc here',
}, () => {
  assert.throws(() => systemDisk.makeDirectory('/proc/samsa/data'), failsWith('NOT_FOUND'))
})
