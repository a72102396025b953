/** The topic that the verifier writes to: made when it is missing, taken as it is when it is there. */
import { Admin } from '../client/admin.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { ErrorCode } from '../protocol/error-codes.ts'

export interface WantedTopic {
  readonly name: string
  readonly partitions: number
}

/** Resolves with how many partitions there are to write to: never more than wanted. */
export async function ensureVerifyTopic(
  client: ClusterClient,
  { name, partitions }: WantedTopic,
): Promise<number> {
  const admin = new Admin(client)
  const found = await partitionCount(admin, name)
  if (found !== null) return Math.min(found, partitions)
  const { brokers } = await admin.describeCluster()
  const replicationFactor = Math.min(3, brokers.length)
  const configs = replicationFactor === 3 ? [['min.insync.replicas', '2'] as const] : []
  try {
    await admin.createTopics([{ name, partitions, replicationFactor, configs }])
    return partitions
  } catch (error) {
    if (!isCode(error, ErrorCode.TOPIC_ALREADY_EXISTS)) throw error
    return Math.min((await partitionCount(admin, name)) ?? partitions, partitions)
  }
}

/** Null when there is no such topic. */
async function partitionCount(admin: Admin, name: string): Promise<number | null> {
  try {
    const [description] = await admin.describeTopics([name])
    return description!.partitions.length
  } catch (error) {
    if (isCode(error, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)) return null
    throw error
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof KafkaError && error.code === code
}
