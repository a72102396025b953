/**
 * Requests to whoever leads one partition, over connections of their own. A leader that does not answer
 * is left as soon as another one leads, and nothing waits for a broker but what is sent to it: how long
 * a request takes tells of the cluster, not of this client.
 */
import type { ClusterClient } from '../client/cluster-client.ts'
import { PartitionClient } from '../client/partition-client.ts'
import type { LeaderScout } from './leader-scout.ts'

export interface LinkEnds {
  readonly topic: string
  readonly partition: number
}

/** Most answers come sooner than this. */
const HUNG_MS = 300

export class LeaderLink {
  readonly #client: ClusterClient
  readonly #partitions: PartitionClient
  readonly #scout: LeaderScout
  readonly #ends: LinkEnds
  #isFailing = false

  constructor(client: ClusterClient, scout: LeaderScout, ends: LinkEnds) {
    this.#client = client
    this.#partitions = new PartitionClient(client)
    this.#scout = scout
    this.#ends = ends
  }

  /**
   * One attempt. When it rejects because another one leads now, the request may have been carried out,
   * or may be later.
   */
  async call<T>(request: (client: PartitionClient) => Promise<T>): Promise<T> {
    const { topic, partition } = this.#ends
    try {
      const leader = await this.#scout.leaderOf(partition)
      this.#client.learnBrokers(this.#scout.brokers)
      this.#partitions.learn(topic, partition, leader)
      const answer = await this.#unlessMoved(leader, request(this.#partitions))
      this.#isFailing = false
      return answer
    } catch (error) {
      this.#isFailing = true
      throw error
    }
  }

  /** Who failed just now may be about to be replaced: then news are asked for at once. */
  async #unlessMoved<T>(leader: number, answer: Promise<T>): Promise<T> {
    const { partition } = this.#ends
    answer.catch(() => this.#scout.doubt(partition, leader))
    const move = this.#scout.whenMoved(partition, leader, this.#isFailing ? 0 : HUNG_MS)
    const moved = move.leader.then((next) => {
      throw new Error(`leader ${leader} did not answer, and ${next} leads now`)
    })
    try {
      return await Promise.race([answer, moved])
    } finally {
      move.cancel()
    }
  }
}
