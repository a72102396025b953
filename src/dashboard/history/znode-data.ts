/**
 * What the Kafka znodes that the view shows say, leniently read: what somebody else wrote and we do
 * not understand is null. Knows no Node, unlike `zk/znodes.ts`: a browser loads it too.
 */

export interface BrokerEndpoint {
  readonly listener: string
  readonly host: string
  readonly port: number
}

export interface RegistrationData {
  readonly endpoints: readonly BrokerEndpoint[]
  readonly rack: string | null
  /** Where the broker serves HTTP; -1 when it does not. */
  readonly jmxPort: number
  readonly timestampMs: number | null
}

export interface PartitionStateData {
  readonly leader: number
  readonly leaderEpoch: number
  readonly controllerEpoch: number
  readonly isr: readonly number[]
}

export interface PartitionReplicas {
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface TopicData {
  readonly topicId: string | null
  /** Ascending. */
  readonly partitions: ReadonlyMap<number, PartitionReplicas>
}

type Fields = Readonly<Record<string, unknown>>

const ENDPOINT = /^(.*):\/\/\[?([^\]/]*?)\]?:(-?\d+)$/
const STATE_PATH = /^\/brokers\/topics\/([^/]+)\/partitions\/(\d{1,9})\/state$/
const TOPIC_PATH = /^\/brokers\/topics\/([^/]+)$/
const BROKER_PATH = /^\/brokers\/ids\/(\d{1,9})$/

export function partitionOfPath(path: string): { topic: string; partition: number } | null {
  const match = STATE_PATH.exec(path)
  return match === null ? null : { topic: match[1]!, partition: Number(match[2]) }
}

export function topicInPath(path: string): string | null {
  return TOPIC_PATH.exec(path)?.[1] ?? null
}

export function brokerIdInPath(path: string): number | null {
  const id = BROKER_PATH.exec(path)?.[1]
  return id === undefined ? null : Number(id)
}

export function parseControllerId(data: string | null): number | null {
  return integer(fieldsOf(data)?.brokerid)
}

export function parseControllerEpoch(data: string | null): number | null {
  return data !== null && /^\d{1,10}$/.test(data) ? Number(data) : null
}

export function parseRegistration(data: string | null): RegistrationData | null {
  const fields = fieldsOf(data)
  if (fields === null) return null
  const endpoints = listOf(fields.endpoints).flatMap((each) => endpointOf(each) ?? [])
  const port = integer(fields.port)
  if (endpoints.length === 0 && typeof fields.host === 'string' && port !== null) {
    endpoints.push({ listener: 'PLAINTEXT', host: fields.host, port })
  }
  const timestampMs = Number(fields.timestamp ?? Number.NaN)
  return {
    endpoints,
    rack: typeof fields.rack === 'string' ? fields.rack : null,
    jmxPort: integer(fields.jmx_port) ?? -1,
    timestampMs: Number.isSafeInteger(timestampMs) ? timestampMs : null,
  }
}

export function parsePartitionState(data: string | null): PartitionStateData | null {
  const fields = fieldsOf(data)
  const leader = integer(fields?.leader)
  const leaderEpoch = integer(fields?.leader_epoch)
  const controllerEpoch = integer(fields?.controller_epoch)
  if (leader === null || leaderEpoch === null || controllerEpoch === null) return null
  return { leader, leaderEpoch, controllerEpoch, isr: integersOf(fields?.isr) }
}

export function parseTopic(data: string | null): TopicData | null {
  const fields = fieldsOf(data)
  if (fields === null) return null
  const lists = (value: unknown, key: string) => integersOf(recordOf(value)?.[key])
  const partitions = new Map<number, PartitionReplicas>()
  const keys = Object.keys(recordOf(fields.partitions) ?? {}).filter((key) => /^\d{1,9}$/.test(key))
  for (const key of keys.sort((a, b) => Number(a) - Number(b))) {
    partitions.set(Number(key), {
      replicas: lists(fields.partitions, key),
      adding: lists(fields.adding_replicas, key),
      removing: lists(fields.removing_replicas, key),
    })
  }
  return { topicId: typeof fields.topic_id === 'string' ? fields.topic_id : null, partitions }
}

function endpointOf(text: unknown): BrokerEndpoint | null {
  const match = typeof text === 'string' ? ENDPOINT.exec(text) : null
  if (match === null) return null
  return { listener: match[1]!, host: match[2]!, port: Number(match[3]) }
}

function fieldsOf(data: string | null): Fields | null {
  try {
    return recordOf(JSON.parse(data ?? ''))
  } catch {
    return null
  }
}

function recordOf(value: unknown): Fields | null {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isRecord ? (value as Fields) : null
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function integersOf(value: unknown): number[] {
  return listOf(value).flatMap((each) => integer(each) ?? [])
}

function integer(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null
}
