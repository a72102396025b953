/** The registered brokers as the controller reads them, with a watch on each registration. */

import type { Logger } from '../base/ports.ts'
import { isZkError, type ZkOperations } from '../zk/zk-client.ts'
import { brokerIdsPath, brokerPath, decodeBrokerRegistration } from '../zk/znodes.ts'
import type { Broker } from './controller-context.ts'
import { pipelined } from './pipelined.ts'
import { WatchPoint } from './watch-point.ts'

export interface BrokerRegistryEvents {
  onBrokersChanged(): void
  onBrokerModified(brokerId: number): void
}

export class BrokerRegistry {
  readonly #zk: ZkOperations
  readonly #log: Logger
  readonly #events: BrokerRegistryEvents
  readonly #ids: WatchPoint
  readonly #brokers = new Map<number, WatchPoint>()

  constructor(zk: ZkOperations, log: Logger, events: BrokerRegistryEvents) {
    this.#zk = zk
    this.#log = log
    this.#events = events
    this.#ids = new WatchPoint(() => events.onBrokersChanged())
  }

  /** All registered brokers, ascending, readable ones only; arms all watches. */
  async readAll(): Promise<Broker[]> {
    const { children } = await this.#ids.arm((watcher) => this.#zk.children(brokerIdsPath, watcher))
    const ids = children.map(Number).filter(Number.isSafeInteger)
    const brokers = await pipelined(
      ids.sort((a, b) => a - b),
      (id) => this.read(id),
    )
    return brokers.filter((broker) => broker !== null)
  }

  /** Null when it is not registered, or in words nobody understands. */
  async read(brokerId: number): Promise<Broker | null> {
    const path = brokerPath(brokerId)
    try {
      const { data, stat } = await this.#watchOf(brokerId).arm((watcher) =>
        this.#zk.get(path, watcher),
      )
      const decoded = decodeBrokerRegistration(data)
      if (decoded.kind === 'error') {
        this.#log.error(`${path}: ${decoded.message}; the broker is ignored`)
        return null
      }
      const { endpoints, rack, features } = decoded.value
      return { id: brokerId, epoch: Number(stat.czxid), endpoints, rack, features }
    } catch (error) {
      if (isZkError(error, 'NO_NODE')) return null
      throw error
    }
  }

  forget(brokerId: number): void {
    this.#brokers.get(brokerId)?.stop()
    this.#brokers.delete(brokerId)
  }

  stop(): void {
    this.#ids.stop()
    for (const watch of this.#brokers.values()) watch.stop()
  }

  #watchOf(brokerId: number): WatchPoint {
    let watch = this.#brokers.get(brokerId)
    if (watch === undefined) {
      // That it is gone is heard from the parent; only a rewritten registration counts here.
      watch = new WatchPoint(({ type }) => {
        if (type === 'changed') this.#events.onBrokerModified(brokerId)
      })
      this.#brokers.set(brokerId, watch)
    }
    return watch
  }
}
