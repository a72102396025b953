/**
 * Who leads each partition of a topic, by what all brokers tell: they are asked side by side, so that one
 * that hangs holds up nobody, and the newest leader epoch counts, so that one that woke up late misleads
 * nobody. Silent while nobody wants to know.
 */
import type { Clock } from '../base/ports.ts'
import type { BrokerNode, ClusterClient, PartitionMetadata } from '../client/cluster-client.ts'
import { KafkaError } from '../client/kafka-error.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { metadata } from '../protocol/messages/metadata.ts'

/** Resolves with the new leader, if ever; `cancel` ends the waiting. */
export interface LeaderMove {
  readonly leader: Promise<number>
  cancel(): void
}

interface Known {
  /** -1: none. */
  readonly leader: number
  /** -1: the brokers are too old to tell. */
  readonly epoch: number
  isTrusted: boolean
}

interface Question {
  readonly partition: number
  /** Who is left, if another one leads; null: any answer will do. */
  readonly from: number | null
  readonly resolve: (leader: number) => void
  readonly reject: (error: unknown) => void
}

const ASK_EVERY_MS = 50

export class LeaderScout {
  readonly #client: ClusterClient
  readonly #clock: Clock
  readonly #topic: string
  readonly #known = new Map<number, Known>()
  readonly #questions = new Set<Question>()
  readonly #brokers = new Map<number, BrokerNode>()
  /** Ids of brokers whose answer is under way. */
  readonly #asking = new Set<number>()
  #cancelRound: (() => void) | null = null
  #isClosed = false

  /** The client is closed with the scout. */
  constructor(client: ClusterClient, clock: Clock, topic: string) {
    this.#client = client
    this.#clock = clock
    this.#topic = topic
  }

  /** All that were ever seen, each at its newest address. */
  get brokers(): readonly BrokerNode[] {
    return [...this.#brokers.values()]
  }

  /** Learns who the brokers are, while all is well. */
  async start(): Promise<void> {
    this.#learnBrokers((await this.#client.metadata([])).brokers)
  }

  /** As known; when that is doubted, the first that a broker tells. Rejects when none knows one. */
  async leaderOf(partition: number): Promise<number> {
    const known = this.#known.get(partition)
    if (known?.isTrusted) return known.leader
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#ask({ partition, from: null, resolve, reject })
    return promise
  }

  /** What was sent there failed: `leaderOf` asks anew. */
  doubt(partition: number, leader: number): void {
    const known = this.#known.get(partition)
    if (known?.leader === leader) known.isTrusted = false
  }

  /** To be told, after a while, of another leader than this one. */
  whenMoved(partition: number, from: number, afterMs: number): LeaderMove {
    const { promise, resolve } = Promise.withResolvers<number>()
    const question: Question = { partition, from, resolve, reject: () => {} }
    const cancelTimer = this.#clock.after(afterMs, () => this.#ask(question))
    const cancel = (): void => {
      cancelTimer()
      this.#questions.delete(question)
    }
    return { leader: promise, cancel }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelRound?.()
    this.#giveUp(new Error('nobody asks for leaders any more'))
    this.#questions.clear()
    await this.#client.close()
  }

  #ask(question: Question): void {
    if (this.#isClosed) {
      question.reject(new Error('nobody asks for leaders any more'))
      return
    }
    this.#questions.add(question)
    this.#round()
  }

  #round(): void {
    this.#cancelRound?.()
    this.#cancelRound = null
    if (this.#questions.size === 0) return
    for (const id of this.#brokers.keys()) if (!this.#asking.has(id)) void this.#askBroker(id)
    this.#cancelRound = this.#clock.after(ASK_EVERY_MS, () => this.#round())
  }

  async #askBroker(brokerId: number): Promise<void> {
    this.#asking.add(brokerId)
    let failure: unknown = new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE)
    try {
      this.#client.learnBrokers(this.brokers)
      const connection = await this.#client.connectionTo(brokerId)
      const request = { topics: [{ name: this.#topic }], allowAutoTopicCreation: false }
      const { topics, brokers } = await connection.send(metadata, request)
      this.#learnBrokers(brokers)
      for (const each of topics[0]?.partitions ?? []) this.#learn(each)
    } catch (error) {
      failure = error
    }
    this.#asking.delete(brokerId)
    if (this.#asking.size === 0) this.#giveUp(failure)
  }

  #learnBrokers(brokers: readonly BrokerNode[]): void {
    for (const each of brokers) this.#brokers.set(each.nodeId, each)
  }

  #learn({ partitionIndex, leaderId, leaderEpoch }: PartitionMetadata): void {
    const known = this.#known.get(partitionIndex)
    if (known !== undefined && leaderEpoch >= 0 && leaderEpoch < known.epoch) return
    const isTrusted = leaderId >= 0
    this.#known.set(partitionIndex, { leader: leaderId, epoch: leaderEpoch, isTrusted })
    for (const question of this.#questions) {
      if (question.partition !== partitionIndex || question.from === leaderId) continue
      if (leaderId >= 0) question.resolve(leaderId)
      else if (question.from === null) question.reject(noLeader())
      else continue
      this.#questions.delete(question)
    }
  }

  /** Everyone has been asked, and who wants any answer has none. */
  #giveUp(failure: unknown): void {
    for (const question of this.#questions) {
      if (question.from !== null) continue
      this.#questions.delete(question)
      question.reject(failure)
    }
  }
}

function noLeader(): KafkaError {
  return new KafkaError(ErrorCode.LEADER_NOT_AVAILABLE)
}
