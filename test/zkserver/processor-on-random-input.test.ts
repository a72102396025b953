/** The processor against a plain object, and its log and snapshots against itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, type Instant, Processor } from '../../src/zkserver/processor.ts'
import type { Request, WriteOp } from '../../src/zkserver/requests.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/zkserver/snapshot.ts'
import type { Txn } from '../../src/zkserver/txn.ts'
import { decodeRecord, encodeRecord } from '../../src/zkserver/txn-codec.ts'
import { OPEN_ACL, statOf } from '../../src/zkserver/znode.ts'
import { SeededRandom } from '../support/seeded-random.ts'

interface ModelNode {
  data: string
  version: number
  created: number
  deleted: number
  ephemeral: boolean
}

type Model = Map<string, ModelNode>

const NOW: Instant = { wallMs: 1_700_000_000_000, monotonicMs: 0 }
const NAMES = ['a', 'b', 'c']

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function hasChildren(model: Model, path: string): boolean {
  return [...model.keys()].some((other) => other !== '/' && parent(other) === path)
}

/** Applies one operation to the plain object or returns the error number. */
function applyToModel(model: Model, op: WriteOp): number {
  const node = model.get(op.path)
  const above = model.get(parent(op.path))
  switch (op.kind) {
    case 'delete':
      if (above === undefined || node === undefined) return -101
      if (op.version !== -1 && op.version !== node.version) return -103
      if (hasChildren(model, op.path)) return -111
      model.delete(op.path)
      above.deleted += 1
      return 0
    case 'set-data':
    case 'check':
      if (node === undefined) return -101
      if (op.version !== -1 && op.version !== node.version) return -103
      if (op.kind === 'check') return 0
      node.data = String(op.data)
      node.version += 1
      return 0
    default: {
      if (above === undefined) return -101
      const path = op.flags >= 2 ? op.path + String(above.created).padStart(10, '0') : op.path
      if (model.has(path)) return -110
      if (above.ephemeral) return -108
      above.created += 1
      const ephemeral = op.flags % 2 === 1
      model.set(path, { data: String(op.data), version: 0, created: 0, deleted: 0, ephemeral })
      return 0
    }
  }
}

function randomOp(random: SeededRandom): WriteOp {
  const depth = 1 + random.nextInt(3)
  const path = Array.from({ length: depth }, () => `/${random.pick(NAMES)}`).join('')
  const version = random.pick([-1, -1, 0, 1, 2])
  const data = Buffer.from(String(random.nextInt(1000)))
  const dice = random.nextInt(10)
  if (dice < 4) {
    return { kind: 'create', path, data, acl: OPEN_ACL, flags: random.pick([0, 0, 0, 1, 2, 3]) }
  }
  if (dice < 6) return { kind: 'delete', path, version }
  return dice < 9 ? { kind: 'set-data', path, data, version } : { kind: 'check', path, version }
}

function randomRequest(random: SeededRandom): Request & { kind: 'multi' | WriteOp['kind'] } {
  if (!random.chance(0.3)) return randomOp(random)
  return { kind: 'multi', ops: Array.from({ length: random.nextInt(4) }, () => randomOp(random)) }
}

function copyOf(model: Model): Model {
  return new Map([...model].map(([path, node]) => [path, { ...node }]))
}

/** The codes per operation, and the model after it: unchanged when one failed. */
function expected(model: Model, request: Request): { codes: number[]; after: Model } {
  const ops = request.kind === 'multi' ? request.ops : [request as WriteOp]
  const after = copyOf(model)
  const codes: number[] = []
  for (const op of ops) {
    const failed = codes.some((code) => code !== 0)
    codes.push(failed ? -2 : applyToModel(after, op))
  }
  return codes.every((code) => code === 0) ? { codes, after } : { codes, after: model }
}

function dump(processor: Processor): unknown[] {
  return [...processor.tree.entries()]
    .filter(([path]) => !path.startsWith('/zookeeper'))
    .map(([path, node]) => [path, node.data?.toString() ?? null, statOf(node)])
}

function connect(processor: Processor): Client {
  const client: Client = { sessionId: 0n, identities: [] }
  const request = { lastZxidSeen: 0n, timeoutMs: 10_000, sessionId: 0n, password: Buffer.alloc(0) }
  processor.connect(client, request, NOW)
  return client
}

for (const seed of [1, 2, 3, 4]) {
  test(`requests do to the tree what they do to a plain object (seed ${seed})`, () => {
    const random = new SeededRandom(seed)
    const processor = new Processor(1000, NOW)
    const client = connect(processor)
    const root = { data: '', version: 0, created: 0, deleted: 0, ephemeral: false }
    let model: Model = new Map([['/', root]])
    for (let step = 0; step < 1500; step++) {
      const request = randomRequest(random)
      const { codes, after } = expected(model, request)
      const before = processor.lastZxid
      const { reply, txn } = processor.handle(client, request, NOW)
      assert.equal(processor.lastZxid, before + 1n)
      assert.equal(txn?.zxid, processor.lastZxid)
      if (reply.body.kind === 'multi') {
        const given = reply.body.results.map((each) => (each.kind === 'error' ? each.code : 0))
        assert.deepEqual(given, codes, JSON.stringify(request))
      } else {
        assert.equal(reply.code, codes[0], JSON.stringify(request))
      }
      model = after
    }
    const paths = [...processor.tree.entries()].map(([path]) => path)
    const own = paths.filter((path) => !path.startsWith('/zookeeper')).sort()
    assert.deepEqual(own, [...model.keys()].sort())
    for (const [path, node] of model) {
      const found = processor.tree.get(path)
      assert.ok(found)
      assert.equal(found.version, node.version)
      assert.equal(path === '/' ? '' : String(found.data), node.data)
      const cversion = node.created + node.deleted - (path === '/' ? 1 : 0)
      assert.equal(statOf(found).cversion, cversion, path)
    }
  })

  test(`the log and a snapshot each give the same tree again (seed ${seed})`, () => {
    const random = new SeededRandom(seed + 100)
    const processor = new Processor(1000, NOW)
    const txns: Txn[] = []
    const created = processor.connect(
      { sessionId: 0n, identities: [] },
      { lastZxidSeen: 0n, timeoutMs: 10_000, sessionId: 0n, password: Buffer.alloc(0) },
      NOW,
    )
    assert.ok(created.kind === 'connected' && created.txn !== null)
    txns.push(created.txn)
    const client = processor.sessions.get(created.sessionId)?.client as Client
    for (let step = 0; step < 600; step++) {
      const now = { wallMs: NOW.wallMs + step, monotonicMs: step }
      const { txn } = processor.handle(client, randomRequest(random), now)
      assert.ok(txn)
      txns.push(txn)
    }
    if (random.chance(0.5)) txns.push(processor.expire(client.sessionId, NOW)?.txn as Txn)
    const log = Buffer.concat(txns.map(encodeRecord))
    const again = new Processor(1000, NOW)
    for (let at = 0; at < log.length; ) {
      const record = decodeRecord(log, at)
      assert.ok(record)
      again.replay(record.txn, NOW)
      at += record.bytes
    }
    assert.deepEqual(dump(again), dump(processor))
    const restored = new Processor(1000, NOW, decodeSnapshot(encodeSnapshot(processor)))
    assert.deepEqual(dump(restored), dump(processor))
    assert.equal(restored.lastZxid, processor.lastZxid)
    assert.equal(restored.sessions.size, processor.sessions.size)
    assert.equal(restored.tree.ephemeralCount, processor.tree.ephemeralCount)
    assert.equal(restored.tree.approximateBytes, processor.tree.approximateBytes)
  })
}
