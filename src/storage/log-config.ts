/** The settings of a topic as its logs take them: Kafka's names in camelCase. */
export interface LogConfig {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly segmentJitterMs: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly flushMessages: number
  readonly flushMs: number
  /** -1: unlimited. */
  readonly retentionBytes: number
  /** -1: for ever. */
  readonly retentionMs: number
  readonly fileDeleteDelayMs: number
  readonly maxMessageBytes: number
  readonly cleanupPolicy: readonly string[]
  readonly minInsyncReplicas: number
  readonly uncleanLeaderElectionEnable: boolean
  readonly compressionType: string
  readonly compressionGzipLevel: number
  readonly compressionLz4Level: number
  readonly compressionZstdLevel: number
  readonly messageTimestampType: string
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampAfterMaxMs: number
  readonly messageTimestampDifferenceMaxMs: number
  readonly messageDownconversionEnable: boolean
}

const LONG_MAX = 2 ** 63

/** Kafka's defaults. */
export const defaultLogConfig: LogConfig = {
  segmentBytes: 1073741824,
  segmentMs: 604800000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10485760,
  indexIntervalBytes: 4096,
  flushMessages: LONG_MAX,
  flushMs: LONG_MAX,
  retentionBytes: -1,
  retentionMs: 604800000,
  fileDeleteDelayMs: 60000,
  maxMessageBytes: 1048588,
  cleanupPolicy: ['delete'],
  minInsyncReplicas: 1,
  uncleanLeaderElectionEnable: false,
  compressionType: 'producer',
  compressionGzipLevel: -1,
  compressionLz4Level: 9,
  compressionZstdLevel: 3,
  messageTimestampType: 'CreateTime',
  messageTimestampBeforeMaxMs: LONG_MAX,
  messageTimestampAfterMaxMs: LONG_MAX,
  messageTimestampDifferenceMaxMs: LONG_MAX,
  messageDownconversionEnable: true,
}
