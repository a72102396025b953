import type { ValidationConfig } from '../../src/records/validate.ts'

/** Kafka's defaults, with some of them replaced. */
export function validationConfig(changes: Partial<ValidationConfig> = {}): ValidationConfig {
  return {
    maxMessageBytes: 1048588,
    cleanupPolicy: ['delete'],
    compressionType: 'producer',
    compressionGzipLevel: -1,
    compressionLz4Level: 9,
    compressionZstdLevel: 3,
    messageTimestampType: 'CreateTime',
    messageTimestampBeforeMaxMs: 2 ** 63,
    messageTimestampAfterMaxMs: 2 ** 63,
    messageTimestampDifferenceMaxMs: 2 ** 63,
    ...changes,
  }
}
