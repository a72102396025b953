/**
 * One partition that somebody reads, for the length of a request or of a fetch session (KIP-227).
 *
 * An entry is *dirty* when the next read of it may bring something: an event happened, the reader
 * asked for something else, or the last read was cut short. A clean one is left out of reads, which
 * makes a fetch cost as much as has changed. What a leader must know of a follower at each of its
 * fetches is made up for when a clean entry gets dirty: clean means it was caught up all the time.
 */

import type { FollowerProgress } from './follower-progress.ts'
import type { Partition } from './partition.ts'
import type { ReadIsolation } from './replica-log.ts'
import type { FetchWatcher } from './waiters.ts'

/** What a waiting fetch is told. */
export interface BytesWanted {
  gain(bytes: number): void
  /** Enough is known to answer at the end of the turn. */
  ready(): void
  /** The session goes on without it: answers now, with what is there. */
  overtake(): void
}

/** What a reader asks of a partition. */
export interface FetchPosition {
  readonly fetchOffset: number
  readonly partitionMaxBytes: number
  readonly currentLeaderEpoch: number
  readonly lastFetchedEpoch: number
  readonly logStartOffset: number
}

/** The entries of one request or session, in the order of reading. */
export class FetchReader {
  readonly isFollower: boolean
  isolation: ReadIsolation
  readonly dirty = new Set<FetchEntry>()
  waiting: BytesWanted | null = null
  lastFetchMs = 0

  constructor(isFollower: boolean, isolation: ReadIsolation) {
    this.isFollower = isFollower
    this.isolation = isolation
  }
}

export class FetchEntry implements FetchWatcher {
  watchIndex = -1
  /** Empty until the topic id is known. */
  topic: string
  readonly topicId: string
  readonly index: number
  position: FetchPosition
  /** What the reader was told last, so that a session repeats nothing. */
  toldHighWatermark = -1
  toldLogStartOffset = -1
  /** Set while the leader tracks this reader as a follower. */
  follower: FollowerProgress | null = null
  /** Bytes that a waiting fetch has counted for this entry. */
  countedBytes = 0
  readonly #reader: FetchReader
  #watched: Partition | null = null

  constructor(
    reader: FetchReader,
    topic: string,
    topicId: string,
    index: number,
    position: FetchPosition,
  ) {
    this.#reader = reader
    this.topic = topic
    this.topicId = topicId
    this.index = index
    this.position = position
    reader.dirty.add(this)
  }

  get isDirty(): boolean {
    return this.#reader.dirty.has(this)
  }

  markDirty(): void {
    const { dirty, lastFetchMs } = this.#reader
    if (dirty.has(this)) return
    dirty.add(this)
    this.follower?.recordStillCaughtUp(this.position.fetchOffset, lastFetchMs)
  }

  markClean(): void {
    this.#reader.dirty.delete(this)
  }

  /** Behind all the others that are dirty, so that everybody gets a share of a full response. */
  moveToEnd(): void {
    this.#reader.dirty.delete(this)
    this.#reader.dirty.add(this)
  }

  moveTo(position: FetchPosition): void {
    this.markDirty()
    this.position = position
  }

  watch(partition: Partition | null): void {
    if (partition === this.#watched) return
    this.#watched?.fetchWatchers.remove(this)
    this.#watched = partition
    partition?.fetchWatchers.add(this)
  }

  unwatch(): void {
    this.markDirty()
    this.watch(null)
    this.#reader.dirty.delete(this)
  }

  onLogEnd(bytes: number): void {
    // Consumers see no further than the high watermark, which tells them itself.
    if (!this.#reader.isFollower) return
    this.markDirty()
    this.#reader.waiting?.gain(bytes)
  }

  onHighWatermark(): void {
    this.markDirty()
    const { isFollower, waiting, isolation } = this.#reader
    const log = this.#watched?.log
    if (isFollower || waiting === null || !log) return
    const { fetchOffset, partitionMaxBytes } = this.position
    const bytes = Math.min(partitionMaxBytes, log.readableBytes(fetchOffset, isolation))
    waiting.gain(bytes - this.countedBytes)
    this.countedBytes = bytes
  }

  onLogStart(): void {
    this.markDirty()
  }

  onRole(): void {
    this.markDirty()
    this.#reader.waiting?.ready()
  }
}
