/**
 * All events of the history that the page shows, with what is derived from each as it comes. Views ask by
 * `cursor`: how many of the events are shown.
 */

import type { ClusterEvent } from '../history/events.ts'
import {
  applyToFailovers,
  createFailovers,
  type Failover,
  failoversOf,
} from '../history/failovers.ts'
import { foldEvents } from '../history/history-store.ts'
import { ClusterAt, type ShownBroker, type ShownCluster } from './cluster-at.ts'
import { LaneSpans } from './lane-spans.ts'
import { ZnodeIndex } from './znode-index.ts'

/** Beyond it the oldest are forgotten, save what the znodes were. */
export const EVENTS_LIMIT = 300_000
/** Forgotten at once, so that it is done seldom. */
const FORGOTTEN = 100_000

export class EventStore {
  #events: ClusterEvent[] = []
  #lanes = new LaneSpans()
  #znodes = new ZnodeIndex(this.#events)
  #cluster = new ClusterAt(this.#znodes)
  /** Places of faults that started, for marks. */
  #faults: number[] = []
  #verdicts: number[] = []
  readonly #led = new WeakMap<ClusterEvent, ShownBroker['leadsByEpoch']>()
  #failoverFold = createFailovers()
  #failovers: { readonly length: number; readonly list: readonly Failover[] } | null = null
  #generation = 0
  /** Ascending, where two observers' clocks disagree by a hair. */
  #times: number[] = []

  get events(): readonly ClusterEvent[] {
    return this.#events
  }

  get lanes(): LaneSpans {
    return this.#lanes
  }

  get znodes(): ZnodeIndex {
    return this.#znodes
  }

  get faults(): readonly number[] {
    return this.#faults
  }

  /** Places of verdicts of the verifier. */
  get verdicts(): readonly number[] {
    return this.#verdicts
  }

  /** Another one when places of events have changed their meaning. */
  get generation(): number {
    return this.#generation
  }

  get lastSeq(): number {
    return this.#events.at(-1)?.seq ?? -1
  }

  get startMs(): number {
    return this.#times[0] ?? 0
  }

  get endMs(): number {
    return this.#times.at(-1) ?? 0
  }

  clusterAt(cursor: number): ShownCluster {
    return this.#cluster.at(cursor)
  }

  /** Of all events, whatever is shown. */
  get failovers(): readonly Failover[] {
    const { length } = this.#events
    if (this.#failovers?.length !== length) {
      this.#failovers = { length, list: failoversOf(this.#failoverFold) }
    }
    return this.#failovers.list
  }

  /** What a broker led right before an event: partitions by leader epoch. */
  ledBefore(event: ClusterEvent, brokerId: number): ShownBroker['leadsByEpoch'] {
    const known = this.#led.get(event)
    if (known !== undefined) return known
    const cursor = this.#events.indexOf(event)
    // A second one, so that the cluster of the moment that is shown stays at hand.
    const then = new ClusterAt(this.#znodes).at(Math.max(0, cursor))
    const led = then.brokers.find(({ id }) => id === brokerId)?.leadsByEpoch ?? []
    this.#led.set(event, led)
    return led
  }

  /** How many events had happened by a moment. */
  cursorAt(atMs: number): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! <= atMs) low = middle + 1
      else high = middle
    }
    return low
  }

  clear(): void {
    this.#replace([])
  }

  /** True when the oldest were forgotten, so that cursors no longer hold. */
  append(events: readonly ClusterEvent[], limit = EVENTS_LIMIT): boolean {
    for (const event of events) this.#add(event)
    if (this.#events.length <= limit) return false
    const forgotten = Math.min(FORGOTTEN, limit)
    const left = foldEvents(this.#events.slice(0, forgotten))
    this.#replace([...left, ...this.#events.slice(forgotten)])
    return true
  }

  #replace(events: readonly ClusterEvent[]): void {
    this.#generation++
    this.#events = []
    this.#lanes = new LaneSpans()
    this.#znodes = new ZnodeIndex(this.#events)
    this.#cluster = new ClusterAt(this.#znodes)
    this.#faults = []
    this.#verdicts = []
    this.#times = []
    this.#failoverFold = createFailovers()
    this.#failovers = null
    for (const event of events) this.#add(event)
  }

  #add(event: ClusterEvent): void {
    const place = this.#events.length
    this.#events.push(event)
    this.#times.push(Math.max(event.atMs, this.#times.at(-1) ?? 0))
    this.#lanes.add(event)
    applyToFailovers(this.#failoverFold, event)
    if (event.kind === 'znode') this.#znodes.add(event, place)
    else if (event.kind === 'verdict') this.#verdicts.push(place)
    else if (event.kind === 'fault' && event.phase === 'started') this.#faults.push(place)
  }
}
