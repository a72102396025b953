/** Which events the feed shows: places of those that fit, kept up as new events come. */
import type { ClusterEvent } from '../history/events.ts'
import { brokerOf, isAbout, wordsOf } from './event-words.ts'
import { lowerBound } from './znode-index.ts'

export interface FeedQuery {
  readonly kinds: ReadonlySet<ClusterEvent['kind']>
  /** Lower or upper case do not matter. */
  readonly text: string
  readonly brokerId: number | null
  readonly partition: string
}

export class FeedFilter {
  #query: FeedQuery | null = null
  #generation = -1
  #seen = 0
  #places: number[] = []

  /** Places of events that fit among the first `cursor`; `count` of them. */
  places(
    events: readonly ClusterEvent[],
    generation: number,
    query: FeedQuery,
    cursor: number,
  ): { readonly places: readonly number[]; readonly count: number } {
    if (query !== this.#query || generation !== this.#generation || events.length < this.#seen) {
      this.#query = query
      this.#generation = generation
      this.#seen = 0
      this.#places = []
    }
    const text = query.text.toLowerCase()
    for (; this.#seen < events.length; this.#seen++) {
      if (fits(events[this.#seen]!, query, text)) this.#places.push(this.#seen)
    }
    return { places: this.#places, count: lowerBound(this.#places, cursor) }
  }
}

function fits(event: ClusterEvent, query: FeedQuery, text: string): boolean {
  if (!query.kinds.has(event.kind)) return false
  if (query.brokerId !== null && brokerOf(event) !== query.brokerId) return false
  if (query.partition !== '' && !isAbout(event, query.partition)) return false
  if (text === '') return true
  if (event.kind === 'broker-log' && event.logger.toLowerCase().includes(text)) return true
  return wordsOf(event).toLowerCase().includes(text)
}
