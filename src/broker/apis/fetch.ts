// Fetch, v0-17: consumers and followers read batches. Versions 0 to 3 know only the formats of before
// 0.11: what they read is converted on the way out.
import { ErrorCode } from '../../protocol/error-codes.ts'
import { fetch } from '../../protocol/messages/fetch.ts'
import type { RequestOf } from '../../protocol/types.ts'
import { downconvert } from '../../records/legacy.ts'
import type { FetchAnswer } from '../../replication/replica-manager.ts'
import { type AnyHandler, handler } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/** From this version on clients take batches of magic 2. */
const FIRST_WITH_MAGIC_2 = 4
/** From this version on a follower names itself in another place. */
const FIRST_WITH_REPLICA_STATE = 15

const answerFetch = handler(
  fetch,
  (request, { replicas, configs }, { version, listener }) =>
    new Promise((resolve) => {
      replicas.fetch({ request, version, listener }, (answer) => {
        if (version >= FIRST_WITH_MAGIC_2) resolve(answer)
        else resolve(downconverted(request, answer, version, configs))
      })
    }),
  (request, errorCode) => ({
    errorCode,
    sessionId: 0,
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        errorCode,
        highWatermark: -1,
        records: null,
      })),
    })),
  }),
)

export const handleFetch: AnyHandler = {
  ...answerFetch,
  // The dispatcher has decoded with the schema of Fetch.
  variantOf: (request, version) => requester(request as RequestOf<typeof fetch>, version),
}

/** As Kafka names them in its metrics. */
function requester({ replicaId, replicaState }: RequestOf<typeof fetch>, version: number): string {
  const id = version >= FIRST_WITH_REPLICA_STATE ? replicaState.replicaId : replicaId
  return id >= 0 ? 'FetchFollower' : 'FetchConsumer'
}

type Request = Parameters<typeof handleFetch.handle>[0]

function downconverted(
  request: Request,
  answer: FetchAnswer,
  version: number,
  configs: BrokerServices['configs'],
): FetchAnswer {
  const magic = version <= 1 ? 0 : 1
  const asked = request as { topics: readonly FetchTopic[] }
  return {
    ...answer,
    responses: answer.responses.map((topic) => {
      const name = topic.topic ?? ''
      const isAllowed = configs.logConfigOf(name).messageDownconversionEnable
      return {
        ...topic,
        partitions: topic.partitions.map((partition) => {
          const { errorCode, partitionIndex, records } = partition
          if (errorCode !== ErrorCode.NONE) return partition
          if (!isAllowed) return refused(partitionIndex, ErrorCode.UNSUPPORTED_VERSION)
          if (records === null || records.length === 0) return partition
          const fetchOffset = offsetOf(asked.topics, name, partitionIndex)
          const outcome = downconvert(Buffer.concat(records), { magic, fetchOffset })
          return outcome.kind === 'unsupported-compression'
            ? refused(partitionIndex, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
            : { ...partition, records: [outcome.records] }
        }),
      }
    }),
  }
}

function refused(partitionIndex: number, errorCode: ErrorCode) {
  return { partitionIndex, errorCode, highWatermark: -1, records: null }
}

interface FetchTopic {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly fetchOffset: number }[]
}

function offsetOf(topics: readonly FetchTopic[], name: string, partition: number): number {
  const topic = topics.find((each) => each.topic === name)
  return topic?.partitions.find((each) => each.partition === partition)?.fetchOffset ?? 0
}
