/**
 * What brokers answer to control requests, as far as it changes anything: replicas on failed log
 * directories, and logs that are deleted. A stale controller epoch is only logged: the controller
 * resigns by what ZooKeeper says, not by what brokers say.
 */

import type { Logger } from '../base/ports.ts'
import { ErrorCode, errorName } from '../protocol/error-codes.ts'
import type { BrokerChanges } from './broker-changes.ts'
import type { ControlResponse } from './broker-channels.ts'
import type { ControllerContext, Partition, Replica } from './controller-context.ts'
import type { ControllerActivity } from './controller-stats.ts'
import type { TopicDeletion } from './topic-deletion.ts'

export interface ControlResponsePorts {
  readonly context: ControllerContext
  readonly brokerChanges: BrokerChanges
  readonly topicDeletion: TopicDeletion
  readonly enqueue: (name: string, activity: ControllerActivity, work: () => Promise<void>) => void
  readonly stateChangeLog: Logger
}

type LeaderAndIsrAnswer = Extract<ControlResponse, { kind: 'leader-and-isr' }>
type StopReplicaAnswer = Extract<ControlResponse, { kind: 'stop-replica' }>

export class ControlResponses {
  readonly #ports: ControlResponsePorts

  constructor(ports: ControlResponsePorts) {
    this.#ports = ports
  }

  /** Outside of the queue: only answers with news are worth an event. */
  onResponse(brokerId: number, answer: ControlResponse): void {
    const { errorCode } = answer.response
    if (errorCode !== ErrorCode.NONE) {
      this.#ports.stateChangeLog.error(
        `Request ${answer.kind} was answered with error ${errorName(errorCode)} ` +
          `by broker ${brokerId}`,
      )
    }
    if (answer.kind === 'leader-and-isr' && this.#hasNews(brokerId, answer)) {
      this.#later(brokerId, 'LeaderAndIsrResponseReceived', 'LeaderAndIsrResponseReceived', () =>
        this.#onLeaderAndIsr(brokerId, answer),
      )
    }
    if (answer.kind === 'stop-replica' && answer.response.partitionErrors.length > 0) {
      this.#later(brokerId, 'TopicDeletionStopReplicaResponseReceived', 'TopicDeletion', () =>
        this.#onStopReplica(brokerId, answer),
      )
    }
  }

  /** Dropped when the broker began another life before its turn came. */
  #later(
    brokerId: number,
    name: string,
    activity: ControllerActivity,
    work: () => Promise<void>,
  ): void {
    const { context, enqueue } = this.#ports
    const brokerEpoch = context.brokers.get(brokerId)?.epoch
    enqueue(name, activity, async () => {
      const isSameLife = context.brokers.get(brokerId)?.epoch === brokerEpoch
      if (brokerEpoch !== undefined && isSameLife) await work()
    })
  }

  #hasNews(brokerId: number, { response }: LeaderAndIsrAnswer): boolean {
    if (response.errorCode !== ErrorCode.NONE) return false
    if ((this.#ports.context.offlineDirs.get(brokerId)?.size ?? 0) > 0) return true
    return response.topics.some(({ partitionErrors }) =>
      partitionErrors.some(({ errorCode }) => errorCode === ErrorCode.KAFKA_STORAGE_ERROR),
    )
  }

  async #onLeaderAndIsr(brokerId: number, { response }: LeaderAndIsrAnswer): Promise<void> {
    const { context, brokerChanges, stateChangeLog } = this.#ports
    const offline = context.offlineDirs.get(brokerId) ?? new Set<Partition>()
    context.offlineDirs.set(brokerId, offline)
    const newlyOffline: Replica[] = []
    for (const { topicId, partitionErrors } of response.topics) {
      for (const { partitionIndex, errorCode } of partitionErrors) {
        const partition = context.topicsById.get(topicId)?.partition(partitionIndex)
        if (partition === undefined) continue
        if (errorCode === ErrorCode.NONE) offline.delete(partition)
        if (errorCode !== ErrorCode.KAFKA_STORAGE_ERROR || offline.has(partition)) continue
        offline.add(partition)
        newlyOffline.push({ partition, brokerId })
      }
    }
    if (newlyOffline.length === 0) return
    const names = newlyOffline.map(({ partition }) => String(partition))
    stateChangeLog.info(`Mark replicas ${names.join(',')} on broker ${brokerId} as offline`)
    await brokerChanges.onReplicasBecomeOffline(newlyOffline)
  }

  /** Only what was sent with `delete` for a topic whose deletion began. */
  async #onStopReplica(brokerId: number, answer: StopReplicaAnswer): Promise<void> {
    const { context, topicDeletion } = this.#ports
    const { errorCode: requestError, partitionErrors } = answer.response
    const failed: Replica[] = []
    const deleted: Replica[] = []
    const asked = deletionsIn(answer)
    for (const { topicName, partitionIndex, errorCode } of partitionErrors) {
      if (!context.deletionStarted.has(topicName)) continue
      if (!asked.get(topicName)?.has(partitionIndex)) continue
      const partition = context.partition(topicName, partitionIndex)
      if (partition === undefined) continue
      const isDone = requestError === ErrorCode.NONE && errorCode === ErrorCode.NONE
      const list = isDone ? deleted : failed
      list.push({ partition, brokerId })
    }
    if (failed.length > 0) await topicDeletion.failReplicas(failed)
    if (deleted.length > 0) await topicDeletion.completeReplicas(deleted)
  }
}

function deletionsIn({ request }: StopReplicaAnswer): Map<string, Set<number>> {
  return new Map(
    (request.topicStates ?? []).map(({ topicName, partitionStates }) => {
      const deleted = partitionStates.filter(({ deletePartition }) => deletePartition)
      return [topicName, new Set(deleted.map(({ partitionIndex }) => partitionIndex))]
    }),
  )
}
