/**
 * Finds failovers in the stream of events: a fault begins one, and so does a broker, a controller or
 * ZooKeeper that vanishes without one. What follows is given to the failover of the broker that it is
 * about, so that failovers which overlap stay apart as far as the events tell.
 */
import { addClientGaps } from './client-gaps.ts'
import {
  applyEvent,
  type ClusterModel,
  createClusterModel,
  type PartitionModel,
} from './cluster-model.ts'
import type {
  BrokerLogEvent,
  ClusterEvent,
  FaultEvent,
  FaultKind,
  LinkEvent,
  ZnodeEvent,
} from './events.ts'
import {
  type FailoverCause,
  type FailoverRecord,
  mark,
  newRecord,
  type ObservedCause,
  type PartitionBefore,
  partitionName,
} from './failover-record.ts'
import { type LogSign, signOf } from './log-signs.ts'
import { LogTimes } from './log-times.ts'
import {
  brokerIdInPath,
  parseControllerEpoch,
  parseControllerId,
  parsePartitionState,
  partitionOfPath,
} from './znode-data.ts'

export interface FailoverFold {
  /** The cluster after the last event; for readers. */
  readonly model: ClusterModel
  /** Oldest first. */
  records: FailoverRecord[]
  /** Those of them that are not over. */
  open: FailoverRecord[]
  /** What `failoversOf` made of them. */
  readonly views: WeakMap<FailoverRecord, { readonly revision: number; readonly failover: object }>
  readonly logTimes: LogTimes
  /** The newest proof of death of each broker. */
  readonly proofs: Map<number, { readonly atMs: number; readonly byBrokerId: number }>
  /** When the log of a broker said last that it shuts down. */
  readonly shutdowns: Map<number, number>
}

const RECORDS_MAX = 200
/** A sign that came shortly before the fault's own event belongs to the fault. */
const FAULT_LATE_MS = 250
/** How long a proof, or a lost link, explains a registration that goes. */
const PROOF_LASTS_MS = 5_000
const LINK_EXPLAINS_MS = 120_000
/** Late log lines still count for so long after everything else is done. */
const QUIET_MS = 3_000
const SESSION_LASTS_MS = 20_000
const LOSES_SESSION: ReadonlySet<FaultKind> = new Set([
  'kill',
  'terminate',
  'restart',
  'pause',
  'disk-full',
  'cut-zookeeper',
  'expire-session',
])
const LONGEST_MS = 600_000
const TOLD_AFTER_MS = 2_000
const NOBODY: ReadonlySet<number | null> = new Set()

export function createFold(): FailoverFold {
  return {
    model: createClusterModel(),
    records: [],
    open: [],
    views: new WeakMap(),
    logTimes: new LogTimes(),
    proofs: new Map(),
    shutdowns: new Map(),
  }
}

export function onFailoverEvent(fold: FailoverFold, event: ClusterEvent): void {
  closeQuiet(fold, event.atMs)
  switch (event.kind) {
    case 'fault':
      onFault(fold, event)
      break
    case 'link':
      onLink(fold, event)
      break
    case 'znode':
      if (event.change !== 'found') onZnode(fold, event)
      break
    case 'broker-log':
      onLog(fold, event)
      break
    case 'writes':
      addClientGaps(fold.open, fold.model, event)
      break
    case 'verdict':
      break
  }
  applyEvent(fold.model, event)
}

// ── which failover ──

function begin(
  fold: FailoverFold,
  event: ClusterEvent,
  cause: FailoverCause,
  brokerId: number | null,
  startMs: number,
): FailoverRecord {
  close(fold, (record) => record.brokerId === brokerId)
  const record = newRecord(fold.model, event.seq, cause, brokerId, startMs)
  fold.records.push(record)
  fold.open.push(record)
  if (fold.records.length > RECORDS_MAX) fold.records = fold.records.slice(-RECORDS_MAX)
  return record
}

function openOf(fold: FailoverFold, brokerId: number | null): FailoverRecord | undefined {
  return fold.open.findLast((record) => record.brokerId === brokerId)
}

function close(fold: FailoverFold, isOver: (record: FailoverRecord) => boolean): void {
  if (!fold.open.some(isOver)) return
  for (const record of fold.open.filter(isOver)) {
    record.isOver = true
    record.revision += 1
  }
  fold.open = fold.open.filter((record) => !record.isOver)
}

/** That of the broker, else that of ZooKeeper when it is away. */
function openFor(fold: FailoverFold, brokerId: number | null): FailoverRecord | undefined {
  return openOf(fold, brokerId) ?? (brokerId === null ? undefined : openOf(fold, null))
}

function beginObserved(
  fold: FailoverFold,
  event: ClusterEvent,
  what: ObservedCause,
  brokerId: number | null,
): FailoverRecord {
  const broker = brokerId === null ? undefined : fold.model.brokers.get(brokerId)
  const downMs = broker?.link === 'down' ? (broker.linkSinceMs ?? null) : null
  const isExplained = downMs !== null && event.atMs - downMs <= LINK_EXPLAINS_MS
  const startMs = isExplained ? downMs : event.atMs
  const record = begin(fold, event, { kind: 'observed', what }, brokerId, startMs)
  if (isExplained) record.linkDownMs = downMs
  const shutdownMs = brokerId === null ? undefined : fold.shutdowns.get(brokerId)
  record.isOrderly = shutdownMs !== undefined && event.atMs - shutdownMs <= LINK_EXPLAINS_MS
  return record
}

function closeQuiet(fold: FailoverFold, nowMs: number): void {
  close(fold, (record) => {
    if (nowMs - record.startMs > LONGEST_MS) return true
    const isAwaited = record.gone.length === 0 && mayLoseSession(record)
    const isQuiet = nowMs - record.lastMs > (isAwaited ? SESSION_LASTS_MS : QUIET_MS)
    return isQuiet && isComplete(record)
  })
}

/** The session may still expire when the fault is over already. */
function mayLoseSession({ cause }: FailoverRecord): boolean {
  return cause.kind === 'fault' && LOSES_SESSION.has(cause.fault)
}

function isComplete(record: FailoverRecord): boolean {
  const { cause, faultEndedMs, failure, gone, backMs, shrunk, brokerId } = record
  if (failure !== null) return true
  if (cause.kind === 'fault' && faultEndedMs === null) return false
  if (brokerId === null) return record.linkDownMs === null || record.linkUpMs !== null
  const isBack = gone.length === 0 || backMs !== null
  const hasController = record.controllerGoneMs === null || record.controllerNew !== null
  return isBack && hasController && shrunk.size === 0
}

// ── faults and links ──

function onFault(fold: FailoverFold, event: FaultEvent): void {
  const { id, fault, brokerId, phase, atMs, detail } = event
  if (phase === 'started') {
    const cause: FailoverCause = { kind: 'fault', id, fault }
    const early = openOf(fold, brokerId)
    const isSame = early?.cause.kind === 'observed' && early.startMs >= atMs - FAULT_LATE_MS
    if (early !== undefined && isSame) {
      early.cause = cause
      early.startMs = atMs
      early.isOrderly ||= isOrderly(event)
      early.revision += 1
      return
    }
    begin(fold, event, cause, brokerId, atMs).isOrderly = isOrderly(event)
    return
  }
  const own = fold.records.findLast(({ cause }) => cause.kind === 'fault' && cause.id === id)
  if (own === undefined) return
  if (phase === 'failed') own.failure = detail
  own.faultEndedMs = atMs
  mark(own, atMs)
}

function isOrderly({ fault }: FaultEvent): boolean {
  return fault === 'terminate' || fault === 'restart'
}

function onLink(fold: FailoverFold, event: LinkEvent): void {
  const { to, isUp, atMs } = event
  const brokerId = to.kind === 'broker' ? to.brokerId : null
  const wasUp =
    brokerId === null
      ? fold.model.isZooKeeperUp === true
      : fold.model.brokers.get(brokerId)?.link === 'up'
  let record = openOf(fold, brokerId)
  if (record === undefined && brokerId === null && !isUp && wasUp) {
    record = beginObserved(fold, event, 'zookeeper-away', null)
  }
  if (record === undefined) return
  if (!isUp && wasUp && record.linkDownMs === null) {
    record.linkDownMs = atMs
    mark(record, atMs)
  }
  if (isUp && record.linkDownMs !== null && record.linkUpMs === null) {
    record.linkUpMs = atMs
    mark(record, atMs)
  }
}

// ── znodes ──

function onZnode(fold: FailoverFold, event: ZnodeEvent): void {
  const { path, change, atMs, data, before } = event
  if (path === '/controller') {
    onController(fold, event, parseControllerId(change === 'deleted' ? before : data))
    return
  }
  if (path === '/controller_epoch') {
    const epoch = parseControllerEpoch(data)
    if (epoch === null) return
    for (const record of fold.open) {
      if (record.controllerGoneMs === null || record.epochNew !== null) continue
      record.epochNew = { atMs, epoch }
      mark(record, atMs)
    }
    return
  }
  const brokerId = brokerIdInPath(path)
  if (brokerId !== null) onRegistration(fold, event, brokerId)
  else if (partitionOfPath(path) !== null) onState(fold, event)
}

function onController(fold: FailoverFold, event: ZnodeEvent, holder: number | null): void {
  const { change, atMs } = event
  if (holder === null) return
  if (change === 'deleted') {
    const record = openFor(fold, holder) ?? beginObserved(fold, event, 'controller-gone', holder)
    record.controllerGoneMs ??= atMs
    mark(record, atMs)
    return
  }
  for (const record of fold.open) {
    if (record.controllerGoneMs === null || record.controllerNew !== null) continue
    record.controllerNew = { atMs, brokerId: holder }
    mark(record, atMs)
  }
}

function onRegistration(fold: FailoverFold, event: ZnodeEvent, brokerId: number): void {
  const { change, atMs } = event
  if (change === 'deleted') {
    const record = openFor(fold, brokerId) ?? beginObserved(fold, event, 'broker-gone', brokerId)
    const isAgain = record.gone.some((each) => each.brokerId === brokerId)
    if (!isAgain) record.gone.push({ atMs, brokerId })
    record.isWitnessed ||= isHeardBeside(fold, brokerId)
    const proof = fold.proofs.get(brokerId)
    if (proof !== undefined && atMs - proof.atMs <= PROOF_LASTS_MS) record.proof ??= proof
    mark(record, atMs)
    return
  }
  const record = openFor(fold, brokerId)
  if (change !== 'created' || record === undefined || record.backMs !== null) return
  if (!record.gone.some((each) => each.brokerId === brokerId)) return
  record.backMs = atMs
  mark(record, atMs)
}

function isHeardBeside({ model }: FailoverFold, brokerId: number): boolean {
  for (const { id, link } of model.brokers.values())
    if (id !== brokerId && link === 'up') return true
  return false
}

function onState(fold: FailoverFold, event: ZnodeEvent): void {
  const { topic, partition } = partitionOfPath(event.path)!
  const name = partitionName(topic, partition)
  const known = fold.model.topics.get(topic)?.partitions.get(partition)
  const state = parsePartitionState(event.data)
  const { atMs } = event
  for (const record of fold.open) {
    const was = record.before.get(name)
    if (was === undefined) continue
    if (state === null) {
      record.shrunk.delete(name)
      continue
    }
    if (isElected(record, was, known, state) && !record.elections.has(name)) {
      record.elections.set(name, { atMs, leader: state.leader })
      record.lastElectionMs = atMs
      mark(record, atMs)
    }
    const replicas = known?.replicas ?? []
    const lacks = was.isr.filter((id) => replicas.includes(id) && !state.isr.includes(id))
    const others = lacks.length === 0 ? NOBODY : otherVictims(fold, record)
    onIsr(
      record,
      name,
      lacks.some((id) => !others.has(id)),
      atMs,
    )
  }
}

/** Somebody else leads now, or the same broker after there was no leader. */
function isElected(
  record: FailoverRecord,
  was: PartitionBefore,
  known: PartitionModel | undefined,
  state: { readonly leader: number; readonly leaderEpoch: number },
): boolean {
  if (!was.isLed || state.leader < 0 || state.leaderEpoch <= was.leaderEpoch) return false
  const ledBy = record.brokerId ?? known?.lastLeader
  return state.leader !== ledBy || known?.leader === -1
}

function otherVictims(fold: FailoverFold, record: FailoverRecord): Set<number | null> {
  const ids = new Set(fold.open.map(({ brokerId }) => brokerId))
  ids.delete(record.brokerId)
  return ids
}

function onIsr(record: FailoverRecord, name: string, isShrunk: boolean, atMs: number): void {
  if (isShrunk) {
    record.shrunk.add(name)
    record.isrShrunkMs ??= atMs
    record.isrFullMs = null
    mark(record, atMs)
  } else if (record.shrunk.delete(name) && record.shrunk.size === 0) {
    record.isrFullMs = atMs
    mark(record, atMs)
  }
}

// ── logs ──

function onLog(fold: FailoverFold, event: BrokerLogEvent): void {
  const saidMs = fold.logTimes.placeOf(event)
  const sign = signOf(event)
  if (sign === null) return
  switch (sign.kind) {
    case 'proof-of-death':
      onProof(fold, sign.brokerId, saidMs, event.brokerId)
      break
    case 'shutting-down':
      onShutdown(fold, event, saidMs)
      break
    case 'log-dir-failed':
      onLogDirFailed(fold, event, sign.directory, saidMs)
      break
    default:
      for (const record of fold.open) onTold(record, sign, event.brokerId, saidMs)
  }
}

function onProof(fold: FailoverFold, brokerId: number, atMs: number, byBrokerId: number): void {
  fold.proofs.set(brokerId, { atMs, byBrokerId })
  const record = openOf(fold, brokerId)
  if (record === undefined || record.proof !== null || atMs < record.startMs) return
  const goneMs = record.gone[0]?.atMs
  if (goneMs !== undefined && Math.abs(goneMs - atMs) > PROOF_LASTS_MS) return
  record.proof = { atMs, byBrokerId }
  mark(record, atMs)
}

/** A late line tells of an end that is over. */
function onShutdown(fold: FailoverFold, event: BrokerLogEvent, saidMs: number): void {
  const { brokerId, atMs } = event
  fold.shutdowns.set(brokerId, saidMs)
  const open = openOf(fold, brokerId)
  if (open !== undefined && open.gone.length === 0 && saidMs >= open.startMs) {
    open.isOrderly = true
    open.revision += 1
  }
  const isAlive = fold.model.brokers.get(brokerId)?.isRegistered === true
  if (open !== undefined || !isAlive || atMs - saidMs > FAULT_LATE_MS) return
  beginObserved(fold, event, 'shutting-down', brokerId).isOrderly = true
}

function onLogDirFailed(
  fold: FailoverFold,
  event: BrokerLogEvent,
  directory: string,
  saidMs: number,
): void {
  const open = openOf(fold, event.brokerId)
  const isOld = saidMs < (open?.startMs ?? event.atMs) - FAULT_LATE_MS
  if (isOld) return
  const record = open ?? beginObserved(fold, event, 'log-dir-failed', event.brokerId)
  record.logDirFailed ??= { atMs: Math.max(saidMs, record.startMs), directory }
  mark(record, record.logDirFailed.atMs)
}

type ToldSign = Exclude<LogSign, { kind: 'proof-of-death' | 'shutting-down' | 'log-dir-failed' }>

function onTold(record: FailoverRecord, sign: ToldSign, brokerId: number, atMs: number): void {
  if (brokerId === record.brokerId || !isToldOf(record, sign, brokerId, atMs)) return
  const old = record.told.get(brokerId)
  if (old === undefined) record.told.set(brokerId, { firstMs: atMs, lastMs: atMs })
  else old.lastMs = Math.max(old.lastMs, atMs)
  mark(record, atMs)
}

function isToldOf(record: FailoverRecord, sign: ToldSign, brokerId: number, atMs: number): boolean {
  if (sign.kind === 'became') {
    const was = record.before.get(sign.partition)
    const isNews = was?.isLed === true && sign.leaderEpoch > was.leaderEpoch
    return isNews && isSoon(record, brokerId, atMs)
  }
  const { gone, controllerNew, logDirFailed } = record
  const firstMs = gone[0]?.atMs ?? controllerNew?.atMs ?? logDirFailed?.atMs
  return firstMs !== undefined && atMs >= firstMs && isSoon(record, brokerId, atMs)
}

/** What comes long after the elections is about something else. */
function isSoon(record: FailoverRecord, brokerId: number, atMs: number): boolean {
  const { startMs, gone, controllerNew, lastElectionMs, told } = record
  if (atMs < startMs) return false
  const firstMs = gone[0]?.atMs ?? startMs
  const lastMs = Math.max(firstMs, controllerNew?.atMs ?? 0, lastElectionMs ?? 0)
  return atMs <= lastMs + TOLD_AFTER_MS || (!told.has(brokerId) && lastElectionMs !== null)
}
