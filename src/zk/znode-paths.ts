/** Every path that Kafka 3.9 uses in ZooKeeper, letter for letter (`kafka/zk/ZkData.scala`). */

export const controllerPath = '/controller'
export const controllerEpochPath = '/controller_epoch'
export const clusterIdPath = '/cluster/id'
export const featurePath = '/feature'
export const brokersPath = '/brokers'
export const brokerIdsPath = '/brokers/ids'
export const brokerSequencePath = '/brokers/seqid'
export const topicsPath = '/brokers/topics'
export const deleteTopicsPath = '/admin/delete_topics'
export const reassignPartitionsPath = '/admin/reassign_partitions'
export const preferredReplicaElectionPath = '/admin/preferred_replica_election'
export const isrChangeNotificationPath = '/isr_change_notification'
export const logDirEventNotificationPath = '/log_dir_event_notification'
export const producerIdBlockPath = '/latest_producer_id_block'
export const configPath = '/config'
export const configChangesPath = '/config/changes'
export const consumersPath = '/consumers'
export const migrationPath = '/migration'

/** Prefixes of the sequential nodes under the notification paths. */
export const isrChangePrefix = `${isrChangeNotificationPath}/isr_change_`
export const logDirEventPrefix = `${logDirEventNotificationPath}/log_dir_event_`
export const configChangePrefix = `${configChangesPath}/config_change_`

/** Made at the start of every broker, parents too, with null data, in this order. */
export const persistentPaths: readonly string[] = [
  consumersPath,
  brokerIdsPath,
  topicsPath,
  configChangesPath,
  deleteTopicsPath,
  brokerSequencePath,
  isrChangeNotificationPath,
  producerIdBlockPath,
  logDirEventNotificationPath,
  '/config/topics',
  '/config/clients',
  '/config/users',
  '/config/brokers',
  '/config/ips',
]

export function brokerPath(brokerId: number): string {
  return `${brokerIdsPath}/${brokerId}`
}

export function topicPath(topic: string): string {
  return `${topicsPath}/${topic}`
}

export function partitionsPath(topic: string): string {
  return `${topicsPath}/${topic}/partitions`
}

export function partitionPath(topic: string, partition: number): string {
  return `${topicsPath}/${topic}/partitions/${partition}`
}

export function partitionStatePath(topic: string, partition: number): string {
  return `${topicsPath}/${topic}/partitions/${partition}/state`
}

export function deleteTopicPath(topic: string): string {
  return `${deleteTopicsPath}/${topic}`
}

export function consumerOffsetPath(group: string, topic: string, partition: number): string {
  return `${consumersPath}/${group}/offsets/${topic}/${partition}`
}

/** The number behind the last underscore of a sequential node's name, or null. */
export function sequenceNumberOf(name: string): number | null {
  const digits = /_(-?\d{10})$/.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/** The part behind the last slash. */
export function nodeName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
