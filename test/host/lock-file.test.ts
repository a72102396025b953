import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { systemDisk } from '../../src/host/disk.ts'

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-lock-'))
after(() => fs.rmSync(dir, { recursive: true }))

/** A process of its own that takes the lock, says so and waits for its end. */
async function holder(lockPath: string): Promise<{ child: ChildProcess; said: string }> {
  const disk = new URL('../../src/host/disk.ts', import.meta.url).pathname
  const script = `
    import { systemDisk } from ${JSON.stringify(disk)}
    console.log(systemDisk.lock(${JSON.stringify(lockPath)}) === null ? 'refused' : 'held')
    process.stdin.resume()
    process.stdin.on('end', () => process.exit())`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout!, 'data')
  return { child, said: String(said).trim() }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

test('a lock is refused until its holder lets go, and the file stays empty', () => {
  const file = path.join(dir, 'one')
  const unlock = systemDisk.lock(file)
  assert.ok(unlock)
  assert.equal(systemDisk.lock(file), null)
  unlock()
  unlock()
  const again = systemDisk.lock(file)
  assert.ok(again)
  again()
  assert.equal(fs.statSync(file).size, 0)
  assert.deepEqual(fs.readdirSync(dir), ['one'])
})

test('a lock excludes other processes and ends with a killed one', async () => {
  const file = path.join(dir, 'two')
  const first = await holder(file)
  assert.equal(first.said, 'held')
  assert.equal(systemDisk.lock(file), null)
  const second = await holder(file)
  assert.equal(second.said, 'refused')
  await end(second.child, 'SIGTERM')
  assert.equal(systemDisk.lock(file), null)
  await end(first.child, 'SIGKILL')
  const unlock = systemDisk.lock(file)
  assert.ok(unlock)
  unlock()
})

const hasJava = spawnSync('java', ['-version']).status === 0
const JAVA = `
import java.io.*;
public class TryLock {
  public static void main(String[] args) throws Exception {
    var lock = new RandomAccessFile(args[0], "rw").getChannel().tryLock();
    System.out.println(lock == null ? "refused" : "held");
    System.in.read();
  }
}`

test('a lock and the file lock of a JVM exclude each other', {
  skip: hasJava ? false : 'there is no java here',
}, async () => {
  const file = path.join(dir, 'three')
  const source = path.join(dir, 'TryLock.java')
  fs.writeFileSync(source, JAVA)
  const ours = systemDisk.lock(file)
  assert.ok(ours)
  const refused = spawnSync('java', [source, file], { input: '' })
  assert.equal(String(refused.stdout).trim(), 'refused')
  ours()
  const child = spawn('java', [source, file], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said).trim(), 'held')
  assert.equal(systemDisk.lock(file), null)
  await end(child, 'SIGKILL')
  const unlock = systemDisk.lock(file)
  assert.ok(unlock)
  unlock()
})
