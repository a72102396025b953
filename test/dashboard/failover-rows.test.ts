/** On which line of time the page draws a failover, without a browser. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Failover,
  foldFailovers,
  type PhaseKind,
} from '../../src/dashboard/history/failovers.ts'
import {
  axisOf,
  type PhaseRow,
  rowsOf,
  shareOf,
  takeoverAxisOf,
} from '../../src/dashboard/public/failover-rows.ts'
import { threeBrokers } from '../support/event-script.ts'

/** Killed at 1000, replaced within 50 ms, back after `backMs`. */
function killed(backMs: number): Failover {
  const script = threeBrokers()
    .at(900)
    .writes('t', 0, 5, 995)
    .at(1_000)
    .fault('f1', 'kill', 1)
    .at(1_010)
    .remove('/brokers/ids/1')
    .at(1_030)
    .state('t-0', 2, 8, [2, 3], 5)
    .at(1_050)
    .writes('t', 0, 1, 1_050, 55)
    .at(1_000 + backMs)
    .broker(1)
    .at(1_020 + backMs)
    .state('t-0', 2, 8, [2, 3, 1], 5)
  return foldFailovers(script.events)[0]!
}

const endOf = ({ phases }: Failover, kind: PhaseKind): number =>
  phases.find((each) => each.kind === kind)!.endMs

test('a broker that is back after minutes takes no room from the first milliseconds', () => {
  const failover = killed(120_000)
  const axis = axisOf(failover, 200_000)
  const before = axisOf({ ...failover, phases: failover.phases.slice(0, 3) }, 200_000)
  assert.equal(before.breakAt, null)
  const widthOf = (line: typeof axis) => shareOf(line, 30) - shareOf(line, 10)
  assert.ok(widthOf(axis) > 0.7 * widthOf(before), `${widthOf(axis)} of ${widthOf(before)}`)
  const shares = (['first-write', 'registered-again', 'isr-full'] as const).map((kind) =>
    shareOf(axis, endOf(failover, kind)),
  )
  assert.ok(shares[0]! < axis.breakAt! && axis.breakAt! < shares[1]!, `${shares}`)
  assert.ok(shares[1]! < shares[2]!, `${shares}`)
  assert.equal(shares[2], 1)
})

test('what comes soon after is on the same scale', () => {
  const failover = killed(45)
  const axis = axisOf(failover, 200_000)
  assert.equal(axis.breakAt, null)
  assert.equal(shareOf(axis, endOf(failover, 'isr-full')), 1)
  assert.ok(Math.abs(shareOf(axis, 30) - 0.5) < 0.01)
})

test('every bar lies on the line and later ends lie further right, on the takeover alone too', () => {
  for (const backMs of [40, 55, 100, 1_000, 60_000]) {
    const failover = killed(backMs)
    const whole = axisOf(failover, 200_000)
    for (const axis of [whole, takeoverAxisOf(whole, 10)]) {
      const ends = failover.phases.map(({ endMs }) => shareOf(axis, endMs))
      assert.deepEqual(
        ends,
        ends.toSorted((a, b) => a - b),
      )
      assert.ok(ends[0]! > 0 && ends.at(-1)! <= 1, `${ends}`)
    }
  }
})

test('a gap that begins after the shown moment is not there yet', () => {
  const failover = killed(1_000)
  const gapAt = (untilMs: number): PhaseRow =>
    rowsOf(failover, untilMs, () => null).find(({ kind }) => kind === 'gap')!
  assert.deepEqual([gapAt(-6).startMs, gapAt(-6).endMs], [null, null])
  assert.deepEqual([gapAt(20).startMs, gapAt(20).endMs], [-5, 20])
  assert.deepEqual([gapAt(100).startMs, gapAt(100).endMs], [-5, 50])
})
