/**
 * A broker is about to stop: its leaders move away and it leaves the ISRs before it closes its
 * network (Kafka's `doControlledShutdown`). Until its registration goes it may neither lead nor be
 * in sync again. Asking again is fine.
 */

import type { Logger } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import type { ControllerContext, Partition } from './controller-context.ts'
import type { PartitionStates } from './partition-states.ts'
import type { ReplicaStates } from './replica-states.ts'
import type { RequestBatch } from './request-batch.ts'

const UNKNOWN_EPOCH = -1

export interface ControlledShutdownPorts {
  readonly context: ControllerContext
  readonly partitionStates: PartitionStates
  readonly replicaStates: ReplicaStates
  readonly newBatch: () => RequestBatch
  readonly log: Logger
}

export interface ShutdownOutcome {
  readonly errorCode: ErrorCode
  /** Led by the broker all the same, since no other replica may lead. */
  readonly remaining: readonly TopicPartition[]
}

export async function shutDownBroker(
  ports: ControlledShutdownPorts,
  brokerId: number,
  brokerEpoch: number,
): Promise<ShutdownOutcome> {
  const { context, log } = ports
  const broker = context.brokers.get(brokerId)
  if (broker === undefined) {
    const errorCode =
      brokerEpoch === UNKNOWN_EPOCH
        ? ErrorCode.BROKER_NOT_AVAILABLE
        : ErrorCode.UNKNOWN_SERVER_ERROR
    return { errorCode, remaining: [] }
  }
  if (brokerEpoch !== UNKNOWN_EPOCH && brokerEpoch < broker.epoch) {
    log.info(`Received stale controlled shutdown from an old life of broker ${brokerId}`)
    return { errorCode: ErrorCode.STALE_BROKER_EPOCH, remaining: [] }
  }
  log.info(`Shutting down broker ${brokerId}`)
  context.shuttingDown.add(brokerId)
  log.debug(`All shutting down brokers: ${[...context.shuttingDown].join(',')}`)
  log.debug(`Live brokers: ${context.liveBrokerIds().join(',')}`)
  const affected = context.partitionsWhere(
    (partition) =>
      partition.assignment.replicas.length > 1 &&
      partition.assignment.replicas.includes(brokerId) &&
      partition.leadership !== null &&
      !context.isBeingDeleted(partition),
  )
  const isLedByIt = ({ leadership }: Partition) => leadership?.leader === brokerId
  const led = affected.filter(isLedByIt)
  const followed = affected.filter((partition) => !isLedByIt(partition))
  await ports.partitionStates.move(led, 'online', { kind: 'controlled-shutdown' })
  const batch = ports.newBatch()
  for (const partition of followed) batch.stopReplica(brokerId, partition, false)
  batch.send()
  await ports.replicaStates.move(
    followed.map((partition) => ({ partition, brokerId })),
    'offline',
  )
  const remaining = affected
    .filter(isLedByIt)
    .map(({ topic, number }) => ({ topic: topic.name, partition: number }))
  return { errorCode: ErrorCode.NONE, remaining }
}
