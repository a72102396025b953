import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JuteWriter } from '../../src/zkserver/jute.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { startZkBench } from '../support/zk-peer.ts'

const MAX_FRAME = 0xfffff

test('a silent session ends after its timeout, and its ephemeral nodes go with it', async () => {
  const { server, clock, dial } = await startZkBench()
  const silent = dial().connect(1000)
  const lively = dial().connect(10_000)
  silent.create('/mine', 1)
  clock.advance(1000)
  assert.ok(lively.exists('/mine'))
  clock.advance(500)
  assert.ok(!lively.exists('/mine'))
  assert.ok(silent.isClosed)
  assert.equal(server.sessions().length, 1)
})

test('pings keep a session', async () => {
  const { clock, dial } = await startZkBench()
  const peer = dial().connect(1000)
  for (let i = 0; i < 10; i++) {
    clock.advance(600)
    assert.deepEqual(
      peer.ping().map(({ xid }) => xid),
      [-2],
    )
  }
})

test('a session survives the loss of its connection and is taken up by another', async () => {
  const { server, clock, dial } = await startZkBench()
  const first = dial().connect(2000)
  first.create('/mine', 1)
  first.socket.destroy()
  assert.equal(server.sessions()[0]?.address, null)
  clock.advance(1500)
  const second = dial().connect(2000, first)
  assert.equal(second.sessionId, first.sessionId)
  clock.advance(1500)
  assert.ok(second.exists('/mine'))
})

test('who takes up a session cuts off who had it', async () => {
  const { dial } = await startZkBench()
  const first = dial().connect()
  const second = dial().connect(6000, first)
  assert.ok(first.isClosed)
  assert.ok(!second.isClosed)
  assert.equal(second.create('/a')[0]?.code, 0)
})

test('an expired session is told so by a timeout of zero', async () => {
  const { clock, dial } = await startZkBench()
  const first = dial().connect(1000)
  clock.advance(2000)
  const second = dial().connect(1000, first)
  assert.equal(second.sessionId, 0n)
  assert.equal(second.timeoutMs, 0)
  assert.ok(second.isClosed)
})

test('a session can be ended by hand', async () => {
  const { server, dial } = await startZkBench()
  const peer = dial().connect()
  const other = dial().connect()
  peer.create('/mine', 1)
  assert.deepEqual(server.sessions()[0]?.ephemeralPaths, ['/mine'])
  assert.ok(server.expireSession(peer.sessionId))
  assert.ok(peer.isClosed)
  assert.ok(!other.exists('/mine'))
  assert.ok(!server.expireSession(peer.sessionId))
})

test('after a standstill of the server itself nobody is expired', async () => {
  const { clock, dial, loggers } = await startZkBench()
  const peer = dial().connect(1000)
  const monotonicMs = clock.monotonicMs.bind(clock)
  // The tick is due at 500, but the loop gets to it only now.
  clock.monotonicMs = () => monotonicMs() + 60_000
  clock.advance(500)
  assert.ok(!peer.isClosed)
  assert.ok(loggers.lines.some((line) => line.includes('stood still')))
})

test('a watch event comes before the answer to the request that caused it', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  peer.ask(3, (writer) => writer.string('/a').bool(true))
  assert.deepEqual(
    peer.create('/a').map(({ xid }) => xid),
    [-1, 2],
  )
})

test('requests that come in one piece are answered in one piece, in order', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  const frames: Buffer[] = []
  for (let xid = 1; xid <= 50; xid++) {
    frames.push(new JuteWriter().int(0).int(xid).int(3).string('/').bool(false).finishFrame())
  }
  peer.socket.receive(Buffer.concat(frames))
  assert.equal(peer.socket.written.length, 1)
  assert.deepEqual(
    peer.replies().map(({ xid }) => xid),
    Array.from({ length: 50 }, (_, index) => index + 1),
  )
})

test('a request may come in pieces of any size', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  const frame = new JuteWriter().int(0).int(7).int(5).string('/').buffer(Buffer.alloc(5000, 1))
  const bytes = frame.int(-1).finishFrame()
  for (const byte of bytes) peer.socket.receive(Buffer.from([byte]))
  assert.equal(peer.replies()[0]?.code, 0)
})

test('data just within jute.maxbuffer is taken, a larger frame closes the connection', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  const other = dial().connect()
  const overhead = 4 + 4 + 4 + 2 + 4 + 4
  const set = (bytes: number) => {
    peer.send(5, (writer) => writer.string('/a').buffer(Buffer.alloc(bytes)).int(-1))
  }
  peer.create('/a')
  set(MAX_FRAME - overhead)
  assert.equal(peer.replies()[0]?.code, 0)
  set(MAX_FRAME - overhead + 1)
  assert.ok(peer.isClosed)
  assert.equal(other.create('/b')[0]?.code, 0)
})

for (const length of [-1, -2147483648, MAX_FRAME + 1, 0x7fffffff]) {
  test(`a frame of ${length} bytes closes the connection at once`, async () => {
    const { dial } = await startZkBench()
    const fresh = dial()
    fresh.socket.receive(new JuteWriter().int(length).finish())
    assert.ok(fresh.isClosed)
    const peer = dial().connect()
    peer.socket.receive(new JuteWriter().int(length).finish())
    assert.ok(peer.isClosed)
  })
}

test('a connect request that is too short closes the connection', async () => {
  const { dial } = await startZkBench()
  for (const length of [0, 3, 16, 27]) {
    const peer = dial()
    peer.socket.receive(
      Buffer.concat([new JuteWriter().int(length).finish(), Buffer.alloc(length)]),
    )
    assert.ok(peer.isClosed, `${length}`)
  }
})

test('garbage closes only the connection it comes on', async () => {
  const { dial } = await startZkBench()
  const good = dial().connect()
  const random = new SeededRandom(5)
  for (let i = 0; i < 300; i++) {
    const bad = dial()
    if (random.chance(0.7)) bad.connect()
    for (let j = 0; j < 5 && !bad.isClosed; j++) {
      const body = random.bytes(random.nextInt(60))
      // Half of them with an opcode that exists.
      if (body.length >= 8 && random.chance(0.5)) body.writeInt32BE(random.nextInt(24), 4)
      bad.socket.receive(Buffer.concat([new JuteWriter().int(body.length).finish(), body]))
    }
    bad.socket.destroy()
  }
  assert.equal(good.create('/still-here')[0]?.code, 0)
})

test('a connection that never shakes hands is closed', async () => {
  const { clock, dial } = await startZkBench()
  const idle = dial()
  clock.advance(9000)
  assert.ok(!idle.isClosed)
  clock.advance(1500)
  assert.ok(idle.isClosed)
})

test('connections beyond the limit are refused, and there is room again when one goes', async () => {
  const { dial } = await startZkBench({ maxConnections: 2 })
  const first = dial().connect()
  dial().connect()
  assert.ok(dial().isClosed)
  first.socket.destroy()
  assert.ok(!dial().connect().isClosed)
})

test('a peer that does not take its answers is not read any more', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  peer.socket.queued = 2 * 1024 * 1024
  peer.exists('/')
  assert.ok(peer.socket.paused)
  peer.socket.drain()
  assert.ok(!peer.socket.paused)
})

test('a peer that lets watch events pile up is cut off', async () => {
  const { dial } = await startZkBench()
  const peer = dial().connect()
  peer.socket.queued = 65 * 1024 * 1024
  peer.exists('/')
  assert.ok(peer.isClosed)
})

test('containers that have become empty are reaped', async () => {
  const { clock, dial } = await startZkBench()
  const peer = dial().connect(10_000)
  peer.create('/used', 4)
  peer.create('/used/child')
  peer.create('/unused', 4)
  peer.ask(2, (writer) => writer.string('/used/child').int(-1))
  for (let i = 0; i < 31; i++) {
    clock.advance(2000)
    peer.ping()
  }
  assert.ok(!peer.exists('/used'))
  assert.ok(peer.exists('/unused'))
})

test('a ping that came while the server was busy counts before its session is judged', async () => {
  const { clock, dial } = await startZkBench()
  const peer = dial().connect(1000)
  clock.advance(1000)
  // The deadline is 1500: its timer runs first, then the sockets are read.
  clock.after(500, () => peer.send(11, () => {}, -2))
  clock.advance(500)
  assert.ok(!peer.isClosed)
  clock.advance(2000)
  assert.ok(peer.isClosed)
})
