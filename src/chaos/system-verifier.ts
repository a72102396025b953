/** A verifier over real sockets and real time. */
import { connectOverTcp } from '../cli/open-cluster.ts'
import { ClusterClient } from '../client/cluster-client.ts'
import { systemClock } from '../host/clock.ts'
import { systemRandom } from '../host/random.ts'
import { Verifier, type VerifierOptions } from './verifier.ts'

const CONNECT_TIMEOUT_MS = 1_000
/** More than a leader waits for its followers, less than anybody wants to wait for a dead one. */
const REQUEST_TIMEOUT_MS = 4_000
const CALL_TIMEOUT_MS = 15_000
const RETRY_BACKOFF_MS = 20

/** `bootstrap`: `host:port,host:port`. */
export function systemVerifier(bootstrap: string, options: VerifierOptions = {}): Verifier {
  const connect = connectOverTcp({
    clientId: 'samsa-verify',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
  const open = () =>
    new ClusterClient(connect, systemClock, {
      bootstrap,
      callTimeoutMs: CALL_TIMEOUT_MS,
      retryBackoffMs: RETRY_BACKOFF_MS,
    })
  return new Verifier({ clock: systemClock, random: systemRandom, open }, options)
}
