/** Everything a running broker measures, under the names of Kafka's JMX exporter and a few of its own. */
import { LatencyHistogram } from '../base/latency-histogram.ts'
import {
  type ControllerActivity,
  type ControllerStats,
  controllerActivities,
} from '../controller/controller-stats.ts'
import type { KafkaController } from '../controller/kafka-controller.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { TopicStats } from '../replication/replication-stats.ts'
import type { LogManager } from '../storage/log-manager.ts'
import type { ListenerSockets } from './listener-sockets.ts'
import type { MetricLabels, MetricPage } from './metric-families.ts'
import type { RequestMetrics } from './request-metrics.ts'
import { ZK_STATES, type ZkMetrics } from './zk-metrics.ts'

export interface MeasuredParts {
  readonly replicas: ReplicaManager
  readonly controller: KafkaController
  readonly logs: LogManager
  readonly sockets: ListenerSockets
  readonly metrics: RequestMetrics
  readonly zk: { silentForMs(): number }
  readonly zkMetrics: ZkMetrics
}

export function measureBroker(page: MetricPage, parts: MeasuredParts): void {
  measureController(page, parts.controller)
  measureReplicas(page, parts.replicas)
  measureTopics(page, parts.replicas)
  measureRequests(page, parts)
  measureZooKeeper(page, parts)
  measureLogs(page, parts.logs)
}

function measureController(page: MetricPage, controller: KafkaController): void {
  const { stats } = controller
  const values = controller.metrics()
  const gauge = (name: string, help: string, value: number) =>
    page.gauge(`kafka_controller_kafkacontroller_${name}`, help, value)
  gauge('activecontrollercount', 'One on the controller.', values.activeControllerCount)
  gauge('controllerstate', 'What the controller is busy with.', values.controllerState)
  gauge('offlinepartitionscount', 'Without a leader.', values.offlinePartitionsCount)
  gauge(
    'preferredreplicaimbalancecount',
    'Led by another than the preferred replica.',
    values.preferredReplicaImbalanceCount,
  )
  gauge('globaltopiccount', 'Topics of the cluster.', values.globalTopicCount)
  gauge('globalpartitioncount', 'Partitions of the cluster.', values.globalPartitionCount)
  gauge('topicstodeletecount', 'Topics being deleted.', values.topicsToDeleteCount)
  gauge('replicastodeletecount', 'Replicas being deleted.', values.replicasToDeleteCount)
  gauge(
    'topicsineligibletodeletecount',
    'Topics whose deletion waits.',
    values.topicsIneligibleToDeleteCount,
  )
  gauge(
    'replicasineligibletodeletecount',
    'Replicas whose deletion waits.',
    values.replicasIneligibleToDeleteCount,
  )
  gauge('activebrokercount', 'Registered brokers.', values.activeBrokerCount)
  gauge('fencedbrokercount', 'Always zero with ZooKeeper.', values.fencedBrokerCount)
  const events = 'kafka_controller_controllereventmanager'
  page.gauge(`${events}_eventqueuesize`, 'Events that wait.', values.eventQueueSize)
  page.histogram(`${events}_eventqueuetimems`, 'Milliseconds they have waited.', stats.queueTime)
  const channel = 'kafka_controller_controllerchannelmanager'
  let total = 0
  for (const [brokerId, size] of values.queueSizes) {
    total += size
    const labels = { broker_id: String(brokerId) }
    page.gauge(`${channel}_queuesize`, 'Requests of the controller that wait.', size, labels)
  }
  page.gauge(`${channel}_totalqueuesize`, 'The same for all brokers.', total)
  const statsName = 'kafka_controller_controllerstats'
  page.counter(
    `${statsName}_uncleanleaderelections_total`,
    'Leaders elected from outside of the ISR.',
    stats.uncleanElections,
  )
  page.histogram(
    `${statsName}_leaderelectionrateandtimems`,
    'Milliseconds of an election of leaders.',
    stats.leaderElections,
  )
  measureActivities(page, statsName, stats)
  measurePhases(page, stats)
}

function measurePhases(page: MetricPage, { phases }: ControllerStats): void {
  for (const [phase, ms] of phases) {
    page.gauge(
      'failover_phase_seconds',
      'How long a phase of the newest failover took that this controller has seen.',
      ms / 1000,
      { phase },
    )
  }
}

/** Kafka tells the time of broker changes as that of leader elections. */
const NOT_TOLD: ReadonlySet<ControllerActivity> = new Set([
  'Idle',
  'BrokerChange',
  'UpdateMetadataResponseReceived',
])

/** All from the start on: a rate needs the zero before the first one. */
function measureActivities(page: MetricPage, prefix: string, stats: ControllerStats): void {
  for (const activity of controllerActivities) {
    if (NOT_TOLD.has(activity)) continue
    const told =
      activity === 'AlterPartitionReassignment' ? 'PartitionReassignment' : String(activity)
    const name = `${prefix}_${told.toLowerCase()}rateandtimems`
    const time = stats.activities.get(activity) ?? new LatencyHistogram()
    page.histogram(name, `Milliseconds of an event ${told}.`, time)
  }
}

function measureReplicas(page: MetricPage, replicas: ReplicaManager): void {
  const { stats } = replicas
  const values = replicas.gauges()
  const manager = 'kafka_server_replicamanager'
  const gauge = (name: string, help: string, value: number) =>
    page.gauge(`${manager}_${name}`, help, value)
  gauge('partitioncount', 'Replicas on this broker.', values.partitionCount)
  gauge('leadercount', 'Partitions that this broker leads.', values.leaderCount)
  gauge('offlinereplicacount', 'On failed log directories.', values.offlineReplicaCount)
  gauge(
    'underreplicatedpartitions',
    'Led here, with replicas that are not in sync.',
    values.underReplicatedPartitions,
  )
  gauge(
    'underminisrpartitioncount',
    'Led here, ISR below min.insync.replicas.',
    values.underMinIsrPartitionCount,
  )
  gauge(
    'atminisrpartitioncount',
    'Led here, ISR at min.insync.replicas.',
    values.atMinIsrPartitionCount,
  )
  gauge('reassigningpartitions', 'Led here, being moved.', values.reassigningPartitions)
  page.counter(`${manager}_isrshrinks_total`, 'Replicas left the ISR.', stats.isrShrinks)
  page.counter(`${manager}_isrexpands_total`, 'Replicas joined the ISR.', stats.isrExpands)
  page.counter(`${manager}_failedisrupdates_total`, 'Refused.', stats.failedIsrUpdates)
  page.gauge(
    'kafka_server_replicafetchermanager_maxlag',
    'Messages by which the slowest replica here is behind its leader.',
    values.maxLag,
    { clientId: 'Replica' },
  )
  measureWaiting(page, replicas)
}

function measureWaiting(page: MetricPage, replicas: ReplicaManager): void {
  const { stats } = replicas
  const values = replicas.gauges()
  const purgatory = {
    Produce: values.delayedProduceCount,
    Fetch: values.delayedFetchCount,
    DeleteRecords: values.delayedDeleteRecordsCount,
  }
  for (const [delayedOperation, size] of Object.entries(purgatory)) {
    page.gauge(
      'kafka_server_delayedoperationpurgatory_purgatorysize',
      'Requests that wait for a condition or their time limit.',
      size,
      { delayedOperation },
    )
  }
  page.counter(
    'kafka_server_delayedproducemetrics_expires_total',
    'Partitions of produce requests that were not replicated in time.',
    stats.delayedProduceExpirations,
  )
  const sessions = 'kafka_server_fetchsessioncache'
  page.gauge(`${sessions}_numincrementalfetchsessions`, 'Fetch sessions.', values.fetchSessionCount)
  page.counter(
    `${sessions}_incrementalfetchsessionevictions_total`,
    'Fetch sessions that made room for others.',
    stats.incrementalFetchSessionEvictions,
  )
}

/** Without a label: all topics, those that are gone included. */
function measureTopics(page: MetricPage, { stats }: ReplicaManager): void {
  const count = (counters: TopicStats, labels: MetricLabels): void => {
    const counter = (name: string, help: string, value: number) =>
      page.counter(`kafka_server_brokertopicmetrics_${name}_total`, help, value, labels)
    counter('messagesin', 'Records of producers.', counters.messagesIn)
    counter('bytesin', 'Bytes of producers.', counters.bytesIn)
    counter('bytesout', 'Bytes to consumers.', counters.bytesOut)
    counter(
      'totalproducerequests',
      'Partitions in produce requests.',
      counters.totalProduceRequests + counters.failedProduceRequests,
    )
    counter('failedproducerequests', 'Of these, refused.', counters.failedProduceRequests)
    counter('failedfetchrequests', 'Partitions not fetched.', counters.failedFetchRequests)
  }
  const all = stats.allTopics()
  count(all, {})
  const prefix = 'kafka_server_brokertopicmetrics_replication'
  page.counter(`${prefix}bytesin_total`, 'Bytes from leaders.', all.replicationBytesIn)
  page.counter(`${prefix}bytesout_total`, 'Bytes to followers.', all.replicationBytesOut)
  for (const [topic, counters] of stats.topics) count(counters, { topic })
}

function measureRequests(page: MetricPage, { metrics, sockets }: MeasuredParts): void {
  const prefix = 'kafka_network_requestmetrics'
  for (const { name: request, countByVersion } of metrics.all()) {
    countByVersion.forEach((count, version) => {
      const labels = { request, version: String(version) }
      page.counter(`${prefix}_requests_total`, 'Requests that were answered.', count, labels)
    })
  }
  for (const [request, time] of metrics.times()) {
    const help = 'Milliseconds from a request to its answer.'
    page.histogram(`${prefix}_totaltimems`, help, time, { request })
  }
  const { requestsWaiting, answersWaiting } = sockets.queueSizes()
  const channel = 'kafka_network_requestchannel'
  page.gauge(`${channel}_requestqueuesize`, 'Requests read and not begun.', requestsWaiting)
  page.gauge(`${channel}_responsequeuesize`, 'Answers that wait for others.', answersWaiting)
  page.gauge(
    'kafka_server_socket_server_metrics_connection_count',
    'Open connections of clients and brokers.',
    sockets.connectionCount,
  )
}

function measureZooKeeper(page: MetricPage, { zk, zkMetrics }: MeasuredParts): void {
  const listener = 'kafka_server_sessionexpirelistener'
  for (const state of ZK_STATES) {
    page.gauge(
      `${listener}_sessionstate`,
      'One for the state that the connection to ZooKeeper is in.',
      zkMetrics.state === state ? 1 : 0,
      { state },
    )
  }
  const counter = (name: string, help: string, value: number) =>
    page.counter(`${listener}_${name}_total`, help, value)
  counter('zookeepersyncconnects', 'Connections made.', zkMetrics.connects)
  counter('zookeeperdisconnects', 'Connections lost.', zkMetrics.disconnects)
  counter('zookeeperexpires', 'Sessions expired.', zkMetrics.expires)
  counter('zookeeperauthfailures', 'Authentications refused.', zkMetrics.authFailures)
  page.histogram(
    'kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms',
    'Milliseconds of a request to ZooKeeper.',
    zkMetrics.requestTime,
  )
  page.gauge(
    'zk_last_heard_seconds',
    'Since the newest request that ZooKeeper has answered was sent; infinite without a session.',
    zk.silentForMs() / 1000,
  )
}

function measureLogs(page: MetricPage, logs: LogManager): void {
  page.gauge(
    'kafka_log_logmanager_offlinelogdirectorycount',
    'Log directories that have failed.',
    logs.offlineDirCount,
  )
  for (const [{ topic, partition }, log] of logs.logs()) {
    const labels = { topic, partition: String(partition) }
    page.gauge('kafka_log_log_size', 'Bytes.', log.sizeBytes, labels)
    page.gauge('kafka_log_log_numlogsegments', 'Segments.', log.segmentCount, labels)
    page.gauge('kafka_log_log_logstartoffset', 'The first offset.', log.logStartOffset, labels)
    page.gauge('kafka_log_log_logendoffset', 'The next offset.', log.logEndOffset, labels)
  }
}
