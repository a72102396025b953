/**
 * Asks the controller for ISR changes (AlterPartition, KIP-497). One request is in flight for the
 * whole broker and carries all that is pending; it is sent again until the controller has answered
 * every partition. A leader never writes a state znode itself.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { ErrorCode, errorName } from '../protocol/error-codes.ts'
import type { alterPartition } from '../protocol/messages/alter-partition.ts'
import type { RequestInput, ResponseOf } from '../protocol/types.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'
import type { IsrAnswer, IsrChange, Partition } from './partition.ts'

export type AlterPartitionRequest = RequestInput<typeof alterPartition>
export type AlterPartitionResponse = ResponseOf<typeof alterPartition>

/** One try: rejects when no controller is known or the connection breaks. */
export type SendToController = (
  version: number,
  request: AlterPartitionRequest,
) => Promise<AlterPartitionResponse>

const RETRY_MS = 50
const VERSION_WITH_TOPIC_IDS = 3
const VERSION_WITH_NAMES = 1

interface Item {
  readonly partition: Partition
  readonly change: IsrChange
  readonly onAnswer: (answer: IsrAnswer) => void
}

export interface AlterPartitionPorts {
  readonly clock: Clock
  readonly logger: Logger
  readonly brokerId: number
  brokerEpoch(): number
  readonly send: SendToController
}

export class AlterPartitionManager {
  readonly #ports: AlterPartitionPorts
  /** At most one per partition: a newer change takes the place of one that has lost its sense. */
  readonly #pending = new Map<Partition, Item>()
  #isSending = false
  #isStopped = false
  #cancelRetry: (() => void) | null = null

  constructor(ports: AlterPartitionPorts) {
    this.#ports = ports
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  submit(partition: Partition, change: IsrChange, onAnswer: (answer: IsrAnswer) => void): void {
    this.#pending.set(partition, { partition, change, onAnswer })
    this.#wake()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelRetry?.()
    this.#pending.clear()
  }

  #wake(): void {
    if (this.#isSending || this.#cancelRetry !== null || this.#isStopped) return
    this.#isSending = true
    // What else is submitted in this turn goes with it.
    void Promise.resolve().then(() => this.#send())
  }

  async #send(): Promise<void> {
    if (this.#isStopped) return
    const items = [...this.#pending.values()]
    let isDone = false
    try {
      if (items.length > 0) isDone = await this.#exchange(items)
      else isDone = true
    } catch (error) {
      this.#ports.logger.debug(`AlterPartition did not reach the controller: ${String(error)}`)
    }
    this.#isSending = false
    if (this.#isStopped || this.#pending.size === 0) return
    if (isDone) this.#wake()
    else this.#retryLater()
  }

  /** False when something is to be tried again, after a pause. */
  async #exchange(items: readonly Item[]): Promise<boolean> {
    const { logger } = this.#ports
    const byId = items.every(({ partition }) => partition.topicId !== ZERO_UUID)
    const version = byId ? VERSION_WITH_TOPIC_IDS : VERSION_WITH_NAMES
    const response = await this.#ports.send(version, this.#request(items, byId))
    if (this.#isStopped) return true
    if (response.errorCode !== ErrorCode.NONE) {
      const code = response.errorCode as ErrorCode
      const level = code === ErrorCode.STALE_BROKER_EPOCH ? 'warn' : 'info'
      logger[level](`AlterPartition failed with ${errorName(code)}, it is sent again`)
      return false
    }
    const answers = collectAnswers(items, response, byId)
    // The controller itself is unsure: nothing it says counts.
    for (const answer of answers.values()) {
      if (answer.kind === 'error' && answer.code === ErrorCode.NOT_CONTROLLER) return false
    }
    let isDone = answers.size === items.length
    for (const item of items) {
      const answer = answers.get(item)
      if (answer === undefined) continue
      if (this.#pending.get(item.partition) === item) this.#pending.delete(item.partition)
      if (answer.kind === 'error') isDone = false
      item.onAnswer(answer)
    }
    return isDone
  }

  #request(items: readonly Item[], byId: boolean): AlterPartitionRequest {
    const topics = new Map<string, { topicId: string; items: Item[] }>()
    for (const item of items) {
      const { topic, topicId } = item.partition
      const entry = topics.get(topic)
      if (entry === undefined) topics.set(topic, { topicId, items: [item] })
      else entry.items.push(item)
    }
    return {
      brokerId: this.#ports.brokerId,
      brokerEpoch: this.#ports.brokerEpoch(),
      topics: [...topics].map(([topicName, topic]) => ({
        ...(byId ? { topicId: topic.topicId } : { topicName }),
        partitions: topic.items.map(({ partition, change }) => ({
          partitionIndex: partition.index,
          leaderEpoch: change.leaderEpoch,
          partitionEpoch: change.partitionEpoch,
          newIsr: change.newIsr,
          // Epochs of members mean something to a KRaft controller only.
          newIsrWithEpochs: change.newIsr.map((brokerId) => ({ brokerId, brokerEpoch: -1 })),
        })),
      })),
    }
  }

  #retryLater(): void {
    this.#cancelRetry = this.#ports.clock.after(RETRY_MS, () => {
      this.#cancelRetry = null
      this.#wake()
    })
  }
}

function collectAnswers(
  items: readonly Item[],
  response: AlterPartitionResponse,
  byId: boolean,
): Map<Item, IsrAnswer> {
  const asked = new Map<string, Map<number, Item>>()
  for (const item of items) {
    const { topic, topicId, index } = item.partition
    const key = byId ? topicId : topic
    const partitions = asked.get(key) ?? new Map<number, Item>()
    asked.set(key, partitions.set(index, item))
  }
  const answers = new Map<Item, IsrAnswer>()
  for (const { topicId, topicName, partitions } of response.topics) {
    for (const each of partitions) {
      const item = asked.get(byId ? topicId : topicName)?.get(each.partitionIndex)
      if (item !== undefined) answers.set(item, answerOf(each))
    }
  }
  return answers
}

function answerOf(
  answer: AlterPartitionResponse['topics'][number]['partitions'][number],
): IsrAnswer {
  if (answer.errorCode !== ErrorCode.NONE) {
    return { kind: 'error', code: answer.errorCode as ErrorCode }
  }
  const { leaderId: leader, leaderEpoch, isr, partitionEpoch } = answer
  return { kind: 'ok', state: { leader, leaderEpoch, isr, partitionEpoch } }
}
