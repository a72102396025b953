/**
 * The asking side of a controlled shutdown: the controller moves our leaders before the network stops
 * (KIP-49). Up to `controlled.shutdown.max.retries` tries; after the last the broker stops all the same.
 * A controller writes to ZooKeeper what it moves: without ZooKeeper nobody is asked for long. (Kafka
 * asks as long as ever, and is killed by whoever runs its container.)
 */
import type { Clock, Logger } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { controlledShutdown } from '../protocol/messages/controlled-shutdown.ts'
import type { ControllerChannel } from './controller-channel.ts'

export interface ControlledShutdownOptions {
  readonly brokerId: number
  readonly maxRetries: number
  readonly retryBackoffMs: number
  /** Does our own session have a connection? */
  readonly isZooKeeperThere: () => boolean
}

const VERSION = 3

/** Without ZooKeeper for so long, we stop asking. */
const ZOOKEEPER_PATIENCE_MS = 3_000
const LOOK_EVERY_MS = 250

/** True when the controller had nothing left on us. */
export async function requestControlledShutdown(
  channel: Pick<ControllerChannel, 'send'>,
  clock: Clock,
  logger: Logger,
  brokerEpoch: () => number,
  options: ControlledShutdownOptions,
): Promise<boolean> {
  const startMs = clock.monotonicMs()
  logger.info('Starting controlled shutdown')
  const { away, stop } = watchZooKeeper(clock, options.isZooKeeperThere)
  let reason = 'as all the controlled shutdown attempts failed'
  for (let left = options.maxRetries; left > 0; left--) {
    const asked = askOnce(channel, logger, options.brokerId, brokerEpoch())
    const remaining = await Promise.race([asked, away])
    if (remaining === 0) {
      stop()
      const tookMs = Math.round(clock.monotonicMs() - startMs)
      logger.info(`Controlled shutdown request returned successfully after ${tookMs}ms`)
      return true
    }
    if (remaining === 'away') {
      reason = 'without ZooKeeper'
      break
    }
    if (left > 1) {
      logger.warn('Retrying controlled shutdown after the previous attempt failed...')
      await Promise.race([pause(clock, options.retryBackoffMs), away])
    }
  }
  stop()
  logger.warn(`Proceeding to do an unclean shutdown ${reason}`)
  return false
}

/** `away` resolves when it has not been there for too long. */
function watchZooKeeper(clock: Clock, isThere: () => boolean) {
  const { promise: away, resolve } = Promise.withResolvers<'away'>()
  let lastThereMs = clock.monotonicMs()
  let cancel = (): void => {}
  const look = (): void => {
    const nowMs = clock.monotonicMs()
    if (isThere()) lastThereMs = nowMs
    if (nowMs - lastThereMs >= ZOOKEEPER_PATIENCE_MS) resolve('away')
    else cancel = clock.after(LOOK_EVERY_MS, look)
  }
  look()
  return { away, stop: () => cancel() }
}

/** Partitions that we still lead; null when there was no good answer. */
async function askOnce(
  channel: Pick<ControllerChannel, 'send'>,
  logger: Logger,
  brokerId: number,
  brokerEpoch: number,
): Promise<number | null> {
  try {
    const response = await channel.send(controlledShutdown, VERSION, { brokerId, brokerEpoch })
    if (response.errorCode === ErrorCode.NONE) {
      const { length } = response.remainingPartitions
      if (length > 0) logger.info(`Remaining partitions to move: ${length}`)
      return length
    }
    logger.info(`Error from controller: ${response.errorCode}`)
  } catch (error) {
    logger.warn(`Error during controlled shutdown: ${(error as Error).message}`)
  }
  return null
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
