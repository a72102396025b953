/**
 * The production client against servers that misbehave, on a clock that moves when told. Cases A to
 * H are those in which the package that it replaces the connection of does wrong.
 */

import assert from 'node:assert/strict'
import test from 'node:test'
import { ZkJsClient, type ZkJsOptions } from '../../src/host/zk-js.ts'
import { OpCode, Xid } from '../../src/zkserver/opcodes.ts'
import { FakeClock, settlePromises } from '../support/fake-clock.ts'
import { ScriptedZkServers, SESSION_ID } from '../support/scripted-zk-server.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { named } from './zk-client-contract.ts'

const S = 6_000
const STAT = {
  czxid: 1n,
  mzxid: 2n,
  pzxid: 3n,
  ctimeMs: 4,
  mtimeMs: 5,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
}

class Bench {
  readonly clock = new FakeClock()
  readonly servers = new ScriptedZkServers()
  readonly loggers = new SilentLoggers()
  readonly states: string[] = []
  readonly client: ZkJsClient

  constructor(options: Partial<ZkJsOptions> = {}) {
    const random = { nextInt: () => 0, bytes: (length: number) => Buffer.alloc(length) }
    const { clock } = this
    this.client = new ZkJsClient(
      { transport: this.servers, clock, random, logger: this.loggers.get('zk') },
      { connect: 'a:1', sessionTimeoutMs: S, ...options },
    )
    this.client.onState((state) => this.states.push(state))
  }

  get server() {
    return this.servers.latest
  }

  async connected(timeoutMs = S): Promise<void> {
    await settlePromises()
    await this.server.welcome(timeoutMs)
    assert.equal(this.client.state, 'connected')
  }

  /** Time passes on a server that answers every ping at once. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      const { pings } = this.server
      await this.clock.advanceAsync(stepMs)
      if (this.server.pings > pings) await this.server.answerPing()
    }
  }
}

function settled(promise: Promise<unknown>): () => boolean {
  let isSettled = false
  promise.then(
    () => {
      isSettled = true
    },
    () => {
      isSettled = true
    },
  )
  return () => isSettled
}

test('the handshake asks for a session as the protocol has it', async () => {
  const t = new Bench()
  await settlePromises()
  const { handshake } = t.server
  assert.equal(handshake?.sessionId, 0n)
  assert.equal(handshake?.timeoutMs, S)
  assert.equal(handshake?.lastZxidSeen, 0n)
  await t.server.welcome(4_000)
  assert.equal(t.client.sessionId, SESSION_ID)
  assert.equal(t.client.sessionTimeoutMs, 4_000)
})

test('A: version 0 goes over the wire as 0, in a multi too', async () => {
  const t = new Bench()
  await t.connected()
  void t.client.multi([
    { kind: 'check', path: '/c', version: 0 },
    { kind: 'set', path: '/s', data: null, version: 0 },
    { kind: 'delete', path: '/d', version: 0 },
    { kind: 'check', path: '/any', version: -1 },
  ])
  const [multi] = t.server.requests
  assert.ok(multi?.request.kind === 'multi')
  const versions = multi.request.ops.map((op) => ('version' in op ? op.version : null))
  assert.deepEqual(versions, [0, 0, 0, -1])
})

test('B: a server that falls silent is dropped after two thirds of the timeout', async () => {
  const t = new Bench()
  await t.connected()
  const read = t.client.exists('/a')
  const isSettled = settled(read)
  await t.clock.advanceAsync(3_999)
  assert.equal(t.client.state, 'connected')
  await t.clock.advanceAsync(20)
  assert.equal(t.client.state, 'suspended')
  assert.equal(isSettled(), true)
  await assert.rejects(read, named('CONNECTION_LOSS', '/a'))
  assert.equal(t.servers.connections[0]?.isDestroyed, true)
  assert.equal(t.server.handshake?.sessionId, SESSION_ID)
  await t.server.welcome()
  assert.deepEqual(t.states, ['connected', 'suspended', 'connected'])
})

test('B: half a frame and then nothing counts as silence from its last byte', async () => {
  const t = new Bench()
  await t.connected()
  await t.pass(1_000)
  await t.server.sendRaw(Buffer.of(0, 0, 1))
  await t.clock.advanceAsync(3_999)
  assert.equal(t.client.state, 'connected')
  await t.clock.advanceAsync(20)
  assert.equal(t.client.state, 'suspended')
})

test('B: after a stall, what lies in the socket is read before the server is judged', async () => {
  const t = new Bench()
  await t.connected()
  const { connections } = t.servers
  // Nothing ran for a whole timeout; then timers come first, and the data right behind them.
  t.clock.advance(4_005)
  await t.server.answerPing()
  await t.clock.advanceAsync(100)
  assert.equal(t.client.state, 'connected')
  assert.equal(connections.length, 1)
})

test('pings are sent every quarter of the timeout, busy or not', async () => {
  const t = new Bench()
  await t.connected(8_000)
  for (let quarter = 1; quarter <= 8; quarter++) {
    await t.clock.advanceAsync(1_000)
    void t.client.exists('/a').catch(() => {})
    await t.clock.advanceAsync(1_000)
    assert.equal(t.server.pings, quarter)
    await t.server.answerPing()
  }
})

test('pings are at most 10 seconds apart', async () => {
  const t = new Bench()
  await t.connected(120_000)
  await t.clock.advanceAsync(9_999)
  assert.equal(t.server.pings, 0)
  await t.clock.advanceAsync(1)
  assert.equal(t.server.pings, 1)
})

test('proof of life is when the newest answered request was sent, pings included', async () => {
  const t = new Bench()
  await settlePromises()
  assert.equal(t.client.lastProofOfLifeMs, null)
  await t.clock.advanceAsync(700)
  await t.server.welcome()
  assert.equal(t.client.lastProofOfLifeMs, 0)
  // The handshake came at 700: the first ping is sent at 2200.
  await t.clock.advanceAsync(1_500)
  assert.equal(t.server.pings, 1)
  void t.client.sync('/')
  await t.clock.advanceAsync(900)
  await t.server.answerPing()
  assert.equal(t.client.lastProofOfLifeMs, 2_200)
  void t.client.sync('/')
  await t.clock.advanceAsync(50)
  const [first, second] = t.server.requests
  await t.server.reply(first!.xid, { kind: 'sync', path: '/' })
  assert.equal(t.client.lastProofOfLifeMs, 2_200)
  await t.server.reply(second!.xid, { kind: 'sync', path: '/' })
  assert.equal(t.client.lastProofOfLifeMs, 3_100)
})

test('an event is no proof of life', async () => {
  const t = new Bench()
  await t.connected()
  await t.clock.advanceAsync(1_000)
  await t.server.notify('changed', '/a')
  assert.equal(t.client.lastProofOfLifeMs, 0)
})

test('C: a server that accepts and says nothing is given up for the next one', async () => {
  const t = new Bench({ connect: 'a:1,b:2,c:3' })
  await t.clock.advanceAsync(1_999)
  assert.deepEqual(t.servers.attempts, ['a:1'])
  await t.clock.advanceAsync(1)
  assert.deepEqual(t.servers.attempts, ['a:1', 'b:2'])
  await t.clock.advanceAsync(2_000)
  assert.deepEqual(t.servers.attempts, ['a:1', 'b:2', 'c:3'])
  await t.server.welcome()
  assert.deepEqual(t.states, ['connected'])
  assert.equal(t.servers.connections.filter(({ isDestroyed }) => isDestroyed).length, 2)
})

test('refused by all servers, it pauses a little longer each round, up to a second', async () => {
  const t = new Bench({ connect: 'a:1,b:2' })
  t.servers.mode = 'refuse'
  await settlePromises()
  assert.deepEqual(t.servers.attempts, ['a:1', 'b:2'])
  await t.clock.advanceAsync(60_000)
  const rounds = t.servers.attempts.length / 2
  assert.ok(rounds > 60 && rounds < 140, `${rounds} rounds in a minute`)
  t.servers.mode = 'accept'
  await t.clock.advanceAsync(1_000)
  await t.server.welcome()
  await t.server.hangUp()
  assert.equal(t.servers.connections.length, 2)
})

test('D: on expiry every request is called back, sent or not, and so are later ones', async () => {
  const t = new Bench()
  await t.connected()
  const sent = t.client.exists('/sent')
  sent.catch(() => {})
  await t.server.hangUp()
  const unsent = t.client.exists('/unsent')
  unsent.catch(() => {})
  await t.server.tellExpired()
  await assert.rejects(sent, named('CONNECTION_LOSS', '/sent'))
  await assert.rejects(unsent, named('SESSION_EXPIRED', '/unsent'))
  await assert.rejects(t.client.exists('/later'), named('SESSION_EXPIRED'))
  await assert.rejects(t.client.addAuth('digest', Buffer.of(1)), named('SESSION_EXPIRED'))
  assert.deepEqual(t.states, ['connected', 'suspended', 'expired'])
  await t.clock.advanceAsync(60_000)
  assert.equal(t.servers.connections.length, 2)
  assert.equal(t.clock.pendingTimers, 0)
})

test('D: on close every request is called back, and no timer stays', async () => {
  for (const mode of ['connected', 'handshaking', 'hanging', 'pausing'] as const) {
    const t = new Bench()
    if (mode === 'hanging') t.servers.mode = 'hang'
    if (mode === 'pausing') t.servers.mode = 'refuse'
    await settlePromises()
    if (mode === 'connected') await t.connected()
    const read = t.client.exists('/a')
    read.catch(() => {})
    const closed = t.client.close()
    const late = t.client.exists('/late')
    late.catch(() => {})
    // A connected client waits for the answer to its good-bye, but not for ever.
    await t.clock.advanceAsync(5_000)
    await closed
    // What was sent to a server that then fell silent may have happened.
    const name = mode === 'connected' ? 'CONNECTION_LOSS' : 'SESSION_EXPIRED'
    await assert.rejects(read, named(name, '/a'), mode)
    await assert.rejects(late, named('SESSION_EXPIRED', '/late'), mode)
    assert.equal(t.client.state, 'closed')
    await t.clock.advanceAsync(60_000)
    assert.equal(t.clock.pendingTimers, 0, mode)
    assert.ok(t.servers.connections.every(({ isDestroyed }) => isDestroyed))
  }
})

test('close says good-bye behind all that was sent before, and waits for the answer', async () => {
  const t = new Bench()
  await t.connected()
  const written = t.client.set('/a', null, 0)
  const closed = t.client.close()
  const isClosed = settled(closed)
  const [set, goodbye] = t.server.requests
  assert.equal(goodbye?.opcode, OpCode.CLOSE_SESSION)
  await t.server.reply(set!.xid, { kind: 'set-data', stat: { ...STAT, version: 1 } })
  assert.equal((await written).version, 1)
  assert.equal(isClosed(), false)
  await t.server.reply(goodbye!.xid, { kind: 'none' })
  await closed
  assert.equal(t.server.isDestroyed, true)
})

test('a connection that is made while closing is dropped', async () => {
  const t = new Bench()
  const closed = t.client.close()
  await settlePromises()
  await closed
  assert.ok(t.servers.connections.every(({ isDestroyed }) => isDestroyed))
  assert.deepEqual(t.states, ['closed'])
})

test('E: half a frame of the last connection does not poison the next one', async () => {
  const t = new Bench()
  await t.connected()
  const read = t.client.get('/a')
  read.catch(() => {})
  await t.server.sendRaw(Buffer.of(0, 0, 0, 99, 1, 2, 3))
  await t.server.hangUp()
  await t.server.welcome()
  assert.equal(t.client.state, 'connected')
  const again = t.client.get('/a')
  const xid = t.server.requests.at(-1)!.xid
  await t.server.reply(xid, { kind: 'get-data', data: Buffer.from('x'), stat: STAT })
  assert.equal((await again).data?.toString(), 'x')
})

test('F: what was in flight is lost, what was not goes out on the next connection', async () => {
  const t = new Bench()
  await t.connected()
  const lost = t.client.create('/lost', null, 'ephemeral')
  lost.catch(() => {})
  await t.server.hangUp()
  const kept = t.client.create('/kept', null, 'ephemeral')
  await t.server.welcome()
  await assert.rejects(lost, named('CONNECTION_LOSS', '/lost'))
  const [create] = t.server.requests
  assert.ok(create?.request.kind === 'create' && create.request.path === '/kept')
  await t.server.reply(create.xid, { kind: 'create', path: '/kept', stat: STAT })
  assert.equal(await kept, '/kept')
})

test('G: an answer of 32 MiB in small pieces is put together in linear time', async () => {
  const t = new Bench()
  await t.connected()
  const data = Buffer.alloc(32 * 1024 * 1024, 0x5a)
  const read = t.client.get('/big')
  const [request] = t.server.requests
  const { encodeReply } = await import('../../src/zkserver/wire-replies.ts')
  const body = { kind: 'get-data', data, stat: STAT } as const
  const frame = encodeReply(request!.xid, { zxid: 1n, code: 0, body })
  const pieces: Buffer[] = []
  for (let at = 0; at < frame.length; at += 4_096) pieces.push(frame.subarray(at, at + 4_096))
  await t.server.sendRaw(...pieces)
  assert.equal((await read).data?.equals(data), true)
})

test('G: many small answers in one piece are all found', async () => {
  const t = new Bench()
  await t.connected()
  const reads = Array.from({ length: 10_000 }, () => t.client.sync('/'))
  const { encodeReply } = await import('../../src/zkserver/wire-replies.ts')
  const body = { kind: 'sync', path: '/' } as const
  const frames = t.server.requests.map(({ xid }) => encodeReply(xid, { zxid: 1n, code: 0, body }))
  await t.server.sendRaw(Buffer.concat(frames))
  await Promise.all(reads)
})

test('H: IPv6 literals, and a port that is left out', async () => {
  const t = new Bench({ connect: '[::1]:2182,zoo' })
  t.servers.mode = 'refuse'
  await settlePromises()
  assert.deepEqual(t.servers.attempts, ['::1:2182', 'zoo:2181'])
})

test('watches are told again in packets of bounded size, with the newest zxid seen', async () => {
  const t = new Bench({ connect: 'a:1/root' })
  await t.connected()
  const events: string[] = []
  const count = 3_000
  for (let at = 0; at < count; at++) {
    const name = `/${'x'.repeat(200)}${at}`
    void t.client.get(name, ({ path }) => events.push(path))
    const { xid } = t.server.requests.at(-1)!
    await t.server.sendRaw()
    t.server.reply(xid, { kind: 'get-data', data: null, stat: STAT }, 0, BigInt(at + 1))
  }
  await settlePromises()
  await t.server.hangUp()
  await t.server.welcome()
  const packets = t.server.requests
  assert.ok(packets.length > 4)
  let told = 0
  for (const { xid, bytes, request } of packets) {
    assert.equal(xid, Xid.SET_WATCHES)
    assert.ok(bytes < 140_000, `${bytes} bytes`)
    assert.ok(request.kind === 'set-watches')
    assert.equal(request.relativeZxid, BigInt(count))
    assert.match(request.data[0]!, /^\/root\/x/)
    told += request.data.length
  }
  assert.equal(told, count)
  await t.server.notify('changed', `/root/${'x'.repeat(200)}7`)
  assert.deepEqual(events, [`/${'x'.repeat(200)}7`])
})

test('the zxid of an event is not one that was seen: its twin of the same change may be missing', async () => {
  const t = new Bench()
  await t.connected()
  const events: string[] = []
  for (const path of ['/a', '/b']) {
    const read = t.client.get(path, (event) => events.push(event.path))
    const { xid } = t.server.requests.at(-1)!
    await t.server.reply(xid, { kind: 'get-data', data: null, stat: STAT }, 0, 4n)
    await read
  }
  await t.server.notify('changed', '/a', 5n)
  await t.server.hangUp()
  await t.server.welcome()
  const request = t.server.requests.at(-1)?.request
  assert.ok(request?.kind === 'set-watches')
  assert.equal(request.relativeZxid, 4n)
  assert.deepEqual(request.data, ['/b'])
  assert.deepEqual(events, ['/a'])
})

test('a chroot is invisible: in paths, in answers, in events, in a multi', async () => {
  const t = new Bench({ connect: 'a:1/deep/root' })
  await t.connected()
  const events: string[] = []
  const exists = t.client.exists('/', ({ type, path }) => events.push(`${type} ${path}`))
  const created = t.client.create('/q_', null, 'persistent-sequential')
  const multi = t.client.multi([{ kind: 'create', path: '/m', data: null, mode: 'persistent' }])
  const [first, second, third] = t.server.requests
  assert.ok(first?.request.kind === 'exists' && first.request.path === '/deep/root')
  assert.ok(second?.request.kind === 'create' && second.request.path === '/deep/root/q_')
  await t.server.reply(first.xid, { kind: 'set-data', stat: STAT })
  await t.server.reply(second.xid, { kind: 'create', path: '/deep/root/q_01', stat: STAT })
  await t.server.reply(third!.xid, {
    kind: 'multi',
    results: [{ kind: 'create', path: '/deep/root/m', stat: STAT }],
  })
  await exists
  assert.equal(await created, '/q_01')
  assert.deepEqual(await multi, { kind: 'ok', results: [{ kind: 'create', path: '/m' }] })
  await t.server.notify('deleted', '/deep/root')
  assert.deepEqual(events, ['deleted /'])
})

test('a watcher or a listener that throws costs nothing', async () => {
  const t = new Bench()
  t.client.onState(() => {
    throw new Error('listener')
  })
  await t.connected()
  const read = t.client.exists('/a', () => {
    throw new Error('watcher')
  })
  await t.server.reply(t.server.requests[0]!.xid, { kind: 'none' }, -101)
  assert.equal(await read, null)
  await t.server.notify('created', '/a')
  assert.equal(t.client.state, 'connected')
  assert.equal(t.loggers.lines.filter((line) => line.startsWith('ERROR')).length, 2)
})

test('credentials are sent with every connection; a refusal is final', async () => {
  const t = new Bench()
  const early = t.client.addAuth('digest', Buffer.from('a:b'))
  await t.connected()
  assert.equal(t.server.requests[0]?.opcode, OpCode.AUTH)
  await t.server.reply(Xid.AUTH, { kind: 'none' })
  await early
  await t.server.hangUp()
  await t.server.welcome()
  assert.equal(t.server.requests[0]?.opcode, OpCode.AUTH)
  const read = t.client.exists('/')
  read.catch(() => {})
  await t.server.reply(Xid.AUTH, { kind: 'none' }, -115)
  assert.equal(t.client.state, 'auth-failed')
  await assert.rejects(read, named('AUTH_FAILED'))
})

test('answers out of order, malformed or of impossible size drop the connection', async () => {
  const garbage: ((t: Bench) => Promise<void>)[] = [
    (t) => t.server.reply(77, { kind: 'none' }),
    (t) => t.server.sendRaw(Buffer.of(0xff, 0xff, 0xff, 0xff)),
    (t) => t.server.sendRaw(Buffer.of(0x7f, 0xff, 0xff, 0xff)),
    (t) => t.server.sendRaw(Buffer.of(0, 0, 0, 2, 1, 2)),
    (t) => t.server.reply(t.server.requests[0]!.xid, { kind: 'none' }),
  ]
  for (const send of garbage) {
    const t = new Bench()
    await t.connected()
    const read = t.client.get('/a')
    const isSettled = settled(read)
    await send(t)
    assert.equal(t.servers.connections[0]?.isDestroyed, true)
    assert.equal(isSettled(), true)
    await t.clock.advanceAsync(1_000)
    await t.server.welcome()
    assert.equal(t.client.state, 'connected')
  }
})

test('a request that no server would take is refused before it is sent', async () => {
  const t = new Bench()
  await t.connected()
  const data = Buffer.alloc(1024 * 1024)
  await assert.rejects(t.client.set('/a', data, 0), named('MARSHALLING_ERROR', '/a'))
  assert.equal(t.server.requests.length, 0)
  assert.equal(t.client.state, 'connected')
})

test('no more requests wait than allowed', async () => {
  const t = new Bench({ maxOutstanding: 2 })
  const reads = [t.client.exists('/1'), t.client.exists('/2')]
  for (const read of reads) read.catch(() => {})
  await assert.rejects(t.client.exists('/3'), named('CONNECTION_LOSS', '/3'))
  await t.client.close()
})

test('a session can be taken over by its id and password', async () => {
  const session = { id: SESSION_ID, password: Buffer.alloc(16, 9) }
  const t = new Bench({ session })
  await settlePromises()
  assert.equal(t.server.handshake?.sessionId, SESSION_ID)
  assert.deepEqual(t.server.handshake?.password, session.password)
})
