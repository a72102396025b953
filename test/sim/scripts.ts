/** Disasters that chance seldom brings about: what happens when is written down here. */

import assert from 'node:assert/strict'
import { createRealBroker } from './real-broker.ts'
import { hostOf } from './sim-broker.ts'
import { SimClient } from './sim-client.ts'
import { type Simulation, simulate } from './simulate.ts'

interface Script {
  readonly brokers: number
  readonly settings?: Readonly<Record<string, string>>
  readonly play: (t: Simulation) => Promise<void>
}

const TOPIC = 'orders'

export const SCRIPTS: Readonly<Record<string, Script>> = {
  'lost-leader': { brokers: 3, play: loseLeaderAndController },
  'earlier-life': { brokers: 4, play: joinByAnEarlierLife },
  'epoch-start': {
    brokers: 4,
    // Two or three records in each fetch; who lags is out before the producers give up.
    settings: { 'replica.fetch.max.bytes': '250', 'replica.lag.time.max.ms': '1500' },
    play: joinBelowTheEpochStart,
  },
}

/** Throws what a checker found. */
export async function runScript(name: string, seed: number): Promise<Simulation> {
  const script = SCRIPTS[name]
  if (script === undefined) throw new Error(`no script ${name}`)
  const { brokers, settings = {}, play } = script
  const t = await simulate({ seed, brokers, settings, createBroker: createRealBroker })
  try {
    await play(t)
    await t.untilHealthy()
    await t.check()
    return t
  } finally {
    t.close()
  }
}

/** What was not synced is gone; the start is under way. */
function blink(t: Simulation, id: number): void {
  t.cluster.powerOff(id)
  t.cluster.loseUnsynced(id)
  t.cluster.powerOn(id)
}

/** A leader that is the controller too is back, with less, before anybody has missed it. */
async function loseLeaderAndController(t: Simulation): Promise<void> {
  const all = [0, 1, 2]
  await t.createTopic(TOPIC, { replicas: 3, minInSyncReplicas: 2, partitions: all.length })
  for (const partition of all) await t.produce(TOPIC, partition, `a${partition}`)
  const controller = t.controllerId()
  const led = all.filter((partition) => t.leaderOf(TOPIC, partition) === controller)
  assert.notEqual(led.length, 0)
  blink(t, controller)
  for (const partition of all) await t.produce(TOPIC, partition, `b${partition}`)
  for (const partition of led) assert.notEqual(t.leaderOf(TOPIC, partition), controller)
  for (const partition of all) {
    // Twice, perhaps: what nobody has answered is sent again.
    const values = new Set(await t.consume(TOPIC, partition))
    assert.deepEqual([...values], [`a${partition}`, `b${partition}`])
  }
}

/** A partition of which the controller, one of four brokers, is no replica. */
async function partitionApart(t: Simulation) {
  await t.createTopic(TOPIC, { replicas: 3, minInSyncReplicas: 2, partitions: 4 })
  const controller = t.controllerId()
  const partition = [0, 1, 2, 3].find((at) => !t.isrOf(TOPIC, at).includes(controller)) ?? -1
  const leader = t.leaderOf(TOPIC, partition)
  const [follower = -1] = t.isrOf(TOPIC, partition).filter((id) => id !== leader)
  return { partition, controller, leader, follower }
}

/** A follower loses power while its leader asks the controller to take it into the ISR (KIP-903). */
async function joinByAnEarlierLife(t: Simulation): Promise<void> {
  const { partition, controller, leader, follower } = await partitionApart(t)
  const isIn = () => t.isrOf(TOPIC, partition).includes(follower)
  t.cut(follower, leader)
  await t.produce(TOPIC, partition, 'a')
  await t.runUntil(() => !isIn(), 20_000, 'the follower is out')
  t.network.block(hostOf(leader), hostOf(controller))
  t.mend(follower, leader)
  const hasCaughtUp = () => t.cluster.logOf(follower, TOPIC, partition).includes('a')
  await t.runUntil(hasCaughtUp, 10_000, 'the follower has caught up')
  await t.runFor(50)
  t.cut(follower, leader)
  const ownerOf = () => t.zookeeper.history.ownerOf(`/brokers/ids/${follower}`)
  const owner = ownerOf()
  blink(t, follower)
  const isBack = () => ![owner, undefined].includes(ownerOf())
  await t.runUntil(isBack, 20_000, 'the follower is back')
  await t.runFor(50)
  t.network.unblock(hostOf(leader), hostOf(controller))
  await t.runFor(500)
  assert.ok(!isIn())
  t.mend(follower, leader)
}

/**
 * A new leader has all that is committed, but has not heard how much that is; a follower has what the
 * leader knows to be committed, and no more (KIP-101).
 */
async function joinBelowTheEpochStart(t: Simulation): Promise<void> {
  const { partition, leader, follower } = await partitionApart(t)
  await t.produce(TOPIC, partition, 'first')
  await t.runFor(1000)
  t.cut(follower, leader)
  const { bootstrap } = t.cluster
  const clients = Array.from({ length: 30 }, (_, at) => {
    return new SimClient(t.network, t.operations, { name: `producer-${at}`, bootstrap })
  })
  const produced = clients.map((client, at) => client.produce({ topic: TOPIC, partition }, `${at}`))
  // Committed all at once, when the ISR is smaller; the producers hear of it, the next leader does not.
  await t.runUntil(() => !t.isrOf(TOPIC, partition).includes(follower), 5000, 'it is out')
  const next = t.isrOf(TOPIC, partition).find((id) => id !== leader) ?? -1
  t.network.block(hostOf(leader), hostOf(next))
  assert.ok((await t.finish(Promise.all(produced), 'the producers')).every(Boolean))
  t.crash(leader)
  await t.settle()
  await t.runUntil(() => t.isrOf(TOPIC, partition).includes(follower), 20_000, 'it is in')
  t.network.unblock(hostOf(leader), hostOf(next))
  t.restart(leader)
  t.mend(follower, leader)
  await t.finish(Promise.all(clients.map((client) => client.close())), 'the end of the producers')
}
