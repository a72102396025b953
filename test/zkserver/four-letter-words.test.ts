import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startZkBench, type ZkBench } from '../support/zk-peer.ts'

function ask({ dial }: ZkBench, word: string): string {
  const peer = dial()
  peer.socket.receive(Buffer.from(word))
  assert.ok(peer.isClosed, `${word} closes the connection`)
  return peer.text()
}

test('the short words', async () => {
  const bench = await startZkBench()
  assert.equal(ask(bench, 'ruok'), 'imok')
  assert.equal(ask(bench, 'isro'), 'rw')
  assert.equal(ask(bench, 'gtmk'), 'gtmk is not executed because it is not in the whitelist.\n')
})

test('a word may come letter by letter', async () => {
  const { dial } = await startZkBench()
  const peer = dial()
  for (const letter of 'ruok') peer.socket.receive(Buffer.from(letter))
  assert.equal(peer.text(), 'imok')
})

test('srvr tells the version, the zxid and the number of nodes', async () => {
  const bench = await startZkBench()
  bench.dial().connect().create('/a')
  const text = ask(bench, 'srvr')
  assert.match(text, /^Zookeeper version: 3\.9\.\d+-/)
  assert.match(text, /\nReceived: 3\nSent: 2\nConnections: 2\nOutstanding: 0\nZxid: 0x2\n/)
  assert.match(text, /\nMode: standalone\nNode count: 6\n$/)
})

test('stat and cons list the connections', async () => {
  const bench = await startZkBench()
  const peer = bench.dial().connect()
  peer.exists('/')
  const sid = peer.sessionId.toString(16)
  assert.match(
    ask(bench, 'stat'),
    /Clients:\n \/127\.0\.0\.1:50000\[1\]\(queued=0,recved=2,sent=2\)/,
  )
  const facts = new RegExp(`sid=0x${sid},lop=EXIS,est=\\d+,to=6000,lcxid=0x1,lzxid=0x1,lresp=\\d+`)
  assert.match(ask(bench, 'cons'), facts)
})

test('dump lists sessions by their end, and ephemeral nodes by session', async () => {
  const bench = await startZkBench()
  const peer = bench.dial().connect()
  peer.create('/mine', 1)
  const sid = peer.sessionId.toString(16)
  const text = ask(bench, 'dump')
  assert.match(text, /Session Sets \(1\)\/\(1\):\n1 expire at .*:\n\t0x/)
  assert.ok(text.includes(`Sessions with Ephemerals (1):\n0x${sid}:\n\t/mine\n`))
})

test('wchs, wchp and wchc tell of data watches', async () => {
  const bench = await startZkBench()
  const peer = bench.dial().connect()
  peer.ask(3, (writer) => writer.string('/a').bool(true))
  const sid = `0x${peer.sessionId.toString(16)}`
  assert.equal(ask(bench, 'wchs'), '1 connections watching 1 paths\nTotal watches:1\n')
  assert.equal(ask(bench, 'wchp'), `/a\n\t${sid}\n\n`)
  assert.equal(ask(bench, 'wchc'), `${sid}\n\t/a\n\n`)
})

test('conf, envi and mntr are lines of names and values', async () => {
  const bench = await startZkBench({ port: 4711 })
  assert.match(
    ask(bench, 'conf'),
    /clientPort=4711\n[\s\S]*tickTime=500\n[\s\S]*minSessionTimeout=1000\n/,
  )
  assert.match(ask(bench, 'envi'), /^Environment:\nzookeeper\.version=3\.9\./)
  assert.match(ask(bench, 'mntr'), /zk_server_state\tstandalone\n[\s\S]*zk_znode_count\t5\n/)
})

test('other letters are the length of a frame, and much too large', async () => {
  const { dial } = await startZkBench()
  const peer = dial()
  peer.socket.receive(Buffer.from('GET / HTTP/1.1\r\n'))
  assert.ok(peer.isClosed)
})
