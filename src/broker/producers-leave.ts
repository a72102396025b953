/**
 * After the handover of a controlled shutdown and before the sockets close: producers find the new
 * leaders. Most ask for them as soon as they hear NOT_LEADER_OR_FOLLOWER, or read them in that answer
 * (KIP-951). librdkafka asks 250 ms later, but at once when a connection breaks while it has another
 * one. So the connections of producers are closed and the listeners stay: who had none but ours makes
 * another, comes back, and asks there when the sockets close for good.
 */
import type { Clock } from '../base/ports.ts'

export interface LeavingPorts {
  readonly clock: Clock
  /** Resolves when this broker's image shows no partition that it leads, or when the time is over. */
  untilNoneIsLed(timeoutMs: number): Promise<boolean>
  closeProducers(reason: string): void
}

/** For the controller to tell all brokers; they hear it at about the same time. */
const TOLD_MS = 50
/** For those who ask by themselves: their connections are not needed any more then. */
const ASKING_MS = 40
/** For the others to come back and to connect to another broker: some round trips each. */
const RETURNING_MS = 40

/** Resolves when the sockets may close: some 0.1 s after the handover. */
export async function letProducersLeave(ports: LeavingPorts): Promise<void> {
  const { clock } = ports
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
  await ports.untilNoneIsLed(TOLD_MS)
  await pause(ASKING_MS)
  ports.closeProducers('its partitions have moved to other brokers')
  await pause(RETURNING_MS)
}
