/** Identity, ZooKeeper, listeners, sockets, requests. */
import { boolean, int, LONG_MAX, long, nullableInt, nullableString, string } from './setting.ts'
import { versionProblem } from './value-checks.ts'

export const SERVER_SETTINGS = {
  'broker.id': int(-1, 'Number of this broker, unique in the cluster; -1 has one generated.'),
  'broker.id.generation.enable': boolean(
    true,
    'Whether a broker without an id may get one from ZooKeeper.',
  ),
  'reserved.broker.max.id': int(
    1000,
    'Largest id that is set by hand; generated ones are above it.',
    { min: 0 },
  ),
  'broker.rack': nullableString(
    null,
    'Where the broker stands; replicas are spread over racks when all brokers have one.',
  ),
  'zookeeper.connect': nullableString(
    null,
    'Addresses of the ZooKeeper servers, `host:port,host:port`, and a chroot: `/path`. Required.',
  ),
  'zookeeper.session.timeout.ms': int(
    18000,
    'How long ZooKeeper waits for a sign of life before the broker counts as dead.',
    { unit: 'ms', min: 1 },
  ),
  'zookeeper.connection.timeout.ms': nullableInt(
    null,
    'How long the first connection may take; unset: the session timeout.',
    { unit: 'ms', min: 1 },
  ),
  'zookeeper.max.in.flight.requests': int(
    10,
    'Requests to ZooKeeper that may wait for their answers.',
    { min: 1 },
  ),
  'zookeeper.set.acl': boolean(false, 'Whether znodes are made with ACLs. Not supported yet.'),
  listeners: string(
    'PLAINTEXT://:9092',
    'What to listen on: `NAME://host:port`, comma-separated. An empty host is all interfaces.',
    { mode: 'per-broker' },
  ),
  'advertised.listeners': nullableString(
    null,
    'Addresses that clients are told; unset: those of `listeners`.',
    { mode: 'per-broker' },
  ),
  'listener.security.protocol.map': string(
    'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'Security protocol of each listener name. Only PLAINTEXT is supported yet.',
    { mode: 'per-broker' },
  ),
  'inter.broker.listener.name': nullableString(
    null,
    'Listener on which brokers reach each other; unset: the one of `security.inter.broker.protocol`.',
  ),
  'security.inter.broker.protocol': string(
    'PLAINTEXT',
    'Security protocol between brokers when no listener is named.',
    { oneOf: ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] },
  ),
  'control.plane.listener.name': nullableString(
    null,
    'Listener for requests of the controller; unset: the inter-broker one.',
  ),
  'inter.broker.protocol.version': string(
    '3.9-IV0',
    'Kept for compatibility: brokers always speak as 3.9 does.',
    { check: versionProblem },
  ),
  'socket.request.max.bytes': int(
    104857600,
    'Largest request; a larger one closes the connection.',
    { unit: 'bytes', min: 1 },
  ),
  'socket.send.buffer.bytes': int(102400, 'Accepted, decided by the operating system.', {
    unit: 'bytes',
  }),
  'socket.receive.buffer.bytes': int(102400, 'Accepted, decided by the operating system.', {
    unit: 'bytes',
  }),
  'socket.listen.backlog.size': int(50, 'Accepted; connections that wait to be accepted.', {
    min: 1,
  }),
  'max.connections': int(2147483647, 'Connections in all.', { min: 0, mode: 'cluster-wide' }),
  'max.connections.per.ip': int(
    2147483647,
    'Connections from one address; further ones are closed.',
    { min: 0, mode: 'cluster-wide' },
  ),
  'connections.max.idle.ms': long(
    600000,
    'A connection without traffic for this long is closed; -1 never.',
    { unit: 'ms' },
  ),
  'request.timeout.ms': int(30000, 'How long the broker waits for answers to its own requests.', {
    unit: 'ms',
    min: 0,
  }),
  'socket.connection.setup.timeout.ms': long(
    10000,
    'How long a connection to another broker may take.',
    { unit: 'ms', min: 0 },
  ),
  'queued.max.requests': int(500, 'Accepted; what is read ahead is bounded per connection.', {
    min: 1,
  }),
  'num.network.threads': int(3, 'Accepted; a broker is one event loop.', {
    min: 1,
    mode: 'cluster-wide',
  }),
  'num.io.threads': int(8, 'Accepted; a broker is one event loop.', {
    min: 1,
    mode: 'cluster-wide',
  }),
  'background.threads': int(10, 'Accepted; a broker is one event loop.', {
    min: 1,
    mode: 'cluster-wide',
  }),
  'controlled.shutdown.enable': boolean(
    true,
    'Whether leaders are moved away before the broker stops.',
  ),
  'controlled.shutdown.max.retries': int(
    3,
    'Tries to move leaders away before the broker stops all the same.',
  ),
  'controlled.shutdown.retry.backoff.ms': long(5000, 'Pause between these tries.', { unit: 'ms' }),
  'controller.socket.timeout.ms': int(30000, 'How long connections of the controller may take.', {
    unit: 'ms',
  }),
  'producer.id.expiration.ms': int(
    86400000,
    'A producer that was silent for this long is forgotten.',
    { unit: 'ms', min: 1, mode: 'cluster-wide' },
  ),
  'producer.id.expiration.check.interval.ms': int(600000, 'How often that is looked for.', {
    isInternal: true,
    unit: 'ms',
    min: 1,
  }),
  'max.incremental.fetch.session.cache.slots': int(1000, 'Fetch sessions that are kept.', {
    min: 0,
  }),
  'fetch.max.bytes': int(57671680, 'Largest Fetch response.', { unit: 'bytes', min: 1024 }),
  'replica.selector.class': nullableString(
    null,
    'How the replica for a consumer is chosen: unset the leader, or `org.apache.kafka.common.replica.RackAwareReplicaSelector`.',
  ),
} as const

export const TOPIC_ADMIN_SETTINGS = {
  'auto.create.topics.enable': boolean(true, 'Whether naming an unknown topic creates it.'),
  'delete.topic.enable': boolean(true, 'Whether topics may be deleted.'),
  'num.partitions': int(1, 'Partitions of a topic whose creator did not say.', { min: 1 }),
  'default.replication.factor': int(1, 'Replicas of a partition when its creator did not say.', {
    min: 1,
  }),
  'auto.leader.rebalance.enable': boolean(
    true,
    'Whether the controller gives leadership back to preferred replicas.',
  ),
  'leader.imbalance.check.interval.seconds': long(300, 'How often that is looked at.', {
    unit: 'seconds',
    min: 1,
  }),
  'leader.imbalance.per.broker.percentage': int(
    10,
    'Share of partitions led elsewhere above which it is done.',
  ),
} as const

export const REPLICATION_SETTINGS = {
  'replica.lag.time.max.ms': long(
    30000,
    'A follower that has not caught up for this long leaves the ISR.',
    { unit: 'ms' },
  ),
  'replica.fetch.wait.max.ms': int(500, 'How long a fetch of a follower waits for data.', {
    unit: 'ms',
  }),
  'replica.fetch.min.bytes': int(1, 'Bytes for which a fetch of a follower waits.', {
    unit: 'bytes',
  }),
  'replica.fetch.max.bytes': int(1048576, 'Bytes that a follower asks of one partition.', {
    unit: 'bytes',
    min: 0,
  }),
  'replica.fetch.response.max.bytes': int(
    10485760,
    'Bytes that a follower takes in one response.',
    { unit: 'bytes', min: 0 },
  ),
  'replica.fetch.backoff.ms': int(1000, 'Pause of a follower after an error.', {
    unit: 'ms',
    min: 0,
  }),
  'replica.socket.timeout.ms': int(30000, 'Accepted; `request.timeout.ms` bounds fetches.', {
    unit: 'ms',
  }),
  'replica.socket.receive.buffer.bytes': int(65536, 'Accepted, decided by the operating system.', {
    unit: 'bytes',
  }),
  'replica.high.watermark.checkpoint.interval.ms': long(
    5000,
    'How often high watermarks are written down.',
    { unit: 'ms' },
  ),
  'num.replica.fetchers': int(1, 'Connections over which a follower fetches from one leader.', {
    min: 1,
    mode: 'cluster-wide',
  }),
} as const

export const LOG_DIR_SETTINGS = {
  'log.dir': string('/tmp/kafka-logs', 'Where the logs are when `log.dirs` is unset.'),
  'log.dirs': nullableString(null, 'Directories of the logs, comma-separated.'),
  'num.recovery.threads.per.data.dir': int(1, 'Accepted; recovery is sequential.', {
    min: 1,
    mode: 'cluster-wide',
  }),
  'log.retention.check.interval.ms': long(300000, 'How often old segments are looked for.', {
    unit: 'ms',
    min: 1,
  }),
  'log.flush.scheduler.interval.ms': long(
    LONG_MAX,
    'How often logs are looked at for `log.flush.interval.ms`.',
    { unit: 'ms' },
  ),
  'log.flush.offset.checkpoint.interval.ms': int(
    60000,
    'How often recovery points are written down.',
    { unit: 'ms', min: 0 },
  ),
  'log.flush.start.offset.checkpoint.interval.ms': int(
    60000,
    'How often log start offsets are written down.',
    { unit: 'ms', min: 0 },
  ),
  'log.initial.task.delay.ms': long(30000, 'Pause before the first of these tasks.', {
    isInternal: true,
    unit: 'ms',
    min: 0,
  }),
  'log.cleaner.enable': boolean(true, 'Accepted; compaction is not there yet.'),
  'log.cleaner.backoff.ms': long(15000, 'Accepted; compaction is not there yet.', {
    unit: 'ms',
    min: 0,
    mode: 'cluster-wide',
  }),
  'log.cleaner.threads': int(1, 'Accepted; compaction is not there yet.', {
    min: 0,
    mode: 'cluster-wide',
  }),
} as const
