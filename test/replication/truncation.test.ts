import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EpochEnd } from '../../src/replication/replica-log.ts'
import { truncationTarget } from '../../src/replication/truncation.ts'

test('a leader that knows nothing sends the follower back to its high watermark', () => {
  const leaderEnd = { epoch: -1, endOffset: -1 }
  const localEnd = { epoch: 3, endOffset: 20 }
  assert.equal(truncationTarget({ leaderEnd, localEnd, logEndOffset: 20, highWatermark: 12 }), 12)
})

test('an epoch that both have is cut where the shorter one ends', () => {
  const rest = { logEndOffset: 20, highWatermark: 0 }
  const cut = (local: number, leader: number) =>
    truncationTarget({
      localEnd: { epoch: 2, endOffset: local },
      leaderEnd: { epoch: 2, endOffset: leader },
      ...rest,
    })
  assert.equal(cut(15, 12), 12)
  assert.equal(cut(12, 15), 12)
  assert.equal(cut(25, 30), 20)
})

test('an epoch that the follower lacks is searched for further down', () => {
  const target = truncationTarget({
    leaderEnd: { epoch: 1, endOffset: 12 },
    localEnd: { epoch: 0, endOffset: 10 },
    logEndOffset: 20,
    highWatermark: 0,
  })
  assert.equal(target, 10)
})

/** A history of one epoch after another, as the epoch of each offset. */
type History = readonly number[]

function endOf(history: History, requested: number): EpochEnd {
  const latest = history.at(-1)
  if (latest === undefined || requested > latest) return { epoch: -1, endOffset: -1 }
  const below = history.filter((epoch) => epoch <= requested)
  const epoch = below.at(-1)
  if (epoch === undefined) return { epoch: requested, endOffset: 0 }
  return { epoch, endOffset: below.length }
}

test('RE6: any two logs that share a prefix converge on it, and lose nothing that they share', () => {
  const lengths = fc.array(fc.nat(4), { minLength: 1, maxLength: 7 })
  fc.assert(
    fc.property(lengths, fc.array(fc.boolean(), { maxLength: 7 }), fc.nat(20), (all, mine, cut) => {
      // Epochs are led by either side; each side has its own after the common prefix.
      const epochs = all.flatMap((length, epoch) => Array(length).fill(epoch) as number[])
      const shared = epochs.slice(0, cut)
      const next = (shared.at(-1) ?? -1) + 1
      const tailOf = (isMine: boolean) =>
        epochs.slice(cut).filter((epoch) => epoch >= next && (mine[epoch] ?? false) === isMine)
      const leader = [...shared, ...tailOf(false), 99]
      let follower = [...shared, ...tailOf(true)]
      for (let round = 0; ; round++) {
        assert.ok(round < 10, 'the search does not end')
        const lastFetchedEpoch = follower.at(-1)
        if (lastFetchedEpoch === undefined) break
        const leaderEnd = endOf(leader, lastFetchedEpoch)
        const diverges = leaderEnd.epoch < lastFetchedEpoch || leaderEnd.endOffset < follower.length
        if (!diverges) break
        const target = truncationTarget({
          leaderEnd,
          localEnd: endOf(follower, leaderEnd.epoch),
          logEndOffset: follower.length,
          highWatermark: 0,
        })
        assert.ok(target <= follower.length)
        follower = follower.slice(0, target)
      }
      assert.deepEqual(follower, leader.slice(0, follower.length), 'a prefix of the leader')
      assert.ok(follower.length >= shared.length, 'what both had is still there')
    }),
  )
})
