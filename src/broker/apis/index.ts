/** Every API that this broker answers. ApiVersions and docs/apis.md are derived from this list. */
import type { AnyHandler } from '../handler.ts'
import { handleAllocateProducerIds } from './allocate-producer-ids.ts'
import { handleAlterConfigs } from './alter-configs.ts'
import { handleAlterPartition } from './alter-partition.ts'
import { handleAlterPartitionReassignments } from './alter-partition-reassignments.ts'
import { handleApiVersions } from './api-versions.ts'
import { handleControlledShutdown } from './controlled-shutdown.ts'
import { handleCreatePartitions } from './create-partitions.ts'
import { handleCreateTopics } from './create-topics.ts'
import { handleDeleteRecords } from './delete-records.ts'
import { handleDeleteTopics } from './delete-topics.ts'
import { handleDescribeCluster } from './describe-cluster.ts'
import { handleDescribeConfigs } from './describe-configs.ts'
import { handleElectLeaders } from './elect-leaders.ts'
import { handleFetch } from './fetch.ts'
import { handleFindCoordinator } from './find-coordinator.ts'
import { handleIncrementalAlterConfigs } from './incremental-alter-configs.ts'
import { handleInitProducerId } from './init-producer-id.ts'
import { handleLeaderAndIsr } from './leader-and-isr.ts'
import { handleListOffsets } from './list-offsets.ts'
import { handleListPartitionReassignments } from './list-partition-reassignments.ts'
import { handleMetadata } from './metadata.ts'
import { handleOffsetForLeaderEpoch } from './offset-for-leader-epoch.ts'
import { handleProduce } from './produce.ts'
import { handleStopReplica } from './stop-replica.ts'
import { handleUpdateMetadata } from './update-metadata.ts'

export const HANDLERS: readonly AnyHandler[] = [
  handleProduce,
  handleFetch,
  handleListOffsets,
  handleMetadata,
  handleLeaderAndIsr,
  handleStopReplica,
  handleUpdateMetadata,
  handleControlledShutdown,
  handleFindCoordinator,
  handleApiVersions,
  handleCreateTopics,
  handleDeleteTopics,
  handleDeleteRecords,
  handleInitProducerId,
  handleOffsetForLeaderEpoch,
  handleDescribeConfigs,
  handleAlterConfigs,
  handleCreatePartitions,
  handleElectLeaders,
  handleIncrementalAlterConfigs,
  handleAlterPartitionReassignments,
  handleListPartitionReassignments,
  handleAlterPartition,
  handleDescribeCluster,
  handleAllocateProducerIds,
]
