/**
 * The checkers are worth what they find: the code is broken on purpose, in a copy, and the same runs
 * that pass on the real code must fail there.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

interface Mutation {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

const ROOT = path.join(import.meta.dirname, '..', '..')
/** Seeds that a mutation may take to be found. */
const SEEDS = 20

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the high watermark runs ahead of the followers',
    file: 'src/replication/high-watermark.ts',
    find: 'if (follower.logEndOffset >= lowest) continue',
    replace: 'continue',
  },
  {
    name: 'a follower keeps what its leader does not have',
    file: 'src/replication/fetcher.ts',
    find: '    log.truncateTo(target)\n',
    replace: '',
  },
  {
    name: 'acks=all is answered before anything is committed',
    file: 'src/replication/produce-requests.ts',
    find: '(partition.log?.highWatermark ?? -1) >= requiredOffset',
    replace: 'requiredOffset >= 0',
  },
  {
    name: 'consumers are given what is not committed',
    file: 'src/replication/partition-read.ts',
    find: 'mode.isolation, minOne',
    replace: "'log-end', minOne",
  },
  {
    name: 'a new leader keeps the epoch of the old one',
    file: 'src/controller/partition-states.ts',
    find: 'before.leaderEpoch + 1',
    replace: 'before.leaderEpoch',
  },
  {
    name: 'a leader is elected that is not in the ISR',
    file: 'src/controller/election.ts',
    find: 'live.find((id) => current.isr.includes(id))',
    replace: 'live[0]',
  },
]

/** A copy of the sources with one change. */
function mutated({ file, find, replace }: Mutation): string {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-mutation-'))
  for (const part of ['src', 'test/sim', 'test/support', 'package.json']) {
    fs.cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true })
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'))
  const target = path.join(copy, file)
  const text = fs.readFileSync(target, 'utf8')
  assert.ok(text.includes(find), `${file} no longer has '${find}': mend the mutation`)
  fs.writeFileSync(target, text.replaceAll(find, replace))
  return copy
}

for (const mutation of MUTATIONS) {
  test(`the checkers find it when ${mutation.name}`, () => {
    const copy = mutated(mutation)
    try {
      const args = ['test/sim/run.ts', '--seed', '1', '--runs', String(SEEDS)]
      const run = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' })
      assert.equal(run.status, 1, run.stdout + run.stderr)
      assert.match(run.stdout, /\bI\d+: /, run.stdout + run.stderr)
    } finally {
      fs.rmSync(copy, { recursive: true, force: true })
    }
  })
}
