/**
 * Settings of logs: those of a topic, each with the broker settings that give its default, strongest
 * first. The broker-wide table is derived from it.
 */
import {
  boolean,
  double,
  int,
  LONG_MAX,
  list,
  long,
  nullableInt,
  nullableLong,
  type Setting,
  string,
  type ValueOf,
} from './setting.ts'
import { gzipLevelProblem, throttledReplicasProblem, versionProblem } from './value-checks.ts'

export interface TopicSetting<T = unknown, S extends string = string> {
  readonly setting: Setting<T>
  /** Broker settings that stand in for it, in order of precedence. */
  readonly synonyms: readonly S[]
}

const dynamic = { mode: 'cluster-wide' } as const
const ms = { unit: 'ms', min: 0, mode: 'cluster-wide' } as const

/** Broker settings that are not simply the topic's under another name. */
export const LOG_BROKER_SETTINGS = {
  'log.roll.ms': nullableLong(null, 'As `segment.ms`, for all topics.', {
    unit: 'ms',
    ...dynamic,
  }),
  'log.roll.hours': int(168, 'As `log.roll.ms`, in hours.', { unit: 'hours', min: 1 }),
  'log.roll.jitter.ms': nullableLong(null, 'As `segment.jitter.ms`, for all topics.', ms),
  'log.roll.jitter.hours': int(0, 'As `log.roll.jitter.ms`, in hours.', { unit: 'hours', min: 0 }),
  'log.retention.ms': nullableLong(null, 'As `retention.ms`, for all topics; -1 keeps for ever.', {
    unit: 'ms',
    ...dynamic,
  }),
  'log.retention.minutes': nullableInt(null, 'As `log.retention.ms`, in minutes.', {
    unit: 'minutes',
  }),
  'log.retention.hours': int(168, 'As `log.retention.ms`, in hours.', { unit: 'hours' }),
  'log.flush.interval.ms': nullableLong(null, 'As `flush.ms`, for all topics.', {
    unit: 'ms',
    ...dynamic,
  }),
  'log.message.format.version': string(
    '3.0-IV1',
    'Ignored: batches are always stored in format 2.',
    { check: versionProblem },
  ),
} as const

function topic<T, S extends string = never>(
  setting: Setting<T>,
  ...synonyms: S[]
): TopicSetting<T, S> {
  return { setting, synonyms }
}

/** In the order in which Kafka lists them. */
const TYPED_TOPIC_SETTINGS = {
  'compression.type': topic(
    string('producer', 'Codec of stored batches; `producer` keeps the one they came with.', {
      oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
      ...dynamic,
    }),
    'compression.type',
  ),
  'remote.log.delete.on.disable': topic(boolean(false, 'Tiered storage. Not supported.')),
  'leader.replication.throttled.replicas': topic(
    list([], 'Replicas whose leaders are throttled. Accepted; throttling is not there yet.', {
      check: throttledReplicasProblem,
    }),
  ),
  'remote.storage.enable': topic(boolean(false, 'Tiered storage. Not supported.')),
  'message.downconversion.enable': topic(
    boolean(true, 'Whether old consumers get their old formats.', dynamic),
    'log.message.downconversion.enable',
  ),
  'min.insync.replicas': topic(
    int(1, 'Replicas that must be in sync for a write with acks=all.', { min: 1, ...dynamic }),
    'min.insync.replicas',
  ),
  'segment.jitter.ms': topic(
    long(0, 'Random time by which segments roll earlier.', ms),
    'log.roll.jitter.ms',
    'log.roll.jitter.hours',
  ),
  'remote.log.copy.disable': topic(boolean(false, 'Tiered storage. Not supported.')),
  'local.retention.ms': topic(
    long(-2, 'Tiered storage. Not supported.', { unit: 'ms', min: -2, ...dynamic }),
    'log.local.retention.ms',
  ),
  'cleanup.policy': topic(
    list(
      ['delete'],
      'What becomes of old segments: `delete`, `compact` (not there yet: nothing is deleted).',
      { oneOf: ['compact', 'delete'], ...dynamic },
    ),
    'log.cleanup.policy',
  ),
  'flush.ms': topic(
    long(LONG_MAX, 'Longest time before a written record is forced to the device.', ms),
    'log.flush.interval.ms',
    'log.flush.scheduler.interval.ms',
  ),
  'follower.replication.throttled.replicas': topic(
    list([], 'Replicas that are throttled. Accepted; throttling is not there yet.', {
      check: throttledReplicasProblem,
    }),
  ),
  'compression.lz4.level': topic(
    int(9, 'Accepted; the broker has one level of lz4.', { min: 1, max: 17, ...dynamic }),
    'compression.lz4.level',
  ),
  'segment.bytes': topic(
    int(1073741824, 'Size at which a segment rolls.', { unit: 'bytes', min: 14, ...dynamic }),
    'log.segment.bytes',
  ),
  'retention.ms': topic(
    long(604800000, 'How long records are kept; -1 for ever.', { unit: 'ms', min: -1, ...dynamic }),
    'log.retention.ms',
    'log.retention.minutes',
    'log.retention.hours',
  ),
  'compression.gzip.level': topic(
    int(-1, 'Level when the broker compresses with gzip: 1 to 9, or -1 for the usual one.', {
      check: gzipLevelProblem,
      ...dynamic,
    }),
    'compression.gzip.level',
  ),
  'flush.messages': topic(
    long(LONG_MAX, 'Records after which a log is forced to the device.', { min: 1, ...dynamic }),
    'log.flush.interval.messages',
  ),
  'compression.zstd.level': topic(
    int(3, 'Level when the broker compresses with zstd.', { min: -131072, max: 22, ...dynamic }),
    'compression.zstd.level',
  ),
  'message.format.version': topic(
    string('3.0-IV1', 'Ignored: batches are always stored in format 2.', {
      check: versionProblem,
    }),
    'log.message.format.version',
  ),
  'max.compaction.lag.ms': topic(
    long(LONG_MAX, 'Accepted; compaction is not there yet.', { unit: 'ms', min: 1, ...dynamic }),
    'log.cleaner.max.compaction.lag.ms',
  ),
  'file.delete.delay.ms': topic(
    long(60000, 'How long a deleted file stays on disk.', ms),
    'log.segment.delete.delay.ms',
  ),
  'max.message.bytes': topic(
    int(1048588, 'Largest batch that is accepted.', { unit: 'bytes', min: 0, ...dynamic }),
    'message.max.bytes',
  ),
  'min.compaction.lag.ms': topic(
    long(0, 'Accepted; compaction is not there yet.', ms),
    'log.cleaner.min.compaction.lag.ms',
  ),
  'message.timestamp.type': topic(
    string('CreateTime', 'Whose clock stamps records.', {
      oneOf: ['CreateTime', 'LogAppendTime'],
      ...dynamic,
    }),
    'log.message.timestamp.type',
  ),
  'local.retention.bytes': topic(
    long(-2, 'Tiered storage. Not supported.', { unit: 'bytes', min: -2, ...dynamic }),
    'log.local.retention.bytes',
  ),
  preallocate: topic(
    boolean(false, 'Accepted; segments grow as they are written.', dynamic),
    'log.preallocate',
  ),
  'min.cleanable.dirty.ratio': topic(
    double(0.5, 'Accepted; compaction is not there yet.', { min: 0, max: 1, ...dynamic }),
    'log.cleaner.min.cleanable.ratio',
  ),
  'index.interval.bytes': topic(
    int(4096, 'Bytes of log per entry of its index.', { unit: 'bytes', min: 0, ...dynamic }),
    'log.index.interval.bytes',
  ),
  'unclean.leader.election.enable': topic(
    boolean(
      false,
      'Whether a replica out of sync may lead when no other lives. Loses records.',
      dynamic,
    ),
    'unclean.leader.election.enable',
  ),
  'retention.bytes': topic(
    long(-1, 'Bytes of a partition above which old segments go; -1 unlimited.', {
      unit: 'bytes',
      ...dynamic,
    }),
    'log.retention.bytes',
  ),
  'delete.retention.ms': topic(
    long(86400000, 'Accepted; compaction is not there yet.', ms),
    'log.cleaner.delete.retention.ms',
  ),
  'message.timestamp.after.max.ms': topic(
    long(LONG_MAX, 'How far a timestamp may lie ahead of the clock.', ms),
    'log.message.timestamp.after.max.ms',
  ),
  'message.timestamp.before.max.ms': topic(
    long(LONG_MAX, 'How far a timestamp may lie behind the clock.', ms),
    'log.message.timestamp.before.max.ms',
  ),
  'segment.ms': topic(
    long(604800000, 'Age at which a segment rolls.', { unit: 'ms', min: 1, ...dynamic }),
    'log.roll.ms',
    'log.roll.hours',
  ),
  'message.timestamp.difference.max.ms': topic(
    long(LONG_MAX, 'Old form of the two bounds of timestamps.', ms),
    'log.message.timestamp.difference.max.ms',
  ),
  'segment.index.bytes': topic(
    int(10485760, 'Largest index of a segment.', { unit: 'bytes', min: 4, ...dynamic }),
    'log.index.size.max.bytes',
  ),
}

export const TOPIC_SETTINGS: Readonly<Record<string, TopicSetting>> = TYPED_TOPIC_SETTINGS

type TypedTopicSettings = typeof TYPED_TOPIC_SETTINGS
/** Those with a type or default of their own. */
type OwnName = keyof typeof LOG_BROKER_SETTINGS | 'log.flush.scheduler.interval.ms'

/** Values of the broker settings that are a topic setting for all topics. */
export type TopicDefaults = {
  readonly [K in keyof TypedTopicSettings as Exclude<
    TypedTopicSettings[K]['synonyms'][number],
    OwnName
  >]: ValueOf<TypedTopicSettings[K]['setting']>
}

/** The broker settings that are a topic setting for all topics, with its type and default. */
export const TOPIC_DEFAULT_SETTINGS: Readonly<Record<string, Setting>> = Object.fromEntries(
  Object.entries(TOPIC_SETTINGS).flatMap(([name, { setting, synonyms }]) =>
    synonyms
      .filter((synonym) => !isOwn(synonym))
      .map((synonym) => [
        synonym,
        synonym === name
          ? setting
          : { ...setting, doc: `As \`${name}\`, for all topics. ${setting.doc}` },
      ]),
  ),
)

function isOwn(synonym: string): boolean {
  return synonym in LOG_BROKER_SETTINGS || synonym === 'log.flush.scheduler.interval.ms'
}
