import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../src/protocol/error-codes.ts'
import { ReplicaCluster } from '../support/replica-cluster.ts'

/** A produce that is certain to be answered with success. */
async function produce(t: ReplicaCluster, leader: number, values: string[], acks = -1) {
  const produced = t.broker(leader).produce('orders', values, { acks })
  await t.settle()
  if (acks === -1) assert.equal(produced.answer.errorCode, ErrorCode.NONE)
}

/** The same bytes everywhere, up to the end of the log. */
async function assertSameLogs(t: ReplicaCluster, ids: readonly number[]): Promise<void> {
  const first = await t.broker(ids[0]!).bytes('orders')
  for (const id of ids) assert.deepEqual(await t.broker(id).bytes('orders'), first, `broker ${id}`)
}

test('KIP-101, lost truncation: a follower that restarts keeps what its high watermark lags behind', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['m0'])
  await produce(t, 1, ['m1'])
  await t.crash(2)
  await t.restart(2)
  assert.ok(t.broker(2).logs.get({ topic: 'orders', partition: 0 })!.highWatermark < 2)
  await t.crash(1)
  await t.elect('orders', 2, [2])
  assert.deepEqual(await t.broker(2).values('orders'), ['m0', 'm1'])
  assert.equal(t.broker(2).log('orders').highWatermark, 2)
  t.stop()
})

test('KIP-101, divergence: what the old leader alone had is cut off before it follows', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['m0'])
  await t.disconnect(1, 2)
  await produce(t, 1, ['m1'], 1)
  await t.crash(1)
  await t.elect('orders', 2, [2])
  await produce(t, 2, ["m1'"])
  t.reconnect(1, 2)
  await t.restart(1)
  t.tell('orders', [1])
  await t.advance(1_500)
  assert.deepEqual(await t.broker(1).values('orders'), ['m0', "m1'"])
  await assertSameLogs(t, [1, 2])
  assert.deepEqual(t.topic('orders').isr, [2, 1])
  assert.equal(t.broker(1).lines('truncating from 2 to 1').length, 1)
  t.stop()
})

test('KIP-279: several leaders in a row that the follower has missed', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3])
  // Epoch 0: eight records that all have, two that only 3 gets.
  await produce(t, 1, ['0', '1', '2', '3'])
  await produce(t, 1, ['4', '5', '6', '7'])
  await t.disconnect(1, 2)
  await produce(t, 1, ['8', '9'], 1)
  await t.settle()
  await t.advance(600)
  for (const [a, b] of [
    [1, 3],
    [2, 3],
  ] as const)
    await t.disconnect(a, b)
  // Epoch 1 is led by 2, epoch 2 by 3: neither hears of the other.
  await t.elect('orders', 2, [2], [2])
  await produce(t, 2, ['a', 'b', 'c', 'd'], 1)
  await t.elect('orders', 3, [3], [3])
  await produce(t, 3, ['x', 'y'], 1)
  await t.elect('orders', 2, [2], [2])
  await produce(t, 2, ['e'], 1)
  assert.equal(t.broker(3).log('orders').logEndOffset, 12)
  for (const [a, b] of [
    [1, 2],
    [1, 3],
    [2, 3],
  ] as const)
    t.reconnect(a, b)
  await t.crash(1)
  t.tell('orders', [3])
  await t.advance(3_000)
  const expected = ['0', '1', '2', '3', '4', '5', '6', '7', 'a', 'b', 'c', 'd', 'e']
  assert.deepEqual(await t.broker(3).values('orders'), expected)
  await assertSameLogs(t, [2, 3])
  const cuts = t.broker(3).lines('truncating from')
  assert.ok(cuts.length <= 2, cuts.join('\n'))
  t.stop()
})

test('RE1: a clean election with a longer follower, whose tail nobody has acknowledged', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3])
  await produce(t, 1, ['a'])
  await t.disconnect(1, 2)
  await produce(t, 1, ['tail'], 1)
  assert.deepEqual(await t.broker(3).values('orders'), ['a', 'tail'])
  await t.crash(1)
  await t.elect('orders', 2, [2, 3])
  await t.settle()
  const produced = t.broker(2).produce('orders', ['b'])
  await t.advance(1_500)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  assert.deepEqual(await t.broker(3).values('orders'), ['a', 'b'])
  await assertSameLogs(t, [2, 3])
  t.stop()
})

test('RE2: after an unclean election the old leader cuts below its high watermark, with a warning', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await t.crash(2)
  t.topic('orders').isr = [1]
  await t.elect('orders', 1, [1])
  await produce(t, 1, ['b', 'c'])
  assert.equal(t.broker(1).log('orders').highWatermark, 3)
  await t.crash(1)
  await t.restart(2)
  await t.elect('orders', 2, [2])
  await produce(t, 2, ['d'])
  await t.restart(1)
  // What it had checkpointed before the crash is not at stake here: its log goes beyond.
  t.broker(1).logs.get({ topic: 'orders', partition: 0 })!.setHighWatermark(3)
  t.tell('orders', [1])
  await t.advance(1_500)
  assert.deepEqual(await t.broker(1).values('orders'), ['a', 'd'])
  assert.ok(t.broker(1).log('orders').highWatermark <= 2)
  assert.equal(t.broker(1).lines('below the high watermark 3').length, 1)
  t.stop()
})

test('RE3: a follower without epochs goes back to its high watermark first', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await produce(t, 1, ['b'])
  const partition = t.broker(2).replicas.partition('orders', 0)!
  const cuts: number[] = []
  const { log } = partition
  partition.log = new Proxy(log!, {
    get: (target, name) => {
      if (name === 'latestEpoch') return -1
      if (name === 'truncateTo') return (offset: number) => cuts.push(offset)
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const highWatermark = log!.highWatermark
  await t.elect('orders', 1, [1, 2])
  assert.deepEqual(cuts, [highWatermark])
  t.stop()
})

test('RE4: a follower that is older than the log of its leader starts at the log start', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await t.crash(2)
  await t.elect('orders', 1, [1])
  await produce(t, 1, ['b'])
  await produce(t, 1, ['c'])
  t.broker(1).replicas.partition('orders', 0)!.advanceLogStart(2)
  await t.restart(2)
  t.tell('orders', [2])
  await t.advance(1_500)
  assert.equal(t.broker(2).log('orders').logStartOffset, 2)
  assert.deepEqual(await t.broker(2).values('orders'), ['c'])
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('ST24: a new follower of a log that starts inside a batch gets the whole batch', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.disconnect(1, 2)
  await t.createTopic('orders', [1, 2], {}, [1])
  await produce(t, 1, ['a', 'b', 'c'])
  t.broker(1).replicas.partition('orders', 0)!.advanceLogStart(1)
  t.reconnect(1, 2)
  await t.advance(2_500)
  const log = t.broker(2).log('orders')
  assert.equal(log.logEndOffset, 3)
  assert.equal(log.logStartOffset, 1)
  assert.deepEqual(t.topic('orders').isr, [1, 2])
  t.stop()
})

test('RE5: a leader with a shorter log and unknown epochs makes the follower shorter too', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await t.crash(1)
  await t.elect('orders', 2, [2])
  await produce(t, 2, ['b'])
  // 1 comes back as leader, uncleanly, and knows nothing of the epoch that 2 wrote in.
  await t.crash(2)
  await t.restart(1)
  await t.elect('orders', 1, [1])
  t.broker(1).log('orders').truncateFullyAndStartAt(0)
  await t.restart(2)
  t.tell('orders', [2])
  await t.advance(2_500)
  assert.deepEqual(await t.broker(2).values('orders'), [])
  await produce(t, 1, ['c'])
  await t.advance(600)
  assert.deepEqual(await t.broker(2).values('orders'), ['c'])
  t.stop()
})

test('RE13, FE14: a leader with an old high watermark says 78, serves nothing wrong, and recovers', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await produce(t, 1, ['b'])
  await t.crash(2)
  await t.crash(1)
  await t.restart(1)
  await t.elect('orders', 1, [1, 2], [1])
  const log = t.broker(1).log('orders')
  assert.ok(log.highWatermark < 2)
  assert.equal(log.logEndOffset, 2)
  const latest = () => t.broker(1).listOffsets('orders', -1)
  assert.equal((await latest()).errorCode, ErrorCode.OFFSET_NOT_AVAILABLE)
  assert.equal(
    (await t.broker(1).listOffsets('orders', -1, { version: 4 })).errorCode,
    ErrorCode.LEADER_NOT_AVAILABLE,
  )
  const read = t.broker(1).fetch('orders', 1)
  await t.settle()
  assert.equal(read.answer.errorCode, ErrorCode.NONE)
  assert.deepEqual(read.answer.records, [])
  await t.restart(2)
  t.tell('orders', [2])
  await t.advance(600)
  assert.equal(log.highWatermark, 2)
  assert.deepEqual(await latest(), { errorCode: 0, offset: 2, timestamp: -1, leaderEpoch: 1 })
  t.stop()
})

test('RE14: a consumer of a follower waits for the fetch after the next', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  assert.deepEqual(t.broker(1).fetch('orders', 0).answer.highWatermark, 1)
  const read = t.broker(2).fetch('orders', 0, { maxWaitMs: 2_000 })
  assert.equal(read.isDone, false)
  await t.advance(510)
  assert.equal(read.answer.highWatermark, 1)
  assert.notDeepEqual(read.answer.records, [])
  t.stop()
})

test('RE18: corrupt bytes in a response stop that partition only, which is tried again', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.createTopic('events', [1, 2])
  let corrupt = 2
  t.onFetchedBytes = (topic, records) => {
    if (topic !== 'orders' || corrupt === 0) return
    corrupt -= 1
    records[records.length - 1]! ^= 1
  }
  t.broker(1).produce('orders', ['a'])
  const other = t.broker(1).produce('events', ['b'])
  await t.settle()
  assert.equal(other.answer.errorCode, ErrorCode.NONE)
  assert.deepEqual(await t.broker(2).values('orders'), [])
  await t.advance(1_050)
  assert.deepEqual(await t.broker(2).values('orders'), [])
  await t.advance(1_050)
  assert.deepEqual(await t.broker(2).values('orders'), ['a'])
  assert.equal(t.broker(2).lines('corrupt records at offset 0, trying again').length, 2)
  t.stop()
})

test('a follower keeps the whole batches before a corrupt one and goes on behind them', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.disconnect(1, 2)
  t.broker(1).produce('orders', ['a'])
  const last = t.broker(1).produce('orders', ['b'])
  let isCorrupt = true
  t.onFetchedBytes = (_topic, records) => {
    if (records.length === 0 || !isCorrupt) return
    isCorrupt = false
    records[records.length - 1]! ^= 1
  }
  t.reconnect(1, 2)
  await t.advance(2_000)
  assert.equal(t.broker(2).lines('corrupt records at offset 1, trying again').length, 1)
  assert.deepEqual(t.broker(2).lines('marked as failed'), [])
  await t.advance(2_000)
  assert.equal(last.answer.errorCode, ErrorCode.NONE)
  assert.deepEqual(await t.broker(2).values('orders'), ['a', 'b'])
  t.stop()
})

test('RE19: an unexpected error marks one partition as failed until the next LeaderAndIsr', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.createTopic('events', [1, 2])
  const log = t.broker(2).log('orders')
  const { appendAsFollower } = log
  log.appendAsFollower = () => {
    throw new TypeError('a bug')
  }
  const stuck = t.broker(1).produce('orders', ['a'])
  const other = t.broker(1).produce('events', ['b'])
  await t.settle()
  assert.equal(other.answer.errorCode, ErrorCode.NONE)
  log.appendAsFollower = appendAsFollower
  await t.advance(20_000)
  assert.equal(stuck.isDone, false)
  assert.equal(t.broker(2).lines('orders-0: marked as failed').length, 1)
  await t.elect('orders', 1, [1, 2])
  await t.settle()
  assert.equal(stuck.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('RE21: an epoch that was led without writing anything is no divergence', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await produce(t, 1, ['a'])
  await t.elect('orders', 2, [1, 2])
  await t.elect('orders', 1, [1, 2])
  assert.equal(t.broker(2).log('orders').latestEpoch >= 0, true)
  const produced = t.broker(1).produce('orders', ['b'])
  await t.advance(600)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  for (const id of [1, 2]) assert.deepEqual(await t.broker(id).values('orders'), ['a', 'b'])
  await assertSameLogs(t, [1, 2])
  t.stop()
})

test('a follower that is added while a fetch waits at the leader does not wait with it', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.advance(600)
  await t.createTopic('events', [1, 2])
  const produced = t.broker(1).produce('events', ['a'])
  await t.settle()
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  await t.elect('orders', 1, [1, 2])
  const again = t.broker(1).produce('orders', ['b'])
  await t.settle()
  assert.equal(again.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a broken connection is made again after the back-off', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  await t.disconnect(1, 2)
  const produced = t.broker(1).produce('orders', ['a'])
  await t.advance(5_000)
  t.reconnect(1, 2)
  await t.advance(1_010)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('high watermarks survive a restart by their checkpoint, bounded by the log', async () => {
  const t = new ReplicaCluster([1])
  await t.createTopic('orders', [1])
  await produce(t, 1, ['a', 'b'])
  await t.advance(5_000)
  await produce(t, 1, ['c'])
  await t.crash(1)
  await t.restart(1)
  assert.equal(t.broker(1).logs.get({ topic: 'orders', partition: 0 })!.highWatermark, 2)
  t.stop()
})

test('a follower that is told before its leader asks again after a moment', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('busy', [1, 2])
  t.createTopicState('orders', [1, 2])
  t.tell('orders', [2], true)
  await t.settle()
  t.tell('orders', [1], true)
  const produced = t.broker(1).produce('orders', ['a'])
  await t.advance(60)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  t.stop()
})

test('a leader that is not there is asked less and less often', async () => {
  const t = new ReplicaCluster([1, 2])
  await t.createTopic('orders', [1, 2])
  t.broker(1).stopReplica('orders', { isDeleted: true })
  await t.advance(60_000)
  const tries = t.broker(2).lines('answers NOT_LEADER_OR_FOLLOWER at offset 0').length
  assert.ok(tries > 30 && tries < 80, `${tries} tries in a minute`)
  await t.disconnect(1, 2)
  await t.advance(60_000)
  const connects = t.broker(2).lines('Fetching from broker 1 failed').length
  assert.ok(connects > 30 && connects < 80, `${connects} connections in a minute`)
  t.stop()
})

test('a leader that missed a reign of another trusts nothing that it knew of its followers', async () => {
  const t = new ReplicaCluster([1, 2, 3])
  await t.createTopic('orders', [1, 2, 3], { minInsyncReplicas: 2 })
  await t.disconnect(1, 2)
  const produced = t.broker(1).produce('orders', ['a'])
  await t.settle()
  assert.deepEqual(await t.broker(3).values('orders'), ['a'])
  // Broker 1 hears nothing of this, and broker 3 cuts off what the new leader never had.
  await t.elect('orders', 2, [1, 2, 3], [2, 3])
  await t.advance(1_000)
  assert.deepEqual(await t.broker(3).values('orders'), [])
  await t.crash(2)
  t.setAlive(2, false)
  await t.elect('orders', 1, [1, 3], [1])
  assert.equal(produced.isDone, false)
  t.tell('orders', [3])
  await t.advance(1_000)
  assert.equal(produced.answer.errorCode, ErrorCode.NONE)
  assert.deepEqual(await t.broker(3).values('orders'), ['a'])
  t.stop()
})
