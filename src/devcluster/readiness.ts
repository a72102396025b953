/** A cluster is ready when every broker names every broker, and the controller, in its Metadata. */
import { connectOverTcp } from '../cli/open-cluster.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'

const POLL_MS = 10
const CONNECT_TIMEOUT_MS = 1_000
const REQUEST_TIMEOUT_MS = 5_000

/** Waits for one broker to know `count` brokers; resolves with the id of the controller. */
export async function untilKnows(
  address: string,
  count: number,
  deadlineMs: number,
): Promise<number> {
  const connect = connectOverTcp({
    clientId: 'samsa-up',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
  const client = new ClusterClient(connect, systemClock, {
    bootstrap: address,
    retryBackoffMs: POLL_MS,
    callTimeoutMs: Math.max(POLL_MS, deadlineMs - systemClock.monotonicMs()),
  })
  try {
    for (;;) {
      const { brokers, controllerId } = await client.metadata([])
      if (brokers.length >= count && controllerId >= 0) return controllerId
      if (systemClock.monotonicMs() > deadlineMs) {
        throw new Error(`${address} knows ${brokers.length} of ${count} brokers`)
      }
      await new Promise<void>((resolve) => systemClock.after(POLL_MS, resolve))
    }
  } finally {
    await client.close()
  }
}
