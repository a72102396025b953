/**
 * The ZooKeeper client of an observer: the native one where it loads, so that what is shown does not
 * pass through the code that is being watched; else the one that brokers use.
 */

import type { Clock } from '../../base/ports.ts'
import { SILENT_LOGGER } from '../../base/silent-logger.ts'
import { systemRandom } from '../../host/random.ts'
import { systemTransport } from '../../host/tcp.ts'
import { ZkJsClient } from '../../host/zk-js.ts'
import { loadNativeZooKeeper } from '../../host/zk-native.ts'
import { parseConnectString } from '../../zk/connect-string.ts'
import type { ZkClient } from '../../zk/zk-client.ts'

export interface ObserverClient {
  readonly kind: 'native' | 'js'
  /** Why it is not the native one; null when it is, or when `js` was asked for. */
  readonly reason: string | null
  readonly connect: () => ZkClient
}

export interface ObserverClientOptions {
  /** `host:port,host:port/chroot`. */
  readonly zookeeper: string
  /** `js` beside a ZooKeeper in the same process: the native client's good-bye blocks. */
  readonly prefer?: 'native' | 'js'
  readonly sessionTimeoutMs?: number
}

const SESSION_TIMEOUT_MS = 10_000

/** Rejects when the connect string is malformed. */
export async function openObserverClient(
  clock: Clock,
  options: ObserverClientOptions,
): Promise<ObserverClient> {
  const { zookeeper: connect, prefer = 'native' } = options
  const sessionTimeoutMs = options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS
  parseConnectString(connect)
  const ports = { transport: systemTransport, clock, random: systemRandom, logger: SILENT_LOGGER }
  const makeJs = () => new ZkJsClient(ports, { connect, sessionTimeoutMs })
  if (prefer === 'js') return { kind: 'js', reason: null, connect: makeJs }
  const native = await loadNativeZooKeeper()
  if (native.kind === 'unavailable') {
    return { kind: 'js', reason: native.reason, connect: makeJs }
  }
  const makeNative = () => native.connect(clock, connect, sessionTimeoutMs)
  return { kind: 'native', reason: null, connect: makeNative }
}
