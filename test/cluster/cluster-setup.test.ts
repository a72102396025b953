import assert from 'node:assert/strict'
import test from 'node:test'
import {
  createPath,
  createPersistentPaths,
  generateBrokerId,
  readOrCreateClusterId,
} from '../../src/cluster/cluster-setup.ts'
import { isZkError, ZkError, type ZkOperations } from '../../src/zk/zk-client.ts'
import { persistentPaths } from '../../src/zk/znodes.ts'
import { ZkSessionBench } from '../support/zk-session-bench.ts'

const random = (fill: number) => ({
  nextInt: () => 0,
  bytes: (length: number) => Buffer.alloc(length, fill),
})

test('all paths are made with null data, parents too, and again without an error', async () => {
  const t = await ZkSessionBench.start()
  await createPersistentPaths(t.session)
  await createPersistentPaths(t.session)
  for (const path of [...persistentPaths, '/admin', '/brokers', '/config']) {
    assert.equal((await t.others.get(path)).data, null, path)
  }
})

test('the first broker makes the cluster id, all others read it', async () => {
  const t = await ZkSessionBench.start()
  const [first, second] = await Promise.all([
    readOrCreateClusterId(t.session, random(1)),
    readOrCreateClusterId(t.others, random(2)),
  ])
  assert.equal(first, second)
  assert.match(first, /^[A-Za-z0-9_-]{22}$/)
  assert.equal(await readOrCreateClusterId(t.session, random(3)), first)
})

test('a cluster id that is garbage is an error', async () => {
  const t = await ZkSessionBench.start()
  await t.make('/cluster')
  await t.others.create('/cluster/id', Buffer.from('{}'), 'persistent')
  await assert.rejects(readOrCreateClusterId(t.session, random(1)), /\/cluster\/id/)
})

test('generated broker ids begin above the reserved ones', async () => {
  const t = await ZkSessionBench.start()
  assert.equal(await generateBrokerId(t.session, 1_000), 1_001)
  assert.equal(await generateBrokerId(t.session, 1_000), 1_002)
  assert.equal((await t.others.get('/brokers/seqid')).data?.length, 0)
})

test('below a root that is missing nothing is made', async () => {
  const zk = {
    create: async (path: string) => {
      throw new ZkError('NO_NODE', path)
    },
  } as unknown as ZkOperations
  await assert.rejects(createPath(zk, '/a/b'), (error) => isZkError(error, 'NO_NODE'))
})
