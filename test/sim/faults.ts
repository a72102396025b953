/** Faults at random, each with its end. What a fault would make impossible to survive is left out. */

import type { SeededRandom } from '../support/seeded-random.ts'
import { parseState, partitionOfStatePath } from './checkers/partition-state.ts'
import type { SimCluster } from './cluster.ts'
import { hostOf } from './sim-broker.ts'
import type { Trace } from './sim-loggers.ts'
import { ZOOKEEPER_HOST } from './sim-zookeeper.ts'

export const FAULT_KINDS = [
  'crash',
  'quick-restart',
  'shutdown',
  'power-loss',
  'disk-full',
  'pause',
  'partition-brokers',
  'partition-zookeeper',
  'one-way',
  'reset',
  'slow-network',
  'expire-session',
  'depose-controller',
  'late-requests',
  'lost-reply',
  'zookeeper-restart',
  'zookeeper-pause',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface FaultOptions {
  readonly kinds: readonly FaultKind[]
  /** Pause between two faults, at most. */
  readonly everyMs: number
  readonly lengthMsMax: number
  /** How many brokers may be away at one time. */
  readonly brokersAwayMax: number
  /** Whether all that is acknowledged is synced: then any number of hosts may lose power. */
  readonly flushes: boolean
}

const BOOT_POLL_MS = 500
/** A partition whose last member it is waits for it. */
const BOOT_MS_MAX = 20_000

export const DEFAULT_FAULTS: FaultOptions = {
  kinds: FAULT_KINDS,
  everyMs: 5000,
  lengthMsMax: 12_000,
  brokersAwayMax: 1,
  flushes: false,
}

export class FaultSchedule {
  readonly #cluster: SimCluster
  readonly #random: SeededRandom
  readonly #trace: Trace
  readonly #options: FaultOptions
  readonly #away = new Set<number>()
  /** Undoes what is still in force, in the order of the faults. */
  readonly #ends = new Set<() => void>()
  #hasLostPower = false
  /** Whoever writes the next partition state does not hear that it has. */
  #losesReply = false
  #isOver = false
  count = 0

  constructor(
    cluster: SimCluster,
    random: SeededRandom,
    trace: Trace,
    options: Partial<FaultOptions> = {},
  ) {
    this.#cluster = cluster
    this.#random = random
    this.#trace = trace
    this.#options = { ...DEFAULT_FAULTS, ...options }
    cluster.zookeeper.history.onChange(({ path, sessionId }) => {
      if (this.#losesReply && partitionOfStatePath(path) !== null) this.#loseReply(sessionId)
    })
  }

  start(): void {
    this.#cluster.network.world.plan(this.#random.nextInt(this.#options.everyMs), () => {
      if (this.#isOver) return
      this.#strike(this.#random.pick(this.#options.kinds))
      this.start()
    })
  }

  /** Ends all faults at once. */
  heal(): void {
    this.#isOver = true
    for (const end of [...this.#ends]) end()
    this.#trace.say('faults', 'healed')
  }

  #strike(kind: FaultKind): void {
    const id = this.#random.pick(this.#cluster.brokerIds)
    const lengthMs = 100 + this.#random.nextInt(this.#options.lengthMsMax)
    const begin = this.#begin(kind, id)
    if (begin === null) return
    this.count += 1
    const what = `${kind} ${kind.startsWith('zookeeper') ? '' : hostOf(id)} for ${lengthMs} ms`
    this.#trace.say('faults', what)
    const undo = begin(lengthMs)
    const end = () => {
      if (!this.#ends.delete(end)) return
      this.#trace.say('faults', `end of ${kind} ${hostOf(id)}`)
      undo()
    }
    this.#ends.add(end)
    this.#cluster.network.world.plan(kind === 'quick-restart' ? 300 : lengthMs, end)
  }

  /** Null when it is not possible now; else what does it and returns what undoes it. */
  #begin(kind: FaultKind, id: number): ((lengthMs: number) => () => void) | null {
    const { network, zookeeper } = this.#cluster
    switch (kind) {
      case 'reset':
        return () => {
          network.reset(hostOf(id), hostOf(this.#other(id)))
          network.reset(hostOf(id), ZOOKEEPER_HOST)
          return () => {}
        }
      case 'slow-network':
        return () => {
          network.slowDown(20 + this.#random.nextInt(100))
          return () => network.slowDown(0)
        }
      case 'depose-controller':
        return () => {
          zookeeper.deleteByHand('/controller', this.#random)
          return () => {}
        }
      case 'lost-reply':
        return () => {
          this.#losesReply = true
          return () => {
            this.#losesReply = false
          }
        }
      case 'zookeeper-restart':
        return () => {
          zookeeper.stop(this.#random.chance(0.3))
          return () => void zookeeper.start()
        }
      case 'zookeeper-pause':
        return () => {
          zookeeper.pause()
          return () => zookeeper.resume()
        }
      default:
        return this.#beginAtBroker(kind, id)
    }
  }

  #beginAtBroker(kind: FaultKind, id: number): ((lengthMs: number) => () => void) | null {
    const cluster = this.#cluster
    if (this.#away.has(id) || this.#away.size >= this.#options.brokersAwayMax) return null
    if (kind === 'power-loss' && !this.#options.flushes) {
      if (this.#hasLostPower || !this.#isBackedUp(id)) return null
    }
    if (!cluster.isRunning(id)) return null
    if (kind === 'late-requests' && [-1, id].includes(this.#controllerId())) return null
    return (lengthMs) => {
      this.#away.add(id)
      const undo = this.#strikeBroker(kind, id, lengthMs)
      return () => {
        // A machine without power is away until it is up again.
        if (kind !== 'power-loss') this.#away.delete(id)
        undo()
      }
    }
  }

  #strikeBroker(kind: FaultKind, id: number, lengthMs: number): () => void {
    const cluster = this.#cluster
    switch (kind) {
      case 'crash':
      case 'quick-restart':
        cluster.kill(id)
        return () => cluster.keepStarting(id)
      case 'shutdown':
        cluster.shutdown(id).catch(() => cluster.kill(id))
        return () => {
          cluster.kill(id)
          cluster.keepStarting(id)
        }
      case 'power-loss':
        this.#hasLostPower = true
        cluster.powerOff(id)
        return () => this.#powerOnWhenDeposed(id)
      case 'disk-full':
        cluster.fillDisk(id, this.#someLogDirs(), this.#random.chance(0.3))
        return () => cluster.freeDisk(id)
      case 'pause':
        cluster.pause(id)
        return () => cluster.resume(id)
      case 'late-requests':
        return this.#makeRequestsLate(id, lengthMs)
      case 'expire-session':
        cluster.expireSession(id)
        return () => {}
      case 'partition-zookeeper':
        return this.#block(id, [ZOOKEEPER_HOST], 'both')
      case 'one-way':
        return this.#block(id, [ZOOKEEPER_HOST, ...this.#othersOf(id)], 'one')
      default:
        return this.#block(id, this.#othersOf(id), 'both')
    }
  }

  #someLogDirs(): string[] {
    const { logDirs } = this.#cluster
    return this.#random.chance(0.5) ? logDirs : [this.#random.pick(logDirs)]
  }

  /**
   * What the controller has to tell a broker stays on the way while roles change. They change
   * once more, or another controller comes, and only at the end the old news.
   */
  #makeRequestsLate(id: number, lengthMs: number): () => void {
    const { network, zookeeper } = this.#cluster
    const controllerId = this.#controllerId()
    const [from, to] = [hostOf(controllerId), hostOf(id)]
    network.block(from, to)
    const third = this.#cluster.brokerIds.find((other) => other !== id && other !== controllerId)
    const changeRoles = () => {
      if (third !== undefined) this.#cluster.expireSession(third)
    }
    changeRoles()
    const random = this.#random.fork()
    const goOn = random.chance(0.5)
      ? () => zookeeper.deleteByHand('/controller', random)
      : changeRoles
    network.world.plan(lengthMs / 2, goOn)
    return () => network.unblock(from, to)
  }

  #loseReply(sessionId: bigint): void {
    this.#losesReply = false
    const { network, zookeeper } = this.#cluster
    const host = zookeeper.hostOf(sessionId)
    // It is not written yet, or on its way.
    if (host !== null) network.world.plan(0, () => network.reset(host, ZOOKEEPER_HOST))
  }

  #controllerId(): number {
    const data = this.#cluster.zookeeper.history.data('/controller')
    return data ? (JSON.parse(String(data)) as { brokerid: number }).brokerid : -1
  }

  /**
   * A machine takes longer to boot than a session to end. One that came back as the leader it was,
   * with less data, would be believed, by a controller new in office: without a flush for each
   * write neither Kafka nor we claim to survive that. Nor one that is back before it was missed,
   * while its leader still asks for it to join the ISR with what it had.
   */
  #powerOnWhenDeposed(id: number): void {
    const { world } = this.#cluster.network
    const untilMs = world.nowMs + BOOT_MS_MAX
    const look = () => {
      const isrs = this.#isrs().filter((isr) => isr.includes(id))
      const isLast = isrs.some((isr) => isr.length === 1) && world.nowMs >= untilMs
      const isDead = this.#cluster.zookeeper.history.data(`/brokers/ids/${id}`) === undefined
      if ((isrs.length > 0 || !isDead) && !isLast && !this.#options.flushes) {
        world.plan(BOOT_POLL_MS, look)
        return
      }
      this.#away.delete(id)
      // The last of an ISR may have what nobody else has: its disk was quick enough, this time.
      if (!isLast || this.#options.flushes) this.#cluster.loseUnsynced(id)
      this.#cluster.keepStarting(id)
    }
    look()
  }

  /** Every partition has somebody else in its ISR, who is there. */
  #isBackedUp(id: number): boolean {
    return this.#isrs().every((isr) =>
      isr.some((other) => other !== id && this.#cluster.isRunning(other)),
    )
  }

  #isrs(): (readonly number[])[] {
    const { history } = this.#cluster.zookeeper
    // Nobody cares any more for the ISRs of what is to be deleted.
    const isKept = (topic: string) => history.data(`/admin/delete_topics/${topic}`) === undefined
    const topics = history.childrenOf('/brokers/topics').filter(isKept)
    return topics.flatMap((topic) => {
      const partitions = `/brokers/topics/${topic}/partitions`
      return history.childrenOf(partitions).flatMap((partition) => {
        const data = history.data(`${partitions}/${partition}/state`)
        return data ? [parseState(data).isr] : []
      })
    })
  }

  #block(id: number, hosts: readonly string[], ways: 'both' | 'one'): () => void {
    const { network } = this.#cluster
    const own = hostOf(id)
    const pairs = hosts.flatMap((host): [string, string][] => [
      [own, host],
      [host, own],
    ])
    const isOut = this.#random.chance(0.5)
    const chosen = ways === 'both' ? pairs : pairs.filter(([from]) => (from === own) === isOut)
    for (const [from, to] of chosen) network.block(from, to)
    return () => {
      for (const [from, to] of chosen) network.unblock(from, to)
    }
  }

  #other(id: number): number {
    const others = this.#cluster.brokerIds.filter((other) => other !== id)
    return this.#random.pick(others)
  }

  #othersOf(id: number): string[] {
    return this.#cluster.brokerIds.filter((other) => other !== id).map(hostOf)
  }
}
