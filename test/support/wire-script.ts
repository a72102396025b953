/**
 * Plays requests written as JSON to a cluster of two brokers, and tells the answers as JSON without what
 * differs from run to run. Brokers are `C`, the controller, and `O`, the other; a topic id is `id(NAME)`,
 * the last fetch session `S`, records are hex.
 */

import { connectOverTcp } from '../../src/cli/open-cluster.ts'
import type { BrokerChannel } from '../../src/client/connections.ts'
import { MESSAGES } from '../../src/protocol/messages/index.ts'
import { metadata } from '../../src/protocol/messages/metadata.ts'
import { ZERO_UUID } from '../../src/protocol/uuid.ts'
import { messageToJson } from './message-json.ts'
import { until } from './until.ts'

export interface WireRequest {
  readonly api: string
  readonly version: number
  readonly to: 'C' | 'O'
  readonly request: object
}

/** Until both brokers see a topic with its leaders and full ISRs, or do not see it any more. */
export interface WireWait {
  readonly wait: 'led' | 'gone'
  readonly topic: string
}

export type WireStep = WireRequest | WireWait

/** Fields that hold brokers. */
const BROKER_FIELDS = new Set([
  'brokerId',
  'brokerIds',
  'isrNodes',
  'leaderId',
  'nodeId',
  'offlineReplicas',
  'replicaNodes',
  'replicas',
])
/** Fields whose order tells something. */
const ORDERED_FIELDS = new Set(['synonyms', 'replicas', 'replicaNodes', 'oldStyleOffsets'])

export class WireScript {
  readonly #connections = new Map<'C' | 'O', BrokerChannel>()
  readonly #portOf: (brokerId: number) => number
  readonly #topicIds = new Map<string, string>()
  #controllerId = -1
  #sessionId = 0

  constructor(portOf: (brokerId: number) => number) {
    this.#portOf = portOf
  }

  async connect(): Promise<void> {
    const connect = connectOverTcp({
      clientId: 'script',
      connectTimeoutMs: 5000,
      requestTimeoutMs: 20_000,
    })
    const first = await connect({ host: '127.0.0.1', port: this.#portOf(1) })
    this.#controllerId = (await first.send(metadata, 1, { topics: [] })).controllerId
    const second = await connect({ host: '127.0.0.1', port: this.#portOf(2) })
    this.#connections.set(this.#controllerId === 1 ? 'C' : 'O', first)
    this.#connections.set(this.#controllerId === 1 ? 'O' : 'C', second)
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close()
  }

  async wait({ wait, topic }: WireWait): Promise<void> {
    for (const connection of this.#connections.values()) {
      await until(`${topic} is ${wait}`, async () => {
        const { topics } = await connection.send(metadata, 12, {
          topics: [{ topicId: ZERO_UUID, name: topic }],
          allowAutoTopicCreation: false,
        })
        const { errorCode, topicId, partitions } = topics[0]!
        if (errorCode !== 0) return wait === 'gone'
        this.#topicIds.set(topicId, topic)
        return (
          wait === 'led' &&
          partitions.every((each) => {
            return each.errorCode === 0 && each.isrNodes.length === each.replicaNodes.length
          })
        )
      })
    }
  }

  async ask({ api: name, version, to, request }: WireRequest): Promise<unknown> {
    const api = MESSAGES.find((each) => each.name === name)
    if (api === undefined) throw new Error(`no message ${name}`)
    const answer = await this.#connections
      .get(to)!
      .send(api, version, this.#filled(request) as never)
    this.#learn(answer)
    const json = messageToJson(api.response, version, answer as object)
    return this.#masked(json, '')
  }

  /** A request of the script as this cluster must get it. */
  #filled(value: unknown, field = ''): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#filled(each, field))
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(
        Object.entries(value).map(([key, each]) => [key, this.#filled(each, key)]),
      )
    }
    if (typeof value !== 'string') return value
    if (field === 'records') return [Buffer.from(value, 'hex')]
    if (field === 'sessionId') return this.#sessionId
    const topic = /^id\((.*)\)$/.exec(value)?.[1]
    if (topic !== undefined) return [...this.#topicIds].find(([, name]) => name === topic)![0]
    if (value === '$C') return String(this.#controllerId)
    if (value === '$O') return String(3 - this.#controllerId)
    if (!BROKER_FIELDS.has(field)) return value
    return value === 'C' ? this.#controllerId : 3 - this.#controllerId
  }

  #learn(answer: object): void {
    const { sessionId = 0, topics = [] } = answer as {
      sessionId?: number
      topics?: { topicId?: string; name?: string }[]
    }
    if (sessionId !== 0) this.#sessionId = sessionId
    for (const { topicId, name } of topics) {
      if (topicId !== undefined && name) this.#topicIds.set(topicId, name)
    }
  }

  #masked(value: unknown, field: string): unknown {
    if (Array.isArray(value)) {
      const list = value.map((each) => this.#masked(each, field))
      return ORDERED_FIELDS.has(field) ? list : list.sort(byText)
    }
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(
        Object.entries(value)
          .filter(([key]) => key !== 'throttleTimeMs' && key !== 'documentation')
          .map(([key, each]) => [key, this.#masked(each, key)]),
      )
    }
    if (typeof value === 'number') return this.#maskedNumber(value, field)
    if (typeof value !== 'string') return value
    if (field === 'records') return Buffer.from(value, 'base64').toString('hex')
    if (field === 'topicId') return this.#maskedTopicId(value)
    if (field === 'resourceName' && value === String(this.#controllerId)) return '$C'
    // Lists of brokers in messages.
    return value.replace(/(?<=ArrayBuffer\()[12, ]+(?=\))/g, (ids) =>
      ids.replaceAll(String(this.#controllerId), 'C').replaceAll(/[12]/g, 'O'),
    )
  }

  #maskedNumber(value: number, field: string): number | string {
    if (field === 'port') return 0
    if (field === 'sessionId' && value !== 0) return 'S'
    if (field === 'producerId' && value >= 0) return 'P'
    if (field === 'logAppendTimeMs' && value >= 0) return 'NOW'
    if (!BROKER_FIELDS.has(field) || value < 1 || value > 2) return value
    return value === this.#controllerId ? 'C' : 'O'
  }

  #maskedTopicId(id: string): string {
    if (id === ZERO_UUID) return 'none'
    const topic = this.#topicIds.get(id)
    return topic === undefined ? id : `id(${topic})`
  }
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  return left < right ? -1 : left > right ? 1 : 0
}
