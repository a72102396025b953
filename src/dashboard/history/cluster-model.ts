/**
 * The cluster as it was after an event: every event is applied once, in order, and changes the model
 * in place. To go back in a history, begin anew. Says nothing that no event said.
 */
import type {
  BrokerLogEvent,
  ClusterEvent,
  FaultEvent,
  LinkEvent,
  VerdictEvent,
  ZnodeEvent,
  ZnodeWriter,
} from './events.ts'
import {
  type BrokerEndpoint,
  brokerIdInPath,
  parseControllerEpoch,
  parseControllerId,
  parsePartitionState,
  parseRegistration,
  parseTopic,
  partitionOfPath,
  topicInPath,
} from './znode-data.ts'

export interface ClusterModel {
  /** Of the last event; 0 before the first. */
  seq: number
  atMs: number
  /** Null: not heard of yet. */
  isZooKeeperUp: boolean | null
  /** Who holds `/controller`; null while nobody does. */
  controllerId: number | null
  /** Of `/controller_epoch`: it stays when the controller goes. */
  controllerEpoch: number | null
  controllerSinceMs: number | null
  readonly brokers: Map<number, BrokerModel>
  readonly topics: Map<string, TopicModel>
  /** By path. */
  readonly znodes: Map<string, ZnodeModel>
  /** Names of the children by the parent's path, told before the parent too. */
  readonly children: Map<string, Set<string>>
  /** Faults under way, by their id. */
  readonly faults: Map<string, FaultEvent>
  /** By topic and partition number, what the verifier's writers saw. */
  readonly writes: Map<string, Map<number, PartitionWrites>>
  verdict: VerdictEvent | null
}

export interface BrokerModel {
  readonly id: number
  endpoints: readonly BrokerEndpoint[]
  rack: string | null
  /** Port of the broker's HTTP endpoint; -1 without one. */
  jmxPort: number
  /** The broker epoch: czxid of its registration, decimal. */
  epoch: string | null
  /** `0x` and the ZooKeeper session that holds the registration. */
  sessionId: string | null
  /** Has its znode in `/brokers/ids`. */
  isRegistered: boolean
  /** Since when it is registered, or no longer is. */
  sinceMs: number
  /** Of its event stream. */
  link: 'unknown' | 'up' | 'down'
  linkSinceMs: number | null
  /** By a fault that stops the process and has not ended. */
  isPaused: boolean
  /** By a kill or a shutdown: until it is started or registers again. */
  isStopped: boolean
  /** By its own log: the epoch in which it believes to be controller. */
  reignEpoch: number | null
}

export interface TopicModel {
  readonly name: string
  topicId: string | null
  isBeingDeleted: boolean
  /** Ascending by number when read from the topic's znode. */
  readonly partitions: Map<number, PartitionModel>
}

export interface PartitionModel {
  readonly topic: string
  readonly partition: number
  /** Preferred leader first; empty while only its state is known. */
  replicas: readonly number[]
  adding: readonly number[]
  removing: readonly number[]
  /** -1: none. Null: no state yet. */
  leader: number | null
  /** The last one that was a broker: who led before the partition went offline. */
  lastLeader: number | null
  leaderEpoch: number | null
  isr: readonly number[]
  /** Of the controller that decided. */
  controllerEpoch: number | null
  /** Version of the state znode. */
  zkVersion: number | null
  changedAtMs: number
}

export interface ZnodeModel {
  readonly path: string
  data: string | null
  version: number
  czxid: string
  mzxid: string
  ephemeralOwner: string
  writer: ZnodeWriter | null
  /** When we saw it change last. */
  changedAtMs: number
  /** Of the event that said so. */
  seq: number
  /** Names, not paths. */
  readonly children: Set<string>
}

export interface PartitionWrites {
  acked: number
  failed: number
  lastAckAtMs: number
  longestGapMs: number
  /** Wall clock of the last fetch that was answered; 0: none that we know of. */
  lastReadAtMs: number
}

const ELECTED = /successfully elected as the controller\. Epoch incremented to (\d+)/
const RESIGNED = /(^|\] )Resigned$/
const DELETION_MARKERS = '/admin/delete_topics/'
const ENDS_PROCESS: ReadonlySet<string> = new Set(['kill', 'terminate', 'restart'])

export function createClusterModel(): ClusterModel {
  return {
    seq: 0,
    atMs: 0,
    isZooKeeperUp: null,
    controllerId: null,
    controllerEpoch: null,
    controllerSinceMs: null,
    brokers: new Map(),
    topics: new Map(),
    znodes: new Map(),
    children: new Map(),
    faults: new Map(),
    writes: new Map(),
    verdict: null,
  }
}

export function foldCluster(events: Iterable<ClusterEvent>): ClusterModel {
  const model = createClusterModel()
  for (const event of events) applyEvent(model, event)
  return model
}

export function applyEvent(model: ClusterModel, event: ClusterEvent): void {
  model.seq = event.seq
  model.atMs = event.atMs
  switch (event.kind) {
    case 'znode':
      applyZnode(model, event)
      break
    case 'broker-log':
      applyLog(model, event)
      break
    case 'link':
      applyLink(model, event)
      break
    case 'fault':
      applyFault(model, event)
      break
    case 'writes':
      applyWrites(model, event)
      break
    case 'verdict':
      model.verdict = event
      break
  }
}

/** Ascending. */
export function brokersOf(model: ClusterModel): BrokerModel[] {
  return [...model.brokers.values()].sort((a, b) => a.id - b.id)
}

/** By topic, then number. */
export function partitionsOf(model: ClusterModel): PartitionModel[] {
  const topics = [...model.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return topics.flatMap(({ partitions }) =>
    [...partitions.values()].sort((a, b) => a.partition - b.partition),
  )
}

function applyZnode(model: ClusterModel, event: ZnodeEvent): void {
  const { path, change, data, atMs } = event
  const isGone = change === 'deleted'
  if (isGone) removeZnode(model, path)
  else putZnode(model, event)
  if (path === '/controller') {
    const holder = isGone ? null : parseControllerId(data)
    if (holder !== model.controllerId || change === 'created') model.controllerSinceMs = atMs
    model.controllerId = holder
    return
  }
  if (path === '/controller_epoch') {
    model.controllerEpoch = isGone ? null : parseControllerEpoch(data)
    return
  }
  const brokerId = brokerIdInPath(path)
  const at = partitionOfPath(path)
  const topic = topicInPath(path)
  if (brokerId !== null) applyRegistration(model, brokerId, event)
  else if (at !== null) applyState(model, at, event)
  else if (topic !== null) applyTopic(model, topic, event)
  else if (path.startsWith(DELETION_MARKERS)) {
    const doomed = model.topics.get(path.slice(DELETION_MARKERS.length))
    if (doomed !== undefined) doomed.isBeingDeleted = !isGone
  }
}

function putZnode(model: ClusterModel, event: ZnodeEvent): void {
  const { path, data, version, czxid, mzxid, ephemeralOwner, writer, seq } = event
  const stat = { version, czxid, mzxid, ephemeralOwner }
  const changedAtMs = event.atMs
  const children = childrenOf(model, path)
  model.znodes.set(path, { path, data, ...stat, writer, changedAtMs, seq, children })
  if (path === '/') return
  const [parent, name] = splitPath(path)
  childrenOf(model, parent).add(name)
}

function removeZnode(model: ClusterModel, path: string): void {
  model.znodes.delete(path)
  if (model.children.get(path)?.size === 0) model.children.delete(path)
  const [parent, name] = splitPath(path)
  model.children.get(parent)?.delete(name)
}

/** A child may be told before its parent. */
function childrenOf(model: ClusterModel, path: string): Set<string> {
  let names = model.children.get(path)
  if (names === undefined) {
    names = new Set()
    model.children.set(path, names)
  }
  return names
}

function splitPath(path: string): [string, string] {
  const slash = path.lastIndexOf('/')
  return [slash <= 0 ? '/' : path.slice(0, slash), path.slice(slash + 1)]
}

function brokerOf(model: ClusterModel, id: number): BrokerModel {
  let broker = model.brokers.get(id)
  if (broker === undefined) {
    broker = {
      id,
      endpoints: [],
      rack: null,
      jmxPort: -1,
      epoch: null,
      sessionId: null,
      isRegistered: false,
      sinceMs: model.atMs,
      link: 'unknown',
      linkSinceMs: null,
      isPaused: false,
      isStopped: false,
      reignEpoch: null,
    }
    model.brokers.set(id, broker)
  }
  return broker
}

function applyRegistration(model: ClusterModel, id: number, event: ZnodeEvent): void {
  const broker = brokerOf(model, id)
  if (event.change === 'deleted') {
    broker.isRegistered = false
    broker.sinceMs = event.atMs
    return
  }
  if (!broker.isRegistered || broker.epoch !== event.czxid) broker.sinceMs = event.atMs
  broker.isRegistered = true
  broker.isStopped = false
  broker.epoch = event.czxid
  broker.sessionId = event.ephemeralOwner
  const registration = parseRegistration(event.data)
  if (registration === null) return
  broker.endpoints = registration.endpoints
  broker.rack = registration.rack
  broker.jmxPort = registration.jmxPort
}

function topicOf(model: ClusterModel, name: string): TopicModel {
  let topic = model.topics.get(name)
  if (topic === undefined) {
    const isBeingDeleted = model.znodes.has(DELETION_MARKERS + name)
    topic = { name, topicId: null, isBeingDeleted, partitions: new Map() }
    model.topics.set(name, topic)
  }
  return topic
}

function partitionOf(model: ClusterModel, topic: TopicModel, number: number): PartitionModel {
  let partition = topic.partitions.get(number)
  if (partition === undefined) {
    partition = {
      topic: topic.name,
      partition: number,
      replicas: [],
      adding: [],
      removing: [],
      leader: null,
      lastLeader: null,
      leaderEpoch: null,
      isr: [],
      controllerEpoch: null,
      zkVersion: null,
      changedAtMs: model.atMs,
    }
    topic.partitions.set(number, partition)
  }
  return partition
}

function applyTopic(model: ClusterModel, name: string, event: ZnodeEvent): void {
  if (event.change === 'deleted') {
    model.topics.delete(name)
    return
  }
  const data = parseTopic(event.data)
  if (data === null) return
  const topic = topicOf(model, name)
  topic.topicId = data.topicId
  for (const [number, { replicas, adding, removing }] of data.partitions) {
    const partition = partitionOf(model, topic, number)
    partition.replicas = replicas
    partition.adding = adding
    partition.removing = removing
  }
}

function applyState(
  model: ClusterModel,
  at: { readonly topic: string; readonly partition: number },
  event: ZnodeEvent,
): void {
  const known = model.topics.get(at.topic)?.partitions.get(at.partition)
  if (event.change === 'deleted') {
    if (known !== undefined) Object.assign(known, { leader: null, isr: [], zkVersion: null })
    return
  }
  const state = parsePartitionState(event.data)
  if (state === null) return
  const partition = known ?? partitionOf(model, topicOf(model, at.topic), at.partition)
  if (state.leader >= 0) partition.lastLeader = state.leader
  partition.leader = state.leader
  partition.leaderEpoch = state.leaderEpoch
  partition.isr = state.isr
  partition.controllerEpoch = state.controllerEpoch
  partition.zkVersion = event.version
  partition.changedAtMs = event.atMs
}

function applyLog(model: ClusterModel, { brokerId, message }: BrokerLogEvent): void {
  const elected = ELECTED.exec(message)
  if (elected !== null) brokerOf(model, brokerId).reignEpoch = Number(elected[1])
  else if (RESIGNED.test(message)) brokerOf(model, brokerId).reignEpoch = null
}

function applyLink(model: ClusterModel, { to, isUp, atMs }: LinkEvent): void {
  if (to.kind === 'zookeeper') {
    model.isZooKeeperUp = isUp
    return
  }
  const broker = brokerOf(model, to.brokerId)
  broker.link = isUp ? 'up' : 'down'
  broker.linkSinceMs = atMs
  if (isUp) broker.isStopped = false
}

function applyFault(model: ClusterModel, event: FaultEvent): void {
  const { id, fault, brokerId, phase } = event
  const isOn = phase === 'started'
  if (isOn) model.faults.set(id, event)
  else model.faults.delete(id)
  if (brokerId === null) return
  const broker = brokerOf(model, brokerId)
  const others = [...model.faults.values()].filter((each) => each.brokerId === brokerId)
  if (fault === 'pause') broker.isPaused = others.some((each) => each.fault === 'pause')
  if (isOn && ENDS_PROCESS.has(fault)) {
    broker.isStopped = true
    broker.isPaused = false
    broker.reignEpoch = null
  }
}

function applyWrites(
  model: ClusterModel,
  event: Extract<ClusterEvent, { readonly kind: 'writes' }>,
): void {
  let partitions = model.writes.get(event.topic)
  if (partitions === undefined) {
    partitions = new Map()
    model.writes.set(event.topic, partitions)
  }
  for (const { partition, acked, failed, lastAckAtMs, longestGapMs, reads } of event.partitions) {
    const so = partitions.get(partition)
    partitions.set(partition, {
      acked: (so?.acked ?? 0) + acked,
      failed: (so?.failed ?? 0) + failed,
      lastAckAtMs: Math.max(so?.lastAckAtMs ?? 0, lastAckAtMs),
      longestGapMs: Math.max(so?.longestGapMs ?? 0, longestGapMs),
      lastReadAtMs: Math.max(so?.lastReadAtMs ?? 0, reads?.lastAtMs ?? 0),
    })
  }
}
