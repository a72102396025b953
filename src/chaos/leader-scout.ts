/**
 * Finds out at once who leads now while a leader hangs: asks all brokers side by side, so that the one
 * that hangs holds up nobody. Silent while nobody waits.
 */
import type { Clock } from '../base/ports.ts'
import type { ClusterClient } from '../client/cluster-client.ts'
import { metadata } from '../protocol/messages/metadata.ts'

/** Resolves with the new leader, if ever; `cancel` ends the waiting. */
export interface LeaderMove {
  readonly leader: Promise<number>
  cancel(): void
}

interface Waiting {
  readonly partition: number
  readonly from: number
  readonly resolve: (leader: number) => void
}

/** Most answers come sooner than this. */
const HUNG_MS = 300
const ASK_EVERY_MS = 50

export class LeaderScout {
  readonly #client: ClusterClient
  readonly #clock: Clock
  readonly #topic: string
  readonly #waiting = new Set<Waiting>()
  readonly #asking = new Set<number>()
  #brokerIds: readonly number[] = []
  #cancelRound: (() => void) | null = null

  /** The client is closed with the scout. */
  constructor(client: ClusterClient, clock: Clock, topic: string) {
    this.#client = client
    this.#clock = clock
    this.#topic = topic
  }

  /** Learns who the brokers are, while all is well. */
  async start(): Promise<void> {
    const { brokers } = await this.#client.metadata([])
    this.#brokerIds = brokers.map(({ nodeId }) => nodeId)
  }

  /** To be told, after a while, of another leader than this one. */
  whenMoved(partition: number, from: number): LeaderMove {
    const { promise, resolve } = Promise.withResolvers<number>()
    const waiting = { partition, from, resolve }
    const cancelTimer = this.#clock.after(HUNG_MS, () => {
      this.#waiting.add(waiting)
      if (this.#cancelRound === null) this.#round()
    })
    const cancel = (): void => {
      cancelTimer()
      this.#waiting.delete(waiting)
    }
    return { leader: promise, cancel }
  }

  async close(): Promise<void> {
    this.#waiting.clear()
    this.#cancelRound?.()
    await this.#client.close()
  }

  #round(): void {
    this.#cancelRound = null
    if (this.#waiting.size === 0) return
    const { brokers } = this.#client
    if (brokers.length > 0) this.#brokerIds = brokers.map(({ nodeId }) => nodeId)
    for (const id of this.#brokerIds) if (!this.#asking.has(id)) void this.#ask(id)
    this.#cancelRound = this.#clock.after(ASK_EVERY_MS, () => this.#round())
  }

  async #ask(brokerId: number): Promise<void> {
    this.#asking.add(brokerId)
    try {
      const connection = await this.#client.connectionTo(brokerId)
      const request = { topics: [{ name: this.#topic }], allowAutoTopicCreation: false }
      const { topics } = await connection.send(metadata, request)
      const topic = topics.find(({ name }) => name === this.#topic)
      for (const { partitionIndex, leaderId } of topic?.partitions ?? []) {
        this.#learn(partitionIndex, leaderId)
      }
    } catch {
      // That one is away; the others are asked too.
    } finally {
      this.#asking.delete(brokerId)
    }
  }

  #learn(partition: number, leader: number): void {
    for (const waiting of this.#waiting) {
      if (leader < 0 || waiting.partition !== partition || waiting.from === leader) continue
      this.#waiting.delete(waiting)
      waiting.resolve(leader)
    }
  }
}
