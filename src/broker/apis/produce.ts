// Produce, v0-11: batches to partitions that this broker leads. Versions 0 to 2 may bring the formats
// of before 0.11, which are converted; from 3 on it is exactly one batch of magic 2 per partition.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { produce } from '../../protocol/messages/produce.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { readCompression, readMagic } from '../../records/batch-header.ts'
import { Compression } from '../../records/compression.ts'
import { upconvert } from '../../records/legacy.ts'
import type { PartitionAppendResult, TopicAppendResult } from '../../replication/replica-manager.ts'
import { CLOSE_CONNECTION, errorCodeOf, handler, NO_ANSWER } from '../handler.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { nodeEndpoints } from '../node-endpoints.ts'
import type { BrokerServices } from '../services.ts'

type Request = RequestOf<typeof produce>

/** The only client that may write to topics of coordinators. */
const ADMIN_CLIENT_ID = '__admin_client'

/** Enough of a v2 batch to read its magic and its codec. */
const HEADER_BYTES = 61

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
    const fail = (index: number) => refusal(index, errorCode, errorMessage)
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

/** Sorts out what need not reach a log: unknown partitions, internal topics, impossible records. */
function admit(
  request: Request,
  version: number,
  clientId: string,
  services: BrokerServices,
): Admission {
  const admission: Admission = { accepted: [], refused: [] }
  for (const { name, partitionData } of request.topicData) {
    const known = services.metadata.image.topics.get(name)
    const internal = isInternalTopic(name) && clientId !== ADMIN_CLIENT_ID
    const partitions: { partition: number; records: Buffer }[] = []
    const refused: PartitionAppendResult[] = []
    for (const { index, records } of partitionData) {
      if (internal) {
        refused.push(refusal(index, ErrorCode.INVALID_TOPIC_EXCEPTION, null))
      } else if (known?.partitions[index] === undefined) {
        refused.push(refusal(index, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null))
      } else {
        const outcome = admitRecords(records?.[0] ?? null, version)
        if ('code' in outcome) refused.push(refusal(index, outcome.code, outcome.message))
        else partitions.push({ partition: index, records: outcome })
      }
    }
    if (partitions.length > 0) admission.accepted.push({ topic: name, partitions })
    if (refused.length > 0) admission.refused.push({ name, partitionResponses: refused })
  }
  return admission
}

function admitRecords(
  records: Buffer | null,
  version: number,
): Buffer | { code: ErrorCode; message: string } {
  const invalid = (message: string) => ({ code: ErrorCode.INVALID_RECORD, message })
  if (records === null || records.length === 0) {
    return invalid(`Produce requests with version ${version} must have a record batch`)
  }
  if (version < 3) return upconverted(records)
  if (records.length < HEADER_BYTES || readMagic(records, 0) !== 2) {
    return invalid(
      `Produce requests with version ${version} are only allowed to contain record batches with magic version 2`,
    )
  }
  if (version < 7 && readCompression(records, 0) === Compression.ZSTD) {
    const message = `Produce requests with version ${version} are not allowed to use ZStandard compression`
    return { code: ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, message }
  }
  return records
}

function upconverted(records: Buffer): Buffer | { code: ErrorCode; message: string } {
  if (records.length >= HEADER_BYTES && readMagic(records, 0) === 2) return records
  try {
    return upconvert(records)
  } catch (error) {
    return { code: errorCodeOf(error), message: (error as Error).message }
  }
}

function refusal(
  index: number,
  errorCode: ErrorCode,
  errorMessage: string | null,
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
