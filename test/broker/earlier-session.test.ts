import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { EarlierSession, type SessionProof } from '../../src/broker/earlier-session.ts'
import { systemDisk } from '../../src/host/disk.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-earlier-'))
after(() => fs.rmSync(root, { recursive: true, force: true }))
let directories = 0

function makeDirectory(): string {
  directories += 1
  const directory = path.join(root, String(directories))
  fs.mkdirSync(directory)
  return directory
}

/** A life of a broker in this session; `ended` are the sessions that it has ended. */
function live(directory: string, id: bigint, fails = false) {
  const ended: bigint[] = []
  const proof: SessionProof = { id, password: Buffer.from('0123456789abcdef') }
  const sessions = {
    current: () => proof,
    end: async (session: SessionProof) => {
      if (fails) throw new Error('nobody answers')
      assert.equal(String(session.password), '0123456789abcdef')
      ended.push(session.id)
    },
  }
  const logger = new SilentLoggers().get('test')
  const earlier = new EarlierSession({ disk: systemDisk, sessions, logger }, directory)
  return { earlier, ended }
}

test('the next life ends the session of the last one, and no other', async () => {
  const directory = makeDirectory()
  live(directory, 0xf00dn).earlier.remember()
  const { earlier, ended } = live(directory, 0xbeefn)
  earlier.remember()
  assert.equal(await earlier.end(0xbeefn), false, 'its own')
  assert.equal(await earlier.end(0xd00fn), false, "another broker's")
  assert.equal(await earlier.end(0xf00dn), true)
  assert.deepEqual(ended, [0xf00dn])
  const next = live(directory, 0xcafen)
  assert.equal(await next.earlier.end(0xbeefn), true)
})

test('without a good file, or an answer, it ends nothing', async () => {
  const directory = makeDirectory()
  const file = path.join(directory, '.zookeeper-session')
  for (const text of ['', 'f00d', 'f00d 00112233', 'x y\n', '\0', `f00d ${'0'.repeat(66)}\n`]) {
    fs.writeFileSync(file, text)
    assert.equal(await live(directory, 1n).earlier.end(0xf00dn), false, JSON.stringify(text))
  }
  live(directory, 0xf00dn).earlier.remember()
  assert.equal(await live(directory, 1n, true).earlier.end(0xf00dn), false)
})
