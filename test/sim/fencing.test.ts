/**
 * The promise that all fencing rests on: while a session's owner counts itself alive, the server
 * has not given its ephemeral node away. Candidates for one node under every fault of the network,
 * the server and their own process.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isZkError } from '../../src/zk/zk-client.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { SimNetwork } from './network.ts'
import { Trace } from './sim-loggers.ts'
import { SimProcess } from './sim-process.ts'
import { SimZooKeeper, ZOOKEEPER_HOST } from './sim-zookeeper.ts'
import { SimWorld } from './world.ts'

const SESSION_TIMEOUT_MS = 3000
const CANDIDATES = 3

class Candidate {
  readonly name: string
  readonly process: SimProcess
  readonly session: ZkSession
  /** The session in which it made the node, while it has heard nothing else. */
  #electedIn = 0n

  constructor(name: string, process: SimProcess, zookeeper: SimZooKeeper, random: SeededRandom) {
    this.name = name
    this.process = process
    this.session = new ZkSession({
      connect: () => zookeeper.clientFor(process, random, SESSION_TIMEOUT_MS),
      clock: process.clock,
      logger: { debug() {}, info() {}, warn() {}, error() {}, isDebugEnabled: () => false },
    })
    void this.session.start(1e9).then(() => {
      this.session.onNewSession(() => this.#elect())
      return this.#elect()
    })
  }

  /** What it would act upon now: it can only do so while its process runs. */
  get isLeader(): boolean {
    if (this.process.isPaused || this.process.isDead) return false
    const { sessionId } = this.session
    return sessionId !== 0n && sessionId === this.#electedIn && !this.session.isFenced()
  }

  async #elect(): Promise<void> {
    const session = this.session.sessionId
    try {
      await this.session.create('/leader', Buffer.from(this.name), 'ephemeral')
      this.#electedIn = session
      return
    } catch (error) {
      if (isZkError(error, 'SESSION_EXPIRED')) return
      if (!isZkError(error, 'NODE_EXISTS')) throw error
    }
    try {
      const stat = await this.session.exists('/leader', () => void this.#elect())
      if (stat?.ephemeralOwner === session) this.#electedIn = session
      else if (stat === null) await this.#elect()
    } catch (error) {
      if (!isZkError(error, 'SESSION_EXPIRED')) throw error
    }
  }
}

function startFault(
  random: SeededRandom,
  zookeeper: SimZooKeeper,
  net: SimNetwork,
  who: Candidate,
) {
  const { host } = who.process
  const { world } = net
  const lengthMs = 200 + random.nextInt(3 * SESSION_TIMEOUT_MS)
  switch (random.nextInt(6)) {
    case 0:
      who.process.pause()
      world.plan(lengthMs, () => who.process.resume())
      return
    case 1:
      net.block(host, ZOOKEEPER_HOST)
      net.block(ZOOKEEPER_HOST, host)
      world.plan(lengthMs, () => net.unblock(host, ZOOKEEPER_HOST))
      world.plan(lengthMs, () => net.unblock(ZOOKEEPER_HOST, host))
      return
    case 2: {
      const [from, to] = random.chance(0.5) ? [host, ZOOKEEPER_HOST] : [ZOOKEEPER_HOST, host]
      net.block(from, to)
      world.plan(lengthMs, () => net.unblock(from, to))
      return
    }
    case 3:
      zookeeper.stop(random.chance(0.5))
      world.plan(lengthMs, () => void zookeeper.start())
      return
    case 4:
      zookeeper.pause()
      world.plan(lengthMs, () => zookeeper.resume())
      return
    default: {
      net.reset(host, ZOOKEEPER_HOST)
    }
  }
}

for (let seed = 1; seed <= 12; seed++) {
  test(`never two who lead by the same ephemeral node (seed ${seed})`, async () => {
    const world = new SimWorld()
    const random = new SeededRandom(seed)
    const net = new SimNetwork(world, random.fork())
    const trace = new Trace(world)
    const zookeeper = new SimZooKeeper(net, random.fork(), trace)
    await world.settle(zookeeper.start(), 1000, 'the start of ZooKeeper')
    const candidates = Array.from({ length: CANDIDATES }, (_, index) => {
      const process = new SimProcess(world, `host-${index}`)
      return new Candidate(`c${index}`, process, zookeeper, random.fork())
    })
    world.observe(() => {
      const leaders = candidates.filter((each) => each.isLeader)
      assert.ok(leaders.length <= 1, `${leaders.map(({ name }) => name)} at ${world.nowMs}`)
    })
    for (let round = 0; round < 40; round++) {
      await world.runFor(random.nextInt(4000))
      startFault(random, zookeeper, net, random.pick(candidates))
    }
    // When all faults are over, somebody leads.
    await world.runFor(60_000)
    assert.ok(
      candidates.some((each) => each.isLeader),
      trace.lines.slice(-50).join('\n'),
    )
  })
}
