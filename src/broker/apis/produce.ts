// Produce, v0-11: batches to partitions that this broker leads. Versions 0 to 2 may bring the formats
// of before 0.11, which are converted; from 3 on it is exactly one batch of magic 2 per partition.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { produce } from '../../protocol/messages/produce.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { isTransactional, readCompression, readMagic } from '../../records/batch-header.ts'
import { sizeOfBatchAt } from '../../records/batches.ts'
import { Compression } from '../../records/compression.ts'
import { upconvert } from '../../records/legacy.ts'
import type { PartitionAppendResult, TopicAppendResult } from '../../replication/replica-manager.ts'
import { ApiError, CLOSE_CONNECTION, errorCodeOf, handler, NO_ANSWER } from '../handler.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { nodeEndpoints } from '../node-endpoints.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof produce>

/** The only client that may write to topics of coordinators. */
const ADMIN_CLIENT_ID = '__admin_client'

export const handleProduce = handler(
  produce,
  (request, services, { version, clientId, listener }) => {
    const { accepted, refused } = admit(request, version, clientId, services)
    return new Promise((resolve) => {
      const { acks, timeoutMs } = request
      const append = { acks, timeoutMs, origin: 'client' as const, entries: accepted }
      services.replicas.append(append, (results) => {
        const responses = merge(request, results, refused)
        if (acks === 0) resolve(hasError(responses) ? CLOSE_CONNECTION : NO_ANSWER)
        else resolve({ responses, nodeEndpoints: hints(services, responses, listener) })
      })
    })
  },
  (request, errorCode, errorMessage) => {
    if (request.acks === 0) return null
    const fail = (index: number) => result(index, errorCode, errorMessage)
    return {
      responses: request.topicData.map(({ name, partitionData }) => ({
        name,
        partitionResponses: partitionData.map(({ index }) => fail(index)),
      })),
    }
  },
)

interface Admission {
  readonly accepted: { topic: string; partitions: { partition: number; records: Buffer }[] }[]
  readonly refused: TopicAppendResult[]
}

/**
 * Sorts out what need not reach a log: unknown partitions, internal topics, impossible records. Throws
 * where all of the request is refused.
 */
function admit(
  request: Request,
  version: number,
  clientId: string,
  services: BrokerServices,
): Admission {
  const admission: Admission = { accepted: [], refused: [] }
  if (hasTransactions(request) && request.transactionalId === null) {
    throw new ApiError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, '')
  }
  for (const { name, partitionData } of request.topicData) {
    const known = services.metadata.image.topics.get(name)
    const internal = isInternalTopic(name) && clientId !== ADMIN_CLIENT_ID
    const partitions: { partition: number; records: Buffer }[] = []
    const refused: PartitionAppendResult[] = []
    for (const { index, records } of partitionData) {
      if (known?.partitions[index] === undefined) {
        refused.push(result(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
        continue
      }
      const outcome = admitRecords(records?.[0] ?? null, version)
      if (!Buffer.isBuffer(outcome)) refused.push(result(index, outcome.code, outcome.message))
      else if (!internal) partitions.push({ partition: index, records: outcome })
      else refused.push(result(index, ErrorCode.INVALID_TOPIC_EXCEPTION))
    }
    if (partitions.length > 0) admission.accepted.push({ topic: name, partitions })
    if (refused.length > 0) admission.refused.push({ name, partitionResponses: refused })
  }
  return admission
}

/** Throws where the bytes of one partition begin with what is no batch. */
function hasTransactions(request: Request): boolean {
  let found = false
  for (const { partitionData } of request.topicData) {
    for (const { records } of partitionData) {
      const batch = records?.[0]
      if (batch === undefined || sizeAt(batch, 0) < 0) continue
      if (readMagic(batch, 0) === 2 && isTransactional(batch, 0)) found = true
    }
  }
  return found
}

interface Outcome {
  readonly code: ErrorCode
  readonly message?: string
}

function admitRecords(records: Buffer | null, version: number): Buffer | Outcome {
  const size = records === null ? -1 : sizeAt(records, 0)
  if (version < 3) {
    // The old versions ignore what is cut off at the end, be it all there is.
    return records === null || size < 0 ? { code: ErrorCode.NONE } : upconverted(records)
  }
  const isOneBatch = size > 0 && readMagic(records!, 0) === 2 && sizeAt(records!, size) < 0
  if (records === null || !isOneBatch) return { code: ErrorCode.INVALID_RECORD }
  if (version < 7 && readCompression(records, 0) === Compression.ZSTD) {
    return { code: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE }
  }
  return isTransactional(records, 0) ? UNVERIFIED : records
}

/** As Kafka answers while the coordinator of the transaction is away; ours always is. */
const UNVERIFIED: Outcome = {
  code: ErrorCode.NOT_ENOUGH_REPLICAS,
  message:
    'Unable to verify the partition has been added to the transaction. ' +
    'Underlying error: COORDINATOR_NOT_AVAILABLE',
}

function sizeAt(records: Buffer, at: number): number {
  try {
    return sizeOfBatchAt(records, at, records.length)
  } catch (error) {
    throw new ApiError(ErrorCode.CORRUPT_MESSAGE, (error as Error).message)
  }
}

function upconverted(records: Buffer): Buffer | Outcome {
  if (readMagic(records, 0) === 2) return isTransactional(records, 0) ? UNVERIFIED : records
  try {
    return upconvert(records)
  } catch (error) {
    return { code: errorCodeOf(error) }
  }
}

/** Of records that reached no log. */
function result(
  index: number,
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): PartitionAppendResult {
  return {
    index,
    errorCode,
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage,
    currentLeader: { leaderId: -1, leaderEpoch: -1 },
  }
}

/** In the order of the request. */
function merge(
  request: Request,
  appended: readonly TopicAppendResult[],
  refused: readonly TopicAppendResult[],
): TopicAppendResult[] {
  if (refused.length === 0) return [...appended]
  return request.topicData.map(({ name, partitionData }) => {
    const answers = [...appended, ...refused]
      .filter((topic) => topic.name === name)
      .flatMap((topic) => topic.partitionResponses)
    return {
      name,
      partitionResponses: partitionData.map(({ index }) => {
        return answers.find((answer) => answer.index === index)!
      }),
    }
  })
}

function hasError(responses: readonly TopicAppendResult[]): boolean {
  return responses.some(({ partitionResponses }) =>
    partitionResponses.some(({ errorCode }) => errorCode !== ErrorCode.NONE),
  )
}

/** Addresses of the leaders named beside NOT_LEADER_OR_FOLLOWER (KIP-951). */
function hints(
  services: BrokerServices,
  responses: readonly TopicAppendResult[],
  listener: string,
) {
  const leaders = new Set<number>()
  for (const { partitionResponses } of responses) {
    for (const { currentLeader } of partitionResponses) {
      if (currentLeader.leaderId >= 0) leaders.add(currentLeader.leaderId)
    }
  }
  return nodeEndpoints(services.metadata.image, leaders, listener)
}
