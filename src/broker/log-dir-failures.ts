/**
 * A log directory that fails takes its partitions with it: this broker answers KAFKA_STORAGE_ERROR for
 * them, and a znode under `/log_dir_event_notification` makes the controller send all roles again, hear
 * that answer and elect others (KIP-112). After the last directory nothing is told: the broker ends.
 */
import type { Logger } from '../base/ports.ts'
import type { ReplicaManager } from '../replication/replica-manager.ts'
import type { LogManager } from '../storage/log-manager.ts'
import { encodeLogDirEvent } from '../zk/broker-znodes.ts'
import type { ZkOperations } from '../zk/zk-client.ts'
import { logDirEventPrefix } from '../zk/znode-paths.ts'

export interface LogDirFailureParts {
  readonly brokerId: number
  readonly zk: ZkOperations
  readonly logs: LogManager
  readonly replicas: ReplicaManager
  readonly logger: Logger
}

export function announceLogDirFailures(parts: LogDirFailureParts): void {
  const { brokerId, zk, logs, replicas, logger } = parts
  logs.onDirFailure((partitions) => {
    replicas.onLogDirFailure(partitions)
    if (logs.directories().every(({ isOffline }) => isOffline)) return
    zk.create(logDirEventPrefix, encodeLogDirEvent(brokerId), 'persistent-sequential').catch(
      // A new session brings a new registration, and with it all roles.
      (error) => logger.error('The controller was not told of the failed log directory', error),
    )
  })
}
