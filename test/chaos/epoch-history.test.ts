import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  controllerEpochPath,
  controllerPath,
  encodeController,
  encodePartitionState,
  partitionStatePath,
} from '../../src/zk/znodes.ts'
import { checkHistory, type Sighting } from './epoch-history.ts'

const STATE = partitionStatePath('t', 0)

function sighting(path: string, data: string, zxid: number, version: number, czxid = 1): Sighting {
  return { atMs: zxid, path, data, version, czxid: BigInt(czxid), mzxid: BigInt(zxid) }
}

function state(
  zxid: number,
  version: number,
  fields: { leader: number; leaderEpoch: number; isr?: number[]; controllerEpoch?: number },
): Sighting {
  const { leader, leaderEpoch, isr = [1, 2, 3], controllerEpoch = 1 } = fields
  const data = { leader, leaderEpoch, isr, controllerEpoch, leaderRecoveryState: 0 }
  return sighting(STATE, String(encodePartitionState(data)), zxid, version)
}

function controller(brokerId: number, epoch: number, zxid: number): Sighting[] {
  return [
    sighting(controllerPath, String(encodeController(brokerId, 0)), zxid, 0, zxid),
    sighting(controllerEpochPath, String(epoch), zxid, epoch),
  ]
}

const violationsOf = (...sightings: Sighting[]) => checkHistory(sightings).violations
const notesOf = (...sightings: Sighting[]) => checkHistory(sightings).notes

test('a history as it should be has no violations and nothing to note', () => {
  const history = [
    ...controller(1, 1, 10),
    state(20, 0, { leader: 1, leaderEpoch: 0 }),
    state(30, 1, { leader: 1, leaderEpoch: 0, isr: [1, 2] }),
    // Read again after a reconnect.
    state(30, 1, { leader: 1, leaderEpoch: 0, isr: [1, 2] }),
    ...controller(2, 2, 40),
    state(50, 2, { leader: 2, leaderEpoch: 1, isr: [2], controllerEpoch: 2 }),
    { atMs: 55, path: controllerPath, data: null, version: 0, czxid: 0n, mzxid: 0n },
    ...controller(1, 3, 60),
    state(70, 3, { leader: -1, leaderEpoch: 2, isr: [2], controllerEpoch: 3 }),
  ]
  assert.deepEqual(checkHistory(history), { violations: [], notes: [], controllerEpoch: 3 })
})

test('a leader change without a new leader epoch is a violation', () => {
  const first = state(20, 0, { leader: 1, leaderEpoch: 4 })
  assert.deepEqual(violationsOf(first, state(30, 1, { leader: 2, leaderEpoch: 4 })), [
    `${STATE}: leader 1 of epoch 4, then leader 2 of the same epoch`,
  ])
  assert.deepEqual(violationsOf(first, state(30, 1, { leader: 1, leaderEpoch: 3 })), [
    `${STATE}: leader 1 of epoch 4, then back to epoch 3`,
  ])
})

test('a leader outside its isr is a violation', () => {
  assert.deepEqual(violationsOf(state(20, 0, { leader: 3, leaderEpoch: 1, isr: [1, 2] })), [
    `${STATE}: leader 3 of epoch 1 is not in isr 1,2`,
  ])
})

test('a state written by a controller of the past is a violation', () => {
  const found = violationsOf(
    state(20, 0, { leader: 1, leaderEpoch: 1, controllerEpoch: 5 }),
    state(30, 1, { leader: 1, leaderEpoch: 2, controllerEpoch: 4 }),
  )
  assert.deepEqual(found, [`${STATE}: written by controller epoch 5, then 4`])
})

test('versions that were not seen are noted, versions that go back are a violation', () => {
  const first = state(20, 3, { leader: 1, leaderEpoch: 1 })
  assert.deepEqual(notesOf(first, state(30, 6, { leader: 1, leaderEpoch: 1 })), [
    `${STATE}: 2 versions before 6 were not seen`,
  ])
  assert.deepEqual(violationsOf(first, state(30, 3, { leader: 1, leaderEpoch: 1 })), [
    `${STATE}: version 3, then 3`,
  ])
  assert.deepEqual(violationsOf(first, state(10, 4, { leader: 1, leaderEpoch: 1 })), [
    `${STATE}: mzxid went from 20 back to 10`,
  ])
})

test('a controller epoch that does not grow is a violation', () => {
  const found = violationsOf(...controller(1, 3, 10), ...controller(2, 3, 20))
  assert.ok(found.includes('controller epoch 3, then 3'))
  assert.ok(found.includes('controller 2 came with epoch 3, one before had 3'))
})

test('a controller whose epoch was overtaken before it was read is noted', () => {
  const [znode] = controller(1, 1, 10)
  assert.deepEqual(notesOf(znode!, ...controller(2, 2, 20)), [
    'the epoch of controller 1 (zxid 10) was not seen',
  ])
})

test('data that cannot be read is a violation', () => {
  assert.equal(violationsOf(sighting(STATE, '{', 10, 0)).length, 1)
  assert.equal(violationsOf(sighting(controllerEpochPath, 'x', 10, 0)).length, 1)
  assert.equal(violationsOf(sighting(controllerPath, '', 10, 0)).length, 1)
})
