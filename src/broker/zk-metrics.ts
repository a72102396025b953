/** What the ZooKeeper session of this broker went through (Kafka's `SessionExpireListener`). */
import { LatencyHistogram } from '../base/latency-histogram.ts'
import type { Clock } from '../base/ports.ts'
import type { ZkClientState } from '../zk/zk-client.ts'
import type { ZkSessionOptions } from '../zk/zk-session.ts'

/** As ZooKeeper's own client names its states. */
export const ZK_STATES = ['CONNECTING', 'CONNECTED', 'CLOSED', 'AUTH_FAILED'] as const
export type ZkStateName = (typeof ZK_STATES)[number]

export class ZkMetrics {
  readonly #clock: Clock
  connects = 0
  disconnects = 0
  expires = 0
  authFailures = 0
  state: ZkStateName = 'CONNECTING'
  readonly requestTime = new LatencyHistogram()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be given to the session. */
  get hooks(): Required<Pick<ZkSessionOptions, 'onState' | 'onRequest'>> {
    return {
      onState: (state) => this.#onState(state),
      onRequest: (latencyMs) => this.requestTime.record(latencyMs, this.#clock.monotonicMs()),
    }
  }

  #onState(state: ZkClientState): void {
    switch (state) {
      case 'connecting':
        this.state = 'CONNECTING'
        return
      case 'connected':
        this.connects += 1
        this.state = 'CONNECTED'
        return
      case 'suspended':
        this.disconnects += 1
        this.state = 'CONNECTING'
        return
      case 'expired':
        this.expires += 1
        this.state = 'CLOSED'
        return
      case 'auth-failed':
        this.authFailures += 1
        this.state = 'AUTH_FAILED'
        return
      case 'closed':
        this.state = 'CLOSED'
    }
  }
}
