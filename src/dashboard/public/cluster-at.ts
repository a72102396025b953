/**
 * The cluster at a moment, from the znodes of that moment: who is registered, who is controller, and what
 * each partition's state says. Truth is what ZooKeeper holds; what a broker believes comes from its log.
 */
import type { ZnodeEvent } from '../history/events.ts'
import {
  type PartitionStateData,
  parseControllerEpoch,
  parseControllerId,
  parsePartitionState,
  parseRegistration,
  parseTopic,
  type RegistrationData,
  type TopicData,
} from '../history/znode-data.ts'
import type { ZnodeIndex } from './znode-index.ts'

export interface ShownBroker {
  readonly id: number
  readonly isRegistered: boolean
  /** Since when it is as it is; null when that was before the history. */
  readonly sinceMs: number | null
  /** `host:port`; of its last registration. */
  readonly address: string
  readonly session: string
  /** `czxid` of its registration: the broker epoch. */
  readonly brokerEpoch: string
  readonly leads: number
  /** Partitions it leads, by leader epoch, ascending. */
  readonly leadsByEpoch: readonly (readonly [epoch: number, count: number])[]
  readonly preferred: number
  readonly replicas: number
  readonly inSync: number
}

export interface ShownPartition {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[]
  /** -1: none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly controllerEpoch: number
  readonly isr: readonly number[]
  readonly minIsr: number
  readonly isOffline: boolean
  readonly isUnderMinIsr: boolean
  readonly isUnderReplicated: boolean
  /** Led by another than the preferred leader. */
  readonly isSkewed: boolean
}

export interface ShownCluster {
  readonly clusterId: string | null
  /** Null: `/controller` is not there. */
  readonly controllerId: number | null
  readonly controllerEpoch: number | null
  readonly brokers: readonly ShownBroker[]
  /** By topic and number. */
  readonly partitions: readonly ShownPartition[]
  readonly topics: readonly string[]
  readonly offline: number
  readonly underMinIsr: number
  readonly underReplicated: number
  readonly skewed: number
}

/** A znode's text is read once, however often the moment changes. */
class Parsed<T> {
  readonly #parse: (data: string | null) => T
  readonly #known = new WeakMap<ZnodeEvent, { readonly value: T }>()

  constructor(parse: (data: string | null) => T) {
    this.#parse = parse
  }

  of(event: ZnodeEvent): T {
    const known = this.#known.get(event)
    if (known !== undefined) return known.value
    const value = this.#parse(event.data)
    this.#known.set(event, { value })
    return value
  }
}

export class ClusterAt {
  readonly #znodes: ZnodeIndex
  readonly #registrations = new Parsed<RegistrationData | null>(parseRegistration)
  readonly #topics = new Parsed<TopicData | null>(parseTopic)
  readonly #states = new Parsed<PartitionStateData | null>(parsePartitionState)
  readonly #minIsrs = new Parsed<number | null>(minIsrOf)
  /** Paths of state znodes by topic, since a thousand are put together for each moment. */
  readonly #statePaths = new Map<string, string[]>()
  #kept: { readonly znodes: number; readonly cluster: ShownCluster } | null = null

  constructor(znodes: ZnodeIndex) {
    this.#znodes = znodes
  }

  /** After the first `cursor` events; the same object while no znode changes. */
  at(cursor: number): ShownCluster {
    const znodes = this.#znodes.countBefore(cursor)
    if (this.#kept?.znodes === znodes) return this.#kept.cluster
    const cluster = this.#compute(cursor)
    this.#kept = { znodes, cluster }
    return cluster
  }

  #compute(cursor: number): ShownCluster {
    const controller = this.#znodes.znodeAt('/controller', cursor)
    const epoch = this.#znodes.znodeAt('/controller_epoch', cursor)
    const clusterId = this.#znodes.znodeAt('/cluster/id', cursor)
    const topics = this.#znodes.childrenAt('/brokers/topics', cursor)
    const partitions = topics.flatMap((topic) => this.#partitionsOf(topic, cursor))
    const count = (test: (each: ShownPartition) => boolean) => partitions.filter(test).length
    return {
      clusterId: clusterId === null ? null : textField(clusterId.data, 'id'),
      controllerId: controller === null ? null : parseControllerId(controller.data),
      controllerEpoch: epoch === null ? null : parseControllerEpoch(epoch.data),
      brokers: this.#brokers(partitions, cursor),
      partitions,
      topics,
      offline: count((each) => each.isOffline),
      underMinIsr: count((each) => each.isUnderMinIsr),
      underReplicated: count((each) => each.isUnderReplicated),
      skewed: count((each) => each.isSkewed),
    }
  }

  #partitionsOf(topic: string, cursor: number): ShownPartition[] {
    const znode = this.#znodes.znodeAt(`/brokers/topics/${topic}`, cursor)
    const assigned = znode === null ? null : this.#topics.of(znode)
    if (assigned === null) return []
    const minIsr = this.#minIsr(topic, cursor)
    return [...assigned.partitions].map(([partition, { replicas }]) => {
      const stateZnode = this.#znodes.znodeAt(this.#statePath(topic, partition), cursor)
      const state = stateZnode === null ? null : this.#states.of(stateZnode)
      return shownPartition(topic, partition, replicas, state, minIsr)
    })
  }

  #statePath(topic: string, partition: number): string {
    let paths = this.#statePaths.get(topic)
    if (paths === undefined) {
      paths = []
      this.#statePaths.set(topic, paths)
    }
    paths[partition] ??= `/brokers/topics/${topic}/partitions/${partition}/state`
    return paths[partition]
  }

  #minIsr(topic: string, cursor: number): number {
    for (const path of [`/config/topics/${topic}`, '/config/brokers/<default>']) {
      const znode = this.#znodes.znodeAt(path, cursor)
      const value = znode === null ? null : this.#minIsrs.of(znode)
      if (value !== null) return value
    }
    return 1
  }

  #brokers(partitions: readonly ShownPartition[], cursor: number): ShownBroker[] {
    const counts = new Map<number, BrokerCounts>()
    const countsOf = (id: number): BrokerCounts => {
      const known = counts.get(id)
      if (known !== undefined) return known
      const made = { leads: 0, preferred: 0, replicas: 0, inSync: 0, byEpoch: new Map() }
      counts.set(id, made)
      return made
    }
    for (const each of partitions) countPartition(each, countsOf)
    for (const name of this.#znodes.childrenAt('/brokers/ids', Number.POSITIVE_INFINITY)) {
      if (this.#znodes.lastEvent(`/brokers/ids/${name}`, cursor) !== null) countsOf(Number(name))
    }
    const ids = [...counts.keys()].filter((id) => Number.isInteger(id) && id >= 0)
    return ids.sort((a, b) => a - b).map((id) => this.#broker(id, countsOf(id), cursor))
  }

  #broker(id: number, counts: BrokerCounts, cursor: number): ShownBroker {
    const last = this.#znodes.lastEvent(`/brokers/ids/${id}`, cursor)
    const isRegistered = last !== null && last.change !== 'deleted'
    const registration =
      last === null
        ? null
        : isRegistered
          ? this.#registrations.of(last)
          : parseRegistration(last.before)
    const endpoint = registration?.endpoints[0]
    return {
      id,
      isRegistered,
      sinceMs: last === null || last.change === 'found' ? null : last.atMs,
      address: endpoint === undefined ? '' : `${endpoint.host}:${endpoint.port}`,
      session: isRegistered ? last.ephemeralOwner : '',
      brokerEpoch: isRegistered ? last.czxid : '',
      leads: counts.leads,
      leadsByEpoch: [...counts.byEpoch].sort(([a], [b]) => a - b),
      preferred: counts.preferred,
      replicas: counts.replicas,
      inSync: counts.inSync,
    }
  }
}

interface BrokerCounts {
  leads: number
  preferred: number
  replicas: number
  inSync: number
  readonly byEpoch: Map<number, number>
}

function countPartition(each: ShownPartition, countsOf: (id: number) => BrokerCounts): void {
  if (each.leader >= 0) {
    const leader = countsOf(each.leader)
    leader.leads++
    leader.byEpoch.set(each.leaderEpoch, (leader.byEpoch.get(each.leaderEpoch) ?? 0) + 1)
  }
  each.replicas.forEach((id, i) => {
    const counts = countsOf(id)
    counts.replicas++
    if (i === 0) counts.preferred++
    if (each.isr.includes(id)) counts.inSync++
  })
}

function shownPartition(
  topic: string,
  partition: number,
  replicas: readonly number[],
  state: PartitionStateData | null,
  minIsr: number,
): ShownPartition {
  const isr = state?.isr ?? []
  const leader = state?.leader ?? -1
  return {
    topic,
    partition,
    replicas,
    leader,
    leaderEpoch: state?.leaderEpoch ?? -1,
    controllerEpoch: state?.controllerEpoch ?? -1,
    isr,
    minIsr,
    isOffline: leader < 0,
    isUnderMinIsr: leader >= 0 && isr.length < Math.min(minIsr, replicas.length),
    isUnderReplicated: leader >= 0 && isr.length < replicas.length,
    isSkewed: leader >= 0 && replicas.length > 0 && leader !== replicas[0],
  }
}

function minIsrOf(data: string | null): number | null {
  const config = jsonField(data, 'config')
  const text = typeof config === 'object' && config !== null ? config : {}
  const value = Number((text as Record<string, unknown>)['min.insync.replicas'] ?? Number.NaN)
  return Number.isInteger(value) && value > 0 ? value : null
}

function textField(data: string | null, name: string): string | null {
  const value = jsonField(data, name)
  return typeof value === 'string' ? value : null
}

function jsonField(data: string | null, name: string): unknown {
  try {
    const root: unknown = JSON.parse(data ?? '')
    return typeof root === 'object' && root !== null
      ? (root as Record<string, unknown>)[name]
      : null
  } catch {
    return null
  }
}
