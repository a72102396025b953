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
  /** What stands there, and what is put in its place. */
  readonly edits: readonly (readonly [find: string, replace: string])[]
  /** For those that need more of one fault than a minute brings. */
  readonly flags?: readonly string[]
}

const ROOT = path.join(import.meta.dirname, '..', '..')
/** Seeds that a mutation may take to be found. */
const SEEDS = 20

const DENSE = ['--every', '2500']
/** Faults that leave a controller in the belief that it still is one. */
const RIVALS = 'depose-controller,pause,zookeeper-pause,late-requests,expire-session'

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the high watermark runs ahead of the followers',
    file: 'src/replication/high-watermark.ts',
    edits: [['if (follower.logEndOffset >= lowest) continue', 'continue']],
  },
  {
    name: 'a follower keeps what its leader does not have',
    file: 'src/replication/fetcher.ts',
    edits: [['    log.truncateTo(target)\n', '']],
  },
  {
    name: 'acks=all is answered before anything is committed',
    file: 'src/replication/produce-requests.ts',
    edits: [['(partition.log?.highWatermark ?? -1) >= requiredOffset', 'requiredOffset >= 0']],
  },
  {
    name: 'consumers are given what is not committed',
    file: 'src/replication/partition-read.ts',
    edits: [['mode.isolation, minOne', "'log-end', minOne"]],
  },
  {
    name: 'a new leader keeps the epoch of the old one',
    file: 'src/controller/partition-states.ts',
    edits: [['before.leaderEpoch + 1', 'before.leaderEpoch']],
  },
  {
    name: 'a leader is elected that is not in the ISR',
    file: 'src/controller/election.ts',
    edits: [['live.find((id) => current.isr.includes(id))', 'live[0]']],
  },
  {
    name: 'a controller writes states blindly',
    file: 'src/controller/state-writer.ts',
    edits: [['    version: next.partitionEpoch,\n', '    version: -1,\n']],
  },
  {
    name: 'a controller writes without a look at the epoch in force',
    file: 'src/controller/epoch-fence.ts',
    edits: [['version: this.#epochZkVersion }', 'version: -1 }']],
    flags: [...DENSE, '--only', RIVALS],
  },
  {
    name: 'a broker obeys controllers of older epochs',
    file: 'src/replication/leadership.ts',
    edits: [['if (controllerEpoch < this.#controllerEpoch)', 'if (controllerEpoch < 0)']],
    flags: DENSE,
  },
  {
    name: 'a broker takes roles of older leader epochs',
    file: 'src/replication/leadership.ts',
    edits: [
      ['if (update.leaderEpoch <= partition.leaderEpoch)', 'if (update.leaderEpoch < 0)'],
      ['if (update.leaderEpoch < partition.leaderEpoch) return ErrorCode.NONE', ''],
      ['if (update.partitionEpoch < partition.partitionEpoch) return ErrorCode.NONE', ''],
    ],
    flags: DENSE,
  },
  {
    name: 'a fetcher that is woken early sleeps on',
    file: 'src/replication/fetcher.ts',
    edits: [
      ['Math.ceil(wakeAtMs - nowMs)', 'wakeAtMs - nowMs'],
      ['nextReadyMs(firedMs)', 'nextReadyMs(wakeAtMs)'],
    ],
  },
  {
    name: 'a follower joins the ISR before it has what is committed',
    file: 'src/replication/isr.ts',
    edits: [['return followerEndOffset >= highWatermark && ', 'return ']],
  },
  {
    name: 'a broker keeps the half batch that a full disk left behind',
    file: 'src/storage/log-loader.ts',
    edits: [['  segment.truncateAt(position, endOffset)\n', '']],
    flags: [...DENSE, '--only', 'disk-full'],
  },
]

/** A copy of the sources with one change. */
function mutated({ file, edits }: Mutation): string {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'samsa-mutation-'))
  for (const part of ['src', 'test/sim', 'test/support', 'package.json']) {
    fs.cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true })
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'))
  const target = path.join(copy, file)
  let text = fs.readFileSync(target, 'utf8')
  for (const [find, replace] of edits) {
    assert.ok(text.includes(find), `${file} no longer has '${find}': mend the mutation`)
    text = text.replaceAll(find, replace)
  }
  fs.writeFileSync(target, text)
  return copy
}

for (const mutation of MUTATIONS) {
  test(`the checkers find it when ${mutation.name}`, () => {
    const copy = mutated(mutation)
    try {
      const args = ['test/sim/run.ts', '--runs', String(SEEDS), '--bail', ...(mutation.flags ?? [])]
      const run = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' })
      assert.equal(run.status, 1, run.stdout + run.stderr)
      assert.match(run.stdout, /\bI\d+: /, run.stdout + run.stderr)
    } finally {
      fs.rmSync(copy, { recursive: true, force: true })
    }
  })
}
