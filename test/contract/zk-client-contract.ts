/**
 * What every `ZkClient` must do, whatever package and whatever server is behind it. A harness makes
 * clients that share one empty tree and gives the means to hurt them.
 */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import {
  type ZkClient,
  ZkError,
  type ZkErrorName,
  type ZkOp,
  type ZkWatchEvent,
} from '../../src/zk/zk-client.ts'
import { until } from '../support/until.ts'

export interface ZkHarness {
  /** Connected. Its root is the root of a tree that is empty for each test. */
  connect(): Promise<ZkClient>
  /** Breaks the connection; the client cannot come back before `allowReconnect`. */
  disconnect(client: ZkClient): void
  allowReconnect(client: ZkClient): void
  /** Ends the session behind the client's back; returns when the server knows. */
  expire(client: ZkClient): Promise<void>
  /** Closes what it made. */
  close(): Promise<void>
  readonly lacks?: ReadonlySet<'null data' | 'acl at creation'>
}

const NONE = Buffer.alloc(0)

/** Whoever clears the tree away needs them. */
export const TEST_CREDENTIALS = Buffer.from('alice:secret')

interface Bench {
  harness: ZkHarness
  client: ZkClient
}

export function zkClientContract(
  name: string,
  openHarness: () => Promise<ZkHarness>,
  options: { readonly skip?: string } = {},
): void {
  describe(name, { skip: options.skip ?? false }, () => {
    const bench = {} as Bench
    beforeEach(async () => {
      bench.harness = await openHarness()
      bench.client = await bench.harness.connect()
    })
    afterEach(() => bench.harness.close())
    nodeTests(bench)
    versionTests(bench)
    multiTests(bench)
    watchTests(bench)
    connectionTests(bench)
    sessionTests(bench)
  })
}

export function named(name: ZkErrorName, path?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ZkError, String(error))
    assert.equal(error.errorName, name)
    if (path !== undefined) assert.equal(error.path, path)
    return true
  }
}

function nodeTests(bench: Bench): void {
  test('a node is created, read, written, listed and deleted', async () => {
    const { client } = bench
    assert.equal(await client.create('/a', Buffer.from('x'), 'persistent'), '/a')
    const { data, stat } = await client.get('/a')
    assert.equal(data?.toString(), 'x')
    assert.equal(stat.version, 0)
    assert.equal(stat.dataLength, 1)
    assert.equal(stat.ephemeralOwner, 0n)
    assert.ok(stat.czxid > 0n && stat.czxid === stat.mzxid)
    assert.ok(stat.ctimeMs > 1_600_000_000_000)
    await client.create('/a/b', NONE, 'persistent')
    await client.create('/a/c', NONE, 'persistent')
    const listed = await client.children('/a')
    assert.deepEqual(listed.children.sort(), ['b', 'c'])
    assert.equal(listed.stat.numChildren, 2)
    assert.deepEqual((await client.children('/a/b')).children, [])
    const written = await client.set('/a', Buffer.from('yy'), 0)
    assert.equal(written.version, 1)
    assert.ok(written.mzxid > written.czxid)
    assert.equal((await client.exists('/a'))?.dataLength, 2)
    await client.delete('/a/b', -1)
    await client.delete('/a/c', 0)
    await client.delete('/a', 1)
    assert.equal(await client.exists('/a'), null)
    assert.ok(!(await client.children('/')).children.includes('a'))
  })

  test('null data and empty data stay different things', async () => {
    const { client } = bench
    if (bench.harness.lacks?.has('null data')) {
      await assert.rejects(client.create('/null', null, 'persistent'), named('UNIMPLEMENTED'))
      await assert.rejects(client.set('/null', null, -1), named('UNIMPLEMENTED'))
      return
    }
    await client.create('/null', null, 'persistent')
    await client.create('/empty', Buffer.alloc(0), 'persistent')
    assert.equal((await client.get('/null')).data, null)
    assert.equal((await client.get('/empty')).data?.length, 0)
    await client.set('/null', Buffer.alloc(0), 0)
    await client.set('/empty', null, 0)
    assert.equal((await client.get('/null')).data?.length, 0)
    assert.equal((await client.get('/empty')).data, null)
  })

  test('data comes back byte for byte, paths in UTF-8 too', async () => {
    const { client } = bench
    const data = Buffer.from(Array.from({ length: 512 }, (_, at) => at & 0xff))
    const path = '/Grüße–<default>%20'
    assert.equal(await client.create(path, data, 'persistent'), path)
    assert.deepEqual((await client.get(path)).data, data)
    assert.ok((await client.children('/')).children.includes(path.slice(1)))
  })

  test('failures have their names and the path as the caller wrote it', async () => {
    const { client } = bench
    await client.create('/a', NONE, 'persistent')
    await client.create('/a/b', NONE, 'persistent')
    await client.create('/e', NONE, 'ephemeral')
    await assert.rejects(client.create('/a', NONE, 'persistent'), named('NODE_EXISTS', '/a'))
    await assert.rejects(client.create('/x/y', NONE, 'persistent'), named('NO_NODE', '/x/y'))
    await assert.rejects(
      client.create('/e/y', NONE, 'persistent'),
      named('NO_CHILDREN_FOR_EPHEMERALS', '/e/y'),
    )
    await assert.rejects(client.get('/x'), named('NO_NODE', '/x'))
    await assert.rejects(client.children('/x'), named('NO_NODE', '/x'))
    await assert.rejects(client.set('/x', NONE, -1), named('NO_NODE', '/x'))
    await assert.rejects(client.delete('/x', -1), named('NO_NODE', '/x'))
    await assert.rejects(client.delete('/a', -1), named('NOT_EMPTY', '/a'))
  })

  test('sequential nodes get ten digits that grow', async () => {
    const { client } = bench
    await client.create('/q', NONE, 'persistent')
    const first = await client.create('/q/n_', NONE, 'persistent-sequential')
    const second = await client.create('/q/n_', NONE, 'ephemeral-sequential')
    assert.match(first, /^\/q\/n_\d{10}$/)
    assert.ok(second > first)
    await client.delete(second, -1)
    const third = await client.create('/q/n_', NONE, 'persistent-sequential')
    assert.ok(third > second)
  })

  test('access control lists are read and set', async () => {
    const { client } = bench
    const open = { permissions: 31, scheme: 'world', id: 'anyone' }
    const read = { permissions: 1, scheme: 'world', id: 'anyone' }
    await client.create('/a', NONE, 'persistent')
    assert.deepEqual((await client.getAcl('/a')).acl, [open])
    const stat = await client.setAcl('/a', [{ ...open, permissions: 1 + 16 }], 0)
    assert.equal(stat.aversion, 1)
    await assert.rejects(client.set('/a', NONE, -1), named('NO_AUTH'))
    await assert.rejects(client.setAcl('/a', [open], 0), named('BAD_VERSION'))
    const created = client.create('/b', NONE, 'persistent', [read, { ...open, permissions: 30 }])
    if (bench.harness.lacks?.has('acl at creation')) {
      await assert.rejects(created, named('UNIMPLEMENTED'))
      return
    }
    await created
    assert.equal((await client.getAcl('/b')).acl.length, 2)
  })

  test('what is written with credentials is closed to others', async () => {
    const { client } = bench
    await client.addAuth('digest', TEST_CREDENTIALS)
    const own = { permissions: 31, scheme: 'auth', id: '' }
    await client.create('/mine', Buffer.from('x'), 'persistent')
    await client.setAcl('/mine', [own], 0)
    const other = await bench.harness.connect()
    await assert.rejects(other.get('/mine'), named('NO_AUTH'))
    await other.addAuth('digest', TEST_CREDENTIALS)
    assert.equal((await other.get('/mine')).data?.toString(), 'x')
  })

  test('sync answers', async () => {
    await bench.client.sync('/')
  })

  test('many requests at once are answered each with its own', async () => {
    const { client } = bench
    const names = Array.from({ length: 200 }, (_, at) => `/n${at}`)
    await Promise.all(names.map((path) => client.create(path, Buffer.from(path), 'persistent')))
    const read = await Promise.all(names.map((path) => client.get(path)))
    assert.deepEqual(
      read.map(({ data }) => data?.toString()),
      names,
    )
  })
}

function versionTests(bench: Bench): void {
  test('version 0 is a version like every other', async () => {
    const { client } = bench
    await client.create('/a', NONE, 'persistent')
    await client.set('/a', Buffer.from('1'), 0)
    await assert.rejects(client.set('/a', Buffer.from('2'), 0), named('BAD_VERSION'))
    await assert.rejects(client.delete('/a', 0), named('BAD_VERSION'))
    await client.set('/a', Buffer.from('3'), -1)
    assert.equal((await client.get('/a')).stat.version, 2)
    await client.delete('/a', 2)
  })
}

function multiTests(bench: Bench): void {
  const check = (path: string, version: number): ZkOp => ({ kind: 'check', path, version })
  const set = (path: string, version: number): ZkOp => ({
    kind: 'set',
    path,
    data: Buffer.from('m'),
    version,
  })
  const create = (path: string): ZkOp => ({ kind: 'create', path, data: null, mode: 'persistent' })
  const errors = async (...ops: ZkOp[]) => {
    const result = await bench.client.multi(ops)
    assert.equal(result.kind, 'failed')
    return result.kind === 'failed' ? result.errors : []
  }
  /** False, and the test ends there, on a client without `multi`. */
  const isSupported = async () => {
    if (bench.client.supportsMulti) return true
    await assert.rejects(bench.client.multi([check('/', -1)]), named('UNIMPLEMENTED'))
    return false
  }

  test('a multi does all of it, each result in its place', async () => {
    const { client } = bench
    if (!(await isSupported())) return
    await client.create('/a', null, 'persistent')
    await client.create('/gone', null, 'persistent')
    const result = await client.multi([
      check('/a', 0),
      { kind: 'create', path: '/b', data: null, mode: 'ephemeral' },
      { kind: 'set', path: '/b', data: Buffer.from('b'), version: 0 },
      { kind: 'create', path: '/s', data: null, mode: 'persistent-sequential' },
      { kind: 'delete', path: '/gone', version: 0 },
    ])
    assert.equal(result.kind, 'ok')
    if (result.kind !== 'ok') return
    const [checked, created, written, sequential, deleted] = result.results
    assert.deepEqual(checked, { kind: 'check' })
    assert.deepEqual(created, { kind: 'create', path: '/b' })
    assert.deepEqual(deleted, { kind: 'delete' })
    assert.ok(sequential?.kind === 'create' && /^\/s\d{10}$/.test(sequential.path))
    assert.ok(written?.kind === 'set')
    if (written?.kind !== 'set') return
    assert.equal(written.stat.version, 1)
    assert.equal(written.stat.czxid, written.stat.mzxid)
    assert.equal(written.stat.ephemeralOwner, client.sessionId)
    assert.deepEqual((await client.get('/b')).stat, written.stat)
  })

  test('a multi with a failing check tells so and does nothing', async () => {
    const { client } = bench
    if (!(await isSupported())) return
    await client.create('/epoch', null, 'persistent')
    await client.create('/a', null, 'persistent')
    await client.set('/epoch', null, 0)
    const skipped = 'RUNTIME_INCONSISTENCY'
    assert.deepEqual(await errors(check('/epoch', 0), set('/a', 0)), ['BAD_VERSION', skipped])
    assert.deepEqual(await errors(check('/none', 0), set('/a', 0)), ['NO_NODE', skipped])
    assert.deepEqual(await errors(check('/none', -1), create('/n'), create('/m')), [
      'NO_NODE',
      skipped,
      skipped,
    ])
    assert.equal((await client.get('/a')).stat.version, 0)
    assert.equal(await client.exists('/n'), null)
  })

  test('a multi with a good check and a failing operation tells which', async () => {
    const { client } = bench
    if (!(await isSupported())) return
    await client.create('/epoch', null, 'persistent')
    await client.create('/a', null, 'persistent')
    const epoch = check('/epoch', 0)
    assert.deepEqual(await errors(epoch, set('/a', 3)), [null, 'BAD_VERSION'])
    assert.deepEqual(await errors(epoch, set('/none', 0)), [null, 'NO_NODE'])
    assert.deepEqual(await errors(epoch, create('/a')), [null, 'NODE_EXISTS'])
    assert.deepEqual(await errors(epoch, create('/b'), set('/a', 1), create('/c')), [
      null,
      null,
      'BAD_VERSION',
      'RUNTIME_INCONSISTENCY',
    ])
    assert.equal(await client.exists('/b'), null)
  })

  test('version 0 binds in a multi too', async () => {
    const { client } = bench
    if (!(await isSupported())) return
    await client.create('/a', null, 'persistent')
    await client.set('/a', null, 0)
    assert.deepEqual(await errors(check('/a', 0)), ['BAD_VERSION'])
    assert.deepEqual(await errors(set('/a', 0)), ['BAD_VERSION'])
    assert.deepEqual(await errors({ kind: 'delete', path: '/a', version: 0 }), ['BAD_VERSION'])
    const any = await client.multi([check('/a', -1), set('/a', -1)])
    assert.equal(any.kind, 'ok')
  })

  test('null and empty data stay different in a multi', async () => {
    const { client } = bench
    if (!(await isSupported())) return
    await client.multi([
      { kind: 'create', path: '/null', data: null, mode: 'persistent' },
      { kind: 'create', path: '/empty', data: Buffer.alloc(0), mode: 'persistent' },
    ])
    assert.equal((await client.get('/null')).data, null)
    assert.equal((await client.get('/empty')).data?.length, 0)
  })
}

function watchTests(bench: Bench): void {
  test('each kind of watch fires once, for its kind of change', async () => {
    const { client } = bench
    const other = await bench.harness.connect()
    const events: ZkWatchEvent[] = []
    const watcher = (event: ZkWatchEvent) => events.push(event)
    assert.equal(await client.exists('/a', watcher), null)
    await other.create('/a', NONE, 'persistent')
    await until('created', () => events.length === 1)
    await client.get('/a', watcher)
    await other.set('/a', Buffer.from('1'), -1)
    await until('changed', () => events.length === 2)
    await other.set('/a', Buffer.from('2'), -1)
    await client.children('/a', watcher)
    await other.create('/a/b', NONE, 'persistent')
    await until('children', () => events.length === 3)
    await other.delete('/a/b', -1)
    await client.exists('/a', watcher)
    await other.delete('/a', -1)
    await until('deleted', () => events.length === 4)
    assert.deepEqual(events, [
      { type: 'created', path: '/a' },
      { type: 'changed', path: '/a' },
      { type: 'children', path: '/a' },
      { type: 'deleted', path: '/a' },
    ])
  })

  test('one function armed twice at a node is called once', async () => {
    const { client } = bench
    let calls = 0
    const watcher = () => {
      calls += 1
    }
    await client.create('/a', NONE, 'persistent')
    await client.get('/a', watcher)
    await client.exists('/a', watcher)
    let otherCalls = 0
    await client.get('/a', () => {
      otherCalls += 1
    })
    await client.set('/a', NONE, -1)
    await until('fired', () => calls > 0 && otherCalls > 0)
    await client.sync('/')
    assert.deepEqual([calls, otherCalls], [1, 1])
  })

  test('a read that fails arms nothing', async () => {
    const { client } = bench
    let calls = 0
    await assert.rejects(
      client.get('/a', () => {
        calls += 1
      }),
      named('NO_NODE'),
    )
    await client.create('/a', NONE, 'persistent')
    await client.sync('/')
    assert.equal(calls, 0)
  })

  test('a watch outlives a reconnection, and tells of changes made meanwhile', async () => {
    const { client, harness } = bench
    const other = await harness.connect()
    const events: string[] = []
    const watcher = ({ type, path }: ZkWatchEvent) => events.push(`${type} ${path}`)
    for (const path of ['/kept', '/changed', '/parent', '/deleted']) {
      await client.create(path, NONE, 'persistent')
    }
    await client.get('/kept', watcher)
    await client.get('/changed', watcher)
    await client.exists('/created', watcher)
    await client.children('/parent', watcher)
    await client.get('/deleted', watcher)
    harness.disconnect(client)
    await until('suspended', () => client.state === 'suspended')
    await other.set('/changed', Buffer.from('x'), -1)
    await other.create('/created', NONE, 'persistent')
    await other.create('/parent/child', NONE, 'persistent')
    await other.delete('/deleted', -1)
    harness.allowReconnect(client)
    await until('all told', () => events.length >= 4)
    await other.set('/kept', Buffer.from('x'), -1)
    await until('told after', () => events.length >= 5)
    assert.deepEqual(events.sort(), [
      'changed /changed',
      'changed /kept',
      'children /parent',
      'created /created',
      'deleted /deleted',
    ])
  })
}

function connectionTests(bench: Bench): void {
  test('the session outlives its connection', async () => {
    const { client, harness } = bench
    await client.create('/e', NONE, 'ephemeral')
    const { sessionId } = client
    const states: string[] = []
    client.onState((state) => states.push(state))
    harness.disconnect(client)
    await until('suspended', () => client.state === 'suspended')
    harness.allowReconnect(client)
    await until('connected', () => client.state === 'connected')
    assert.equal(client.sessionId, sessionId)
    assert.equal((await client.exists('/e'))?.ephemeralOwner, sessionId)
    assert.deepEqual(states, ['suspended', 'connected'])
  })

  test('proof of life is the time of a sending, not of an answer', async () => {
    const { client } = bench
    // There need be none before the first answer.
    if (client.lastProofOfLifeMs === null) await client.exists('/')
    const before = client.lastProofOfLifeMs
    assert.ok(before !== null && before > 0)
    await until('newer', async () => {
      await client.exists('/')
      return client.lastProofOfLifeMs! > before
    })
  })
}

function sessionTests(bench: Bench): void {
  test('close ends the ephemeral nodes without a timeout, and tells others', async () => {
    const { client, harness } = bench
    const other = await harness.connect()
    await client.create('/e', NONE, 'ephemeral')
    const events: string[] = []
    await other.exists('/e', ({ type }) => events.push(type))
    await client.close()
    await client.close()
    assert.equal(client.state, 'closed')
    await until('gone', async () => (await other.exists('/e')) === null)
    await until('told', () => events.length === 1)
    assert.deepEqual(events, ['deleted'])
    await assert.rejects(client.exists('/e'), named('SESSION_EXPIRED'))
  })

  test('an expired session is final: no ephemerals, no watches, no answers', async () => {
    const { client, harness } = bench
    const other = await harness.connect()
    let calls = 0
    await client.create('/e', NONE, 'ephemeral')
    await client.create('/p', NONE, 'persistent')
    await client.get('/p', () => {
      calls += 1
    })
    await harness.expire(client)
    await until('expired', () => client.state === 'expired')
    assert.equal(await other.exists('/e'), null)
    await other.set('/p', NONE, -1)
    await assert.rejects(client.exists('/p'), named('SESSION_EXPIRED'))
    await other.sync('/')
    assert.equal(calls, 0)
    await client.close()
    assert.equal(client.state, 'expired')
  })

  test('a removed listener hears nothing more', async () => {
    const { client } = bench
    const states: string[] = []
    client.onState((state) => states.push(state))
    const remove = client.onState((state) => states.push(`removed ${state}`))
    remove()
    await client.close()
    assert.deepEqual(states, ['closed'])
  })
}
