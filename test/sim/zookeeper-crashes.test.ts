/** The embedded ZooKeeper loses nothing that it has answered, whatever becomes of its host. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import { SimNetwork } from './network.ts'
import { Trace } from './sim-loggers.ts'
import { SimProcess } from './sim-process.ts'
import { SimZooKeeper } from './sim-zookeeper.ts'
import { SimWorld } from './world.ts'

for (let seed = 1; seed <= 10; seed++) {
  test(`what was answered or seen outlives kill -9 and power loss (seed ${seed})`, async () => {
    const world = new SimWorld()
    const random = new SeededRandom(seed)
    const net = new SimNetwork(world, random.fork())
    const trace = new Trace(world)
    const zookeeper = new SimZooKeeper(net, random.fork(), trace)
    await world.settle(zookeeper.start(), 1000, 'the start')
    const sessions = ['writer', 'reader'].map((host) => {
      const process = new SimProcess(world, host)
      const session = new ZkSession({
        connect: () => zookeeper.clientFor(process, random.fork(), 10_000),
        clock: process.clock,
        logger: new SilentLoggers().get('session'),
      })
      return { process, session }
    })
    const [writer, reader] = sessions.map(({ session }) => session) as [ZkSession, ZkSession]
    await world.settle(Promise.all([writer.start(1e6), reader.start(1e6)]), 10_000, 'sessions')
    await world.settle(writer.create('/counter', null, 'persistent'), 5000, 'create')
    let written = -1
    let seen = -1
    let isOver = false
    const write = async () => {
      while (!isOver) written = (await writer.set('/counter', Buffer.from('x'), -1)).version
    }
    const read = async () => {
      while (!isOver) {
        const { stat } = await reader.get('/counter')
        assert.ok(stat.version >= seen, `version ${stat.version} after ${seen}`)
        seen = stat.version
      }
    }
    const work = [write(), read()]
    for (let round = 0; round < 10; round++) {
      await world.runFor(50 + random.nextInt(300))
      const before = { written, seen }
      zookeeper.stop(random.chance(0.6))
      await world.runFor(random.nextInt(500))
      await world.settle(zookeeper.start(), 1000, 'the restart')
      const version = (await world.settle(reader.get('/counter'), 30_000, 'get')).stat.version
      assert.ok(version >= before.written, `written ${before.written}, but ${version} is left`)
      assert.ok(version >= before.seen, `seen ${before.seen}, but ${version} is left`)
    }
    isOver = true
    await world.settle(Promise.all(work), 10_000, 'the work')
    assert.ok(written > 20, `only ${written} writes`)
    // The sessions have survived all restarts.
    assert.equal(zookeeper.sessionIds().length, 2)
  })
}
