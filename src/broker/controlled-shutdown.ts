/**
 * The asking side of a controlled shutdown: the controller moves our leaders before the network stops
 * (KIP-49). Up to `controlled.shutdown.max.retries` tries; after the last the broker stops all the same.
 */
import type { Clock, Logger } from '../base/ports.ts'
import { ErrorCode } from '../protocol/error-codes.ts'
import { controlledShutdown } from '../protocol/messages/controlled-shutdown.ts'
import type { ControllerChannel } from './controller-channel.ts'

export interface ControlledShutdownOptions {
  readonly brokerId: number
  readonly maxRetries: number
  readonly retryBackoffMs: number
}

const VERSION = 3

/** True when the controller had nothing left on us. */
export async function requestControlledShutdown(
  channel: ControllerChannel,
  clock: Clock,
  logger: Logger,
  brokerEpoch: () => number,
  options: ControlledShutdownOptions,
): Promise<boolean> {
  const startMs = clock.monotonicMs()
  logger.info('Starting controlled shutdown')
  for (let left = options.maxRetries; left > 0; left--) {
    const remaining = await askOnce(channel, logger, options.brokerId, brokerEpoch())
    if (remaining === 0) {
      const tookMs = Math.round(clock.monotonicMs() - startMs)
      logger.info(`Controlled shutdown request returned successfully after ${tookMs}ms`)
      return true
    }
    if (left > 1) {
      logger.warn('Retrying controlled shutdown after the previous attempt failed...')
      await pause(clock, options.retryBackoffMs)
    }
  }
  logger.warn('Proceeding to do an unclean shutdown as all the controlled shutdown attempts failed')
  return false
}

/** Partitions that we still lead; null when there was no good answer. */
async function askOnce(
  channel: ControllerChannel,
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
