/**
 * From reads to a Fetch response. An incremental one holds what the session does not know yet. Cold
 * bytes are awaited; what the session remembers is settled before, so that later events count.
 */

import { ErrorCode } from '../protocol/error-codes.ts'
import type { FetchAnswer, FetchRequestsPorts, OpenFetch } from './fetch-requests.ts'
import type { PartitionRead } from './partition-read.ts'
import { errorCodeOf, type ReadIsolation } from './replica-log.ts'

type TopicAnswer = FetchAnswer['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

const FIRST_WITH_LEADER_HINTS = 16
const FIRST_WITH_TOPIC_IDS = 13

type Ports = Pick<FetchRequestsPorts, 'clock' | 'metadata' | 'replicas' | 'sessions' | 'stats'>

/** Calls `respond`, at once unless bytes must come from the disk. */
export function buildFetchAnswer(ports: Ports, open: OpenFetch, reads: PartitionRead[]): void {
  const { opened } = open
  if (opened.kind === 'incremental' && opened.session.epoch !== opened.epoch) {
    const errorCode = ErrorCode.INVALID_FETCH_SESSION_EPOCH
    open.respond({ errorCode, sessionId: opened.session.id, responses: [] })
    return
  }
  const told = opened.kind === 'incremental' ? reads.filter(isNews) : reads
  const sessionId = settle(ports, open, reads)
  countBytes(ports, open, told)
  const cold = told.filter(({ data }) => data !== null && data.chunks === null)
  if (cold.length === 0) {
    open.respond(assemble(ports, open, told, sessionId, new Map()))
    return
  }
  void readCold(cold).then((chunks) => open.respond(assemble(ports, open, told, sessionId, chunks)))
}

/** A change of the last stable offset alone is none. */
function isNews(read: PartitionRead): boolean {
  return (
    read.bytes > 0 ||
    read.errorCode !== ErrorCode.NONE ||
    read.highWatermark !== read.entry.toldHighWatermark ||
    read.logStartOffset !== read.entry.toldLogStartOffset ||
    read.preferredReadReplica >= 0 ||
    read.divergingEpoch !== null
  )
}

/** Makes the session when one is wanted; notes what was told and what has been read to its end. */
function settle(ports: Ports, open: OpenFetch, reads: readonly PartitionRead[]): number {
  const { opened, call } = open
  let sessionId = 0
  if (opened.kind === 'incremental') {
    sessionId = opened.session.id
  } else if (opened.wantsSession) {
    const entries = reads.map(({ entry }) => entry)
    const usesTopicIds = call.version >= FIRST_WITH_TOPIC_IDS
    const nowMs = ports.clock.monotonicMs()
    const session = ports.sessions.create(entries, usesTopicIds, opened.reader, nowMs)
    for (const entry of entries) {
      entry.watch(session === null ? null : (ports.replicas.get(entry.topic, entry.index) ?? null))
    }
    if (session === null) return 0
    sessionId = session.id
  } else {
    return 0
  }
  for (const read of reads) settleEntry(read, open.mode.isolation)
  return sessionId
}

function settleEntry(read: PartitionRead, isolation: ReadIsolation): void {
  const { entry } = read
  // After an error the next success is news, whatever it says.
  entry.toldHighWatermark = read.errorCode === ErrorCode.NONE ? read.highWatermark : -1
  entry.toldLogStartOffset = read.logStartOffset
  if (read.bytes > 0) entry.moveToEnd()
  else if (isReadToItsEnd(read, isolation)) entry.markClean()
}

function isReadToItsEnd(read: PartitionRead, isolation: ReadIsolation): boolean {
  if (read.errorCode !== ErrorCode.NONE || read.divergingEpoch !== null) return false
  if (read.preferredReadReplica >= 0) return false
  const { entry } = read
  const { fetchOffset } = entry.position
  const follower = entry.follower
  // Not in sync: each of its fetches may be the one that lets it join.
  if (follower !== null) return fetchOffset === read.logEndOffset && follower.isInIsr
  const bound = isolation === 'last-stable' ? read.lastStableOffset : read.highWatermark
  return fetchOffset >= bound
}

function countBytes(ports: Ports, open: OpenFetch, told: readonly PartitionRead[]): void {
  for (const { entry, bytes, errorCode } of told) {
    if (bytes === 0 && errorCode === ErrorCode.NONE) continue
    // Topics that do not exist get no counters: a client could invent any number of them.
    if (ports.replicas.get(entry.topic, entry.index) === undefined) continue
    const stats = ports.stats.topic(entry.topic)
    if (open.mode.isFollower) stats.replicationBytesOut += bytes
    else stats.bytesOut += bytes
    if (errorCode !== ErrorCode.NONE) stats.failedFetchRequests += 1
  }
}

async function readCold(cold: readonly PartitionRead[]): Promise<Map<PartitionRead, Buffer[]>> {
  const chunks = new Map<PartitionRead, Buffer[]>()
  await Promise.all(
    cold.map(async (read) => {
      try {
        chunks.set(read, await read.data!.materialize())
      } catch (error) {
        read.errorCode = errorCodeOf(error) ?? ErrorCode.KAFKA_STORAGE_ERROR
      }
    }),
  )
  return chunks
}

function assemble(
  ports: Ports,
  open: OpenFetch,
  told: readonly PartitionRead[],
  sessionId: number,
  cold: ReadonlyMap<PartitionRead, Buffer[]>,
): FetchAnswer {
  const hintsWanted = open.call.version >= FIRST_WITH_LEADER_HINTS
  const responses: (TopicAnswer & { partitions: PartitionAnswer[] })[] = []
  const leaders = new Set<number>()
  let topic: (typeof responses)[number] | undefined
  for (const read of told) {
    const { entry } = read
    if (topic === undefined || topic.topic !== entry.topic || topic.topicId !== entry.topicId) {
      topic = { topic: entry.topic, topicId: entry.topicId, partitions: [] }
      responses.push(topic)
    }
    const answer = partitionAnswer(read, open, read.data?.chunks ?? cold.get(read) ?? [])
    if (hintsWanted && isLeaderError(read.errorCode)) {
      const currentLeader = ports.replicas.leaderHint(entry.topic, entry.index)
      leaders.add(currentLeader.leaderId)
      topic.partitions.push({ ...answer, currentLeader })
    } else {
      topic.partitions.push(answer)
    }
  }
  const answer: FetchAnswer = { errorCode: ErrorCode.NONE, sessionId, responses }
  return leaders.size === 0 ? answer : { ...answer, nodeEndpoints: endpoints(ports, open, leaders) }
}

function partitionAnswer(
  read: PartitionRead,
  open: OpenFetch,
  records: readonly Buffer[],
): PartitionAnswer {
  const isError = read.errorCode !== ErrorCode.NONE
  return {
    partitionIndex: read.entry.index,
    errorCode: read.errorCode,
    highWatermark: isError ? -1 : read.highWatermark,
    lastStableOffset: isError ? -1 : read.lastStableOffset,
    logStartOffset: isError ? -1 : read.logStartOffset,
    abortedTransactions: abortedTransactions(read, open.mode.isolation),
    preferredReadReplica: read.preferredReadReplica,
    records,
    divergingEpoch: read.divergingEpoch ?? undefined,
  }
}

/** Who names what does not exist is told that nothing of it was aborted, as by Kafka. */
function abortedTransactions(read: PartitionRead, isolation: ReadIsolation) {
  const isWanted = isolation === 'last-stable' || UNKNOWN.has(read.errorCode)
  return isWanted ? (read.abortedTransactions ?? []) : null
}

const UNKNOWN: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
])

function isLeaderError(code: ErrorCode): boolean {
  return code === ErrorCode.NOT_LEADER_OR_FOLLOWER || code === ErrorCode.FENCED_LEADER_EPOCH
}

function endpoints(
  ports: Ports,
  open: OpenFetch,
  leaders: ReadonlySet<number>,
): NonNullable<FetchAnswer['nodeEndpoints']> {
  const { brokers } = ports.metadata.image
  return [...leaders].flatMap((nodeId) => {
    const broker = brokers.get(nodeId)
    const endpoint = broker?.endpoints.find(({ listener }) => listener === open.call.listener)
    if (broker === undefined || endpoint === undefined) return []
    return [{ nodeId, host: endpoint.host, port: endpoint.port, rack: broker.rack }]
  })
}
