import assert from 'node:assert/strict'
import test from 'node:test'
import { StateWatcher } from '../../src/cluster/state-watcher.ts'
import { ZkError, type ZkOperations } from '../../src/zk/zk-client.ts'
import { encodePartitionState, partitionStatePath } from '../../src/zk/znodes.ts'
import { ZkSessionBench } from '../support/zk-session-bench.ts'

function state(leader: number, leaderEpoch = 0): Buffer {
  const rest = { controllerEpoch: 1, isr: [leader], leaderRecoveryState: 0 }
  return encodePartitionState({ leader, leaderEpoch, ...rest })
}

async function open() {
  const t = await ZkSessionBench.start()
  const seen: string[] = []
  const watcher = new StateWatcher(
    t.session,
    t.clock,
    t.loggers.get('watcher'),
    ({ topic, partition }, { leader, leaderEpoch }, zkVersion) =>
      seen.push(`${topic}-${partition} leader ${leader} epoch ${leaderEpoch} version ${zkVersion}`),
  )
  t.session.onNewSession(async () => watcher.onNewSession())
  await t.make('/brokers', '/brokers/topics', '/brokers/topics/t', '/brokers/topics/t/partitions')
  const make = async (partition: number, data: Buffer) => {
    await t.make(`/brokers/topics/t/partitions/${partition}`)
    await t.others.create(partitionStatePath('t', partition), data, 'persistent')
  }
  const set = async (partition: number, data: Buffer) => {
    await t.others.set(partitionStatePath('t', partition), data, -1)
    await t.settle()
  }
  return { t, watcher, seen, make, set }
}

const T0 = { topic: 't', partition: 0 }

test('each change of a hosted partition is read and handed over', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, state(1))
  watcher.watch(T0)
  watcher.watch(T0)
  await t.settle()
  await set(0, state(2, 1))
  await set(0, state(3, 2))
  assert.deepEqual(seen, [
    't-0 leader 1 epoch 0 version 0',
    't-0 leader 2 epoch 1 version 1',
    't-0 leader 3 epoch 2 version 2',
  ])
})

test('a partition that is no longer hosted is of no interest, until it is again', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, state(1))
  watcher.watch(T0)
  await t.settle()
  watcher.unwatch(T0)
  await set(0, state(2, 1))
  assert.equal(seen.length, 1)
  watcher.watch(T0)
  await t.settle()
  await set(0, state(3, 2))
  assert.deepEqual(seen.slice(1), [
    't-0 leader 2 epoch 1 version 1',
    't-0 leader 3 epoch 2 version 2',
  ])
})

test('what changed while the connection was down is seen after it', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, state(1))
  watcher.watch(T0)
  await t.settle()
  t.own.cutOff()
  await set(0, state(2, 1))
  await set(0, state(3, 2))
  t.own.allowConnect()
  await t.settle()
  assert.deepEqual(seen.slice(1), ['t-0 leader 3 epoch 2 version 2'])
})

test('a new session reads everything again and watches again', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, state(1))
  await make(1, state(1))
  watcher.watch(T0)
  watcher.watch({ topic: 't', partition: 1 })
  await t.settle()
  seen.length = 0
  await t.expire()
  await t.settle()
  assert.deepEqual(seen.sort(), [
    't-0 leader 1 epoch 0 version 0',
    't-1 leader 1 epoch 0 version 0',
  ])
  await set(1, state(2, 1))
  assert.equal(seen.at(-1), 't-1 leader 2 epoch 1 version 1')
})

test('garbage is logged and skipped; the next good state gets through', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, Buffer.from('garbage'))
  watcher.watch(T0)
  await t.settle()
  assert.equal(t.linesAt('ERROR').length, 1)
  await set(0, state(2, 1))
  assert.deepEqual(seen, ['t-0 leader 2 epoch 1 version 1'])
})

test('a state that is missing or deleted is quiet', async () => {
  const { t, watcher, seen, make } = await open()
  watcher.watch({ topic: 't', partition: 7 })
  await make(0, state(1))
  watcher.watch(T0)
  await t.settle()
  await t.others.delete(partitionStatePath('t', 0), -1)
  await t.settle()
  assert.equal(seen.length, 1)
  assert.deepEqual([...t.linesAt('ERROR'), ...t.linesAt('WARN')], [])
})

test('thousands of partitions are read a few at a time, none is forgotten', async () => {
  const { t } = await open()
  let reading = 0
  let most = 0
  const finish: (() => void)[] = []
  const zk = {
    get: () => {
      reading += 1
      most = Math.max(most, reading)
      return new Promise((resolve) =>
        finish.push(() => {
          reading -= 1
          resolve({ data: state(1), stat: { version: 0 } })
        }),
      )
    },
  } as unknown as ZkOperations
  let seen = 0
  const watcher = new StateWatcher(zk, t.clock, t.loggers.get('watcher'), () => {
    seen += 1
  })
  for (let partition = 0; partition < 2_000; partition++) watcher.watch({ topic: 't', partition })
  while (seen < 2_000) {
    assert.ok(finish.length > 0)
    for (const done of finish.splice(0)) done()
    await t.settle()
  }
  assert.equal(most, 8)
})

test('a read that fails is tried again a second later', async () => {
  const { t } = await open()
  const results = [new ZkError('SYSTEM_ERROR', '/'), null]
  let reads = 0
  const zk = {
    get: async () => {
      reads += 1
      const error = results.shift()
      if (error != null) throw error
      return { data: state(1), stat: { version: 0 } }
    },
  } as unknown as ZkOperations
  let seen = 0
  const watcher = new StateWatcher(zk, t.clock, t.loggers.get('watcher'), () => {
    seen += 1
  })
  watcher.watch(T0)
  await t.clock.advanceAsync(999)
  assert.deepEqual([reads, seen], [1, 0])
  await t.clock.advanceAsync(1)
  assert.deepEqual([reads, seen], [2, 1])
  assert.equal(t.linesAt('WARN').length, 1)
})

test('a stopped watcher is silent', async () => {
  const { t, watcher, seen, make, set } = await open()
  await make(0, state(1))
  watcher.watch(T0)
  watcher.stop()
  await t.settle()
  await set(0, state(2, 1))
  watcher.watch(T0)
  await t.settle()
  assert.deepEqual(seen, [])
})
