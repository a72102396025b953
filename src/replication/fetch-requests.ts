/**
 * Fetch on the side of the broker that answers: what is there goes out at once, else the request
 * waits for bytes. A wait ends with a second read from scratch, which records nothing about
 * followers: they were here when the request came, not now.
 */

import type { Clock } from '../base/ports.ts'
import type { MetadataCache } from '../cluster/image.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { fetch } from '../protocol/messages/fetch.ts'
import type { RequestOf, ResponseInput } from '../protocol/types.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import { buildFetchAnswer } from './fetch-answer.ts'
import type { BytesWanted, FetchEntry, FetchReader } from './fetch-entry.ts'
import type { FetchSessionCache, OpenedFetch } from './fetch-session.ts'
import type { Partition } from './partition.ts'
import { failedRead, type PartitionRead, type ReadMode, readPartition } from './partition-read.ts'
import type { Expiring, Purgatory } from './purgatory.ts'
import type { ReadIsolation } from './replica-log.ts'
import type { ReplicaSet } from './replica-set.ts'
import type { ReplicationStats } from './replication-stats.ts'

export interface FetchCall {
  readonly request: RequestOf<typeof fetch>
  readonly version: number
  /** Endpoints of new leaders are told for this listener (KIP-951). */
  readonly listener: string
}

export type FetchAnswer = Omit<ResponseInput<typeof fetch>, 'throttleTimeMs'>

const FIRST_WITH_TOPIC_IDS = 13
const FIRST_WITH_REPLICA_STATE = 15
const FIRST_FROM_ANY_REPLICA = 11
const FIRST_WITH_SOFT_LIMITS = 3

export interface FetchRequestsPorts {
  readonly clock: Clock
  readonly metadata: MetadataCache
  readonly replicas: ReplicaSet
  readonly sessions: FetchSessionCache
  readonly purgatory: Purgatory
  readonly stats: ReplicationStats
  /** Upper bound of every response, `fetch.max.bytes`. */
  readonly maxBytes: number
  chooseReplica(partition: Partition, fetchOffset: number, call: FetchCall): number
}

type Opened = Exclude<OpenedFetch, { kind: 'error' }>

/** A request between its arrival and its answer. */
export interface OpenFetch {
  readonly call: FetchCall
  readonly mode: ReadMode
  readonly opened: Opened
  readonly maxBytes: number
  readonly respond: (answer: FetchAnswer) => void
}

interface Reads {
  readonly list: PartitionRead[]
  readonly bytes: number
  /** An error, a divergence or a better replica: nothing to wait for. */
  readonly isFinal: boolean
}

export class FetchRequests {
  readonly #ports: FetchRequestsPorts
  readonly #ready: WaitingFetch[] = []
  #waitingCount = 0

  constructor(ports: FetchRequestsPorts) {
    this.#ports = ports
  }

  get waitingCount(): number {
    return this.#waitingCount
  }

  fetch(call: FetchCall, respond: (answer: FetchAnswer) => void): void {
    const { sessions, clock } = this.#ports
    const { request, version } = call
    const mode = this.#modeOf(call)
    const usesTopicIds = version >= FIRST_WITH_TOPIC_IDS
    const nowMs = clock.monotonicMs()
    const opened = sessions.open(request, usesTopicIds, mode.isFollower, mode.isolation, nowMs)
    if (opened.kind === 'error') {
      respond({ errorCode: opened.code, sessionId: 0, responses: [] })
      return
    }
    const { reader } = opened
    const maxBytes = Math.min(request.maxBytes, this.#ports.maxBytes)
    const open: OpenFetch = { call, mode, opened, maxBytes, respond }
    reader.lastFetchMs = nowMs
    const reads = this.#read(open, true)
    const minBytes = Math.min(request.minBytes, maxBytes)
    const mustAnswer =
      request.maxWaitMs <= 0 ||
      reads.isFinal ||
      reads.bytes >= minBytes ||
      (opened.kind === 'full' && reads.list.length === 0)
    if (mustAnswer) this.#answer(open, reads)
    else this.#wait(open, reads, minBytes)
  }

  /** Answers what events have made ready; called when the work that caused them is done. */
  finishReady(): void {
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      this.finish(next)
    }
  }

  #wait(open: OpenFetch, reads: Reads, minBytes: number): void {
    const { reader } = open.opened
    const waiting = new WaitingFetch(open, minBytes - reads.bytes, this, this.#ready)
    reader.waiting = waiting
    for (const { entry, bytes } of reads.list) {
      entry.countedBytes = bytes
      if (open.opened.kind === 'full') entry.watch(this.#find(entry) ?? null)
    }
    this.#waitingCount += 1
    this.#ports.purgatory.add(waiting, open.call.request.maxWaitMs)
  }

  expire(waiting: WaitingFetch): void {
    this.#ports.stats.delayedFetchExpirations += 1
    this.finish(waiting)
  }

  finish(waiting: WaitingFetch): void {
    if (waiting.isFinished) return
    waiting.isFinished = true
    this.#waitingCount -= 1
    this.#ports.purgatory.remove(waiting)
    const { open } = waiting
    open.opened.reader.waiting = null
    this.#answer(open, this.#read(open, false))
    if (open.opened.kind === 'full' && !open.opened.wantsSession) unwatchAll(open.opened.reader)
  }

  #answer(open: OpenFetch, reads: Reads): void {
    buildFetchAnswer(this.#ports, open, reads.list)
  }

  #read(open: OpenFetch, recordsFetch: boolean): Reads {
    const { mode, maxBytes } = open
    const list: PartitionRead[] = []
    let bytes = 0
    let isFinal = false
    let minOne = mode.firstBatchAlways
    for (const entry of open.opened.reader.dirty) {
      const read = this.#readEntry(open, entry, maxBytes - bytes, minOne, recordsFetch)
      list.push(read)
      bytes += read.bytes
      if (read.bytes > 0) minOne = false
      isFinal ||=
        read.errorCode !== ErrorCode.NONE ||
        read.divergingEpoch !== null ||
        read.preferredReadReplica >= 0
    }
    return { list, bytes, isFinal }
  }

  #readEntry(
    open: OpenFetch,
    entry: FetchEntry,
    maxBytes: number,
    minOne: boolean,
    recordsFetch: boolean,
  ): PartitionRead {
    const partition = this.#find(entry)
    const isUnknownId = open.call.version >= FIRST_WITH_TOPIC_IDS && entry.topic === ''
    if (isUnknownId) return failedRead(entry, ErrorCode.UNKNOWN_TOPIC_ID)
    if (open.opened.kind === 'incremental') entry.watch(partition ?? null)
    const lookup = this.#ports.replicas.lookupError(partition, entry.topic, entry.index)
    if (partition === undefined || lookup !== ErrorCode.NONE) {
      return failedRead(
        entry,
        lookup === ErrorCode.KAFKA_STORAGE_ERROR ? storageError(open) : lookup,
      )
    }
    if (isOtherTopic(entry, partition)) return failedRead(entry, ErrorCode.INCONSISTENT_TOPIC_ID)
    return readPartition(partition, entry, open.mode, maxBytes, minOne, recordsFetch)
  }

  #find(entry: FetchEntry): Partition | undefined {
    const { replicas } = this.#ports
    if (entry.topic === '') entry.topic = replicas.topicName(entry.topicId)
    return replicas.get(entry.topic, entry.index)
  }

  #modeOf(call: FetchCall): ReadMode {
    const { request, version } = call
    const replicaId =
      version >= FIRST_WITH_REPLICA_STATE ? request.replicaState.replicaId : request.replicaId
    const isFollower = replicaId >= 0
    return {
      replicaId,
      isFollower,
      leaderOnly: isFollower || version < FIRST_FROM_ANY_REPLICA,
      isolation: isFollower ? 'log-end' : isolationOf(request.isolationLevel),
      firstBatchAlways: version >= FIRST_WITH_SOFT_LIMITS,
      chooseReplica: (partition, fetchOffset) =>
        version >= FIRST_FROM_ANY_REPLICA
          ? this.#ports.chooseReplica(partition, fetchOffset, call)
          : -1,
    }
  }
}

class WaitingFetch implements Expiring, BytesWanted {
  readonly open: OpenFetch
  isFinished = false
  deadlineTick = -1
  previousInSlot: Expiring | null = null
  nextInSlot: Expiring | null = null
  readonly #owner: FetchRequests
  readonly #readyList: WaitingFetch[]
  #missingBytes: number
  #isListed = false

  constructor(
    open: OpenFetch,
    missingBytes: number,
    owner: FetchRequests,
    readyList: WaitingFetch[],
  ) {
    this.open = open
    this.#missingBytes = missingBytes
    this.#owner = owner
    this.#readyList = readyList
  }

  onExpired(): void {
    this.#owner.expire(this)
  }

  overtake(): void {
    this.#owner.finish(this)
  }

  gain(bytes: number): void {
    this.#missingBytes -= bytes
    if (this.#missingBytes <= 0) this.ready()
  }

  ready(): void {
    if (this.#isListed) return
    this.#isListed = true
    this.#readyList.push(this)
  }
}

function unwatchAll(reader: FetchReader): void {
  for (const entry of reader.dirty) entry.watch(null)
}

/** Before v6 clients do not know the code; they look for another leader. */
function storageError({ call }: OpenFetch): ErrorCode {
  return call.version < 6 ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.KAFKA_STORAGE_ERROR
}

function isOtherTopic(entry: FetchEntry, partition: Partition): boolean {
  const { topicId } = entry
  return topicId !== ZERO_UUID && partition.topicId !== ZERO_UUID && topicId !== partition.topicId
}

function isolationOf(level: number): ReadIsolation {
  return level === 1 ? 'last-stable' : 'high-watermark'
}
