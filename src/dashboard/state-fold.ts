/**
 * `GET /api/state`: the cluster and its failovers as of now, for programs. Folds each event once, and
 * encodes what they led to once, however many ask before the next one.
 */
import type { EventLog } from './event-log.ts'
import { brokersOf, type ClusterModel, partitionsOf } from './history/cluster-model.ts'
import {
  applyToFailovers,
  createFailovers,
  type Failover,
  type FailoverFold,
  failoversOf,
} from './history/failovers.ts'
import { JsonBody } from './http-answers.ts'

export interface ClusterState {
  readonly seq: number
  readonly atMs: number
  readonly isZooKeeperUp: boolean | null
  readonly controllerId: number | null
  readonly controllerEpoch: number | null
  readonly brokers: ReturnType<typeof brokersOf>
  readonly partitions: ReturnType<typeof partitionsOf>
  readonly faults: readonly unknown[]
  readonly verdict: ClusterModel['verdict']
  readonly failovers: readonly Failover[]
}

export class StateFold {
  readonly #log: EventLog
  #fold: FailoverFold = createFailovers()
  #nextSeq = Number.NEGATIVE_INFINITY
  /** Null: something came since. */
  #body: JsonBody | null = null

  constructor(log: EventLog) {
    this.#log = log
  }

  get body(): JsonBody {
    this.#catchUp()
    this.#body ??= new JsonBody(this.#state())
    return this.#body
  }

  #state(): ClusterState {
    const { model } = this.#fold
    const { seq, atMs, isZooKeeperUp, controllerId, controllerEpoch, verdict } = model
    return {
      seq,
      atMs,
      isZooKeeperUp,
      controllerId,
      controllerEpoch,
      brokers: brokersOf(model),
      partitions: partitionsOf(model),
      faults: [...model.faults.values()],
      verdict,
      failovers: failoversOf(this.#fold),
    }
  }

  #catchUp(): void {
    const { events, firstKeptSeq = 0 } = this.#log
    const firstSeq = events[0]?.seq ?? 0
    // What it has not seen was rewritten meanwhile: from the beginning.
    const isBehind = this.#nextSeq < Math.max(firstSeq, firstKeptSeq)
    if (!isBehind && this.#nextSeq === firstSeq + events.length) return
    this.#body = null
    if (isBehind) this.#fold = createFailovers()
    const from = isBehind ? 0 : this.#nextSeq - firstSeq
    for (const event of events.slice(from)) applyToFailovers(this.#fold, event)
    this.#nextSeq = firstSeq + events.length
  }
}
