/** The conversation itself, in acts. `~` stands for the root of the script. */

import type { JuteReader } from '../../src/zkserver/jute.ts'
import type { AclEntry, ZkScript } from './zk-script.ts'
import { Steps } from './zk-script-steps.ts'

const DIGEST_OF_ANNA = 'anna:Wap/fLaD11BLJBT+7fkDcVxaT7c='

export async function converse(script: ZkScript): Promise<void> {
  const steps = new Steps(script)
  await script.connect('a', { timeoutMs: 10_000 })
  await script.connect('b', { timeoutMs: 20_000 })
  await steps.create('a', '~')
  for (const act of [nodes, refusals, sequences, transactions]) await act(script, steps)
  for (const act of [watching, persistentWatching, watchesOfAllKinds]) await act(script, steps)
  for (const act of [access, hiddenEvents, sessions, reconnection]) await act(script, steps)
  await oddRequests(script, steps)
  await cleanUp(script, steps)
  script.end()
}

async function nodes(_: ZkScript, steps: Steps): Promise<void> {
  await steps.create('a', '~/n', 'one')
  await steps.get('a', '~/n')
  await steps.create('a', '~/null', null)
  await steps.get('a', '~/null')
  await steps.create('a', '~/empty', '')
  await steps.get('a', '~/empty')
  await steps.set('a', '~/n', 'two', 0)
  await steps.set('a', '~/n', null, 1)
  await steps.set('a', '~/n', 'again')
  await steps.set('a', '~/n', 'late', 1)
  await steps.get('a', '~/n')
  await steps.create2('a', '~/n/c2')
  await steps.create2('a', '~/n/c2')
  await steps.create2('a', '~/n/cont', 4, 19)
  await steps.exists('a', '~/n/cont')
  await steps.create2('a', '~/n/ttl', 5, 21)
  await steps.create('a', '~/n/ttl', '', 5)
  await steps.create('a', '~/n/eph', 'e', 1)
  await steps.exists('a', '~/n/eph')
  await steps.exists('b', '~')
  await steps.children('b', '~/n')
  await steps.oldChildren('b', '~/n')
  await steps.delete('a', '~/n/c2', 3)
  await steps.delete('a', '~/n/c2', 0)
  await steps.exists('a', '~/n')
  await steps.delete('b', '~/n/eph')
  await steps.exists('a', '~/n')
  await steps.delete('a', '~/n/cont')
  await steps.create('a', '~/n/c2')
  await steps.children('a', '~/n')
  await steps.get('a', '/zookeeper/config')
  await steps.getAcl('a', '/zookeeper/config')
  await steps.get('a', '/zookeeper/quota')
}

async function refusals(script: ZkScript, steps: Steps): Promise<void> {
  await steps.create('a', '/')
  await steps.create('a', '~')
  await steps.create('a', '~/no/such')
  await steps.create('a', '~/e', '', 1)
  await steps.create('a', '~/e/below')
  await steps.create('a', '~/e/below', '', 2)
  for (const path of ['', 'x', 'x/y', '~/', '~//a', '~/a/', '~/./a', '~/..', '~/a\0', '~/\u0001']) {
    await steps.create('a', path)
    await steps.set('a', path, 'x')
    await steps.delete('a', path)
    if (path === '') continue // Reads the root, which differs from server to server.
    await steps.exists('a', path)
    await steps.get('a', path)
    await steps.children('a', path)
  }
  for (const char of ['\u001f', '\u007f', '\u009f', '\ud7ff', '\uf8ff', '\ue000', '\ufff0', '😀']) {
    await steps.create('a', `~/x${char}`)
  }
  await steps.delete('a', '~/x\ud7ff')
  await steps.create('a', '~/caf\u00e9 \u00fc')
  await steps.delete('a', '~/caf\u00e9 \u00fc')
  await steps.create('a', '~/flags', '', 7)
  await steps.create('a', '~/flags', '', -1)
  await steps.create('a', '~/acl', '', 0, [])
  await steps.create('a', '~/no/acl', '', 0, [[31, 'nobody', 'x']])
  await steps.create('a', '~/acl', '', 0, [[31, 'world', 'somebody']])
  await steps.create('a', '~/acl', '', 0, [[31, 'digest', 'x']])
  await steps.create('a', '~/acl', '', 0, [[31, 'auth', '']])
  await steps.create('a', '~/acl', '', 0, [[31, 'ip', '300.1.1.1']])
  await steps.create('a', '~/acl', '', 0, [[31, 'sasl', 'x']])
  await steps.delete('a', '~/nope')
  await steps.delete('a', '~/no/nope', 5)
  await steps.delete('a', '~')
  for (const path of ['/', '/zookeeper', '/zookeeper/config', '/zookeeper/quota']) {
    await steps.delete('a', path)
  }
  await steps.set('a', '~/nope', 'x')
  await steps.get('a', '~/nope')
  await steps.exists('a', '~/nope')
  await steps.children('a', '~/nope')
  await steps.oldChildren('a', '~/nope')
  await steps.getAcl('a', '~/nope')
  await steps.setAcl('a', '~/nope', [[31, 'world', 'anyone']])
  await steps.setAcl('a', '~/n', [], 0)
  await steps.setAcl('a', '~/n', [[31, 'world', 'anyone']], 4)
  await script.request('a', 'sync', 9, steps.pathBody('~/nope'), script.showPath)
}

async function sequences(_: ZkScript, steps: Steps): Promise<void> {
  await steps.create('a', '~/s')
  await steps.create('a', '~/s/plain')
  await steps.create('a', '~/s/q-', 'x', 2)
  await steps.create('a', '~/s/q-', 'x', 3)
  await steps.delete('a', '~/s/plain')
  await steps.create('a', '~/s/', 'x', 2)
  await steps.create('a', '~/s/q-', 'x', 2)
  await steps.create2('a', '~/s/q2-', 3)
  await steps.children('a', '~/s')
  await steps.delete('a', '~/s/q-0000000001')
  await steps.create('a', '~/s/q-', 'x', 3)
  await steps.children('a', '~/s')
  await steps.create('a', '~/no/q-', 'x', 2)
}

async function transactions(script: ZkScript, steps: Steps): Promise<void> {
  const create = (path: string, flags = 0) => [1, steps.createBody(path, 'm', flags)] as const
  const create2 = (path: string, flags = 0) => [15, steps.createBody(path, 'm', flags)] as const
  const set = (path: string, version: number) => [5, steps.setBody(path, 's', version)] as const
  const check = (path: string, version: number) => [13, steps.versionBody(path, version)] as const
  const remove = (path: string, version: number) => [2, steps.versionBody(path, version)] as const
  await steps.create('a', '~/t')
  await steps.multi('a', 'nothing', [])
  await steps.multi('a', 'create+set', [create('~/t/a', 1), set('~/t/a', 0)])
  await steps.multi('a', 'all', [check('~/t', 0), create2('~/t/b'), remove('~/t/a', 1)])
  await steps.multi('a', 'check bad', [check('~/t', 7), set('~/t', 0)])
  await steps.multi('a', 'set bad', [check('~/t', 0), set('~/t', 9)])
  await steps.multi('a', 'set missing', [check('~/t', 0), set('~/t/none', -1)])
  await steps.multi('a', 'create there', [check('~/t', 0), create('~/t/b')])
  await steps.multi('a', 'check missing', [check('~/t/none', -1), set('~/t', -1)])
  await steps.multi('a', 'middle', [set('~/t', -1), remove('~/t/none', -1), create('~/t/x')])
  await steps.multi('a', 'twice', [set('~/t', 0), set('~/t', 1), check('~/t', 2)])
  await steps.multi('a', 'make and unmake', [create('~/t/x'), remove('~/t/x', 0)])
  await steps.multi('a', 'sequence', [
    create('~/t/q-', 2),
    create('~/t/q-', 2),
    create('~/t/q-', 3),
  ])
  await steps.multi('a', 'rolled back', [create('~/t/q-', 2), remove('~/t', 9)])
  await steps.multi('a', 'container', [[19, steps.createBody('~/t/cont', 'm', 4)]])
  await steps.multi('a', 'parent made', [create('~/t/p'), create('~/t/p/c'), remove('~/t/p', -1)])
  await steps.multi('a', 'bad path', [create('~/t/'), create('~/t/ok')])
  await steps.multi('a', 'ephemeral parent', [create('~/t/e', 1), create('~/t/e/c')])
  await steps.multi('a', 'a read inside', [[4, steps.readBody('~/t', false)]])
  await steps.children('a', '~/t')
  const read = (path: string) => [4, steps.readBody(path, false)] as const
  const list = (path: string) => [8, steps.readBody(path, false)] as const
  await steps.multi('a', 'reads', [read('~/t'), list('~/t'), read('~/none'), list('~')], 22)
  await script.request('a', 'count', 104, steps.pathBody('~/t'), script.showInt)
  await script.request('a', 'count', 104, steps.pathBody('~/none'), script.showInt)
}

async function watching(_: ZkScript, steps: Steps): Promise<void> {
  await steps.create('a', '~/w')
  await steps.exists('b', '~/w/x', true)
  await steps.get('b', '~/w/x', true)
  await steps.children('b', '~/w', true)
  await steps.create('a', '~/w/x')
  await steps.create('a', '~/w/y')
  await steps.get('b', '~/w/x', true)
  await steps.exists('b', '~/w/x', true)
  await steps.get('a', '~/w/x', true)
  await steps.set('a', '~/w/x', 'new')
  await steps.set('a', '~/w/x', 'newer')
  await steps.get('b', '~/w/x', true)
  await steps.oldChildren('b', '~/w/x', true)
  await steps.children('b', '~/w', true)
  await steps.delete('a', '~/w/x')
  await steps.setAcl('a', '~/w/y', [[31, 'world', 'anyone']])
  await steps.get('b', '~/w/y', true)
  await steps.children('b', '~/w', true)
  const change = [5, steps.setBody('~/w/y', 's', -1)] as const
  const remove = [2, steps.versionBody('~/w/y', -1)] as const
  await steps.multi('a', 'set+delete', [change, remove])
  await steps.exists('b', '~/w/z', true)
  await steps.watches('b', 17, '~/w/z', 2)
  await steps.watches('b', 17, '~/w/z', 1)
  await steps.watches('b', 18, '~/w/z', 3)
  await steps.watches('b', 18, '~/w/z', 3)
  await steps.create('a', '~/w/z')
  await steps.children('b', '~/w/z', true)
  await steps.watches('b', 18, '~/w/z', 1)
  await steps.create('a', '~/w/z/below')
}

async function persistentWatching(_: ZkScript, steps: Steps): Promise<void> {
  await steps.create('a', '~/p')
  await steps.watches('b', 106, '~/p', 0)
  await steps.create('a', '~/p/x')
  await steps.create('a', '~/p/x/y')
  await steps.set('a', '~/p', '1')
  await steps.set('a', '~/p', '2')
  await steps.set('a', '~/p/x', '1')
  await steps.watches('b', 17, '~/p', 3)
  await steps.watches('b', 18, '~/p', 3)
  await steps.set('a', '~/p', '3')
  await steps.watches('b', 106, '~/p', 1)
  await steps.create('a', '~/p/x/y/z')
  await steps.set('a', '~/p/x', '2')
  await steps.set('a', '~/p', '2')
  await steps.delete('a', '~/p/x/y/z')
  await steps.watches('b', 18, '~/p', 3)
  await steps.watches('b', 106, '~/later', 0)
  await steps.create('a', '~/later')
  await steps.create('a', '~/later/x')
  await steps.delete('a', '~/later/x')
  await steps.delete('a', '~/later')
  await steps.create('a', '~/later')
  await steps.watches('b', 18, '~/later', 3)
  await steps.watches('b', 106, '~/p', 5)
}

async function watchesOfAllKinds(_: ZkScript, steps: Steps): Promise<void> {
  const check = async () => {
    for (const type of [1, 2, 3, 4, 5]) await steps.watches('b', 17, '~/m', type)
  }
  await steps.create('a', '~/m')
  await check()
  await steps.get('b', '~/m', true)
  await steps.children('b', '~/m', true)
  await check()
  await steps.watches('b', 106, '~/m', 0)
  await steps.watches('b', 106, '~/m', 1)
  await check()
  await steps.watches('b', 18, '~/m', 2)
  await steps.watches('b', 18, '~/m', 2)
  await steps.set('a', '~/m', '1')
  await steps.create('a', '~/m/x')
  await check()
  await steps.watches('b', 18, '~/m', 4)
  await check()
  await steps.set('a', '~/m', '2')
  await steps.create('a', '~/m/y')
  await steps.get('b', '~/m', true)
  await steps.watches('b', 18, '~/m', 5)
  await steps.create('a', '~/m/z')
  await steps.set('a', '~/m', '3')
  await check()
  for (const path of ['x', 'y', 'z']) await steps.delete('a', `~/m/${path}`)
  await steps.watches('b', 106, '~/m', 1)
  await steps.children('b', '~/m', true)
  await steps.delete('a', '~/m')
  await steps.watches('b', 18, '~/m', 3)
}

async function access(script: ZkScript, steps: Steps): Promise<void> {
  await script.request('a', 'who-am-i', 107, undefined, showIdentities)
  await steps.auth('a', 'digest', 'anna:secret')
  await steps.auth('a', 'digest', 'anna:secret')
  await script.request('a', 'who-am-i', 107, undefined, showIdentities)
  await steps.create('a', '~/mine', 'x', 0, [
    [31, 'auth', ''],
    [1, 'world', 'anyone'],
    [1, 'world', 'anyone'],
  ])
  await steps.getAcl('a', '~/mine')
  await steps.getAcl('b', '~/mine')
  await steps.get('b', '~/mine')
  await steps.set('b', '~/mine', 'y')
  await steps.create('b', '~/mine/c')
  await steps.multi('b', 'forbidden', [[5, steps.setBody('~/mine', 's', -1)]])
  await steps.setAcl('b', '~/mine', [[31, 'world', 'anyone']])
  await steps.create('a', '~/mine/c', 'x', 0, [[31, 'digest', DIGEST_OF_ANNA]])
  await steps.get('b', '~/mine/c')
  await steps.children('b', '~/mine/c')
  await steps.getAcl('b', '~/mine/c')
  await steps.exists('b', '~/mine/c')
  await steps.delete('b', '~/mine/c')
  await steps.multi('b', 'check', [[13, steps.versionBody('~/mine/c', 0)]])
  await script.request('b', 'count', 104, steps.pathBody('~/mine/c'), script.showInt)
  await steps.get('a', '~/mine/c')
  await steps.setAcl('a', '~/mine', [[31, 'ip', '127.0.0.0/8']], 0)
  await steps.setAcl('a', '~/mine', [[31, 'ip', '127.0.0.0/8']], 0)
  await steps.delete('b', '~/mine/c')
  await steps.setAcl('a', '~/mine', [[31, 'ip', '10.0.0.0/8']], 1)
  await steps.get('b', '~/mine')
  await steps.delete('a', '~/mine')
  await script.connect('c')
  await steps.auth('c', 'nosuch', 'x')
  await script.expectClosed('c')
}

/** `a` has proved to be anna, `b` nobody. */
async function hiddenEvents(_: ZkScript, steps: Steps): Promise<void> {
  const annas: AclEntry[] = [[31, 'digest', DIGEST_OF_ANNA]]
  await steps.exists('b', '~/secret', true)
  await steps.exists('a', '~/secret', true)
  await steps.create('a', '~/secret', 'x', 0, annas)
  await steps.watches('b', 17, '~/secret', 3)
  await steps.create('a', '~/open')
  await steps.get('b', '~/open', true)
  await steps.children('b', '~/open', true)
  await steps.setAcl('a', '~/open', annas)
  await steps.set('a', '~/open', '1')
  await steps.create('a', '~/open/child')
  await steps.watches('b', 106, '~/secret', 0)
  await steps.set('a', '~/secret', 'y')
  await steps.delete('a', '~/open/child')
  await steps.delete('a', '~/open')
  await steps.delete('a', '~/secret')
  await steps.watches('b', 18, '~/secret', 3)
}

function showIdentities(body: JuteReader): string {
  const identities = body.vector(8, () => `${body.string()}=${body.string()}`)
  return identities.sort().join(' ')
}

async function sessions(script: ZkScript, steps: Steps): Promise<void> {
  await script.connect('low', { timeoutMs: 1 })
  await script.connect('high', { timeoutMs: 1_000_000 })
  await steps.create('low', '~/low1', '', 1)
  await steps.create('low', '~/s/low2', '', 1)
  await script.request('low', 'ephemerals', 103, steps.pathBody('~/s'), script.showPaths)
  await script.request('low', 'ephemerals', 103, steps.pathBody('~'), script.showPaths)
  await script.request('high', 'ephemerals', 103, steps.pathBody('/'), script.showPaths)
  await steps.exists('b', '~/low1', true)
  await steps.exists('high', '~/low1')
  await script.request('low', 'close', -11)
  await script.expectClosed('low')
  await steps.exists('b', '~/low1')
  await steps.exists('b', '~/s')
  await script.request('high', 'close', -11)
  await script.expectClosed('high')
}

async function reconnection(script: ZkScript, steps: Steps): Promise<void> {
  await script.connect('r')
  await steps.create('r', '~/r', '', 1)
  await steps.create('a', '~/kept')
  await steps.create('a', '~/gone')
  const since = Number(script.lastZxid - script.absolute(0))
  script.drop('r')
  await steps.set('a', '~/kept', 'changed')
  await steps.create('a', '~/kept/child')
  await steps.delete('a', '~/gone')
  await script.connect('r2', { resume: 'r' })
  await steps.exists('r2', '~/r')
  const existing = ['~/kept', '~/no', '~/s']
  await steps.setWatches('r2', since, [['~/kept', '~/gone', '~/n'], existing, ['~/kept', '~/s']])
  await steps.set('a', '~/n', 'for the watch')
  await steps.create('a', '~/no')
  await steps.create('a', '~/s/one')
  await steps.setWatches('r2', since, [['~/n'], [], ['~/gone'], ['~/kept'], ['~/s']])
  await steps.set('a', '~/kept', 'again')
  await steps.set('a', '~/kept', 'and again')
  await steps.create('a', '~/s/two')
  await script.connect('wrong', { resume: 'r', password: Buffer.alloc(16, 1) })
  await script.expectClosed('wrong')
  await script.connect('unknown', { sessionId: 4711n })
  await script.expectClosed('unknown')
  await script.connect('future', { lastZxidSeen: 1n << 60n })
  await script.connect('r3', { resume: 'r' })
  await script.expectClosed('r2')
  await script.request('r3', 'close', -11)
  await script.expectClosed('r3')
  await script.connect('r4', { resume: 'r' })
  await script.expectClosed('r4')
  await steps.exists('a', '~/r')
}

async function oddRequests(script: ZkScript, steps: Steps): Promise<void> {
  await script.connect('k')
  await steps.raw('k', 'check alone', 13, steps.versionBody('~', 7))
  await script.expectClosed('k')
  await steps.raw('a', 'reconfig', 16, (writer) => {
    writer.string('').string('').string('').long(-1n)
  })
  await steps.raw('a', 'empty create', 1)
  await steps.raw('a', 'empty get', 4)
  await steps.raw('a', 'huge string', 4, (writer) => writer.int(0x7fffffff))
  await steps.raw('a', 'negative string', 4, (writer) => writer.int(-5))
  await steps.raw('a', 'huge acl', 1, (writer) => {
    writer.string('/x').buffer(null).int(0x7fffffff)
  })
  await steps.raw('a', 'multi without end', 14, (writer) => writer.int(1))
  await steps.raw('a', 'watcher type', 18, (writer) => writer.string('/x').int(9))
  await script.connect('o')
  await steps.raw('o', 'unknown opcode', 77)
  await script.expectClosed('o')
}

async function cleanUp(script: ZkScript, steps: Steps): Promise<void> {
  const below = ['n/c2', 'n', 'null', 'empty', 'e', 's/q-0000000004', 's/one', 's/two', 'w/z/below']
  const more = ['t/b', 't/q-0000000003', 't/q-0000000004', 't/q-0000000005', 't/cont', 'w/z', 'w']
  const last = ['p/x/y', 'p/x', 'p', 'later', 'kept/child', 'kept', 'no', 't', 's']
  for (const path of [...below, ...more, ...last]) await steps.delete('a', `~/${path}`)
  await steps.children('a', '~/s')
  await steps.children('a', '~')
  await script.request('b', 'close', -11)
  await script.request('a', 'close', -11)
}
