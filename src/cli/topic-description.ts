/** What `topics --describe` prints, line by line as Kafka 3.9 does. */

import type { PartitionReassignment, TopicDescription } from '../client/admin.ts'
import type { PartitionMetadata } from '../client/cluster-client.ts'
import type { ConfigEntry } from '../client/config-admin.ts'
import { ZERO_UUID } from '../protocol/uuid.ts'

/** Which partitions to show; none set shows all, with a line for the topic. */
export interface DescribeFilter {
  readonly underReplicated: boolean
  readonly unavailable: boolean
  readonly underMinIsr: boolean
  readonly atMinIsr: boolean
  /** Only the lines of topics that have configs of their own. */
  readonly topicsWithOverrides: boolean
}

export interface DescribedTopic {
  readonly topic: TopicDescription
  readonly configs: readonly ConfigEntry[]
  readonly reassignments: readonly PartitionReassignment[]
}

export function topicLines(
  { topic, configs, reassignments }: DescribedTopic,
  filter: DescribeFilter,
  liveBrokers: ReadonlySet<number>,
): string[] {
  const reassignmentOf = (partition: PartitionMetadata) =>
    reassignments.find((each) => each.partition === partition.partitionIndex)
  const report =
    filter.underReplicated || filter.unavailable || filter.underMinIsr || filter.atMinIsr
  const lines: string[] = []
  const overrides = configs.filter(({ source }) => source !== 'DEFAULT_CONFIG')
  if (!report && (!filter.topicsWithOverrides || overrides.length > 0)) {
    const first = topic.partitions[0]!
    lines.push(topicLine(topic, replicationFactor(first, reassignmentOf(first)), overrides))
  }
  if (filter.topicsWithOverrides) return lines
  const minIsr = Number(configs.find(({ name }) => name === 'min.insync.replicas')?.value ?? 1)
  for (const partition of topic.partitions) {
    const reassignment = reassignmentOf(partition)
    const hasLeader = liveBrokers.has(partition.leaderId)
    const inSync = partition.isrNodes.length
    const isShown =
      !report ||
      (filter.underReplicated && replicationFactor(partition, reassignment) > inSync) ||
      (filter.unavailable && !hasLeader) ||
      (filter.underMinIsr && (!hasLeader || inSync < minIsr)) ||
      (filter.atMinIsr && inSync === minIsr)
    if (isShown) lines.push(partitionLine(topic.name, partition, hasLeader, reassignment))
  }
  return lines
}

function topicLine(
  { name, topicId, partitions }: TopicDescription,
  replicas: number,
  overrides: readonly ConfigEntry[],
): string {
  return [
    `Topic: ${name}`,
    ...(topicId === ZERO_UUID ? [] : [`TopicId: ${topicId}`]),
    `PartitionCount: ${partitions.length}`,
    `ReplicationFactor: ${replicas}`,
    `Configs: ${overrides.map((entry) => `${entry.name}=${entry.value}`).join(',')}`,
  ].join('\t')
}

/** The columns for eligible leader replicas are there for all, filled by KRaft clusters only. */
function partitionLine(
  topic: string,
  partition: PartitionMetadata,
  hasLeader: boolean,
  reassignment: PartitionReassignment | undefined,
): string {
  return [
    '',
    `Topic: ${topic}`,
    `Partition: ${partition.partitionIndex}`,
    `Leader: ${hasLeader ? partition.leaderId : 'none'}`,
    `Replicas: ${partition.replicaNodes.join(',')}`,
    `Isr: ${partition.isrNodes.join(',')}`,
    ...(reassignment === undefined
      ? []
      : [
          `Adding Replicas: ${reassignment.addingReplicas.join(',')}`,
          `Removing Replicas: ${reassignment.removingReplicas.join(',')}`,
        ]),
    'Elr: N/A',
    'LastKnownElr: N/A',
  ].join('\t')
}

/** While a reassignment runs, what it adds does not count. */
function replicationFactor(
  { replicaNodes }: PartitionMetadata,
  reassignment: PartitionReassignment | undefined,
): number {
  if (reassignment === undefined) return replicaNodes.length
  const { replicas, addingReplicas, removingReplicas } = reassignment
  const isRunning = [...addingReplicas, ...removingReplicas].some((id) => replicaNodes.includes(id))
  return isRunning ? replicas.length - addingReplicas.length : replicaNodes.length
}
