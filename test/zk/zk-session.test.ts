import assert from 'node:assert/strict'
import test from 'node:test'
import { type ZkClient, ZkError } from '../../src/zk/zk-client.ts'
import { ZkSession, type ZkSessionOptions, ZkStartError } from '../../src/zk/zk-session.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { type FakeZkClient, FakeZooKeeper } from '../support/fake-zookeeper.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'

const TIMEOUT_MS = 6_000

class Bench {
  readonly clock = new FakeClock()
  readonly server = new FakeZooKeeper(this.clock)
  readonly loggers = new SilentLoggers()
  readonly log: string[] = []
  readonly session: ZkSession
  /** Instead of a client, the next calls of `connect` throw. */
  failures = 0

  constructor(options: ZkSessionOptions = {}) {
    const connect = (): ZkClient => {
      if (this.failures > 0) {
        this.failures -= 1
        throw new Error('no client today')
      }
      this.log.push('connect')
      return this.server.connect(TIMEOUT_MS)
    }
    const logger = this.loggers.get('zk')
    this.session = new ZkSession({ connect, clock: this.clock, logger }, options)
  }

  get client(): FakeZkClient {
    return this.server.clients.at(-1)!
  }

  async start(): Promise<void> {
    await this.session.start(1_000)
  }

  async expire(): Promise<void> {
    this.server.expire(this.session.sessionId)
    await settlePromises()
  }
}

function named(name: string): (error: unknown) => boolean {
  return (error) => error instanceof ZkError && error.errorName === name
}

test('an operation is retried after a lost connection', async () => {
  const t = new Bench()
  await t.start()
  await t.session.create('/a', Buffer.from('x'), 'persistent')
  t.client.loseReplies()
  const { data } = await t.session.get('/a')
  assert.equal(data?.toString(), 'x')
  await t.session.close()
})

test('a create whose reply was lost shows as NODE_EXISTS, as in Kafka', async () => {
  const t = new Bench()
  await t.start()
  t.client.loseReplies()
  await assert.rejects(t.session.create('/a', null, 'ephemeral'), named('NODE_EXISTS'))
  assert.equal((await t.session.exists('/a'))?.ephemeralOwner, t.session.sessionId)
})

test('operations wait while the connection is down, however long', async () => {
  const t = new Bench()
  await t.start()
  t.server.goDown()
  const read = t.session.exists('/')
  await t.clock.advanceAsync(10 * TIMEOUT_MS)
  t.server.comeUp()
  assert.notEqual(await read, null)
  assert.deepEqual(t.log, ['connect'])
})

test('a request that loses the connection every time does not spin', async () => {
  const t = new Bench()
  await t.start()
  t.client.loseReplies(5)
  const read = t.session.exists('/')
  await settlePromises()
  let isDone = false
  void read.then(() => {
    isDone = true
  })
  await settlePromises()
  assert.equal(isDone, false)
  await t.clock.advanceAsync(400)
  assert.notEqual(await read, null)
})

test('expiry: its handlers are awaited before the new client, the others told after', async () => {
  const t = new Bench()
  await t.start()
  const first = t.session.sessionId
  let finish = () => {}
  t.session.onSessionExpired(async () => {
    t.log.push('expired 1')
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    t.log.push('expired 1 done')
  })
  t.session.onSessionExpired(async () => {
    t.log.push('expired 2')
  })
  t.session.onNewSession(async () => {
    t.log.push('new')
    await t.session.create('/mine', null, 'ephemeral')
  })
  await t.expire()
  assert.deepEqual(t.log, ['connect', 'expired 1'])
  assert.equal(t.session.state, 'expired')
  finish()
  await settlePromises()
  assert.deepEqual(t.log, ['connect', 'expired 1', 'expired 1 done', 'expired 2', 'connect', 'new'])
  assert.notEqual(t.session.sessionId, first)
  assert.equal((await t.session.exists('/mine'))?.ephemeralOwner, t.session.sessionId)
})

test('a handler that throws does not stop the others', async () => {
  const t = new Bench()
  await t.start()
  t.session.onSessionExpired(async () => {
    throw new Error('first')
  })
  t.session.onSessionExpired(async () => {
    t.log.push('second')
  })
  t.session.onNewSession(() => {
    throw new Error('third')
  })
  t.session.onNewSession(async () => {
    t.log.push('fourth')
  })
  await t.expire()
  assert.deepEqual(t.log, ['connect', 'second', 'connect', 'fourth'])
  assert.equal(t.loggers.lines.filter((line) => line.startsWith('ERROR')).length, 2)
})

test('a removed handler is not called', async () => {
  const t = new Bench()
  await t.start()
  const remove = t.session.onNewSession(async () => {
    t.log.push('new')
  })
  remove()
  await t.expire()
  assert.deepEqual(t.log, ['connect', 'connect'])
})

test('an expiry during the new session handlers runs a whole cycle of its own', async () => {
  const t = new Bench()
  await t.start()
  let isFirst = true
  t.session.onSessionExpired(async () => {
    t.log.push('expired')
  })
  t.session.onNewSession(async () => {
    t.log.push('new')
    if (!isFirst) return
    isFirst = false
    t.server.expire(t.session.sessionId)
    await assert.rejects(t.session.exists('/'), named('SESSION_EXPIRED'))
    t.log.push('new done')
  })
  await t.expire()
  assert.deepEqual(t.log, [
    'connect',
    'expired',
    'connect',
    'new',
    'new done',
    'expired',
    'connect',
    'new',
  ])
})

test('an operation in flight does not cross into the next session', async () => {
  const t = new Bench()
  await t.start()
  t.server.goDown()
  const write = t.session.create('/late', null, 'persistent')
  write.catch(() => {})
  await settlePromises()
  t.server.processor.expire(t.session.sessionId, t.server.now())
  t.server.comeUp()
  await assert.rejects(write, named('SESSION_EXPIRED'))
  await settlePromises()
  assert.equal(await t.session.exists('/late'), null)
})

test('watches of an expired session never fire', async () => {
  const t = new Bench()
  await t.start()
  await t.session.exists('/a', () => t.log.push('fired'))
  await t.expire()
  await t.session.create('/a', null, 'persistent')
  await settlePromises()
  assert.deepEqual(t.log, ['connect', 'connect'])
})

test('a client that cannot be made is tried again every second', async () => {
  const t = new Bench()
  await t.start()
  t.failures = 3
  await t.expire()
  assert.equal(t.session.state, 'expired')
  await t.clock.advanceAsync(2_999)
  assert.deepEqual(t.log, ['connect'])
  await t.clock.advanceAsync(1)
  assert.deepEqual(t.log, ['connect', 'connect'])
  assert.equal(t.session.state, 'connected')
})

test('after an authentication failure there is a new session a second later', async () => {
  const t = new Bench()
  await t.start()
  t.session.onSessionExpired(async () => {
    t.log.push('expired')
  })
  t.client.failAuthentication()
  await assert.rejects(t.session.exists('/'), named('AUTH_FAILED'))
  await t.clock.advanceAsync(999)
  assert.deepEqual(t.log, ['connect'])
  await t.clock.advanceAsync(1)
  assert.deepEqual(t.log, ['connect', 'expired', 'connect'])
  assert.equal(t.session.state, 'connected')
})

test('an authentication failure at the start is fatal', async () => {
  const t = new Bench()
  t.server.goDown()
  const start = t.session.start(1_000)
  start.catch(() => {})
  t.client.failAuthentication()
  await assert.rejects(start, /authentication/)
})

test('the start fails when there is no connection in time', async () => {
  const t = new Bench()
  t.server.goDown()
  const start = t.session.start(1_000)
  start.catch(() => {})
  await t.clock.advanceAsync(999)
  assert.equal(t.session.state, 'connecting')
  await t.clock.advanceAsync(1)
  await assert.rejects(
    start,
    (error) => error instanceof ZkStartError && /1000 ms/.test(error.message),
  )
  assert.equal(t.client.state, 'closed')
})

test('the start fails when no client can be made', async () => {
  const t = new Bench()
  t.failures = 1
  await assert.rejects(t.start(), ZkStartError)
})

test('close ends the session and everything that waits', async () => {
  const t = new Bench()
  await t.start()
  await t.session.create('/mine', null, 'ephemeral')
  t.client.cutOff()
  const read = t.session.exists('/')
  read.catch(() => {})
  t.client.allowConnect()
  await settlePromises()
  await read
  await t.session.close()
  await t.session.close()
  assert.equal(t.session.state, 'closed')
  assert.equal(t.session.isFenced(), true)
  await assert.rejects(t.session.exists('/'), named('SESSION_EXPIRED'))
  const other = t.server.connect()
  assert.equal(await other.exists('/mine'), null)
  assert.deepEqual(t.log, ['connect'])
})

test('close while disconnected, in a handler, and between two sessions', async () => {
  const down = new Bench()
  await down.start()
  down.server.goDown()
  const read = down.session.exists('/')
  read.catch(() => {})
  await down.session.close()
  await assert.rejects(read, named('SESSION_EXPIRED'))

  const handled = new Bench()
  await handled.start()
  handled.session.onSessionExpired(() => handled.session.close())
  handled.session.onSessionExpired(async () => {
    handled.log.push('never')
  })
  await handled.expire()
  await handled.clock.advanceAsync(5_000)
  assert.deepEqual(handled.log, ['connect'])

  const between = new Bench()
  await between.start()
  between.failures = 1_000
  await between.expire()
  await between.session.close()
  const left = between.failures
  await between.clock.advanceAsync(5_000)
  assert.equal(between.failures, left)
})

test('so many requests are in flight as allowed, the others wait in order', async () => {
  const t = new Bench({ maxInFlight: 2 })
  await t.start()
  const { client } = t
  const finish: (() => void)[] = []
  const sent: string[] = []
  client.exists = (path) => {
    sent.push(path)
    return new Promise((resolve) => finish.push(() => resolve(null)))
  }
  const reads = ['/1', '/2', '/3', '/4'].map((path) => t.session.exists(path))
  await settlePromises()
  assert.deepEqual(sent, ['/1', '/2'])
  finish[1]!()
  await settlePromises()
  assert.deepEqual(sent, ['/1', '/2', '/3'])
  for (let next = 0; next < 4; next++) {
    finish[next]!()
    await settlePromises()
  }
  assert.equal((await Promise.all(reads)).length, 4)
})

test('states of all clients and times of all requests are told for the metrics', async () => {
  const states: string[] = []
  const latencies: number[] = []
  const t = new Bench({
    onState: (state) => states.push(state),
    onRequest: (latencyMs) => latencies.push(latencyMs),
  })
  await t.start()
  await t.session.exists('/')
  await assert.rejects(t.session.get('/none'))
  await t.expire()
  await t.session.close()
  assert.deepEqual(states, ['connected', 'suspended', 'expired', 'connected', 'closed'])
  assert.deepEqual(latencies, [0, 0])
})

test('a silent server fences after exactly the timeout, an answer lifts it', async () => {
  const t = new Bench()
  await t.start()
  const edges: string[] = []
  t.session.onFenceChange((isFenced) => {
    edges.push(`${isFenced ? 'fenced' : 'lifted'} at ${t.clock.monotonicMs()}`)
  })
  assert.equal(t.session.isFenced(), false)
  await t.clock.advanceAsync(2_000)
  t.client.fallSilent()
  // The last ping that was answered had been sent at 1500.
  await t.clock.advanceAsync(5_499)
  assert.equal(t.session.isFenced(), false)
  await t.clock.advanceAsync(1)
  assert.equal(t.session.isFenced(), true)
  t.client.fallSilent(false)
  await t.session.exists('/')
  assert.equal(t.session.isFenced(), false)
  await t.clock.advanceAsync(100)
  assert.deepEqual(edges, ['fenced at 7500', 'lifted at 7600'])
})

test('an outage of the whole ensemble fences, and costs no session', async () => {
  const t = new Bench()
  await t.start()
  const { sessionId } = t.session
  t.server.goDown()
  await t.clock.advanceAsync(60_000)
  assert.equal(t.session.isFenced(), true)
  t.server.comeUp()
  await settlePromises()
  assert.equal(t.session.isFenced(), false)
  assert.equal(t.session.sessionId, sessionId)
  assert.deepEqual(t.log, ['connect'])
})

test('a stall of the event loop fences at once, before any timer runs', async () => {
  const t = new Bench()
  await t.start()
  let wasTold = false
  t.session.onFenceChange(() => {
    wasTold = true
  })
  const beforeStallMs = t.clock.monotonicMs()
  t.clock.monotonicMs = () => beforeStallMs + TIMEOUT_MS
  assert.equal(t.session.isFenced(), true)
  assert.equal(wasTold, false)
})

test('a session is fenced from its expiry until the next one is there', async () => {
  const t = new Bench()
  await t.start()
  const edges: boolean[] = []
  t.session.onFenceChange((isFenced) => edges.push(isFenced))
  t.failures = 2
  await t.expire()
  assert.equal(t.session.isFenced(), true)
  assert.equal(t.session.silentForMs(), Number.POSITIVE_INFINITY)
  await t.clock.advanceAsync(2_000)
  assert.equal(t.session.isFenced(), false)
  assert.deepEqual(edges, [true, false])
})
