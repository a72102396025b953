/**
 * Fetch sessions (KIP-227): a broker remembers what a reader asked for, the reader names changes only
 * and gets what has changed only. The cache is bounded; who is turned away is served all the same,
 * with full requests.
 *
 * Kafka splits its cache into shards for the sake of its locks; we need none.
 */

import type { Random } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { fetch } from '../protocol/messages/fetch.ts'
import type { RequestOf } from '../protocol/types.ts'
import { FetchEntry, FetchReader } from './fetch-entry.ts'
import type { ReadIsolation } from './replica-log.ts'

type FetchRequest = RequestOf<typeof fetch>
type PartitionRequest = FetchRequest['topics'][number]['partitions'][number]

/** After so long without use a session may be thrown out by anybody. */
const EVICTION_IDLE_MS = 120_000
const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_EPOCH = 0x7fff_ffff
const MAX_ID = 0x7fff_ffff

export class FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly reader: FetchReader
  readonly createdMs: number
  lastUsedMs: number
  /** What the next request must carry. */
  epoch = 1
  /** By topic name or id, then partition. */
  readonly #entries = new Map<string, Map<number, FetchEntry>>()
  #size = 0

  constructor(id: number, usesTopicIds: boolean, reader: FetchReader, nowMs: number) {
    this.id = id
    this.usesTopicIds = usesTopicIds
    this.reader = reader
    this.createdMs = nowMs
    this.lastUsedMs = nowMs
  }

  get size(): number {
    return this.#size
  }

  adopt(entries: Iterable<FetchEntry>): void {
    for (const entry of entries) this.#add(this.usesTopicIds ? entry.topicId : entry.topic, entry)
  }

  update(request: FetchRequest): void {
    for (const { topic, topicId, partitions } of request.topics) {
      const key = this.usesTopicIds ? topicId : topic
      for (const partition of partitions) {
        const entry = this.#entries.get(key)?.get(partition.partition)
        if (entry !== undefined) entry.moveTo(partition)
        else this.#add(key, entryOf(this.reader, topic, topicId, partition))
      }
    }
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      const key = this.usesTopicIds ? topicId : topic
      for (const partition of partitions) this.#remove(key, partition)
    }
  }

  close(): void {
    for (const partitions of this.#entries.values()) {
      for (const entry of partitions.values()) entry.unwatch()
    }
    this.#entries.clear()
    this.#size = 0
  }

  #add(key: string, entry: FetchEntry): void {
    let partitions = this.#entries.get(key)
    if (partitions === undefined) {
      partitions = new Map()
      this.#entries.set(key, partitions)
    }
    partitions.get(entry.index)?.unwatch()
    if (!partitions.has(entry.index)) this.#size += 1
    partitions.set(entry.index, entry)
  }

  #remove(key: string, index: number): void {
    const partitions = this.#entries.get(key)
    const entry = partitions?.get(index)
    if (partitions === undefined || entry === undefined) return
    entry.unwatch()
    partitions.delete(index)
    this.#size -= 1
    if (partitions.size === 0) this.#entries.delete(key)
  }
}

/** What a request is to be read with. */
export type OpenedFetch =
  | { readonly kind: 'full'; readonly reader: FetchReader; readonly wantsSession: boolean }
  | {
      readonly kind: 'incremental'
      readonly reader: FetchReader
      readonly session: FetchSession
      /** The session's epoch right after this request; another one since means it was overtaken. */
      readonly epoch: number
    }
  | { readonly kind: 'error'; readonly code: ErrorCode }

export class FetchSessionCache {
  readonly #random: Random
  readonly #maxSessions: number
  readonly #onEviction: () => void
  /** In the order of last use. */
  readonly #sessions = new Map<number, FetchSession>()

  constructor(random: Random, maxSessions: number, onEviction: () => void) {
    this.#random = random
    this.#maxSessions = maxSessions
    this.#onEviction = onEviction
  }

  get size(): number {
    return this.#sessions.size
  }

  open(
    request: FetchRequest,
    usesTopicIds: boolean,
    isFollower: boolean,
    isolation: ReadIsolation,
    nowMs: number,
  ): OpenedFetch {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.#remove(sessionId)
      return fullFetch(request, isFollower, isolation, sessionEpoch === INITIAL_EPOCH)
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) {
      return { kind: 'error', code: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    }
    if (session.epoch !== sessionEpoch) {
      return { kind: 'error', code: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    }
    if (session.usesTopicIds !== usesTopicIds) {
      return { kind: 'error', code: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    }
    // Before anything changes: the request that still waits belongs to the epoch before.
    session.reader.waiting?.overtake()
    session.update(request)
    if (session.size === 0) {
      this.#remove(sessionId)
      return fullFetch(request, isFollower, isolation, false)
    }
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, session)
    session.lastUsedMs = nowMs
    session.reader.isolation = isolation
    session.epoch = session.epoch === MAX_EPOCH ? 1 : session.epoch + 1
    return { kind: 'incremental', reader: session.reader, session, epoch: session.epoch }
  }

  /** Null when there is no room for it. */
  create(
    entries: readonly FetchEntry[],
    usesTopicIds: boolean,
    reader: FetchReader,
    nowMs: number,
  ): FetchSession | null {
    if (!this.#makeRoom(reader.isFollower, entries.length, nowMs)) return null
    let id = 0
    while (id === 0 || this.#sessions.has(id)) id = 1 + this.#random.nextInt(MAX_ID)
    const session = new FetchSession(id, usesTopicIds, reader, nowMs)
    session.adopt(entries)
    this.#sessions.set(id, session)
    return session
  }

  #remove(id: number): void {
    this.#sessions.get(id)?.close()
    this.#sessions.delete(id)
  }

  #makeRoom(forFollower: boolean, size: number, nowMs: number): boolean {
    if (this.#sessions.size < this.#maxSessions) return true
    const [oldest] = this.#sessions.values()
    if (oldest === undefined) return false
    const victim =
      nowMs - oldest.lastUsedMs > EVICTION_IDLE_MS
        ? oldest
        : this.#leastValuable(forFollower, size, nowMs)
    if (victim === null) return false
    this.#remove(victim.id)
    this.#onEviction()
    return true
  }

  /** Consumers go before followers, few partitions before many; the newcomer must outrank it. */
  #leastValuable(forFollower: boolean, size: number, nowMs: number): FetchSession | null {
    let least: FetchSession | null = null
    for (const session of this.#sessions.values()) {
      const isOld = nowMs - session.createdMs > EVICTION_IDLE_MS
      const isEvictable = isOld || (forFollower && !session.reader.isFollower)
      if (isEvictable && (least === null || rank(session) < rank(least))) least = session
    }
    if (least === null) return null
    const newcomer = rank({ reader: { isFollower: forFollower }, size })
    return newcomer > rank(least) ? least : null
  }
}

function rank(session: { reader: { isFollower: boolean }; size: number }): number {
  return (session.reader.isFollower ? MAX_ID : 0) + session.size
}

function fullFetch(
  request: FetchRequest,
  isFollower: boolean,
  isolation: ReadIsolation,
  wantsSession: boolean,
): OpenedFetch {
  const reader = new FetchReader(isFollower, isolation)
  for (const { topic, topicId, partitions } of request.topics) {
    for (const partition of partitions) entryOf(reader, topic, topicId, partition)
  }
  return { kind: 'full', reader, wantsSession }
}

/** The entry puts itself among the dirty ones of the reader. */
function entryOf(
  reader: FetchReader,
  topic: string,
  topicId: string,
  request: PartitionRequest,
): FetchEntry {
  return new FetchEntry(reader, topic, topicId, request.partition, request)
}
