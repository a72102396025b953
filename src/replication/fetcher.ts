/**
 * The loop that copies partitions from one leader broker: fetch, cut where the logs diverge, append.
 * The next request is on its way before anything that can wait is done for the last (high watermarks,
 * consumers of this replica). Trouble with one partition never stops the others.
 *
 * One request is in flight. A leader without news holds it back, though; so that a partition which
 * is added meanwhile need not wait for that, a second one follows, with what has changed.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { releaseBytes } from '../base/release.ts'
import { ErrorCode, errorName } from '../protocol/error-codes.ts'
import { fetch } from '../protocol/messages/fetch.ts'
import type { Api, RequestInput, ResponseOf } from '../protocol/types.ts'
import { CorruptRecordError } from '../records/batches.ts'
import { FetcherSession, type FollowedPartition } from './fetcher-session.ts'
import { FollowedPartitions } from './followed-partitions.ts'
import { findStartOffsets, type StartOffset } from './out-of-range.ts'
import type { Partition } from './partition.ts'
import { errorCodeOf, type ReplicaLog } from './replica-log.ts'
import type { ReplicationStats } from './replication-stats.ts'
import { truncationTarget } from './truncation.ts'

/** What we use of a channel of `network/` to another broker. */
export interface ReplicaChannel {
  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>>
  close(): void
}

export interface FetcherOptions {
  readonly brokerId: number
  readonly replicaFetchWaitMaxMs: number
  readonly replicaFetchMinBytes: number
  readonly replicaFetchMaxBytes: number
  readonly replicaFetchResponseMaxBytes: number
  readonly replicaFetchBackoffMs: number
}

export interface FetcherPorts {
  readonly clock: Clock
  readonly logger: Logger
  readonly stats: ReplicationStats
  readonly options: FetcherOptions
  brokerEpoch(): number
  connect(): Promise<ReplicaChannel>
  /** The log grew; tells those who read from this replica. */
  onAppended(partition: Partition, bytes: number): void
  /** Ends the turn in which events were told. */
  finishTurn(): void
}

type FetchResponse = ResponseOf<typeof fetch>
type PartitionResponse = FetchResponse['responses'][number]['partitions'][number]

const VERSION_WITH_TOPIC_IDS = 17
const VERSION_WITH_NAMES = 12
const FIRST_WITH_TOPIC_IDS = 13

/** The leader has not heard of its role, or of the topic: the follower was told before. */
const NOT_YET: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
])
const FIRST_BACKOFF_MS = 20

interface SentFetch {
  readonly number: number
  readonly answer: Promise<FetchResponse>
}

/** What the leader said of its log, to be taken over when there is time. */
interface LeaderNews {
  readonly followed: FollowedPartition
  readonly highWatermark: number
  readonly logStartOffset: number
}

export class Fetcher {
  readonly leaderId: number
  readonly #ports: FetcherPorts
  readonly #session: FetcherSession
  readonly #followed = new FollowedPartitions()
  #version = VERSION_WITH_TOPIC_IDS
  #channel: ReplicaChannel | null = null
  #news: LeaderNews[] = []
  #outOfRange: FollowedPartition[] = []
  #wake: (() => void) | null = null
  #cancelWake: (() => void) | null = null
  /** When `#cancelWake` would have come. */
  #wakeAtMs = Number.POSITIVE_INFINITY
  #connectionFailures = 0
  /** The second request in flight. */
  #extra: SentFetch | null = null
  #isExtraPlanned = false
  #sentCount = 0
  #isAwaiting = false
  #isSessionRefused = false
  #isStopped = false

  constructor(leaderId: number, ports: FetcherPorts) {
    this.leaderId = leaderId
    this.#ports = ports
    this.#session = new FetcherSession(ports.options.replicaFetchMaxBytes)
  }

  get size(): number {
    return this.#followed.size
  }

  /** Of all partitions; 0 when there are none. */
  get maxLag(): number {
    return this.#followed.maxLag
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#isStopped = true
    this.#followed.clear()
    this.#channel?.close()
    this.#channel = null
    this.#cancelWake?.()
    this.#wakeUp()
  }

  /** From the end of its log on. A partition that is followed already starts anew. */
  add(partition: Partition): void {
    this.remove(partition)
    this.#followed.add(partition)
    this.#wakeUp()
    this.#sendExtraSoon()
  }

  remove(partition: Partition): void {
    this.#session.touch(partition)
    this.#followed.remove(partition)
  }

  /** Its log start moved: the leader is told with the next fetch. */
  touch(partition: Partition): void {
    this.#session.touch(partition)
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      if (this.#followed.isAnyReady(this.#ports.clock.monotonicMs())) {
        await this.#exchange()
      } else {
        this.#takeNews()
        await this.#sleep()
      }
    }
  }

  async #exchange(): Promise<void> {
    let sent: SentFetch
    let response: FetchResponse
    try {
      this.#channel ??= await this.#connect()
      // Nobody is asked for the same wrong offset again.
      if (this.#outOfRange.length > 0) await this.#restartOutOfRange(this.#channel)
      if (this.#isStopped) return
      sent = this.#extra ?? this.#sendFetch(this.#channel)
      this.#extra = null
      this.#takeNews()
      this.#isAwaiting = true
      response = await sent.answer
    } catch (error) {
      this.#onConnectionError(error)
      return
    } finally {
      this.#isAwaiting = false
    }
    if (!this.#isStopped) this.#process(response, sent.number)
    releaseRecords(response)
  }

  #sendExtraSoon(): void {
    // Once for all that is added in this turn.
    if (this.#isExtraPlanned || !this.#isAwaiting) return
    this.#isExtraPlanned = true
    void Promise.resolve().then(() => {
      this.#isExtraPlanned = false
      const isPossible = this.#isAwaiting && this.#extra === null && !this.#session.isFull
      if (!isPossible || this.#channel === null || this.#versionWanted !== this.#version) return
      this.#extra = this.#sendFetch(this.#channel)
      // The loop awaits it next, unless the connection breaks before.
      this.#extra.answer.catch(() => {})
    })
  }

  async #connect(): Promise<ReplicaChannel> {
    const channel = await this.#ports.connect()
    if (this.#isStopped) channel.close()
    return channel
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  get #versionWanted(): number {
    return this.#followed.haveTopicIds ? VERSION_WITH_TOPIC_IDS : VERSION_WITH_NAMES
  }

  #sendFetch(channel: ReplicaChannel): SentFetch {
    const { options, clock } = this.#ports
    const version = this.#versionWanted
    if (version !== this.#version) this.#session.restart()
    this.#version = version
    const replicaId = options.brokerId
    const number = this.#sentCount++
    const answer = channel.send(fetch, version, {
      replicaId,
      replicaState: { replicaId, replicaEpoch: this.#ports.brokerEpoch() },
      maxWaitMs: this.#session.isOpening ? 0 : options.replicaFetchWaitMaxMs,
      minBytes: options.replicaFetchMinBytes,
      maxBytes: options.replicaFetchResponseMaxBytes,
      ...this.#session.build(this.#followed.all, number, clock.monotonicMs()),
    })
    return { number, answer }
  }

  #process(response: FetchResponse, number: number): void {
    if (!this.#session.onResponse(response.errorCode, response.sessionId)) {
      const code = errorName(response.errorCode as ErrorCode)
      this.#ports.logger.info(`Broker ${this.leaderId} refused the fetch session with ${code}`)
      this.#extra = null
      // The next fetch is a full one, which mends what can be mended.
      if (this.#isSessionRefused) this.#backOffAll()
      this.#isSessionRefused = true
      return
    }
    this.#isSessionRefused = false
    this.#connectionFailures = 0
    for (const { topic, topicId, partitions } of response.responses) {
      const byId = this.#version >= FIRST_WITH_TOPIC_IDS
      const followed = byId ? this.#followed.ofTopicId(topicId) : this.#followed.ofTopic(topic)
      if (followed === undefined) continue
      for (const each of partitions) {
        const entry = followed.get(each.partitionIndex)
        // Restarted, or moved on, since the request was sent.
        if (entry === undefined || entry.sentIn > number) continue
        if (entry.sent?.fetchOffset === entry.fetchOffset) this.#processPartition(entry, each)
      }
    }
  }

  #processPartition(followed: FollowedPartition, response: PartitionResponse): void {
    const code = response.errorCode as ErrorCode
    const log = followed.partition.log
    if (log === null) return
    switch (code) {
      case ErrorCode.NONE:
        this.#takeData(followed, log, response)
        break
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        this.#outOfRange.push(followed)
        break
      case ErrorCode.FENCED_LEADER_EPOCH:
        // The leader is ahead of what we were told. A newer state will restart this partition.
        this.#fail(followed, 'the leader has a newer epoch')
        break
      default:
        this.#ports.logger.info(
          `${nameOf(followed)}: broker ${this.leaderId} answers ${errorName(code)} at offset ` +
            `${followed.fetchOffset}, leader epoch ${followed.leaderEpoch}`,
        )
        if (NOT_YET.has(code)) this.#backOff(followed, this.#growing(followed.retries++))
        else this.#backOff(followed)
    }
  }

  #takeData(followed: FollowedPartition, log: ReplicaLog, response: PartitionResponse): void {
    const { highWatermark, logStartOffset, divergingEpoch } = response
    try {
      if (divergingEpoch.epoch >= 0 || divergingEpoch.endOffset >= 0) {
        this.#truncate(followed, log, divergingEpoch)
        return
      }
      for (const records of response.records ?? []) this.#append(followed, log, records)
    } catch (error) {
      this.#onAppendError(followed, error)
      return
    }
    followed.retries = 0
    followed.lag = Math.max(0, highWatermark - followed.fetchOffset)
    this.#news.push({ followed, highWatermark, logStartOffset })
  }

  #append(followed: FollowedPartition, log: ReplicaLog, records: Buffer): void {
    if (records.length === 0) return
    if (log.logEndOffset !== followed.fetchOffset) {
      throw new Error(`fetched at ${followed.fetchOffset}, but the log ends at ${log.logEndOffset}`)
    }
    log.appendAsFollower(records)
    if (log.logEndOffset === followed.fetchOffset) return
    followed.fetchOffset = log.logEndOffset
    followed.lastFetchedEpoch = log.latestEpoch
    this.#session.touch(followed.partition)
    this.#ports.stats.topic(followed.partition.topic).replicationBytesIn += records.length
    this.#ports.onAppended(followed.partition, records.length)
  }

  #truncate(
    followed: FollowedPartition,
    log: ReplicaLog,
    leaderEnd: PartitionResponse['divergingEpoch'],
  ): void {
    const { logEndOffset, highWatermark } = log
    const localEnd = log.endOffsetForEpoch(leaderEnd.epoch)
    const target = truncationTarget({ leaderEnd, localEnd, logEndOffset, highWatermark })
    const how = `from ${logEndOffset} to ${target} (leader: epoch ${leaderEnd.epoch} ends at ${leaderEnd.endOffset})`
    if (target < highWatermark) {
      this.#ports.logger.warn(
        `${nameOf(followed)}: truncating ${how}, below the high watermark ${highWatermark}`,
      )
    } else {
      this.#ports.logger.info(`${nameOf(followed)}: truncating ${how}`)
    }
    log.truncateTo(target)
    this.#restartAt(followed, log)
  }

  /** After the log has changed: from its end on, as it is now. */
  #restartAt(followed: FollowedPartition, log: ReplicaLog): void {
    followed.fetchOffset = log.logEndOffset
    followed.lastFetchedEpoch = log.latestEpoch
    this.#session.touch(followed.partition)
  }

  #onAppendError(followed: FollowedPartition, error: unknown): void {
    if (error instanceof CorruptRecordError || errorCodeOf(error) === ErrorCode.CORRUPT_MESSAGE) {
      // What came before them is in the log.
      const { log } = followed.partition
      if (log !== null) this.#restartAt(followed, log)
      const at = `at offset ${followed.fetchOffset}`
      this.#ports.logger.error(`${nameOf(followed)}: corrupt records ${at}, trying again`, error)
      this.#backOff(followed)
      return
    }
    this.#fail(followed, 'appending failed', error)
  }

  /** Out of the fetcher until the next newer state. */
  #fail(followed: FollowedPartition, why: string, error?: unknown): void {
    const message = `${nameOf(followed)}: marked as failed, ${why}`
    if (error === undefined) this.#ports.logger.warn(message)
    else this.#ports.logger.error(message, error)
    this.remove(followed.partition)
  }

  #backOff(followed: FollowedPartition, delayMs?: number): void {
    const { clock, options } = this.#ports
    const nowMs = clock.monotonicMs()
    followed.readyAtMs = nowMs + (delayMs ?? options.replicaFetchBackoffMs)
    this.#session.touch(followed.partition)
    this.#wakeAt(followed.readyAtMs, nowMs)
  }

  /** For what is probably over in a moment: a short pause, then longer ones. */
  #growing(retries: number): number {
    const { replicaFetchBackoffMs } = this.#ports.options
    return Math.min(replicaFetchBackoffMs, FIRST_BACKOFF_MS * 2 ** Math.min(retries, 10))
  }

  #backOffAll(delayMs?: number): void {
    for (const followed of this.#followed.all.values()) this.#backOff(followed, delayMs)
  }

  /** Goes on with those that are ready then, even while a request waits at the leader. */
  #wakeAt(wakeAtMs: number, nowMs: number): void {
    if (wakeAtMs >= this.#wakeAtMs || this.#isStopped) return
    this.#cancelWake?.()
    this.#wakeAtMs = wakeAtMs
    const { clock } = this.#ports
    this.#cancelWake = clock.after(Math.ceil(wakeAtMs - nowMs), () => {
      this.#cancelWake = null
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      const firedMs = clock.monotonicMs()
      // A timer may come a little early: then those it came for are among the later ones.
      if (firedMs >= wakeAtMs) {
        this.#wakeUp()
        this.#sendExtraSoon()
      }
      const laterMs = this.#followed.nextReadyMs(firedMs)
      if (laterMs < Number.POSITIVE_INFINITY) this.#wakeAt(laterMs, firedMs)
    })
  }

  #onConnectionError(error: unknown): void {
    if (this.#isStopped) return
    this.#channel?.close()
    this.#channel = null
    this.#extra = null
    this.#session.restart()
    this.#ports.logger.warn(`Fetching from broker ${this.leaderId} failed: ${String(error)}`)
    this.#backOffAll(this.#growing(this.#connectionFailures++))
  }

  #takeNews(): void {
    const news = this.#news
    if (news.length === 0) return
    this.#news = []
    for (const { followed, highWatermark, logStartOffset } of news) {
      const { partition } = followed
      if (!this.#followed.has(followed)) continue
      try {
        partition.updateFollowerHighWatermark(highWatermark)
        if (partition.followLogStart(logStartOffset)) this.#session.touch(partition)
      } catch (error) {
        this.#fail(followed, 'following the high watermark failed', error)
      }
    }
    this.#ports.finishTurn()
  }

  async #restartOutOfRange(channel: ReplicaChannel): Promise<void> {
    const asked = this.#outOfRange
    this.#outOfRange = []
    const starts = await findStartOffsets(channel, this.#ports.options.brokerId, asked)
    for (const followed of asked) {
      const start = starts.get(followed)
      if (!this.#followed.has(followed)) continue
      if (start === undefined) this.#backOff(followed)
      else this.#restartFrom(followed, start)
    }
  }

  #restartFrom(followed: FollowedPartition, start: StartOffset): void {
    const { log } = followed.partition
    if (log === null) return
    const before = `[${log.logStartOffset}, ${log.logEndOffset})`
    try {
      if (start.kind === 'restart') log.truncateFullyAndStartAt(start.offset)
      else if (start.kind === 'truncate') log.truncateTo(start.offset)
    } catch (error) {
      this.#fail(followed, 'truncating failed', error)
      return
    }
    this.#ports.logger.warn(
      `${nameOf(followed)}: offset ${followed.fetchOffset} is out of range at broker ` +
        `${this.leaderId}, our log ${before} now ends at ${log.logEndOffset}`,
    )
    this.#restartAt(followed, log)
  }
}

function nameOf({ partition }: FollowedPartition): string {
  return `Partition ${partition.topic}-${partition.index}`
}

/** What an answer held is in the logs now. */
function releaseRecords({ responses }: FetchResponse): void {
  for (const { partitions } of responses) {
    for (const { records } of partitions) records?.forEach(releaseBytes)
  }
}
