/**
 * The follower's side of a fetch session (KIP-227): which partitions the leader knows of, and with
 * what. Only what differs is sent, so a fetch costs as much as has changed.
 */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { fetch } from '../protocol/messages/fetch.ts'
import type { RequestInput } from '../protocol/types.ts'
import type { Partition } from './partition.ts'

/** A partition as a fetcher follows it; a new one for each leader epoch. */
export interface FollowedPartition {
  readonly partition: Partition
  readonly topicId: string
  readonly leaderEpoch: number
  /** What the leader is asked for next: the end of our log. */
  fetchOffset: number
  /** Epoch of the last batch that we have, -1 for none. */
  lastFetchedEpoch: number
  /** Left out of fetches until then. */
  readyAtMs: number
  /** How often in a row the leader was not there yet. */
  retries: number
  /** Records that the leader has committed and we do not have. */
  lag: number
  /** What the leader was told last; null while it is not in the session. */
  sent: FetchRequestPartition | null
  /** Number of the request that said so; answers to earlier ones are not for it. */
  sentIn: number
}

type FetchRequest = RequestInput<typeof fetch>
type FetchRequestTopic = FetchRequest['topics'][number]
type FetchRequestPartition = FetchRequestTopic['partitions'][number]
type Forgotten = NonNullable<FetchRequest['forgottenTopicsData']>[number]

const FULL = 0
const MAX_EPOCH = 0x7fff_ffff

export interface SessionFields {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: FetchRequestTopic[]
  readonly forgottenTopicsData: Forgotten[]
}

export class FetcherSession {
  #id = 0
  #epoch = FULL
  /** The leader has no room for our session. */
  #isDenied = false
  /** Partitions for which what we want may differ from what the leader knows. */
  readonly #changed = new Set<Partition>()
  /** What the leader has in the session, with the topic id under which it has it. */
  readonly #known = new Map<Partition, string>()
  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The next fetch asks for a session, so it had better be answered soon. */
  get isOpening(): boolean {
    return this.isFull && !this.#isDenied
  }

  /** There is no session yet: the next fetch names everything. */
  get isFull(): boolean {
    return this.#epoch === FULL
  }

  touch(partition: Partition): void {
    this.#changed.add(partition)
  }

  /** `followed` is all that the fetcher follows now; whoever is not ready is left out. */
  build(
    followed: ReadonlyMap<Partition, FollowedPartition>,
    requestNumber: number,
    nowMs: number,
  ): SessionFields {
    const topics = new Map<string, FetchRequestTopic & { partitions: FetchRequestPartition[] }>()
    const forgotten: Forgotten[] = []
    const waiting: Partition[] = []
    if (this.isFull) this.#known.clear()
    for (const partition of this.isFull ? followed.keys() : this.#changed) {
      const entry = followed.get(partition)
      const isReady = entry !== undefined && entry.readyAtMs <= nowMs
      const { topic, index } = partition
      const knownId = this.#known.get(partition)
      if (knownId !== undefined && (!isReady || knownId !== entry.topicId)) {
        forgotten.push({ topic, topicId: knownId, partitions: [index] })
        this.#known.delete(partition)
      }
      if (entry === undefined) continue
      entry.sent = isReady ? this.#request(entry) : null
      if (entry.sent === null) {
        waiting.push(partition)
        continue
      }
      entry.sentIn = requestNumber
      this.#known.set(partition, entry.topicId)
      let requested = topics.get(topic)
      if (requested === undefined) {
        requested = { topic, topicId: entry.topicId, partitions: [] }
        topics.set(topic, requested)
      }
      requested.partitions.push(entry.sent)
    }
    this.#changed.clear()
    for (const partition of waiting) this.#changed.add(partition)
    const sessionEpoch = this.#epoch
    if (!this.isFull) this.#epoch = sessionEpoch === MAX_EPOCH ? 1 : sessionEpoch + 1
    return {
      sessionId: this.#id,
      sessionEpoch,
      topics: [...topics.values()],
      forgottenTopicsData: forgotten,
    }
  }

  #request({ partition, fetchOffset, leaderEpoch, lastFetchedEpoch }: FollowedPartition) {
    return {
      partition: partition.index,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      logStartOffset: partition.log?.logStartOffset ?? -1,
      partitionMaxBytes: this.#maxBytes,
    }
  }

  /** False when the leader refused the session: then the next fetch is a full one. */
  onResponse(errorCode: number, sessionId: number): boolean {
    if (errorCode !== ErrorCode.NONE) {
      if (errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND) this.#id = 0
      this.#epoch = FULL
      return false
    }
    if (this.isFull) {
      this.#id = sessionId
      this.#isDenied = sessionId === 0
      this.#epoch = this.#isDenied ? FULL : 1
    }
    return true
  }

  /** The connection broke, or the way to name topics changes: close the old session, open another. */
  restart(): void {
    this.#epoch = FULL
    this.#isDenied = false
  }
}
