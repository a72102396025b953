/**
 * The api keys of Kafka 3.9, ours and others: names for log lines and metrics, and what tools need
 * to show what a broker of another kind speaks.
 */

export interface KnownApi {
  readonly key: number
  readonly name: string
  /** The oldest is 0 for all. */
  readonly newestVersion: number
  /** False for what only the quorum of a KRaft cluster speaks among itself. */
  readonly isForBrokers: boolean
}

function known(key: number, name: string, newestVersion: number): KnownApi {
  return { key, name, newestVersion, isForBrokers: true }
}

function quorum(key: number, name: string, newestVersion: number): KnownApi {
  return { key, name, newestVersion, isForBrokers: false }
}

/** In the order of their keys, without gaps. */
export const KNOWN_APIS: readonly KnownApi[] = [
  known(0, 'Produce', 11),
  known(1, 'Fetch', 17),
  known(2, 'ListOffsets', 9),
  known(3, 'Metadata', 12),
  known(4, 'LeaderAndIsr', 7),
  known(5, 'StopReplica', 4),
  known(6, 'UpdateMetadata', 8),
  known(7, 'ControlledShutdown', 3),
  known(8, 'OffsetCommit', 9),
  known(9, 'OffsetFetch', 9),
  known(10, 'FindCoordinator', 6),
  known(11, 'JoinGroup', 9),
  known(12, 'Heartbeat', 4),
  known(13, 'LeaveGroup', 5),
  known(14, 'SyncGroup', 5),
  known(15, 'DescribeGroups', 5),
  known(16, 'ListGroups', 5),
  known(17, 'SaslHandshake', 1),
  known(18, 'ApiVersions', 4),
  known(19, 'CreateTopics', 7),
  known(20, 'DeleteTopics', 6),
  known(21, 'DeleteRecords', 2),
  known(22, 'InitProducerId', 5),
  known(23, 'OffsetForLeaderEpoch', 4),
  known(24, 'AddPartitionsToTxn', 5),
  known(25, 'AddOffsetsToTxn', 4),
  known(26, 'EndTxn', 4),
  known(27, 'WriteTxnMarkers', 1),
  known(28, 'TxnOffsetCommit', 4),
  known(29, 'DescribeAcls', 3),
  known(30, 'CreateAcls', 3),
  known(31, 'DeleteAcls', 3),
  known(32, 'DescribeConfigs', 4),
  known(33, 'AlterConfigs', 2),
  known(34, 'AlterReplicaLogDirs', 2),
  known(35, 'DescribeLogDirs', 4),
  known(36, 'SaslAuthenticate', 2),
  known(37, 'CreatePartitions', 3),
  known(38, 'CreateDelegationToken', 3),
  known(39, 'RenewDelegationToken', 2),
  known(40, 'ExpireDelegationToken', 2),
  known(41, 'DescribeDelegationToken', 3),
  known(42, 'DeleteGroups', 2),
  known(43, 'ElectLeaders', 2),
  known(44, 'IncrementalAlterConfigs', 1),
  known(45, 'AlterPartitionReassignments', 0),
  known(46, 'ListPartitionReassignments', 0),
  known(47, 'OffsetDelete', 0),
  known(48, 'DescribeClientQuotas', 1),
  known(49, 'AlterClientQuotas', 1),
  known(50, 'DescribeUserScramCredentials', 0),
  known(51, 'AlterUserScramCredentials', 0),
  quorum(52, 'Vote', 1),
  quorum(53, 'BeginQuorumEpoch', 1),
  quorum(54, 'EndQuorumEpoch', 1),
  known(55, 'DescribeQuorum', 2),
  known(56, 'AlterPartition', 3),
  known(57, 'UpdateFeatures', 1),
  known(58, 'Envelope', 0),
  quorum(59, 'FetchSnapshot', 1),
  known(60, 'DescribeCluster', 1),
  known(61, 'DescribeProducers', 0),
  quorum(62, 'BrokerRegistration', 4),
  quorum(63, 'BrokerHeartbeat', 1),
  known(64, 'UnregisterBroker', 0),
  known(65, 'DescribeTransactions', 0),
  known(66, 'ListTransactions', 1),
  known(67, 'AllocateProducerIds', 0),
  known(68, 'ConsumerGroupHeartbeat', 0),
  known(69, 'ConsumerGroupDescribe', 0),
  quorum(70, 'ControllerRegistration', 0),
  known(71, 'GetTelemetrySubscriptions', 0),
  known(72, 'PushTelemetry', 0),
  quorum(73, 'AssignReplicasToDirs', 0),
  known(74, 'ListClientMetricsResources', 0),
  known(75, 'DescribeTopicPartitions', 0),
  known(76, 'ShareGroupHeartbeat', 0),
  known(77, 'ShareGroupDescribe', 0),
  known(78, 'ShareFetch', 0),
  known(79, 'ShareAcknowledge', 0),
  known(80, 'AddRaftVoter', 0),
  known(81, 'RemoveRaftVoter', 0),
  quorum(82, 'UpdateRaftVoter', 0),
  known(83, 'InitializeShareGroupState', 0),
  known(84, 'ReadShareGroupState', 0),
  known(85, 'WriteShareGroupState', 0),
  known(86, 'DeleteShareGroupState', 0),
  known(87, 'ReadShareGroupStateSummary', 0),
]

/** The name without `Request`; undefined for a key that Kafka 3.9 does not know. */
export function apiKeyName(key: number): string | undefined {
  return KNOWN_APIS[key]?.name
}
