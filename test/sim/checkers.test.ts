/** Each checker sees what it is there to see, and keeps quiet about what may be. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AckedRecords } from './checkers/acked-records.ts'
import { type Checker, type FinalState, Violation } from './checkers/checker.ts'
import { ControllerEpochs } from './checkers/controller-epochs.ts'
import { HighWatermark } from './checkers/high-watermark.ts'
import { IsrJoins } from './checkers/isr-joins.ts'
import { KnownEpochs } from './checkers/known-epochs.ts'
import { LeaderEpochs } from './checkers/leader-epochs.ts'
import { complaints, leftovers } from './checkers/liveness.ts'
import { metadataComplaints } from './checkers/metadata-agreement.ts'
import { OneOffsetOneValue } from './checkers/one-offset-one-value.ts'
import { ZnodeShapes } from './checkers/znode-shapes.ts'
import { ZnodeHistory } from './history.ts'
import type { FetchSeen } from './operations.ts'
import { SimProcess } from './sim-process.ts'
import { readTinyBatches, tinyBatch } from './tiny-batch.ts'
import { SimWorld } from './world.ts'

const AT = { topic: 't', partition: 0 }
const STATE = '/brokers/topics/t/partitions/0/state'

function violates(invariant: string, action: () => void): void {
  assert.throws(
    action,
    (error) => error instanceof Violation && error.message.startsWith(invariant),
  )
}

interface StateOptions {
  leader?: number
  leaderEpoch?: number
  isr?: number[]
  controllerEpoch?: number
}

/** Feeds znode changes to a checker as a server would. */
class Feeder {
  readonly history = new ZnodeHistory(() => 0)
  #zxid = 0n

  constructor(checker: Checker) {
    this.history.onChange((change) => checker.onZnodeChange?.(change))
  }

  put(path: string, data: string, sessionId = 1n): void {
    const isNew = this.history.data(path) === undefined
    const bytes = Buffer.from(data)
    this.#zxid += 1n
    const change = isNew
      ? ({ kind: 'create', path, data: bytes, acl: [], owner: 0n } as const)
      : ({ kind: 'set-data', path, data: bytes } as const)
    this.history.record({ zxid: this.#zxid, timeMs: 0, sessionId, change })
  }

  state(options: StateOptions, sessionId = 1n): void {
    const { leader = 0, leaderEpoch = 0, isr = [0, 1, 2], controllerEpoch = 1 } = options
    const state = {
      controller_epoch: controllerEpoch,
      leader,
      version: 1,
      leader_epoch: leaderEpoch,
    }
    this.put(STATE, JSON.stringify({ ...state, isr }), sessionId)
  }
}

function fetched(offsets: readonly [number, string][], more: Partial<FetchSeen> = {}): FetchSeen {
  return {
    ...AT,
    brokerId: 0,
    askedOffset: offsets[0]?.[0] ?? 0,
    highWatermark: 100,
    records: offsets.map(([offset, value]) => ({ offset, value, leaderEpoch: 0 })),
    ...more,
  }
}

function log(...records: [offset: number, value: string, epoch?: number][]): Buffer {
  return Buffer.concat(
    records.map(([offset, value, epoch = 0]) => {
      const batch = tinyBatch(value, 0)
      batch.writeBigInt64BE(BigInt(offset), 0)
      batch.writeInt32BE(epoch, 12)
      return batch
    }),
  )
}

function end(logs: readonly Buffer[]): FinalState {
  const served = new Map([['t-0', readTinyBatches(logs[0] ?? Buffer.alloc(0))]])
  return { partitions: [AT], served, logs: new Map([['t-0', new Map(logs.entries())]]) }
}

test('tiny batches are read as they were made', () => {
  const bytes = log([5, 'five', 1], [6, 'six', 2])
  assert.deepEqual(readTinyBatches(bytes), [
    { offset: 5, leaderEpoch: 1, value: 'five' },
    { offset: 6, leaderEpoch: 2, value: 'six' },
  ])
  assert.equal(readTinyBatches(bytes.subarray(0, bytes.length - 1)).length, 1)
})

test('I1: an acknowledged record that is not there any more', () => {
  const checker = new AckedRecords()
  checker.onAck({ ...AT, offset: 0, value: 'a' })
  checker.onAck({ ...AT, offset: 1, value: 'b' })
  checker.atEnd(end([log([0, 'a'], [1, 'b'])]))
  violates('I1', () => checker.atEnd(end([log([0, 'a'])])))
  violates('I1', () => checker.atEnd(end([log([0, 'a'], [1, 'x'])])))
  violates('I1', () => checker.onAck({ ...AT, offset: 1, value: 'c' }))
})

test('I1: a consumer that gets past an acknowledged record without seeing it', () => {
  const checker = new AckedRecords()
  checker.onAck({ ...AT, offset: 1, value: 'b' })
  checker.onFetch(fetched([[0, 'a']]))
  violates('I1', () =>
    checker.onFetch(
      fetched([
        [0, 'a'],
        [2, 'c'],
      ]),
    ),
  )
})

test('I3: two values at one offset, whoever sees them', () => {
  const checker = new OneOffsetOneValue()
  checker.onAck({ ...AT, offset: 0, value: 'a' })
  checker.onFetch(fetched([[0, 'a']]))
  checker.atEnd(end([log([0, 'a']), log([0, 'a'])]))
  violates('I3', () => checker.atEnd(end([log([0, 'a']), log([0, 'a'], [1, 'b'])])))
  violates('I3', () => checker.atEnd(end([log([0, 'b']), log([0, 'b'])])))
  violates('I3', () => checker.onFetch(fetched([[0, 'x']])))
})

test('I5: a record from the high watermark on', () => {
  const checker = new HighWatermark()
  checker.onFetch(fetched([[4, 'a']], { highWatermark: 5 }))
  violates('I5', () => checker.onFetch(fetched([[5, 'a']], { highWatermark: 5 })))
})

test('I5: a record that was read and has disappeared', () => {
  const checker = new HighWatermark()
  checker.onFetch(fetched([[0, 'a']]))
  violates('I5', () => checker.atEnd(end([log()])))
})

test('I5: a high watermark that goes back within an epoch, but not across one', () => {
  const checker = new HighWatermark()
  const feeder = new Feeder(checker)
  const tell = (highWatermark: number) => checker.onFetch(fetched([], { highWatermark }))
  feeder.state({ leaderEpoch: 1 })
  tell(1)
  tell(10)
  feeder.state({ leaderEpoch: 2 })
  tell(10)
  tell(8)
  tell(9)
  violates('I5', () => tell(8))
})

test('I6: epochs that go back, or a new leader without a new one', () => {
  const feeder = new Feeder(new LeaderEpochs())
  feeder.state({ leaderEpoch: 1 })
  feeder.state({ leaderEpoch: 1, isr: [0, 1] })
  feeder.state({ leader: 1, leaderEpoch: 2 })
  violates('I6', () => feeder.state({ leader: 2, leaderEpoch: 2 }))
  violates('I6', () => feeder.state({ leader: 1, leaderEpoch: 1 }))
})

test('I6: a log whose epochs go back, or with a gap, or of an unknown epoch', () => {
  const checker = new LeaderEpochs()
  new Feeder(checker).state({ leaderEpoch: 2 })
  checker.atEnd(end([log([0, 'a', 0], [1, 'b', 2])]))
  violates('I6', () => checker.atEnd(end([log([0, 'a', 1], [1, 'b', 0])])))
  violates('I6', () => checker.atEnd(end([log([0, 'a'], [2, 'b'])])))
  violates('I6', () => checker.atEnd(end([log([0, 'a', 3])])))
})

test('I7: controller epochs that skip, and states that the controller in office did not write', () => {
  const feeder = new Feeder(new ControllerEpochs())
  feeder.put('/controller_epoch', '1', 6n)
  feeder.put('/controller_epoch', '2', 7n)
  violates('I7', () => feeder.put('/controller_epoch', '4', 8n))
  feeder.state({ controllerEpoch: 2 }, 7n)
  violates('I7', () => feeder.state({ controllerEpoch: 2 }, 8n))
  violates('I7', () => feeder.state({ controllerEpoch: 1 }, 7n))
  violates('I7', () => feeder.state({ controllerEpoch: 3 }, 7n))
})

test('I7: a broker that obeys an older controller than it did before', () => {
  const checker = new KnownEpochs()
  const world = new SimWorld()
  const take = (broker: SimProcess, controllerEpoch: number) =>
    checker.onControlTaken({ name: 'StopReplica', broker, controllerId: 1, controllerEpoch })
  const broker = new SimProcess(world, 'broker-0')
  take(broker, 4)
  take(broker, 5)
  take(broker, 5)
  violates('I7', () => take(broker, 4))
  // In another life it knows nothing.
  take(new SimProcess(world, 'broker-0'), 4)
})

test('I6: a follower that fetches in an older leader epoch than before', () => {
  const checker = new KnownEpochs()
  const follower = new SimProcess(new SimWorld(), 'broker-0')
  const fetch = (partition: number, leaderEpoch: number) =>
    checker.onFollowerFetch({ follower, topic: 't', partition, leaderEpoch })
  fetch(0, 3)
  fetch(1, 2)
  fetch(0, 4)
  violates('I6', () => fetch(0, 3))
})

test('I1: a follower that joins the ISR without all that is committed', () => {
  const logs = new Map([
    [1, log([0, 'a'], [1, 'b'])],
    [2, log([0, 'a'], [1, 'x'])],
  ])
  const joinTo = (isr: number[], before: (checker: IsrJoins) => void) => {
    const checker = new IsrJoins((id) => logs.get(id) ?? Buffer.alloc(0))
    const feeder = new Feeder(checker)
    feeder.state({ isr: [0] })
    before(checker)
    feeder.state({ isr })
  }
  const acked = (checker: IsrJoins) => checker.onAck({ ...AT, offset: 1, value: 'b' })
  const told = (highWatermark: number) => (checker: IsrJoins) =>
    checker.onFetch(fetched([], { highWatermark }))
  joinTo([0, 1], acked)
  joinTo([0, 1], told(2))
  violates('I1', () => joinTo([0, 1], told(3)))
  violates('I1', () => joinTo([0, 1, 2], acked))
  violates('I1', () => joinTo([0, 3], acked))
})

test('I8: states that cannot be', () => {
  const shapes: [StateOptions, boolean][] = [
    [{ isr: [0, 1, 2] }, true],
    [{ leader: -1, isr: [1] }, true],
    [{ leader: 2, isr: [0, 1] }, false],
    [{ isr: [] }, false],
    [{ leader: -1, isr: [] }, false],
    [{ isr: [0, 0] }, false],
    [{ isr: [0, 3] }, false],
    [{ leaderEpoch: 1.5 }, false],
  ]
  for (const [state, isGood] of shapes) {
    const feeder = new Feeder(new ZnodeShapes())
    feeder.put('/brokers/topics/t', '{"partitions":{"0":[0,1,2]}}')
    if (isGood) feeder.state(state)
    else violates('I8', () => feeder.state(state))
  }
})

test('I8: a state that is written again', () => {
  const feeder = new Feeder(new ZnodeShapes())
  feeder.put('/brokers/topics/t', '{"partitions":{"0":[0,1,2]}}')
  feeder.state({ leaderEpoch: 1 })
  feeder.state({ leaderEpoch: 2 })
  violates('I8', () => feeder.state({ leaderEpoch: 2 }))
})

test('I10: what is still wrong is named', () => {
  const feeder = new Feeder({})
  const look = () => complaints(feeder.history, ['t'], [0, 1]).join('; ')
  assert.equal(
    look(),
    'broker 0 not registered; broker 1 not registered; no controller; t does not exist',
  )
  for (const path of ['/brokers/ids/0', '/brokers/ids/1', '/controller']) feeder.put(path, '{}')
  feeder.put('/brokers/topics/t', '{"partitions":{"0":[0,1]}}')
  feeder.state({ leader: -1, isr: [0] })
  assert.equal(look(), 't-0 has no leader; t-0: 1 not in ISR [0]')
  feeder.state({ leader: 0, isr: [1, 0] })
  assert.equal(look(), '')
  feeder.put('/brokers/topics/t', '{"partitions":{"0":[0,1]},"adding_replicas":{"0":[1]}}')
  assert.equal(look(), 't is still being reassigned')
  feeder.put('/admin/delete_topics/t', '')
  feeder.put('/admin/reassign_partitions', '')
  assert.ok(look().endsWith('t is still to be deleted; a reassignment is still asked for'))
  assert.deepEqual(leftovers(feeder.history, ['u']), ['t is still there'])
})

test('I10: a broker that tells its clients something else than ZooKeeper', () => {
  const feeder = new Feeder({})
  feeder.put('/brokers/ids/0', '{}')
  feeder.put('/controller', '{"brokerid":0}')
  feeder.put('/brokers/topics/t', '{"partitions":{"0":[0,1]}}')
  feeder.state({ leader: 0, leaderEpoch: 3, isr: [1, 0] })
  const partition = { partitionIndex: 0, leaderId: 0, leaderEpoch: 3, isrNodes: [0, 1] }
  const look = (change: object, brokers = [{ nodeId: 0 }]) => {
    const topics = [{ name: 't', partitions: [{ ...partition, ...change }] }]
    return metadataComplaints(feeder.history, 7, { brokers, controllerId: 0, topics })
  }
  assert.deepEqual(look({}), [])
  assert.deepEqual(look({ leaderEpoch: 2 }), ['broker 7 tells leader epoch of t-0 2, it is 3'])
  assert.deepEqual(look({ isrNodes: [0] }), ['broker 7 tells ISR of t-0 0, it is 0,1'])
  assert.deepEqual(look({}, []), ['broker 7 tells brokers , it is 0'])
  feeder.put('/brokers/topics/u', '{"partitions":{"0":[0,1]}}')
  assert.deepEqual(look({}), ['broker 7 tells topics t, it is t,u'])
})
