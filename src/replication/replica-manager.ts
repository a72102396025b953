/**
 * All replicas of this broker. Handlers of the data plane and the control RPCs end here; the work is
 * done by the parts that this class ties together.
 */

import type { Clock, Loggers, Random } from '../base/ports.ts'
import type { TopicPartition } from '../base/topic-partition.ts'
import type { DeletedPartition, MetadataCache } from '../cluster/image.ts'
import type { ErrorCode } from '../protocol/error-codes.ts'
import type { alterPartition } from '../protocol/messages/alter-partition.ts'
import type { deleteRecords } from '../protocol/messages/delete-records.ts'
import type { fetch } from '../protocol/messages/fetch.ts'
import type { leaderAndIsr } from '../protocol/messages/leader-and-isr.ts'
import type { listOffsets } from '../protocol/messages/list-offsets.ts'
import type { offsetForLeaderEpoch } from '../protocol/messages/offset-for-leader-epoch.ts'
import type { stopReplica } from '../protocol/messages/stop-replica.ts'
import type { Api, RequestInput, RequestOf, ResponseInput, ResponseOf } from '../protocol/types.ts'
import type { AppendOrigin, ReplicaLogs } from './replica-log.ts'

/** What we use of a channel of `network/` to another broker. */
export interface ReplicaChannel {
  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>>
  close(): void
}

export interface ReplicaManagerPorts {
  readonly clock: Clock
  readonly random: Random
  readonly loggers: Loggers
  readonly logs: ReplicaLogs
  readonly metadata: MetadataCache
  /** To the inter-broker endpoint that the broker has now; rejects when it has none or is down. */
  connectToBroker(brokerId: number, clientId: string): Promise<ReplicaChannel>
  /** One try: rejects when no controller is known or the connection breaks. */
  sendToController(
    version: number,
    request: RequestInput<typeof alterPartition>,
  ): Promise<ResponseOf<typeof alterPartition>>
  /** czxid of our registration, -1 before the first. */
  brokerEpoch(): number
  /** True while ZooKeeper has been silent for a session timeout: no acks=all answer of success. */
  isFenced(): boolean
}

export interface ReplicaManagerOptions {
  readonly brokerId: number
  /** Endpoints told to clients beside NOT_LEADER_OR_FOLLOWER come from their own listener. */
  readonly replicaLagTimeMaxMs: number
  readonly replicaFetchWaitMaxMs: number
  readonly replicaFetchMinBytes: number
  readonly replicaFetchMaxBytes: number
  readonly replicaFetchResponseMaxBytes: number
  readonly replicaFetchBackoffMs: number
  readonly numReplicaFetchers: number
  /** `fetch.max.bytes`: the limit of one Fetch response. */
  readonly fetchMaxBytes: number
  readonly maxIncrementalFetchSessionCacheSlots: number
  readonly highWatermarkCheckpointIntervalMs: number
  /** True for `RackAwareReplicaSelector` (KIP-392). */
  readonly rackAwareReplicaSelector: boolean
}

export interface AppendEntry {
  readonly topic: string
  readonly partitions: readonly { readonly partition: number; readonly records: Buffer }[]
}

export interface AppendRequest {
  /** -1 all, 0, 1. Anything else fails all partitions with INVALID_REQUIRED_ACKS. */
  readonly acks: number
  readonly timeoutMs: number
  readonly origin: AppendOrigin
  readonly entries: readonly AppendEntry[]
}

/** Has the fields of a partition in a Produce response. */
export interface PartitionAppendResult {
  index: number
  errorCode: ErrorCode
  baseOffset: number
  lastOffset: number
  logAppendTimeMs: number
  logStartOffset: number
  recordErrors: readonly { batchIndex: number; batchIndexErrorMessage: string | null }[]
  errorMessage: string | null
  /** Set beside NOT_LEADER_OR_FOLLOWER. */
  currentLeader: { leaderId: number; leaderEpoch: number }
}

export interface TopicAppendResult {
  readonly name: string
  readonly partitionResponses: PartitionAppendResult[]
}

export interface FetchCall {
  readonly request: RequestOf<typeof fetch>
  readonly version: number
  /** Endpoints of new leaders are told for this listener (KIP-951). */
  readonly listener: string
}

export type FetchAnswer = Omit<ResponseInput<typeof fetch>, 'throttleTimeMs'>

/** A partition state as the state znode has it; the watch path brings these. */
export interface PartitionStateUpdate {
  readonly controllerEpoch: number
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  /** Version of the znode. */
  readonly partitionEpoch: number
}

export interface Gauges {
  readonly partitionCount: number
  readonly leaderCount: number
  readonly offlineReplicaCount: number
  readonly underReplicatedPartitions: number
  readonly underMinIsrPartitionCount: number
  readonly atMinIsrPartitionCount: number
  readonly reassigningPartitions: number
  readonly maxLag: number
  readonly delayedProduceCount: number
  readonly delayedFetchCount: number
}

export class ReplicaManager {
  readonly options: ReplicaManagerOptions

  constructor(_ports: ReplicaManagerPorts, options: ReplicaManagerOptions) {
    this.options = options
  }

  /** Starts the loops: ISR shrinking, checkpoints of high watermarks. Fetchers start by themselves. */
  start(): void {}

  /** Ends loops and fetchers, answers what waits, checkpoints high watermarks. Logs stay open. */
  shutdown(): Promise<void> {
    return Promise.resolve()
  }

  /** `respond` is called exactly once, perhaps before this returns. */
  append(_request: AppendRequest, _respond: (topics: TopicAppendResult[]) => void): void {}

  /** Sessions, follower bookkeeping and waiting included. `respond` is called exactly once. */
  fetch(_call: FetchCall, _respond: (answer: FetchAnswer) => void): void {}

  listOffsets(
    _request: RequestOf<typeof listOffsets>,
    _version: number,
  ): Promise<ResponseInput<typeof listOffsets>> {
    throw new Error('not yet')
  }

  offsetsForLeaderEpoch(
    _request: RequestOf<typeof offsetForLeaderEpoch>,
  ): ResponseInput<typeof offsetForLeaderEpoch> {
    throw new Error('not yet')
  }

  deleteRecords(
    _request: RequestOf<typeof deleteRecords>,
    _respond: (response: ResponseInput<typeof deleteRecords>) => void,
  ): void {}

  becomeLeaderOrFollower(
    _request: RequestOf<typeof leaderAndIsr>,
  ): ResponseInput<typeof leaderAndIsr> {
    throw new Error('not yet')
  }

  stopReplicas(_request: RequestOf<typeof stopReplica>): ResponseInput<typeof stopReplica> {
    throw new Error('not yet')
  }

  /** False for an epoch older than the highest seen; else it is remembered (all three RPCs). */
  acceptControllerEpoch(_controllerId: number, _controllerEpoch: number): boolean {
    return true
  }

  /** The watch path. Only for partitions that are hosted here; others are ignored. */
  applyPartitionState(_topic: string, _partition: number, _state: PartitionStateUpdate): void {}

  /** After UpdateMetadata removed partitions (deleted topics). */
  onPartitionsDeletedFromMetadata(_deleted: readonly DeletedPartition[]): void {}

  /** After every fence change; lifts waiting acks=all answers. */
  onFenceChange(): void {}

  /** After a topic's settings changed (the logs have the new ones). */
  onTopicConfigChange(_topic: string): void {}

  /** The log manager took directories offline and these partitions with them. */
  onLogDirFailure(_partitions: readonly TopicPartition[]): void {}

  /** Told when a partition begins or ends to be hosted here, for the state watcher. */
  onHostedChange(_listener: (partition: TopicPartition, hosted: boolean) => void): void {}

  /** Everything hosted here, for a watcher that starts late. */
  hostedPartitions(): TopicPartition[] {
    return []
  }

  gauges(): Gauges {
    throw new Error('not yet')
  }
}
