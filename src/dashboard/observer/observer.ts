/**
 * The outside observer of a cluster: ZooKeeper's tree and the brokers' own streams, in one numbered
 * history that is bounded. What others know (faults, the writes and the verdict of a verifier) joins
 * it here.
 */

import type { Clock, Logger } from '../../base/ports.ts'
import { SILENT_LOGGER } from '../../base/silent-logger.ts'
import type { ClusterEvent, UnnumberedEvent } from '../history/events.ts'
import { DEFAULT_CAPACITY, HistoryStore } from '../history/history-store.ts'
import { BrokerStreams, type BrokerStreamsOptions } from './broker-streams.ts'
import type { ObserverClient } from './observer-client.ts'
import { ZkObserver } from './zk-observer.ts'

export interface ObserverPorts {
  readonly clock: Clock
  readonly client: Pick<ObserverClient, 'connect'>
  readonly logger?: Logger
}

export interface ObserverOptions {
  /** Events that are kept, beside what older ones left behind. Default 20,000. */
  readonly capacity?: number
  /** False: no broker is asked for anything. */
  readonly streams?: BrokerStreamsOptions | false
}

export class Observer {
  readonly #store: HistoryStore
  readonly #zk: ZkObserver
  readonly #streams: BrokerStreams | null
  readonly #listeners = new Set<(event: ClusterEvent) => void>()

  constructor(
    { clock, client, logger = SILENT_LOGGER }: ObserverPorts,
    options: ObserverOptions = {},
  ) {
    this.#store = new HistoryStore(options.capacity ?? DEFAULT_CAPACITY)
    const add = (event: UnnumberedEvent): void => {
      this.add(event)
    }
    const { streams = {} } = options
    this.#streams = streams === false ? null : new BrokerStreams(clock, add, streams)
    this.#zk = new ZkObserver({ clock, connect: client.connect, logger }, (event) => {
      this.add(event)
      if (event.kind === 'znode') this.#streams?.onZnode(event)
    })
  }

  /** Oldest first, numbered without holes. */
  get events(): readonly ClusterEvent[] {
    return this.#store.events
  }

  /** Events before this one are rewritten when the history is folded; see `HistoryStore`. */
  get firstKeptSeq(): number {
    return this.#store.firstKeptSeq
  }

  /** Resolves when the tree is known, which needs a ZooKeeper. Nothing has to wait for it. */
  start(): Promise<void> {
    return this.#zk.start()
  }

  async stop(): Promise<void> {
    this.#streams?.stop()
    await this.#zk.stop()
  }

  /** For what others know: faults, writes, verdicts. */
  add(event: UnnumberedEvent): ClusterEvent {
    const numbered = this.#store.add(event)
    for (const listener of [...this.#listeners]) listener(numbered)
    return numbered
  }

  /** Called after the event is among `events`. Returns what ends it. */
  onEvent(listener: (event: ClusterEvent) => void): () => void {
    const own = (event: ClusterEvent): void => listener(event)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }
}
