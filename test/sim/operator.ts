/** Somebody who makes, deletes, grows and moves topics all the time, by way of ZooKeeper. */

import type { Random } from '../../src/base/ports.ts'
import { TopicError, TopicStore } from '../../src/cluster/topic-store.ts'
import { ZkError } from '../../src/zk/zk-client.ts'
import { ZkSession } from '../../src/zk/zk-session.ts'
import { encodeReassignment, reassignPartitionsPath } from '../../src/zk/znodes.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { SilentLoggers } from '../support/silent-loggers.ts'
import type { ZnodeHistory } from './history.ts'
import type { SimProcess } from './sim-process.ts'
import type { SimZooKeeper } from './sim-zookeeper.ts'

const TOPICS_MAX = 6
const REPLICAS = 3

export interface OperatorOptions {
  /** Pause between two actions, at most. */
  readonly everyMs: number
  /** Whether topics are deleted before the controller has seen them and while they are moved. */
  readonly deletesEarly: boolean
}

export class Operator {
  readonly #process: SimProcess
  readonly #random: SeededRandom
  readonly #history: ZnodeHistory
  readonly #brokerIds: readonly number[]
  readonly #zk: ZkSession
  readonly #store: TopicStore
  readonly #everyMs: number
  readonly #deletesEarly: boolean
  /** Made, and not yet marked for deletion. */
  readonly topics = new Set<string>()
  /** Those whose making or marking has not been answered. */
  readonly #uncertain = new Set<string>()
  #nextTopic = 0
  #isOver = false
  actions = 0

  constructor(
    zookeeper: SimZooKeeper,
    process: SimProcess,
    random: SeededRandom,
    brokerIds: readonly number[],
    { everyMs, deletesEarly }: OperatorOptions,
  ) {
    this.#process = process
    this.#random = random
    this.#history = zookeeper.history
    this.#brokerIds = brokerIds
    this.#everyMs = everyMs
    this.#deletesEarly = deletesEarly
    this.#zk = new ZkSession({
      connect: () => zookeeper.clientFor(process, random as Random, 6000),
      clock: process.clock,
      logger: new SilentLoggers().get('operator'),
    })
    this.#store = new TopicStore(this.#zk, random)
  }

  start(): Promise<void> {
    return this.#zk.start(10_000)
  }

  async createTopic(partitions = 1 + this.#random.nextInt(3)): Promise<void> {
    const name = `topic${this.#nextTopic++}`
    const assignment = new Map<number, number[]>()
    for (let partition = 0; partition < partitions; partition++) {
      assignment.set(partition, this.#someReplicas())
    }
    this.#uncertain.add(name)
    await this.#store.createTopic({ name, assignment, config: new Map() })
    this.#uncertain.delete(name)
    this.topics.add(name)
  }

  /** Goes on until `stop`; resolves when the last action has ended. */
  async work(): Promise<void> {
    while (!this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#process.after(this.#random.nextInt(this.#everyMs), resolve)
      })
      try {
        await this.#act()
        this.actions += 1
      } catch (error) {
        // No controller now, a reassignment under way, a session that ended: as in life.
        if (!(error instanceof TopicError || error instanceof ZkError)) throw error
      }
    }
    this.#recount()
  }

  stop(): void {
    this.#isOver = true
  }

  /** What became of an action whose answer never came is seen afterwards. */
  #recount(): void {
    for (const topic of this.#uncertain) {
      const isThere = this.#history.data(`/brokers/topics/${topic}`) !== undefined
      const isMarked = this.#history.data(`/admin/delete_topics/${topic}`) !== undefined
      if (isThere && !isMarked) this.topics.add(topic)
      else this.topics.delete(topic)
    }
  }

  #act(): Promise<void> {
    const [...topics] = this.topics
    const dice = this.#random.nextInt(10)
    if (topics.length === 0 || (dice < 3 && topics.length < TOPICS_MAX)) return this.createTopic()
    const topic = this.#random.pick(topics)
    if (dice < 5 && (this.#deletesEarly || this.#isAtRest(topic))) {
      return this.#delete(topic)
    }
    if (dice < 6) return this.#grow(topic)
    return this.#reassign(topic)
  }

  async #delete(topic: string): Promise<void> {
    this.topics.delete(topic)
    this.#uncertain.add(topic)
    await this.#store.markForDeletion(topic)
    this.#uncertain.delete(topic)
  }

  #grow(topic: string): Promise<void> {
    const count = this.#partitionsOf(topic) + 1
    const assignments = [this.#someReplicas()]
    const brokers = this.#brokerIds.map((id) => ({ id, rack: null }))
    return this.#store.createPartitions({ topic, count, assignments, brokers })
  }

  async #reassign(topic: string): Promise<void> {
    const partition = this.#random.nextInt(Math.max(1, this.#partitionsOf(topic)))
    const data = encodeReassignment([{ topic, partition, replicas: this.#someReplicas() }])
    await this.#zk.create(reassignPartitionsPath, data, 'persistent')
  }

  /** Seen by the controller, and not being reassigned, nor about to be. */
  #isAtRest(topic: string): boolean {
    const path = `/brokers/topics/${topic}`
    const asked = this.#history.data(reassignPartitionsPath)
    const data = this.#history.data(path)
    if (!data || asked !== undefined) return false
    if (!this.#history.data(`${path}/partitions/0/state`)) return false
    const { adding_replicas: adding, removing_replicas: removing } = JSON.parse(String(data))
    return Object.keys({ ...adding, ...removing }).length === 0
  }

  #partitionsOf(topic: string): number {
    const data = this.#history.data(`/brokers/topics/${topic}`)
    if (!data) return 0
    return Object.keys((JSON.parse(String(data)) as { partitions: object }).partitions).length
  }

  #someReplicas(): number[] {
    const ids = [...this.#brokerIds]
    return Array.from({ length: REPLICAS }, () => {
      const [id] = ids.splice(this.#random.nextInt(ids.length), 1)
      return id as number
    })
  }
}
