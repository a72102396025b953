import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChaosEngine, type UnnumberedFaultEvent } from '../../src/chaos/engine.ts'
import { FaultError, type FaultRequest } from '../../src/chaos/faults.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { FakeTarget } from '../support/fake-target.ts'

function setUp(kinds?: ConstructorParameters<typeof FakeTarget>[1]) {
  const clock = new FakeClock()
  const target = new FakeTarget(clock, kinds)
  const events: UnnumberedFaultEvent[] = []
  const engine = new ChaosEngine(target, clock, (event) => events.push(event))
  const startMs = clock.wallMs()
  const told = () =>
    events.map(({ atMs, id, fault, brokerId, phase }) => {
      return `${Math.round(atMs - startMs)} ${id} ${fault} ${brokerId ?? '-'} ${phase}`
    })
  const start = async (request: FaultRequest) => {
    const started = engine.start(request)
    started.catch(() => {})
    await clock.advanceAsync(0)
    return started
  }
  return { clock, target, events, engine, told, start }
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof FaultError, String(error))
    return `${error.reason}: ${error.message}`
  }
  return 'accepted'
}

test('a killed broker is started again after its time', async () => {
  const { clock, target, engine, told, start } = setUp()
  const fault = await start({ kind: 'kill', target: 2, forMs: 4_000 })
  assert.equal(fault.id, 'f1')
  assert.equal(fault.detail, 'SIGKILL to broker 2, started again after 4 s')
  assert.equal(engine.active.length, 1)
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 SIGKILL 2', '4000 start 2'])
  assert.deepEqual(told(), ['0 f1 kill 2 started', '4000 f1 kill 2 ended'])
  assert.deepEqual(engine.active, [])
})

test('a broker that is told to terminate is started when its time is over and it is out', async () => {
  const { clock, target, start } = setUp()
  target.shutdownMs = 3_000
  const started = start({ kind: 'terminate', target: 1, forMs: 2_000 })
  await clock.advanceAsync(200)
  await started
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 SIGTERM 1', '3000 start 1'])
})

test('a broker that does not end when told to is killed', async () => {
  const { clock, target, start } = setUp()
  target.shutdownMs = 100_000
  void start({ kind: 'terminate', target: 1, forMs: 2_000 })
  await clock.advanceAsync(40_000)
  assert.deepEqual(target.log, ['0 SIGTERM 1', '32000 SIGKILL 1', '32000 start 1'])
})

test('a restart starts at once when the broker is out', async () => {
  const { clock, target, told, start } = setUp()
  void start({ kind: 'restart', target: 3 })
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 SIGTERM 3', '500 start 3'])
  assert.deepEqual(told(), ['0 f1 restart 3 started', '500 f1 restart 3 ended'])
})

test('a paused broker goes on after its time, or when told to', async () => {
  const { clock, target, engine, start } = setUp()
  const { id } = await start({ kind: 'pause', target: 1, forMs: 5_000 })
  await clock.advanceAsync(1_000)
  await engine.end(id)
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 SIGSTOP 1', '1000 SIGCONT 1'])
})

test('a broker that ends by a full disk is started again after its time', async () => {
  const { clock, target, told, start } = setUp()
  const fault = await start({ kind: 'disk-full', target: 2, forMs: 4_000 })
  assert.equal(fault.detail, 'disk of broker 2 full, the broker started again after 4 s')
  target.down.add(2)
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 fill disk of 2 for 4000', '4000 start 2'])
  assert.deepEqual(told(), ['0 f1 disk-full 2 started', '4000 f1 disk-full 2 ended'])
})

test('a broker that has lost one log directory is restarted, one that has lost none goes on', async () => {
  const { clock, target, start } = setUp()
  const logDir = '/two'
  const fault = await start({ kind: 'disk-full', target: 1, forMs: 4_000, logDir })
  assert.equal(fault.detail, '/two of broker 1 full, the broker started again after 4 s')
  target.lame.add(1)
  await start({ kind: 'disk-full', target: 3, forMs: 5_000 })
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, [
    '0 fill /two of 1 for 4000',
    '0 fill disk of 3 for 5000',
    '4000 free 1',
    '4000 SIGTERM 1',
    '4500 start 1',
    '5000 free 3',
    '5000 start 3',
  ])
})

test('a broker that ends by a full disk at the very end of its time is started all the same', async () => {
  const { clock, target, told, start } = setUp()
  await start({ kind: 'disk-full', target: 2, forMs: 4_000 })
  target.failures.set('free 2', 1)
  await clock.advanceAsync(4_500)
  target.down.add(2)
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, ['0 fill disk of 2 for 4000', '4000 free 2', '5000 start 2'])
  assert.equal(told().at(-1), '5000 f1 disk-full 2 ended')
})

test('ZooKeeper is stopped and started', async () => {
  const { clock, target, told, start } = setUp()
  await start({ kind: 'stop-zookeeper', target: 'zookeeper', forMs: 1_000 })
  await clock.advanceAsync(2_000)
  assert.deepEqual(target.log, ['0 stop zookeeper', '1000 start zookeeper'])
  assert.deepEqual(told(), ['0 f1 stop-zookeeper - started', '1000 f1 stop-zookeeper - ended'])
})

test('an expired session is over at once', async () => {
  const { target, engine, told, start } = setUp()
  await start({ kind: 'expire-session', target: 2 })
  assert.deepEqual(target.log, ['0 expire 2'])
  assert.deepEqual(told(), ['0 f1 expire-session 2 started', '0 f1 expire-session 2 ended'])
  assert.deepEqual(engine.active, [])
})

test('cuts are of the links they name', async () => {
  const { clock, target, start } = setUp()
  await start({ kind: 'cut-zookeeper', target: 1, forMs: 1_000 })
  await start({ kind: 'cut-clients', target: 1, forMs: 2_000 })
  await start({ kind: 'cut-peers', target: 3, forMs: 3_000 })
  await clock.advanceAsync(10_000)
  assert.deepEqual(target.log, [
    '0 cut broker-1-to-zookeeper',
    '0 cut clients-to-broker-1',
    '0 cut broker-1-to-broker-3',
    '0 cut broker-2-to-broker-3',
    '0 cut broker-3-to-broker-1',
    '0 cut broker-3-to-broker-2',
    '1000 heal broker-1-to-zookeeper',
    '2000 heal clients-to-broker-1',
    '3000 heal broker-1-to-broker-3',
    '3000 heal broker-2-to-broker-3',
    '3000 heal broker-3-to-broker-1',
    '3000 heal broker-3-to-broker-2',
  ])
})

test('a link that two faults cut heals with the last of them', async () => {
  const { clock, target, start } = setUp(['peer'])
  await start({ kind: 'cut-peers', target: 1, forMs: 1_000 })
  await start({ kind: 'cut-peers', target: 2, forMs: 3_000 })
  await clock.advanceAsync(10_000)
  const shared = target.log.filter((line) => line.endsWith('broker-1-to-broker-2'))
  assert.deepEqual(shared, ['0 cut broker-1-to-broker-2', '3000 heal broker-1-to-broker-2'])
})

test('a slow link that another broker cuts is slow again afterwards', async () => {
  const { clock, target, start } = setUp(['peer'])
  await start({ kind: 'slow', target: 1, forMs: 3_000, latencyMs: 50, jitterMs: 5 })
  await start({ kind: 'cut-peers', target: 2, forMs: 1_000 })
  await clock.advanceAsync(10_000)
  const shared = target.log.filter((line) => line.includes('broker-1-to-broker-2'))
  assert.deepEqual(shared, [
    '0 slow broker-1-to-broker-2 50 5',
    '0 heal broker-1-to-broker-2',
    '0 cut broker-1-to-broker-2',
    '1000 heal broker-1-to-broker-2',
    '1000 slow broker-1-to-broker-2 50 5',
    '3000 heal broker-1-to-broker-2',
  ])
})

test('slow may be asked for some links only', async () => {
  const { target, start } = setUp()
  await start({ kind: 'slow', target: 1, links: ['client'], latencyMs: 10, jitterMs: 0 })
  assert.deepEqual(target.log, ['0 slow clients-to-broker-1 10 0'])
})

test('faults that contradict each other are refused, and the message says why', async () => {
  const { engine, start } = setUp()
  await start({ kind: 'pause', target: 1 })
  const kinds = ['kill', 'terminate', 'restart', 'disk-full', 'pause', 'expire-session'] as const
  for (const kind of kinds) {
    assert.equal(
      await refusal(engine.start({ kind, target: 1 })),
      `conflict: ${kind}: broker 1 is under pause already (fault f1)`,
    )
  }
  await start({ kind: 'kill', target: 2 })
  await start({ kind: 'cut-zookeeper', target: 1 })
  assert.match(await refusal(engine.start({ kind: 'slow', target: 1 })), /^conflict: slow/)
  await start({ kind: 'stop-zookeeper', target: 'zookeeper' })
  assert.match(await refusal(engine.start({ kind: 'expire-session', target: 3 })), /ZooKeeper runs/)
  assert.equal(engine.active.length, 4)
})

test('what cannot be is refused with the reason that the list tells', async () => {
  const { engine, target } = setUp(['zookeeper'])
  target.missing.set('expire-session', 'samsa.faults.enable is off')
  const options = new Map(engine.options.map((option) => [option.kind, option]))
  assert.deepEqual(options.get('kill')!.targets, [1, 2, 3])
  assert.deepEqual(options.get('slow')!.targets, [1, 2, 3])
  assert.deepEqual(options.get('stop-zookeeper')!.targets, ['zookeeper'])
  assert.match(options.get('cut-peers')!.reason!, /runs through a proxy/)
  assert.equal(options.get('expire-session')!.reason, 'samsa.faults.enable is off')
  assert.match(
    await refusal(engine.start({ kind: 'cut-peers', target: 1 })),
    /^impossible: cut-peers/,
  )
  assert.match(await refusal(engine.start({ kind: 'kill', target: 9 })), /one of 1, 2, 3/)
  const nonsense = { kind: 'burn', target: 1 } as unknown as FaultRequest
  assert.match(await refusal(engine.start(nonsense)), /^invalid: no such fault: burn/)
  for (const forMs of [-1, 600_001, Number.NaN]) {
    assert.match(await refusal(engine.start({ kind: 'kill', target: 1, forMs })), /^invalid: forMs/)
  }
})

test('a fault that fails is told, and leaves nothing behind', async () => {
  const { target, engine, told, start } = setUp()
  target.failures.set('SIGKILL 1', 1)
  await assert.rejects(start({ kind: 'kill', target: 1 }), /SIGKILL 1 failed/)
  assert.deepEqual(told(), ['0 f1 kill 1 started', '0 f1 kill 1 failed'])
  assert.deepEqual(engine.active, [])
})

test('healing is tried again until it works, and given up with a word', async () => {
  const first = setUp()
  first.target.failures.set('start 1', 2)
  await first.start({ kind: 'kill', target: 1, forMs: 1_000 })
  await first.clock.advanceAsync(10_000)
  assert.deepEqual(first.told(), ['0 f1 kill 1 started', '3000 f1 kill 1 ended'])

  const second = setUp()
  second.target.failures.set('start 1', 100)
  await second.start({ kind: 'kill', target: 1, forMs: 1_000 })
  await second.clock.advanceAsync(10_000)
  assert.deepEqual(second.told(), ['0 f1 kill 1 started', '5000 f1 kill 1 failed'])
  assert.equal(second.events.at(-1)!.detail, 'could not be ended: start 1 failed')
})

test('at the end everything is healed, and nothing can be started', async () => {
  const { clock, target, engine, start } = setUp()
  await start({ kind: 'kill', target: 1 })
  await start({ kind: 'pause', target: 2 })
  await start({ kind: 'cut-zookeeper', target: 3 })
  target.log.length = 0
  const closed = engine.close()
  await settlePromises()
  await closed
  assert.deepEqual([...target.log].sort(), [
    '0 SIGCONT 2',
    '0 heal broker-3-to-zookeeper',
    '0 start 1',
  ])
  assert.match(await refusal(engine.start({ kind: 'kill', target: 1 })), /^closed/)
  await clock.advanceAsync(60_000)
  assert.equal(target.log.length, 3)
  assert.equal(clock.pendingTimers, 0)
})

test('a fault may be ended while it is being injected', async () => {
  const { clock, target, engine } = setUp()
  const started = engine.start({ kind: 'terminate', target: 1, forMs: 60_000 })
  const ended = engine.end('f1')
  await clock.advanceAsync(2_000)
  await started
  await ended
  assert.deepEqual(target.log, ['0 SIGTERM 1', '500 start 1'])
  assert.match(await refusal(engine.end('f1')), /^unknown: no fault f1/)
})

test('what does not run cannot be hurt, only be started by a restart', async () => {
  const { clock, target, engine, told, start } = setUp()
  target.down.add(2)
  for (const kind of ['kill', 'terminate', 'pause', 'disk-full', 'expire-session'] as const) {
    assert.equal(
      await refusal(start({ kind, target: 2 })),
      `impossible: ${kind}: broker 2 does not run; restart starts it`,
    )
  }
  assert.deepEqual(told(), [])
  await start({ kind: 'cut-zookeeper', target: 2, forMs: 100 })
  void start({ kind: 'restart', target: 2 })
  await clock.advanceAsync(2_000)
  assert.deepEqual(engine.active, [])
  assert.equal(target.down.size, 0)
})
