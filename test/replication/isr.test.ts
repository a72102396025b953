import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FollowerProgress } from '../../src/replication/follower-progress.ts'
import {
  computeHighWatermark,
  followerHighWatermark,
} from '../../src/replication/high-watermark.ts'
import {
  effectiveMinIsr,
  type IsrState,
  laggingMembers,
  maximalIsr,
  mayJoinIsr,
  proposedIsr,
} from '../../src/replication/isr.ts'

const LAG_MS = 30_000

function follower(brokerId: number, logEndOffset: number): FollowerProgress {
  const progress = new FollowerProgress(brokerId)
  progress.logEndOffset = logEndOffset
  return progress
}

test('the high watermark is the lowest end among those it waits for, by sorting', () => {
  const replica = fc.record({
    end: fc.integer({ min: -1, max: 12 }),
    isInIsr: fc.boolean(),
    canJoin: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(replica, { maxLength: 6 }), fc.nat(12), (replicas, leaderEnd) => {
      const followers = replicas.map(({ end }, at) => follower(at + 2, end))
      const isr = [1, ...replicas.flatMap(({ isInIsr }, at) => (isInIsr ? [at + 2] : []))]
      const canJoin = ({ brokerId }: FollowerProgress) => replicas[brokerId - 2]!.canJoin
      const [lowest] = [
        leaderEnd,
        ...replicas.filter((each) => each.isInIsr || each.canJoin).map(({ end }) => end),
      ].sort((a, b) => a - b)
      assert.equal(computeHighWatermark(leaderEnd, followers, isr, canJoin), lowest)
    }),
  )
})

test('a follower takes the high watermark of its leader as far as its own log reaches', () => {
  assert.equal(followerHighWatermark(7, 0, 10), 7)
  assert.equal(followerHighWatermark(7, 0, 5), 5)
  assert.equal(followerHighWatermark(7, 8, 10), 8)
})

test('while it expands the maximal ISR has the newcomer, while it shrinks the leaver', () => {
  const expanding: IsrState = { kind: 'pending-expand', isr: [1, 2], joining: 3 }
  const shrinking: IsrState = { kind: 'pending-shrink', isr: [1, 2, 3], leaving: [2] }
  assert.deepEqual(maximalIsr(expanding), [1, 2, 3])
  assert.deepEqual(proposedIsr(expanding), [1, 2, 3])
  assert.deepEqual(maximalIsr(shrinking), [1, 2, 3])
  assert.deepEqual(proposedIsr(shrinking), [1, 3])
  assert.deepEqual(maximalIsr({ kind: 'committed', isr: [1] }), [1])
})

test('RE24: a min.insync.replicas above the replication factor counts as that', () => {
  assert.equal(effectiveMinIsr(3, 2), 2)
  assert.equal(effectiveMinIsr(1, 2), 1)
})

test('a follower may join at the high watermark and the start of the epoch', () => {
  assert.equal(mayJoinIsr(10, 10, 8), true)
  assert.equal(mayJoinIsr(9, 10, 8), false)
  assert.equal(mayJoinIsr(10, 8, 11), false)
})

test('only members of the ISR that are behind for too long are lagging', () => {
  const late = follower(2, 5)
  late.recordFetch(5, 0, 10, 0)
  const outsider = follower(3, 5)
  const equal = follower(4, 10)
  const found = laggingMembers([1, 2, 4], [late, outsider, equal], 10, 1, LAG_MS)
  assert.deepEqual(found, [2])
})

test('RE8: a follower that is always a little behind stays caught up', () => {
  const progress = new FollowerProgress(2)
  let leaderEnd = 0
  for (let nowMs = 0; nowMs < 200_000; nowMs += 1_000) {
    // It has what the leader had at its fetch before, never more.
    progress.recordFetch(Math.max(0, leaderEnd - 10), 0, leaderEnd, nowMs)
    assert.ok(progress.isCaughtUp(leaderEnd, nowMs, 1_000), `at ${nowMs}`)
    leaderEnd += 10
  }
})

test('a follower that stops is caught up for as long as the lag allows, then no more', () => {
  const progress = new FollowerProgress(2)
  progress.recordFetch(10, 0, 10, 1_000)
  assert.ok(progress.isCaughtUp(11, 1_000 + LAG_MS, LAG_MS))
  assert.ok(!progress.isCaughtUp(11, 1_001 + LAG_MS, LAG_MS))
  assert.ok(progress.isCaughtUp(10, 1_000_000, LAG_MS), 'the log did not grow')
})

test('caught up means: a model of all fetches agrees', () => {
  const step = fc.record({
    grows: fc.nat(3),
    reads: fc.nat(3),
    waitMs: fc.integer({ min: 1, max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      const progress = new FollowerProgress(2)
      const fetches: { atMs: number; offset: number; leaderEnd: number }[] = []
      let nowMs = 0
      let leaderEnd = 0
      let offset = 0
      for (const { grows, reads, waitMs } of steps) {
        nowMs += waitMs
        leaderEnd += grows
        offset = Math.min(leaderEnd, offset + reads)
        progress.recordFetch(offset, 0, leaderEnd, nowMs)
        fetches.push({ atMs: nowMs, offset, leaderEnd })
        const caughtUpAt = fetches.map((fetch, at) => {
          if (fetch.offset >= fetch.leaderEnd) return fetch.atMs
          const before = fetches[at - 1]
          if (before === undefined) return fetch.offset >= -1 ? Number.NEGATIVE_INFINITY : -1
          return fetch.offset >= before.leaderEnd ? before.atMs : Number.NEGATIVE_INFINITY
        })
        assert.equal(progress.lastCaughtUpMs, Math.max(...caughtUpAt))
      }
    }),
  )
})

test('a new leader gives members of the ISR the benefit of the doubt', () => {
  const progress = new FollowerProgress(2)
  progress.recordFetch(10, 0, 10, 0)
  progress.isInIsr = true
  progress.resetForNewLeader(500)
  assert.equal(progress.logEndOffset, -1)
  assert.ok(progress.isCaughtUp(20, 500 + LAG_MS, LAG_MS))
  progress.isInIsr = false
  progress.resetForNewLeader(500)
  assert.ok(!progress.isCaughtUp(20, 500, LAG_MS))
})

test('a session that its follower has left behind does not turn its progress back', () => {
  const progress = new FollowerProgress(2)
  progress.recordFetch(10, 0, 10, 100)
  progress.recordFetch(20, 0, 20, 200)
  progress.recordStillCaughtUp(10, 900)
  assert.equal(progress.logEndOffset, 20)
  assert.equal(progress.lastCaughtUpMs, 200)
  progress.recordStillCaughtUp(20, 900)
  assert.equal(progress.lastCaughtUpMs, 900)
})
